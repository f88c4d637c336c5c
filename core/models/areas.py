"""Parts of frames: the window that training looks at, the area in which a body lies."""

from __future__ import annotations

import torch
from torch import Tensor

Area = tuple[int, int, int, int]
"""Top, left, height and width in pixels of the finest frame; multiples of 4, of `areas_of` of 8: smaller maps have them too."""

REACH = 8
"""Pixels of the finest frame over which the finest answer is made: three convolutions and an enlargement, all at its half."""

LEVEL_REACH = 16
"""Pixels over which the decoder's last level makes its picture: four convolutions at a quarter or half of the finest frame."""

BANDS = (1, 2, 4)
"""Bands of a frame that `areas_of` tries: more would save less than the rows cost that are made twice."""


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
    """Areas that hold every pixel of the masks, one a band of the frame, since where arms reach out legs do not.

    Args:
        masks: (B, 1, S, S) >= 0 on the CPU, S a multiple of 8 times the most of `BANDS`; empty bands have no area.

    Returns:
        Those of as many bands as leave the least to make, with all that is made around them.
    """
    size = masks.shape[-1]
    seen = (masks > 0).any(dim=0)[0]

    def cost(areas: list[Area]) -> int:
        wide = [grown(area, size, REACH + LEVEL_REACH) for area in areas]
        return sum(height * width for _, _, height, width in wide)

    return min((_banded(seen, bands) for bands in BANDS), key=cost)


def _banded(seen: Tensor, bands: int) -> list[Area]:
    """The box of what is seen, bool (S, S), in each band."""
    size = seen.shape[-1]
    areas: list[Area] = []
    for top, band in zip(range(0, size, size // bands), seen.view(bands, -1, size), strict=True):
        rows, columns = (band.any(dim=axis).nonzero() for axis in (1, 0))
        if len(rows):
            (first, last), (left, right) = (
                (int(at[0]) // 8 * 8, int(at[-1]) // 8 * 8 + 8) for at in (rows, columns)
            )
            areas.append((top + first, left, last - first, right - left))
    return areas
