"""Parts of frames: the window that training looks at, the area in which a body lies."""

from __future__ import annotations

import torch
from torch import Tensor

Area = tuple[int, int, int, int]
"""Top, left, height and width in pixels of the finest frame; multiples of 4, so that maps of a half and a quarter have it too."""

REACH = 8
"""Pixels of the finest frame over which the finest answer is made: three convolutions and an enlargement, all at its half."""

BANDS = 4
"""Bands of a frame in `areas_of`: more would save less than the rows cost that are made twice."""


def take_area(maps: Tensor, area: Area, finest: int, turned: Tensor | None = None) -> Tensor:
    """The same part of each of (B, C, S, S), in mirrored maps the mirrored part.

    Args:
        maps: Maps of ``finest`` pixels per side, or a half or a quarter of it.
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


def grown(area: Area, size: int) -> Area:
    """The area with `REACH` pixels on each side, moved as far as it must be to lie in a frame of ``size`` pixels."""
    top, left, height, width = area
    high, wide = min(height + 2 * REACH, size), min(width + 2 * REACH, size)
    first, start = (min(max(at - REACH, 0), size - side) for at, side in ((top, high), (left, wide)))
    return first, start, high, wide


def areas_of(masks: Tensor) -> list[Area]:
    """Areas that hold every pixel of the masks, one a band of the frame, since where arms reach out legs do not.

    Args:
        masks: (B, 1, S, S) >= 0 on the CPU, S a multiple of 4 times `BANDS`; empty bands have no area.
    """
    size = masks.shape[-1]
    seen = (masks > 0).any(dim=0)[0].view(BANDS, size // BANDS, size)
    areas: list[Area] = []
    for top, band in zip(range(0, size, size // BANDS), seen, strict=True):
        rows, columns = (band.any(dim=axis).nonzero() for axis in (1, 0))
        if len(rows):
            (first, last), (left, right) = (
                (int(at[0]) // 4 * 4, int(at[-1]) // 4 * 4 + 4) for at in (rows, columns)
            )
            areas.append((top + first, left, last - first, right - left))
    return areas
