"""Which bodies a study shows, in which order, and their pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from maskel_core.data.dataset import read_shards
from maskel_core.errors import MaskelError
from maskel_core.evaluation.groups import groups_of
from maskel_core.pipeline import MaskelPipeline, render_style
from maskel_core.pipeline.letterbox import shrink
from maskel_core.pipeline.masks import resize_mask
from maskel_core.pipeline.styles import check_style
from numpy.typing import NDArray

MIN_CASES, MAX_CASES = 4, 400
"""Fewest pictures that can be ordered and compared, and most that one page can hold and a person grade."""


@dataclass(frozen=True)
class Case:
    """One picture to grade.

    Attributes:
        id: Eight hexadecimal digits that say nothing.
        source: ``made`` by the model, or ``truth``, simulated from the body.
        sample: Key of the sample.
        body: The body's seed as text; the same for both pictures of a body.
        part: 1 or 2: first or second time that the body is shown.
        groups: Value of every key of `GROUPS`.
        picture: uint8 (H, W).
    """

    id: str
    source: str
    sample: str
    body: str
    part: int
    groups: dict[str, str]
    picture: NDArray[np.uint8]


def order_cases(bodies: int, rng: np.random.Generator) -> list[tuple[int, str, int]]:
    """A crossover: every body twice, once made and once simulated, far apart.

    In the first part each body appears once, half of them made; in the second part each again, in its other form. Bodies of
    the first part's front half stay in the second part's front half, so that more than half as many pictures as there are
    bodies lie between the two of one body. Source: Jones and Kenward, Design and Analysis of Cross-Over Trials, AB/BA.

    Args:
        bodies: How many, at least 2.
        rng: Source of the order.

    Returns:
        ``2 * bodies`` triples: number of the body, source, part.
    """
    first = rng.permutation(bodies)
    made = set(rng.permutation(bodies)[: bodies // 2].tolist())
    half = bodies // 2
    second = np.concatenate([rng.permutation(first[:half]), rng.permutation(first[half:])])
    shown = [(int(body), "made" if int(body) in made else "truth", 1) for body in first]
    return shown + [(int(body), "truth" if int(body) in made else "made", 2) for body in second]


def choose_samples(
    metas: Sequence[dict[str, Any]], bodies: int, rng: np.random.Generator, plain: bool = False
) -> list[dict[str, Any]]:
    """One view each of so many bodies, views in turn (front, side, back, oblique) so that none is rare.

    Args:
        metas: JSON of the samples.
        bodies: How many.
        rng: Source of the choice.
        plain: Take only natural proportions without clothes, hair and things carried.

    Raises:
        MaskelError: ``too_few_bodies``.
    """
    waiting: dict[str, list[dict[str, Any]]] = {}
    for index in rng.permutation(len(metas)):
        groups = groups_of(metas[index])
        if not plain or (groups["clothing"], groups["form"]) == ("bare", "natural"):
            waiting.setdefault(groups["view"], []).append(metas[index])
    chosen: list[dict[str, Any]] = []
    used: set[str] = set()
    while len(chosen) < bodies and any(waiting.values()):
        for view in sorted(waiting):
            while waiting[view]:
                meta = waiting[view].pop()
                if body_of(meta) not in used:
                    used.add(body_of(meta))
                    chosen.append(meta)
                    break
            if len(chosen) == bodies:
                break
    if len(chosen) < bodies:
        raise MaskelError(
            "too_few_bodies",
            f"The test split holds {len(chosen)} fitting bodies; {2 * bodies} cases need {bodies}.",
            "Ask for fewer --cases, or build more samples.",
        )
    return chosen


def shows_all(sample: dict[str, Any], share: float = 0.98) -> bool:
    """Whether the body ends before the frame does, and the mask holds all of it but 1 - ``share`` of its pixels.

    None can grade what a crop or an obstacle hides. Layers end with the frame, so that what it cuts off shows at its edge alone.
    """
    body = sample["soft"] > 0
    cut = any(edge.any() for edge in (body[0], body[-1], body[:, 0], body[:, -1]))
    return bool(body.any() and not cut and (sample["mask"][body] >= 128).mean() >= share)


def body_of(meta: dict[str, Any]) -> str:
    """The body's seed as text, or the sample's key where there is none."""
    return str(meta.get("body", {}).get("seed", meta["key"]))


def simulated_picture(sample: dict[str, Any], style: str, size: int) -> NDArray[np.uint8]:
    """The true layers of a sample, toned as the pipeline tones its own.

    Args:
        sample: ``mask`` uint8 (S, S), ``bone`` and ``soft`` float (S, S) line integrals.
        style: One of `STYLES`.
        size: Edge of the picture, pixels, at most S.

    Returns:
        uint8 (size, size), 0 outside the mask.
    """
    mask = resize_mask(sample["mask"], size)
    # The truth is cut to the mask, as what is made is: a model cannot know what a crop hides.
    layers = np.stack([sample["bone"], sample["soft"]]).astype(np.float32) * (sample["mask"] > 0)
    bone, soft = shrink(torch.from_numpy(layers), *mask.shape).numpy()
    return render_style(style, bone, soft, mask)


def make_cases(
    data: Path,
    pipeline: MaskelPipeline,
    count: int,
    seed: int,
    style: str,
    size: int | None = None,
    plain: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> list[Case]:
    """The cases of a study in the order in which they are shown.

    Args:
        data: Folder of sample shards; whole bodies of its ``test`` split are shown, and no file is added.
        pipeline: What makes the pictures; it sees the mask alone.
        count: Pictures, even.
        seed: Same seed, same cases.
        style: One of `STYLES`, for both kinds.
        size: Edge of the pictures, pixels; None for the model's own or the data's, whichever is less, so that what is
            simulated is not known by its resolution alone.
        plain: See `choose_samples`.
        progress: Called with pictures done and pictures in all.

    Raises:
        MaskelError: ``bad_cases``, ``bad_size``, ``bad_style``, ``too_few_bodies``, ``data_missing``, ``data_damaged``.
    """
    check_style(style)
    if count % 2 or not MIN_CASES <= count <= MAX_CASES:
        raise MaskelError(
            "bad_cases",
            f"A study of {count} cases is not possible.",
            f"Choose an even number, {MIN_CASES} to {MAX_CASES}: every body is shown twice.",
        )
    rng = np.random.default_rng(seed)
    # Two passes over the shards, because a split may not fit into memory and the folder may not be ours to write to.
    whole = [sample["meta"] for sample in read_shards(data, "test") if shows_all(sample)]
    metas = choose_samples(whole, count // 2, rng, plain)
    places = {str(meta["key"]): number for number, meta in enumerate(metas)}
    pictures: dict[tuple[int, str], NDArray[np.uint8]] = {}
    for sample in read_shards(data, "test"):
        number = places.get(str(sample["meta"]["key"]))
        if number is None:
            continue
        # A copy, because what Pillow decoded is read-only, which torch warns of.
        sample["mask"] = sample["mask"].copy()
        edge = _edge(sample["mask"], size, pipeline.native_size)
        pictures[number, "truth"] = simulated_picture(sample, style, edge)
        pictures[number, "made"] = pipeline(sample["mask"], style=style, size=edge).image
        if progress is not None:
            progress(len(pictures), count)
        if len(pictures) == count:
            break
    order = order_cases(count // 2, rng)
    names: dict[str, None] = {}
    while len(names) < count:
        names[rng.bytes(4).hex()] = None
    return [
        Case(
            name,
            source,
            str(metas[number]["key"]),
            body_of(metas[number]),
            part,
            groups_of(metas[number]),
            pictures[number, source],
        )
        for name, (number, source, part) in zip(names, order, strict=True)
    ]


def _edge(mask: NDArray[np.uint8], size: int | None, native: int) -> int:
    largest = max(mask.shape)
    if size is None:
        return min(largest, native)
    if not 16 <= size <= largest:
        raise MaskelError(
            "bad_size",
            f"Pictures of {size} pixels are not possible.",
            f"Choose 16 to {largest}: the simulated layers hold no more.",
        )
    return size
