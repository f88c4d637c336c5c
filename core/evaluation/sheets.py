"""Contact sheets of held-out cases."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from maskel_core.data.dataset import SampleStore
from maskel_core.evaluation.measure import Record
from maskel_core.evaluation.references import Answer
from maskel_core.pipeline import render_style
from maskel_core.training.sheets import contact_sheet
from numpy.typing import NDArray
from PIL import Image

CASE_TILE, TILE = 160, 224
"""Pixels per side of a picture on the sheet of many cases and on those of few."""

CASE_BYTES, BYTES = 900_000, 600_000
"""Largest files of those sheets."""


def write_sheets(
    answer: Answer,
    second: Answer | None,
    records: list[Record],
    store: SampleStore,
    out: Path,
    count: int = 8,
    cases: int = 64,
    seed: int = 0,
) -> None:
    """Pictures to look at: ``best``, ``median``, ``worst`` by high-pass correlation, and ``cases`` at random, as JPEG.

    Columns: mask, then truth and answer as ``dxa`` and as ``radiograph``, then the second answer; on the sheet of cases
    mask, truth and answer, four cases a row.

    Args:
        answer: The model.
        second: Another one to show beside it, or None.
        records: Figures of ``answer`` by sample.
        store: The samples.
        out: Folder to write to.
        count: Cases on each of the first three sheets.
        cases: Cases on the last.
        seed: Of the cases.
    """
    order = np.argsort([-record["high_pass_correlation"] for record in records], kind="stable")
    count = min(count, len(order))
    middle = (len(order) - count) // 2
    picks = {"best": order[:count], "median": order[middle : middle + count], "worst": order[-count:]}
    for name, indices in picks.items():
        rows = []
        for index in indices:
            row = _tiles(answer, store, int(index), ("dxa", "radiograph"))
            if second is not None:
                mask = np.ascontiguousarray(store.masks[index])
                bone, soft, _ = second.predict(mask)
                row.append(render_style("dxa", bone, soft, mask))
            rows.append([_small(picture, TILE) for picture in row])
        save_jpeg(contact_sheet(rows), out / f"{name}.jpg", BYTES)
    drawn = np.random.default_rng(seed).permutation(len(store))[: min(cases, len(store))]
    grid: list[list[NDArray[np.uint8]]] = []
    for place, index in enumerate(sorted(drawn.tolist())):
        if place % 4 == 0:
            grid.append([])
        grid[-1] += [_small(picture, CASE_TILE) for picture in _tiles(answer, store, index, ("dxa",))]
    save_jpeg(contact_sheet(grid), out / "cases.jpg", CASE_BYTES)


def _tiles(
    answer: Answer, store: SampleStore, index: int, styles: tuple[str, ...]
) -> list[NDArray[np.uint8]]:
    """The mask, then truth and answer in every style."""
    mask = np.ascontiguousarray(store.masks[index])
    true = np.nan_to_num(store.layers[index].astype(np.float32))
    bone, soft, _ = answer.predict(mask)
    row = [mask]
    for style in styles:
        row += [render_style(style, true[0], true[1], mask), render_style(style, bone, soft, mask)]
    return row


def save_jpeg(sheet: Image.Image, path: Path, limit: int) -> int:
    """Write a JPEG of at most ``limit`` bytes, of the best quality that fits and never under 30; returns the quality."""
    for quality in range(90, 29, -10):
        held = io.BytesIO()
        sheet.save(held, "JPEG", quality=quality, optimize=True)
        if held.tell() <= limit:
            break
    path.write_bytes(held.getvalue())
    return quality


def _small(picture: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Inside a square of ``side`` pixels, black around."""
    image = Image.fromarray(picture)
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    tile = Image.new("L", (side, side))
    tile.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
    return np.asarray(tile)
