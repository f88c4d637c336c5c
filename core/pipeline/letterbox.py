"""Body box to square frame and back: the one map between a picture's pixels and the model's."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

BORDERS = 0.25, 2.25
"""Free borders, over the wanted one, that are taken so that a pixel of the frame is a whole number of the picture's."""


@dataclass(frozen=True)
class Letterbox:
    """A square crop of a picture and the size it is resampled to.

    A point at pixel (x, y) of the picture lies at ``(x + 0.5 - left) * size / side - 0.5`` of the frame, same for y.

    Attributes:
        height: Rows of the picture.
        width: Columns of the picture.
        left: First column of the crop; may lie outside the picture.
        top: First row of the crop; may lie outside the picture.
        side: Pixels per side of the crop, >= 1.
        size: Pixels per side of the frame.
    """

    height: int
    width: int
    left: int
    top: int
    side: int
    size: int

    @classmethod
    def around(cls, mask: NDArray[np.uint8], size: int, margin: float, whole: bool = False) -> Letterbox:
        """The square round the body.

        Args:
            mask: uint8 (H, W), 0..255, at least one pixel >= 128 (else one > 0, else the whole picture is taken).
            size: Pixels per side of the frame.
            margin: Free border on each side, as a share of the longer side of the body's box.
            whole: Where a border within `BORDERS` allows it, make a pixel of the frame 1, 2, 3, ... pixels of the picture
                across, or a pixel of the picture 2, 3, ... of the frame: nothing is then resampled but by plain means. A true
                X-ray that goes into a frame and back by other steps loses an eighth of its crispness (docs/model.md).
        """
        height, width = mask.shape
        rows, columns = body_box(mask)
        tall, wide = rows[1] - rows[0], columns[1] - columns[0]
        longer = max(tall, wide)
        side = max(1, math.ceil(longer * (1 + 2 * margin)))
        fitting = _whole_side(longer, side, size, margin) if whole else None
        # As even or odd as the box is wide, so that the box lies in the middle and a mirrored mask has a mirrored frame.
        side = fitting or side + (side - wide) % 2
        top = math.floor((rows[0] + rows[1] - side) / 2)
        left = math.floor((columns[0] + columns[1] - side) / 2)
        return cls(height, width, left, top, side, size)

    def moved(self, right: float, down: float, zoom: float) -> Letterbox:
        """The same frame looking elsewhere, for augmentation.

        Args:
            right: Shift of the crop to the right, as a share of its side.
            down: Shift of the crop downwards, as a share of its side.
            zoom: Factor on the crop's side, > 0; above 1 the body looks smaller.
        """
        side = max(1, round(self.side * zoom))
        left = round(self.left + (self.side - side) / 2 + right * self.side)
        top = round(self.top + (self.side - side) / 2 + down * self.side)
        return Letterbox(self.height, self.width, left, top, side, self.size)

    def forward(self, maps: Tensor) -> Tensor:
        """Picture to frame.

        Args:
            maps: float (C, height, width), 0 outside the body; or uint8, which counts as shares of 255.

        Returns:
            float32 (C, size, size), means of whole pixels where these make one of the frame, else resampled bilinearly with
            antialiasing; 0 where the crop leaves the picture.
        """
        crop = self._crop(maps)
        # Widened after the crop: a whole picture in float may be large.
        crop = crop.float() / 255 if crop.dtype == torch.uint8 else crop
        if self.side == self.size:
            return crop
        if self.side % self.size == 0:
            return F.avg_pool2d(crop[None], self.side // self.size)[0]
        shape = (self.size, self.size)
        return F.interpolate(crop[None], size=shape, mode="bilinear", align_corners=False, antialias=True)[0]

    def backward(self, maps: Tensor, mode: str = "bicubic") -> Tensor:
        """Frame to picture.

        Args:
            maps: float (C, size, size).
            mode: ``"bilinear"`` or ``"bicubic"``; both with antialiasing. Bicubic may overshoot.

        Returns:
            (C, height, width); 0 outside the crop.
        """
        if self.side != self.size:
            shape = (self.side, self.side)
            maps = F.interpolate(maps[None], size=shape, mode=mode, align_corners=False, antialias=True)[0]
        out = maps.new_zeros((maps.shape[0], self.height, self.width))
        (y0, y1), (x0, x1) = self._inside()
        if y1 > y0 and x1 > x0:
            out[:, y0:y1, x0:x1] = maps[:, y0 - self.top : y1 - self.top, x0 - self.left : x1 - self.left]
        return out

    def points_forward(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Pixels of the picture (..., 2) x, y to pixels of the frame."""
        corner = np.array([self.left, self.top], dtype=np.float64)
        return (np.asarray(points, dtype=np.float64) + 0.5 - corner) * (self.size / self.side) - 0.5

    def points_backward(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Pixels of the frame (..., 2) x, y to pixels of the picture; inverse of `points_forward`."""
        corner = np.array([self.left, self.top], dtype=np.float64)
        return (np.asarray(points, dtype=np.float64) + 0.5) * (self.side / self.size) - 0.5 + corner

    def _inside(self) -> tuple[tuple[int, int], tuple[int, int]]:
        rows = (max(self.top, 0), min(self.top + self.side, self.height))
        columns = (max(self.left, 0), min(self.left + self.side, self.width))
        return rows, columns

    def _crop(self, maps: Tensor) -> Tensor:
        (y0, y1), (x0, x1) = self._inside()
        out = maps.new_zeros((maps.shape[0], self.side, self.side))
        if y1 > y0 and x1 > x0:
            out[:, y0 - self.top : y1 - self.top, x0 - self.left : x1 - self.left] = maps[:, y0:y1, x0:x1]
        return out


def _whole_side(longer: int, side: int, size: int, margin: float) -> int | None:
    """The side nearest to ``side`` of which ``size`` is a whole multiple or part, within `BORDERS`; None if there is none."""
    low, high = (longer * (1 + 2 * margin * border) for border in BORDERS)
    steps = max(1, side // size), side // size + 1
    parts = [size // step for step in (max(1, size // side), size // side + 1) if size % step == 0]
    fitting = [s for s in [*(size * step for step in steps), *parts] if low <= s <= high]
    return min(fitting, key=lambda s: abs(s - side), default=None)


def body_box(mask: NDArray[np.uint8]) -> tuple[tuple[int, int], tuple[int, int]]:
    """Half-open (first, last + 1) rows and columns of the body: pixels >= 128, or > 0 when there are none."""
    body = mask >= 128
    if not body.any():
        body = mask > 0
    rows, columns = np.flatnonzero(body.any(axis=1)), np.flatnonzero(body.any(axis=0))
    if not len(rows):
        return (0, mask.shape[0]), (0, mask.shape[1])
    return (int(rows[0]), int(rows[-1]) + 1), (int(columns[0]), int(columns[-1]) + 1)


def shrink(maps: Tensor, height: int, width: int) -> Tensor:
    """Resample float (C, H, W) to (C, height, width), bilinear with antialiasing."""
    if tuple(maps.shape[1:]) == (height, width):
        return maps
    return F.interpolate(
        maps[None], size=(height, width), mode="bilinear", align_corners=False, antialias=True
    )[0]
