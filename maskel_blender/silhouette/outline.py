"""Outline of the union of triangles: the edges that are left when all triangles are turned the same way round and added up.

The edge between two triangles that lie side by side runs once each way and drops out. Of a closed mesh only the contour is
left, a few hundred edges of many thousands. Along a scanline the sum of what is left counts the triangles that cover a sample.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Topology:
    """The distinct edges of triangles, and which triangle has which.

    Args:
        triangles: (T, 3) the indices it was made of.
        low: (E,) the edge's smaller index.
        high: (E,) its larger one.
        edge: (3 T,) edge of each side: first all first sides, then all second, then all third.
        way: (3 T,) int8, 1 where the side runs from the smaller index to the larger, -1 where back, 0 where it has no length.
    """

    triangles: NDArray[np.integer]
    low: NDArray[np.int64]
    high: NDArray[np.int64]
    edge: NDArray[np.intp]
    way: NDArray[np.int8]

    @classmethod
    def of(cls, triangles: NDArray[np.integer]) -> Topology:
        """Edges of (T, 3) indices."""
        begin = triangles.T.ravel().astype(np.int64)
        end = triangles[:, (1, 2, 0)].T.ravel().astype(np.int64)
        count = int(triangles.max()) + 1
        keys = np.minimum(begin, end) * count + np.maximum(begin, end)
        distinct, edge = np.unique(keys, return_inverse=True)
        way = np.sign(end - begin).astype(np.int8)
        return cls(triangles, distinct // count, distinct % count, edge, way)


_last: Topology | None = None


def topology(triangles: NDArray[np.integer]) -> Topology:
    """Edges of triangles; those of the last call are kept, for frames and cameras seldom change them."""
    global _last
    known = _last
    if known is None or not np.array_equal(known.triangles, triangles):
        known = _last = Topology.of(triangles)
    return known


@dataclass(frozen=True)
class Outline:
    """Edges that run down the picture.

    Args:
        top: (N,) row where it begins.
        bottom: (N,) row where it ends, above the next edge's beginning.
        x: (N,) column at `top`.
        slope: (N,) columns a row.
        step: (N,) int64, by how much the number of triangles that cover a sample changes from left to right of it.
    """

    top: FloatArray
    bottom: FloatArray
    x: FloatArray
    slope: FloatArray
    step: NDArray[np.int64]

    @classmethod
    def of(cls, x: FloatArray, y: FloatArray, triangles: NDArray[np.integer]) -> Outline:
        """Outline of triangles.

        Args:
            x: (V,) columns of the corners.
            y: (V,) rows.
            triangles: (T, 3) indices; either winding.

        """
        edges = topology(triangles)
        a, b, c = triangles.T
        turn = np.sign((x[b] - x[a]) * (y[c] - y[a]) - (x[c] - x[a]) * (y[b] - y[a]))
        weight = np.bincount(edges.edge, edges.way * np.tile(turn, 3), len(edges.low))
        left = np.flatnonzero(weight)
        low, high, step = edges.low[left], edges.high[left], -weight[left].astype(np.int64)
        # ties are broken by x, so that an edge gives the same crossings whichever triangle it comes from
        turned = (y[low] > y[high]) | ((y[low] == y[high]) & (x[low] > x[high]))
        first, last = np.where(turned, high, low), np.where(turned, low, high)
        height = y[last] - y[first]
        slope = (x[last] - x[first]) / np.where(height > 0.0, height, 1.0)
        return cls(y[first], y[last], x[first], slope, np.where(turned, -step, step))


def coverage(
    outline: Outline, first_row: int, end_row: int, columns: int, samples: int
) -> NDArray[np.integer]:
    """How many samples of each pixel lie inside.

    Args:
        outline: In samples, sample centres at integers.
        first_row: First row of samples, a multiple of `samples`.
        end_row: Row after the last.
        columns: Columns of samples, a multiple of `samples`.
        samples: Samples along each side of a pixel.

    Returns:
        ((end_row - first_row) / samples, columns / samples) int64, 0..samples^2.

    """
    height, width = (end_row - first_row) // samples, columns // samples
    row, cell, step = _crossings(outline, first_row, end_row, columns, samples)
    order = np.argsort(row * (columns + 1) + cell)
    row, cell, step = row[order], cell[order], step[order]
    # every row sums to zero, so one running sum serves them all
    inside = np.flatnonzero(np.cumsum(step)[:-1] > 0)
    pixel_row = row[inside] // samples * (width + 2)
    counts = np.zeros(height * (width + 2))
    for cells, sign in ((cell[inside], 1), (cell[inside + 1], -1)):
        # of the samples from `cell` on, the pixel holds some and every later one all: as steps for a running sum
        pixel = cells // samples
        within = (pixel + 1) * samples - cells
        counts += np.bincount(pixel_row + pixel, sign * within, len(counts))
        counts += np.bincount(pixel_row + pixel + 1, sign * (samples - within), len(counts))
    return np.cumsum(counts.reshape(height, width + 2), axis=1)[:, :width].astype(np.int64)


def _crossings(
    outline: Outline, first_row: int, end_row: int, columns: int, samples: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Where edges cross rows: row from `first_row` on, first cell to the right of the edge, change of the count."""
    start = np.ceil(np.clip(outline.top, first_row, end_row)).astype(np.int64)
    count = np.ceil(np.clip(outline.bottom, first_row, end_row)).astype(np.int64) - start
    which = np.repeat(np.arange(len(count)), count)
    before = np.cumsum(count) - count
    row = np.arange(len(which)) + np.repeat(start - before, count)
    at = outline.x[which] + (row - outline.top[which]) * outline.slope[which]
    if samples > 1:
        # each row within a pixel samples at its own sub-column: upright edges get samples^2 grey levels, not samples
        at -= ((np.arange(samples) + 0.5) / samples - 0.5)[row % samples]
    cell = np.ceil(np.clip(at, 0, columns)).astype(np.int64)
    return row - first_row, cell, outline.step[which]


def crossing_count(outline: Outline) -> float:
    """About how many crossings there are in all."""
    return float(np.sum(outline.bottom - outline.top))
