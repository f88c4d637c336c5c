"""What moves pixels: place and size in the frame, cropping, stretch. Layers and joints move along.

Every function takes a mask, float (S, S), a random source and a strength in [0, 1], and returns a ``Move`` to be applied to mask,
layers and joints alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage


@dataclass(frozen=True)
class Move:
    """A change of the frame: pixel (column, row) goes to ``scale * pixel + shift``.

    Args:
        scale: Over columns and rows, above 0.
        shift: Pixels right and down.
    """

    scale: tuple[float, float] = (1.0, 1.0)
    shift: tuple[float, float] = (0.0, 0.0)

    def pixels(self, array: NDArray[np.floating]) -> NDArray[np.floating]:
        """Masks or layers (..., S, S) in the new frame, 0 where nothing was.

        Line integrals keep their values: a ray crosses as much tissue wherever the frame puts it.
        """
        whole = self.scale == (1.0, 1.0) and all(float(s).is_integer() for s in self.shift)
        flat = array.reshape(-1, *array.shape[-2:])
        out = np.zeros_like(flat)
        if whole:
            right, down = (int(s) for s in self.shift)
            rows, columns = flat.shape[1:]
            kept = flat[:, max(0, -down) : rows - max(0, down), max(0, -right) : columns - max(0, right)]
            top, left = max(0, down), max(0, right)
            out[:, top : top + kept.shape[1], left : left + kept.shape[2]] = kept
            return out.reshape(array.shape)
        scale = np.array(self.scale[::-1])
        offset = -np.array(self.shift[::-1]) / scale
        blur = 0.5 * np.sqrt(np.maximum(1 / scale**2 - 1, 0))
        for number, plane in enumerate(flat.astype(np.float32)):
            out[number] = ndimage.affine_transform(
                ndimage.gaussian_filter(plane, blur, mode="constant"), 1 / scale, offset, order=1
            )
        return out.reshape(array.shape)

    def points(self, points: NDArray[np.floating]) -> NDArray[np.floating]:
        """Pixel positions (..., 2), column and row, in the new frame; they may lie outside it."""
        return points * np.array(self.scale, points.dtype) + np.array(self.shift, points.dtype)


def _box(mask: NDArray[np.floating]) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of what is above a tenth; the whole frame when nothing is."""
    rows, columns = np.flatnonzero((mask > 0.1).any(1)), np.flatnonzero((mask > 0.1).any(0))
    if not len(rows):
        return 0, 0, mask.shape[1], mask.shape[0]
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def place(mask: NDArray[np.floating], random: np.random.Generator, strength: float) -> Move:
    """Any size from the whole frame's height down to 8 % of it, anywhere in the frame."""
    left, top, right, bottom = _box(mask)
    size = len(mask)
    fill = float(np.exp(random.uniform(np.log(0.08), 0.0) * strength))
    factor = min(fill * size / (bottom - top), size / (right - left))
    wide, tall = factor * (right - left), factor * (bottom - top)
    x, y = random.uniform(0, max(size - wide, 0)), random.uniform(0, max(size - tall, 0))
    # Edges of pixels lie half a pixel before their centres.
    return Move((factor, factor), (x - factor * (left - 0.5) - 0.5, y - factor * (top - 0.5) - 0.5))


def crop(mask: NDArray[np.floating], random: np.random.Generator, strength: float) -> Move:
    """The body pushed over one side of the frame, by whole pixels: up to 60 % of it is cut off there."""
    left, top, right, bottom = _box(mask)
    lost = 0.05 + 0.55 * strength * random.random()
    side = random.choice(4, p=(0.5, 0.2, 0.15, 0.15))
    if side == 0:
        return Move(shift=(0.0, float(round(len(mask) - bottom + lost * (bottom - top)))))
    if side == 1:
        return Move(shift=(0.0, float(-round(top + lost * (bottom - top)))))
    if side == 2:
        return Move(shift=(float(-round(left + lost * (right - left))), 0.0))
    return Move(shift=(float(round(mask.shape[1] - right + lost * (right - left))), 0.0))


def stretch(mask: NDArray[np.floating], random: np.random.Generator, strength: float) -> Move:
    """Pixels that are not square: wider or narrower about the frame's middle, by 4 to 8 % at strength 1."""
    factor = float(np.exp(random.choice((-0.08, 0.08)) * random.uniform(0.5, 1.0) * strength))
    middle = (mask.shape[1] - 1) / 2
    return Move((factor, 1.0), ((1 - factor) * middle, 0.0))
