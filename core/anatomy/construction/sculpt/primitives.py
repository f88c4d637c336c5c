"""Signed distances of simple solids on a grid, positive inside, metres, and smooth ways to join them.

Distances are exact or bounds from below (Quilez, "Distance functions"); level sets near zero are what matters.
"""

from __future__ import annotations

import numpy as np
from maskel_core.anatomy.construction.remesh import DistanceField

Field = np.ndarray


class Grid:
    """Points of a voxel grid that covers a box.

    Args:
        low: (3,) corner, metres.
        high: (3,) opposite corner, metres.
        voxel: Grid edge, metres.
    """

    def __init__(self, low: np.ndarray, high: np.ndarray, voxel: float) -> None:
        self.origin, self.voxel = np.asarray(low, dtype=np.float64), voxel
        counts = np.ceil((np.asarray(high) - self.origin) / voxel).astype(int) + 1
        axes = [(self.origin[i] + voxel * np.arange(counts[i])).astype(np.float32) for i in range(3)]
        self.points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)

    @classmethod
    def like(cls, field: DistanceField) -> Grid:
        """The grid of an existing field."""
        counts = np.array(field.values.shape) - 1
        grid = cls(field.origin, field.origin + counts * field.voxel, field.voxel)
        grid.points = grid.points[tuple(slice(0, n) for n in field.values.shape)]
        return grid

    def around(self, places: np.ndarray, reach: float) -> tuple[slice, slice, slice]:
        """Index of the voxels within ``reach`` metres of the box of ``places`` (N, 3)."""
        low = np.floor((places.min(0) - reach - self.origin) / self.voxel).astype(int).clip(0)
        high = np.ceil((places.max(0) + reach - self.origin) / self.voxel).astype(int) + 1
        x, y, z = (slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
        return x, y, z

    def local(self, origin: np.ndarray, axes: np.ndarray) -> np.ndarray:
        """The points in a frame: (..., 3) along the rows of ``axes`` (3, 3), from ``origin``."""
        return (self.points - origin.astype(np.float32)) @ axes.T.astype(np.float32)

    def field(self, values: Field) -> DistanceField:
        """Values on this grid as a distance field."""
        return DistanceField(values.astype(np.float32), self.origin, self.voxel)


def sphere(points: np.ndarray, centre, radius: float) -> Field:
    """A ball."""
    return radius - np.linalg.norm(points - np.asarray(centre, dtype=np.float32), axis=-1)


def ellipsoid(points: np.ndarray, centre, radii) -> Field:
    """An ellipsoid along the axes; a first-order distance."""
    scaled = points - np.asarray(centre, dtype=np.float32)
    radii = np.asarray(radii, dtype=np.float32)
    k0 = np.linalg.norm(scaled / radii, axis=-1)
    k1 = np.linalg.norm(scaled / radii**2, axis=-1)
    return (1 - k0) * k0 / np.maximum(k1, 1e-9)


def capsule(
    points: np.ndarray, start, stop, radius: float, end_radius: float | None = None, flat=None
) -> Field:
    """A rod with round ends; its radius goes linearly from ``radius`` to ``end_radius``.

    Args:
        points: float (..., 3).
        start: One end, (3,).
        stop: The other end, (3,).
        radius: At ``start``, metres.
        end_radius: At ``stop``; default the same.
        flat: A direction (3,) along which the rod is wide, times the factor of width less one: a flattened rod.
    """
    a, b = np.asarray(start, dtype=np.float32), np.asarray(stop, dtype=np.float32)
    axis = b - a
    share = np.clip(((points - a) @ axis) / max(float(axis @ axis), 1e-12), 0, 1)
    offset = points - (a + share[..., None] * axis)
    if flat is not None:
        wide = np.asarray(flat, dtype=np.float32)
        factor = float(np.linalg.norm(wide))
        wide = wide / factor
        along = (offset @ wide)[..., None] * wide
        offset = offset - along * (1 - 1 / (1 + factor))
    size = radius + (radius if end_radius is None else end_radius) * share - radius * share
    return size - np.linalg.norm(offset, axis=-1)


def tube(points: np.ndarray, path: np.ndarray, radii: np.ndarray, blend: float = 0.0) -> Field:
    """A chain of rods through the points of ``path`` (N, 3), with a radius at each."""
    out = None
    for i in range(len(path) - 1):
        rod = capsule(points, path[i], path[i + 1], float(radii[i]), float(radii[i + 1]))
        out = rod if out is None else union(out, rod, blend)
    assert out is not None
    return out


def union(a: Field, b: Field, blend: float = 0.0) -> Field:
    """Either solid, the crease between them filled over ``blend`` metres."""
    if blend <= 0:
        return np.maximum(a, b)
    h = np.maximum(blend - np.abs(a - b), 0) / blend
    return np.maximum(a, b) + h * h * blend * 0.25


def intersection(a: Field, b: Field, blend: float = 0.0) -> Field:
    """What both solids share, the edge rounded over ``blend`` metres."""
    return -union(-a, -b, blend)


def without(a: Field, b: Field, blend: float = 0.0) -> Field:
    """The first solid less the second, the edge rounded over ``blend`` metres."""
    return intersection(a, -b, blend)
