"""Scanline rasteriser for silhouettes: the union of triangles as a coverage image, in numpy alone.

Only the outline of the union is followed (`outline`); along each (sub-)scanline the number of triangles is summed from left to
right and is positive exactly inside. An edge has one set of crossings whichever triangle it comes from, hence no cracks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .clipping import clip_depth
from .outline import Outline, coverage, crossing_count

FloatArray = NDArray[np.float64]
MAX_SAMPLES = 15
_CROSSINGS_PER_BAND = 1 << 21


@dataclass(frozen=True)
class Region:
    """Part of the frame in pixels, row 0 at the top; right and bottom are exclusive."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """Columns."""
        return max(self.right - self.left, 0)

    @property
    def height(self) -> int:
        """Rows."""
        return max(self.bottom - self.top, 0)


def rasterise(
    clip: FloatArray,
    triangles: NDArray[np.integer],
    frame_width: int,
    frame_height: int,
    region: Region | None = None,
    samples: int = 5,
) -> NDArray[np.uint8]:
    """Coverage of the frame, or of a region of it, by the union of triangles.

    Args:
        clip: (V, 4) float64 vertices in clip space; rows that are not finite take their triangles with them.
        triangles: (T, 3) indices into `clip`; either winding.
        frame_width: Width in pixels that the clip volume's [-w, w] spans.
        frame_height: Height in pixels.
        region: What to compute; the whole frame if None.
        samples: Samples along each side of a pixel, 1 (hard edges, at pixel centres) to 15.

    Returns:
        (region height, region width) uint8, 0 = outside, 255 = covered.

    """
    if not 1 <= samples <= MAX_SAMPLES:
        raise ValueError(f"samples must be 1 to {MAX_SAMPLES}, not {samples}")
    region = region or Region(0, 0, frame_width, frame_height)
    mask = np.zeros((region.height, region.width), np.uint8)
    x, y, triangles = _to_screen(clip, triangles, frame_width, frame_height, region, samples)
    if not len(triangles) or not mask.size:
        return mask
    columns, rows = region.width * samples, region.height * samples
    # only the box around the triangles is scanned, in whole pixels
    left, right = _pixel_range(x[triangles], columns, samples)
    top, bottom = _pixel_range(y[triangles], rows, samples)
    if left >= right or top >= bottom:
        return mask
    outline = Outline.of(x - left * samples, y, triangles)
    columns = (right - left) * samples
    grey = np.round(np.arange(samples * samples + 1) * 255.0 / (samples * samples)).astype(np.uint8)
    bands = min(1 + int(crossing_count(outline) // _CROSSINGS_PER_BAND), bottom - top)
    step = -(-(bottom - top) // bands)
    for start in range(top, bottom, step):
        end = min(start + step, bottom)
        mask[start:end, left:right] = grey[
            coverage(outline, start * samples, end * samples, columns, samples)
        ]
    return mask


def _pixel_range(values: FloatArray, limit: int, samples: int) -> tuple[int, int]:
    low = int(np.clip(np.ceil(values.min()), 0, limit))
    high = int(np.clip(np.ceil(values.max()), 0, limit))
    return low // samples, -(-high // samples)


def _to_screen(
    clip: FloatArray,
    triangles: NDArray[np.integer],
    frame_width: int,
    frame_height: int,
    region: Region,
    samples: int,
) -> tuple[FloatArray, FloatArray, NDArray[np.integer]]:
    """(V,) columns and rows in samples, sample centres at integers, and the (T, 3) triangles left after clipping."""
    scale = np.array([0.5 * frame_width * samples, -0.5 * frame_height * samples])
    offset = (
        np.array([(0.5 * frame_width - region.left) * samples, (0.5 * frame_height - region.top) * samples])
        - 0.5
    )
    w = clip[:, 3]
    with np.errstate(invalid="ignore", divide="ignore"):
        finite = np.asarray(np.isfinite(clip).all(axis=1))
        between = np.asarray(finite & (clip[:, 2] >= -w) & (clip[:, 2] <= w) & (w > 0.0))
        screen = clip[:, :2] / w[:, None] * scale + offset
    if between.all():
        return screen[:, 0], screen[:, 1], triangles
    kept = np.all(between[triangles], axis=1)
    rest = triangles[~kept & np.all(finite[triangles], axis=1)]
    triangles = triangles[kept]
    if len(rest):
        cut = clip_depth(clip[rest])
        cut = cut[(cut[..., 3] > 0.0).all(axis=1)]
        points = cut[..., :2] / cut[..., 3:] * scale + offset
        added = len(screen) + np.arange(3 * len(cut)).reshape(-1, 3)
        screen = np.concatenate([screen, points.reshape(-1, 2)])
        triangles = np.concatenate([triangles, added])
    return screen[:, 0], screen[:, 1], triangles
