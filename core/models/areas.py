"""Parts of frames: the window that training looks at, the area in which a body lies."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

Area = tuple[int, int, int, int]
"""Top, left, height and width in pixels of the finest frame; multiples of 4, of `areas_of` of `CELL`; smaller maps have it."""

REACH = 8
"""Pixels of the finest frame over which the finest answer is made: three convolutions and an enlargement, all at its half."""

LEVEL_REACH = 16
"""Pixels over which the decoder's last level makes its picture: four convolutions at a quarter or half of the finest frame."""

CELL = 8
"""Pixels of the finest frame to which areas are rounded: one of the smallest map that is cut."""

MOST = 4
"""Most areas of a frame: more would save less than their calls cost."""

COSTS = ((REACH + LEVEL_REACH, 1.0), (REACH, 2.5))
"""How far round an area each of the two steps works, and what a pixel costs there: measured, the last level's pixel is 1."""

CALLS = 10_000
"""What the calls for one more area cost, in pixels of the decoder's last level."""


def take_area(maps: Tensor, area: Area, finest: int, turned: Tensor | None = None) -> Tensor:
    """The same part of each of (B, C, S, S), in mirrored maps the mirrored part.

    Args:
        maps: Maps of ``finest`` pixels per side, or of a part of it in which the area is whole pixels.
        area: The part.
        finest: Pixels per side of the finest maps.
        turned: bool (B,), which maps are mirrored; None = none.
    """
    size = maps.shape[-1]
    top, left, height, width = (value * size // finest for value in area)
    plain = maps[..., top : top + height, left : left + width]
    if turned is None:
        return plain
    mirrored = maps[..., top : top + height, size - left - width : size - left]
    return torch.where(turned[:, None, None, None], mirrored, plain)


def grown(area: Area, size: int, reach: int = REACH) -> Area:
    """The area with ``reach`` pixels on each side, moved as far as it must be to lie in a frame of ``size`` pixels."""
    top, left, height, width = area
    high, wide = min(height + 2 * reach, size), min(width + 2 * reach, size)
    first, start = (min(max(at - reach, 0), size - side) for at, side in ((top, high), (left, wide)))
    return first, start, high, wide


def areas_of(masks: Tensor) -> list[Area]:
    """Areas that hold every pixel of the masks, one above the other, since where arms reach out legs do not.

    Args:
        masks: (B, 1, S, S) >= 0 on the CPU, S a multiple of `CELL`.

    Returns:
        At most `MOST`, cut where it leaves the least to make; none for empty masks.
    """
    size = masks.shape[-1]
    # Whole cells at once: to look at every pixel for each cut would take as long as a convolution.
    seen = (F.max_pool2d(masks.amax(dim=0), CELL)[0] > 0).numpy()
    rows = np.flatnonzero(seen.any(axis=1))
    if not len(rows):
        return []
    top, across = int(rows[0]), len(seen)
    seen = seen[top : rows[-1] + 1]
    left = np.where(seen.any(axis=1), seen.argmax(axis=1), across)
    right = np.where(seen.any(axis=1), across - seen[:, ::-1].argmax(axis=1), 0)
    count = len(seen)
    # Entry (i, j): of rows i to j, both in it.
    later = np.arange(count)[:, None] <= np.arange(count)
    start = np.minimum.accumulate(np.where(later, left, across), axis=1)
    end = np.maximum.accumulate(np.where(later, right, 0), axis=1)
    high = np.arange(1, count + 1) - np.arange(count)[:, None]
    sides = [
        share * np.minimum(high * CELL + 2 * reach, size) * np.minimum((end - start) * CELL + 2 * reach, size)
        for reach, share in COSTS
    ]
    # Rows with nothing in them cost nothing.
    cost = np.where(later, np.where(end > start, sum(sides) + CALLS, 0.0), np.inf)
    boxes = (
        (top + first, int(start[first, last]), last + 1 - first, int(end[first, last] - start[first, last]))
        for first, last in _cut(cost)
        if end[first, last] > start[first, last]
    )
    return [(y * CELL, x * CELL, height * CELL, width * CELL) for y, x, height, width in boxes]


def _cut(cost: NDArray[np.float64]) -> list[tuple[int, int]]:
    """First and last rows of the parts into which all rows are cut at the least cost, at most `MOST`.

    Args:
        cost: (N, N), of the rows from one to another.
    """
    # By dynamic programming: the least that all rows up to the last of a part cost, for one part more every time.
    least, froms = cost[0], []
    for _ in range(MOST - 1):
        whole = np.concatenate([[np.inf], least[:-1]])[:, None] + cost
        froms.append(whole.argmin(axis=0))
        least = np.minimum(least, whole.min(axis=0))
        froms[-1][least < whole.min(axis=0)] = -1
    parts, last = [], len(cost) - 1
    for begin in reversed(froms):
        if begin[last] >= 0:
            parts.append((int(begin[last]), last))
            last = int(begin[last]) - 1
    return [(0, last), *reversed(parts)]
