"""Parts of frames: the window that training looks at, the area in which a body lies."""

from __future__ import annotations

import torch
from torch import Tensor

Area = tuple[int, int, int, int]
"""Top, left, height and width in pixels of the finest frame; multiples of 4, so that maps of a half and a quarter have it too."""

REACH = 8
"""Pixels of the finest frame over which the finest answer is made: three convolutions and an enlargement, all at its half."""


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


def put_area(part: Tensor, area: Area, size: int) -> Tensor:
    """(B, C, height, width) in its place of (B, C, size, size), 0 elsewhere."""
    top, left, height, width = area
    whole = part.new_zeros((*part.shape[:2], size, size))
    whole[..., top : top + height, left : left + width] = part
    return whole


def area_of(masks: Tensor) -> Area | None:
    """The area outside which no mask has a pixel, wide enough that inside the masks the answers are those of whole frames.

    Args:
        masks: (B, 1, S, S) >= 0 on the CPU, S a multiple of 4.

    Returns:
        None where all masks are empty.
    """
    size = masks.shape[-1]
    seen = (masks > 0).any(dim=0)[0]
    spans = []
    for axis in (1, 0):
        where = seen.any(dim=axis).nonzero()
        if not len(where):
            return None
        first, last = max(int(where[0]) - REACH, 0), min(int(where[-1]) + 1 + REACH, size)
        spans.append((first // 4 * 4, -(-last // 4) * 4))
    (top, bottom), (left, right) = spans
    return top, left, bottom - top, right - left
