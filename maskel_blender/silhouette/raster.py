"""Scanline rasteriser for silhouettes: the union of triangles as a coverage image, in numpy alone.

Each triangle crosses each (sub-)scanline in one half-open interval. All intervals of a band of scanlines are summed as +1 at
their start and -1 at their end, so a running sum along the row is positive exactly inside the silhouette. Shared edges give
the same crossing in both triangles, hence no cracks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .clipping import clip_depth

FloatArray = NDArray[np.float64]
MAX_SAMPLES = 15
_CELLS_PER_BAND = 1 << 22
_CROSSINGS_PER_CHUNK = 1 << 21


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
    x, y = _to_screen(clip, triangles, frame_width, frame_height, region, samples)
    if not len(x) or not mask.size:
        return mask
    columns, rows = region.width * samples, region.height * samples
    # only the box around the triangles is scanned, in whole pixels
    left, right = _pixel_range(x, columns, samples)
    top, bottom = _pixel_range(y, rows, samples)
    if left >= right or top >= bottom:
        return mask
    x -= left * samples
    edges = _Edges.of(x, y)
    columns = (right - left) * samples
    step = max(_CELLS_PER_BAND // (columns + 1) // samples, 1)
    for start in range(top, bottom, step):
        end = min(start + step, bottom)
        inside = _scan(edges, start * samples, end * samples, columns, samples)
        mask[start:end, left:right] = _average(inside, samples)
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
) -> tuple[FloatArray, FloatArray]:
    """(T, 3) columns and rows in samples, sample centres at integers, of what is left after clipping."""
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
        return screen[triangles, 0], screen[triangles, 1]
    kept = np.all(between[triangles], axis=1)
    x, y = screen[triangles[kept], 0], screen[triangles[kept], 1]
    rest = triangles[~kept & np.all(finite[triangles], axis=1)]
    if len(rest):
        cut = clip_depth(clip[rest])
        cut = cut[(cut[..., 3] > 0.0).all(axis=1)]
        points = cut[..., :2] / cut[..., 3:] * scale + offset
        x, y = np.concatenate([x, points[..., 0]]), np.concatenate([y, points[..., 1]])
    return x, y


@dataclass(frozen=True)
class _Edges:
    """Triangles with corners in order of rows: the long edge low to high, the short ones low to middle, middle to high."""

    first: FloatArray  # (T,) row of the lowest corner
    middle: FloatArray
    last: FloatArray
    long_x: FloatArray
    long_slope: FloatArray
    short_x: FloatArray  # (T, 2)
    short_y: FloatArray
    short_slope: FloatArray

    @classmethod
    def of(cls, x: FloatArray, y: FloatArray) -> _Edges:
        order_x, order_y = [x[:, i] for i in range(3)], [y[:, i] for i in range(3)]
        for a, b in ((0, 1), (1, 2), (0, 1)):
            # ties in y are broken by x: a shared edge must run the same way in both of its triangles
            swap = (order_y[a] > order_y[b]) | ((order_y[a] == order_y[b]) & (order_x[a] > order_x[b]))
            order_x[a], order_x[b] = (
                np.where(swap, order_x[b], order_x[a]),
                np.where(swap, order_x[a], order_x[b]),
            )
            order_y[a], order_y[b] = (
                np.where(swap, order_y[b], order_y[a]),
                np.where(swap, order_y[a], order_y[b]),
            )
        (x0, x1, x2), (y0, y1, y2) = order_x, order_y

        def slope(xa: FloatArray, ya: FloatArray, xb: FloatArray, yb: FloatArray) -> FloatArray:
            height = yb - ya
            return (xb - xa) / np.where(height > 0.0, height, 1.0)

        return cls(
            first=y0,
            middle=y1,
            last=y2,
            long_x=x0,
            long_slope=slope(x0, y0, x2, y2),
            short_x=np.stack([x0, x1], axis=1),
            short_y=np.stack([y0, y1], axis=1),
            short_slope=np.stack([slope(x0, y0, x1, y1), slope(x1, y1, x2, y2)], axis=1),
        )


def _scan(edges: _Edges, first_row: int, end_row: int, columns: int, samples: int) -> NDArray[np.bool_]:
    """Which samples of the rows [first_row, end_row) lie inside; (rows, columns) bool."""
    start = np.ceil(np.clip(edges.first, first_row, end_row)).astype(np.int64)
    end = np.ceil(np.clip(edges.last, first_row, end_row)).astype(np.int64)
    chosen = np.flatnonzero(end > start)
    start, count = start[chosen], (end - start)[chosen]
    width = columns + 1
    cells = (end_row - first_row) * width
    running = np.zeros(cells, np.int64)
    total = np.cumsum(count)
    begin = 0
    while begin < len(chosen):
        done = total[begin - 1] if begin else 0
        stop = max(int(np.searchsorted(total, done + _CROSSINGS_PER_CHUNK, side="right")), begin + 1)
        part = slice(begin, stop)
        rows, left, right = _crossings(edges, chosen[part], start[part], count[part], columns, samples)
        base = (rows - first_row) * width
        running += np.bincount(base + left, minlength=cells)
        running -= np.bincount(base + right, minlength=cells)
        begin = stop
    by_row = running.reshape(-1, width)
    np.cumsum(by_row, axis=1, out=by_row)
    return by_row[:, :columns] > 0


def _crossings(
    edges: _Edges,
    triangle: NDArray[np.int64],
    start: NDArray[np.int64],
    count: NDArray[np.int64],
    columns: int,
    samples: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Rows and half-open column intervals of all crossings that cover a sample."""
    which = np.repeat(triangle, count)
    before = np.cumsum(count) - count
    rows = np.arange(len(which)) + np.repeat(start - before, count)
    long_at = edges.long_x[which] + (rows - edges.first[which]) * edges.long_slope[which]
    half = 2 * which + (rows >= edges.middle[which])
    short_at = (
        edges.short_x.ravel()[half] + (rows - edges.short_y.ravel()[half]) * edges.short_slope.ravel()[half]
    )
    # each scanline within a pixel samples at its own sub-column: upright edges get samples^2 grey levels, not samples
    shear = ((np.arange(samples) + 0.5) / samples - 0.5)[rows % samples] if samples > 1 else 0.0
    long_at, short_at = long_at - shear, short_at - shear
    left = np.ceil(np.clip(np.minimum(long_at, short_at), 0, columns)).astype(np.int64)
    right = np.ceil(np.clip(np.maximum(long_at, short_at), 0, columns)).astype(np.int64)
    kept = right > left
    return rows[kept], left[kept], right[kept]


def _average(inside: NDArray[np.bool_], samples: int) -> NDArray[np.uint8]:
    """Mean over samples x samples blocks, 0..255."""
    ones = inside.view(np.uint8)
    if samples == 1:
        return ones * np.uint8(255)
    by_row = ones.reshape(-1, samples, ones.shape[1]).sum(axis=1, dtype=np.uint8)
    block = by_row[:, ::samples].copy()
    for k in range(1, samples):
        block += by_row[:, k::samples]
    table = np.round(np.arange(samples * samples + 1) * 255.0 / (samples * samples)).astype(np.uint8)
    return table[block]
