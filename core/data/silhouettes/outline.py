"""Silhouettes of triangles: which share of every pixel any of them covers."""

from __future__ import annotations

import numpy as np
import torch
from maskel_core.data.silhouettes.shapes import Array, Faces, Surface
from maskel_core.projection.camera import Camera
from numpy.typing import NDArray

_NEAREST = 0.05
"""Triangles nearer to the source than this, metres, are left out."""


def samples_for(size: int) -> int:
    """Samples along each side of a pixel: Blender's five cannot be told from four; large pictures need fewer."""
    return 4 if size <= 384 else 2


def _differ(values: Array | Faces, a: Faces, b: Faces, c: Faces) -> NDArray[np.bool_]:
    """Whether the three corners' values are not all the same, (F,)."""
    first = values[a]
    return (first != values[b]) | (first != values[c])


def _ordered(values: Array, a: Faces, b: Faces) -> tuple[Faces, Faces]:
    """Each pair of corners with the smaller value first."""
    swap = values[a] > values[b]
    return np.where(swap, b, a), np.where(swap, a, b)


def cover(points: Array, faces: Faces, rows: int, columns: int) -> NDArray[np.bool_]:
    """Pixels whose centre lies in any triangle.

    Args:
        points: float (V, 2), column and row, centres at integers.
        faces: int (F, 3), of either orientation.
        rows: Of the picture.
        columns: Of the picture.

    Returns:
        bool (rows, columns).
    """
    row = np.clip(np.ceil(points[:, 1]), 0, rows).astype(np.int64)
    column = np.clip(np.ceil(points[:, 0]), 0, columns)
    a, b, c = faces.T
    kept = _differ(row, a, b, c) & _differ(column, a, b, c)
    # Corners from top to bottom by three exchanges: sorting rows of three is slow.
    y = points[:, 1]
    a, b, c = a[kept], b[kept], c[kept]
    a, b = _ordered(y, a, b)
    b, c = _ordered(y, b, c)
    a, b = _ordered(y, a, b)
    faces = np.stack([a, b, c], 1)
    row = row[faces]
    x, y = points[:, 0][faces], y[faces]
    start = np.stack([x[:, 0], x[:, 0], x[:, 1]], 1)
    begin = np.stack([y[:, 0], y[:, 0], y[:, 1]], 1)
    fall = np.stack([y[:, 2] - y[:, 0], y[:, 1] - y[:, 0], y[:, 2] - y[:, 1]], 1)
    run = np.stack([x[:, 2] - x[:, 0], x[:, 1] - x[:, 0], x[:, 2] - x[:, 1]], 1)
    slope = run / np.where(fall > 0, fall, 1.0)
    heights = row[:, 2] - row[:, 0]
    face = np.repeat(np.arange(len(faces)), heights)
    line = np.arange(len(face)) - (np.cumsum(heights) - heights - row[:, 0])[face]
    short = 1 + (line >= row[face, 1])
    long_x = start[face, 0] + (line - begin[face, 0]) * slope[face, 0]
    other = start[face, short] + (line - begin[face, short]) * slope[face, short]
    low = np.clip(np.ceil(np.minimum(long_x, other)), 0, columns).astype(np.int64)
    high = np.clip(np.ceil(np.maximum(long_x, other)), 0, columns).astype(np.int64)
    width = columns + 1
    length = rows * width
    used = high > low
    line = line[used] * width
    steps = np.bincount(line + low[used], minlength=length)
    steps -= np.bincount(line + high[used], minlength=length)
    return steps.reshape(rows, width).cumsum(1)[:, :columns] > 0


def silhouette(
    surface: Surface, camera: Camera, size: int, samples: int | None = None
) -> NDArray[np.float32]:
    """Share of every pixel that a surface covers, as a render of it alone shows.

    Args:
        surface: In the world.
        camera: The view.
        size: Edge of the picture, pixels.
        samples: Along each side of a pixel; default ``samples_for(size)``.

    Returns:
        float32 (S, S) in [0, 1].
    """
    if not len(surface.faces):
        return np.zeros((size, size), np.float32)
    samples = samples or samples_for(size)
    fine = size * samples
    flat = camera.project(
        torch.from_numpy(np.ascontiguousarray(surface.points, dtype=np.float64)), (fine, fine)
    )
    points = flat.numpy()
    faces = surface.faces
    if camera.distance is not None:
        faces = faces[(points[:, 2][faces] > _NEAREST).all(1)]
    if not len(faces):
        return np.zeros((size, size), np.float32)
    used = points[:, :2] if len(faces) == len(surface.faces) else points[faces.ravel(), :2]
    low = np.clip(np.floor(used.min(0) / samples), 0, size).astype(int)
    high = np.clip(np.ceil((used.max(0) + 1) / samples), low, size).astype(int)
    columns, rows = (high - low) * samples
    inside = cover(points[:, :2] - low * samples, faces, rows, columns).view(np.uint8)
    across = sum((inside[:, k::samples] for k in range(1, samples)), inside[:, ::samples])
    total = sum((across[k::samples] for k in range(1, samples)), across[::samples])
    out = np.zeros((size, size), np.float32)
    out[low[1] : high[1], low[0] : high[0]] = total * np.float32(1 / samples**2)
    return out
