"""Clipping of triangles by the near and far planes in homogeneous clip space."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def clip_depth(triangles: FloatArray) -> FloatArray:
    """Cut triangles so that -w <= z <= w holds for all that is left.

    Args:
        triangles: (T, 3, 4) float64 clip coordinates.

    Returns:
        (U, 3, 4) float64; a triangle cut into a quadrilateral becomes two, one wholly outside none.

    """
    w = triangles[..., 3]
    triangles = _clip(triangles, triangles[..., 2] + w)
    return _clip(triangles, triangles[..., 3] - triangles[..., 2])


def _clip(triangles: FloatArray, distance: FloatArray) -> FloatArray:
    """Keep the part where the (T, 3) signed distance, linear over each triangle, is not negative."""
    inside = distance >= 0.0
    count = inside.sum(axis=1)
    parts = [triangles[count == 3]]
    for wanted in (1, 2):
        chosen = count == wanted
        if not chosen.any():
            continue
        # turn each triangle so that its odd vertex (the only one in, or the only one out) comes first; winding is kept
        odd = inside[chosen] if wanted == 1 else ~inside[chosen]
        turn = (np.argmax(odd, axis=1)[:, None] + np.arange(3)) % 3
        corners = np.take_along_axis(triangles[chosen], turn[:, :, None], axis=1)
        height = np.take_along_axis(distance[chosen], turn, axis=1)
        first, second, third = corners[:, 0], corners[:, 1], corners[:, 2]
        cut_second = _cut(first, second, height[:, 0], height[:, 1])
        cut_third = _cut(first, third, height[:, 0], height[:, 2])
        if wanted == 1:
            parts.append(np.stack([first, cut_second, cut_third], axis=1))
        else:
            parts.append(np.stack([cut_second, second, third], axis=1))
            parts.append(np.stack([cut_second, third, cut_third], axis=1))
    return np.concatenate(parts)


def _cut(a: FloatArray, b: FloatArray, height_a: FloatArray, height_b: FloatArray) -> FloatArray:
    return a + (b - a) * (height_a / (height_a - height_b))[:, None]
