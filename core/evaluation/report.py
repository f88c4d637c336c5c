"""Tables and contact sheets of an evaluation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from maskel_core.data.dataset import SampleStore
from maskel_core.evaluation.references import Answer
from maskel_core.pipeline import render_style
from maskel_core.training.sheets import contact_sheet
from numpy.typing import NDArray
from PIL import Image

COLUMNS = {
    "bone_psnr": "Bone PSNR, dB",
    "bone_ssim": "Bone SSIM",
    "bone_ms_ssim": "Bone MS-SSIM",
    "bone_dice": "Bone Dice",
    "bone_pearson": "Bone Pearson",
    "bone_spearman": "Bone Spearman",
    "slope_correlation": "Slope corr.",
    "high_pass_correlation": "High-pass corr.",
    "crispness": "Crispness",
    "soft_psnr": "Soft PSNR, dB",
    "soft_ssim": "Soft SSIM",
    "soft_ms_ssim": "Soft MS-SSIM",
    "outside": "Outside",
    "joint_median": "Joint median",
    "joint_p95": "Joint p95",
    "joint_pck2": "PCK 2 %",
    "joint_pck5": "PCK 5 %",
    "open_median": "Joint median, sides open",
}
"""Figures of the table in their order; the joint errors are shares of the body's height."""


def markdown_table(rows: dict[str, dict[str, float]], title: str) -> str:
    """A Markdown table, one line a row, figures in the order of `COLUMNS`."""
    names = [name for name in COLUMNS if any(name in figures for figures in rows.values())]
    lines = [f"| {title} | samples | " + " | ".join(COLUMNS[name] for name in names) + " |"]
    lines.append("|---" * (len(names) + 2) + "|")
    for label, figures in rows.items():
        cells = [_cell(name, figures[name]) if name in figures else "" for name in names]
        lines.append(f"| {label} | {figures['samples']:.0f} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _cell(name: str, value: float) -> str:
    if name in ("joint_median", "joint_p95", "joint_pck2", "joint_pck5", "open_median"):
        return f"{value * 100:.2f} %" if "pck" not in name else f"{value * 100:.1f} %"
    return f"{value:.2f}" if name.endswith("psnr") else f"{value:.3f}"


TILE = 128
"""Pixels per side of a picture on the sheet of many cases."""


def write_sheets(
    answer: Answer,
    second: Answer | None,
    records: list[dict[str, Any]],
    store: SampleStore,
    out: Path,
    count: int = 6,
    cases: int = 64,
) -> None:
    """Pictures to look at: ``best``, ``median``, ``worst`` by high-pass correlation, and ``cases``, evenly spaced.

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
    """
    order = np.argsort([-record["high_pass_correlation"] for record in records])
    middle = max(0, len(order) // 2 - count // 2)
    picks = {"best": order[:count], "median": order[middle : middle + count], "worst": order[-count:]}
    for name, indices in picks.items():
        rows: list[list[NDArray[np.uint8]]] = []
        for index in indices:
            mask, true = store.masks[index], np.nan_to_num(store.layers[index].astype(np.float32))
            made = answer.predict(mask)
            row = [mask]
            for style in ("dxa", "radiograph"):
                row += [
                    render_style(style, true[0], true[1], mask),
                    render_style(style, made[0], made[1], mask),
                ]
            if second is not None:
                other = second.predict(mask)
                row.append(render_style("dxa", other[0], other[1], mask))
            rows.append(row)
        contact_sheet(rows).save(out / f"{name}.png")
    grid: list[list[NDArray[np.uint8]]] = [[]]
    for index in np.linspace(0, len(store) - 1, min(cases, len(store))).round().astype(int):
        mask, true = store.masks[index], np.nan_to_num(store.layers[index].astype(np.float32))
        made = answer.predict(mask)
        if len(grid[-1]) >= 12:
            grid.append([])
        pictures = (
            mask,
            render_style("dxa", true[0], true[1], mask),
            render_style("dxa", made[0], made[1], mask),
        )
        grid[-1] += [_small(picture) for picture in pictures]
    contact_sheet(grid).save(out / "cases.png")


def _small(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(Image.fromarray(picture).resize((TILE, TILE), Image.Resampling.LANCZOS))
