"""Surfaces to dress a figure with: tubes, balls, boxes, plates, sweeps, in metres.

Only their silhouette counts, so a surface may be open, may pass through itself and has no orientation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.floating]
Faces = NDArray[np.integer]


@dataclass(frozen=True)
class Surface:
    """Triangles in the world.

    Args:
        points: float (N, 3), metres.
        faces: int (M, 3).
    """

    points: Array
    faces: Faces

    def moved(self, matrix: Array) -> Surface:
        """The surface under an affine map (3, 4)."""
        return Surface(self.points @ matrix[:, :3].T + matrix[:, 3], self.faces)


def merge(surfaces: Sequence[Surface]) -> Surface:
    """All surfaces as one; an empty one when there are none."""
    if not surfaces:
        return Surface(np.zeros((0, 3)), np.zeros((0, 3), int))
    starts = np.cumsum([0] + [len(s.points) for s in surfaces[:-1]])
    faces = [s.faces + start for s, start in zip(surfaces, starts, strict=True)]
    return Surface(np.concatenate([s.points for s in surfaces]), np.concatenate(faces))


def unit(vectors: ArrayLike) -> Array:
    """Vectors (..., 3) at length one; zeros stay."""
    array = np.asarray(vectors, float)
    return array / np.maximum(np.linalg.norm(array, axis=-1, keepdims=True), 1e-12)


def grid_faces(rows: int, columns: int, closed: bool) -> Faces:
    """Triangles of a grid of points numbered row by row; ``closed`` joins the last column to the first."""
    a = np.arange(rows - 1)[:, None] * columns
    b = np.arange(columns if closed else columns - 1)[None]
    after = (b + 1) % columns
    corner = np.stack([a + b, a + after, a + columns + b, a + columns + after], axis=-1).reshape(-1, 4)
    return np.concatenate([corner[:, [0, 1, 2]], corner[:, [1, 3, 2]]])


def sheet(points: Array, closed: bool = False) -> Surface:
    """A grid of points (rows, columns, 3) as a surface."""
    rows, columns = points.shape[:2]
    return Surface(points.reshape(-1, 3), grid_faces(rows, columns, closed))


def tube(rings: Array) -> Surface:
    """Rings of points (rows, columns, 3) as a closed surface with flat ends."""
    rows, columns = rings.shape[:2]
    ends = rings[[0, -1]].mean(1)
    points = np.concatenate([rings.reshape(-1, 3), ends])
    around = np.arange(columns)
    after = (around + 1) % columns
    top = np.stack([np.full(columns, rows * columns), after, around], 1)
    last = (rows - 1) * columns
    bottom = np.stack([np.full(columns, rows * columns + 1), last + around, last + after], 1)
    return Surface(points, np.concatenate([grid_faces(rows, columns, True), top, bottom]))


def sweep(lines: Array, radii: Array, sides: int = 4, flat: float = 1.0) -> Surface:
    """Strands along lines.

    Args:
        lines: float (N, K, 3), their centre lines.
        radii: float (N, K) or what broadcasts to it.
        sides: Corners of the cross-section.
        flat: Second radius over the first.
    """
    count, steps = lines.shape[:2]
    tangent = unit(np.gradient(lines, axis=1))
    mean = np.abs(lines[:, -1] - lines[:, 0])
    least = np.eye(3)[mean.argmin(1)][:, None]
    side = unit(np.cross(tangent, least))
    other = np.cross(tangent, side)
    angle = np.arange(sides) * (2 * np.pi / sides) + np.pi / 4
    radius = np.broadcast_to(radii, (count, steps))[..., None, None]
    around = side[:, :, None] * np.cos(angle)[:, None] + flat * other[:, :, None] * np.sin(angle)[:, None]
    points = lines[:, :, None] + radius * around
    one = grid_faces(steps, sides, True)
    faces = (np.arange(count) * steps * sides)[:, None, None] + one[None]
    return Surface(points.reshape(-1, 3), faces.reshape(-1, 3))


def strand(line: ArrayLike, radii: ArrayLike, sides: int = 8, flat: float = 1.0) -> Surface:
    """One strand along a line (K, 3) with radii (K,) or one radius."""
    return sweep(np.asarray(line, float)[None], np.asarray(radii, float).reshape(1, -1), sides, flat)


def ball(centre: ArrayLike, axes: ArrayLike, rings: int = 9, sides: int = 16) -> Surface:
    """An ellipsoid; ``axes`` rows are its three half axes (3, 3), or one radius."""
    half = np.asarray(axes, float)
    half = half * np.eye(3) if half.ndim < 2 else half
    polar = np.linspace(0, np.pi, rings)[:, None]
    turn = np.arange(sides)[None] * (2 * np.pi / sides)
    local = np.stack(
        np.broadcast_arrays(np.sin(polar) * np.cos(turn), np.sin(polar) * np.sin(turn), np.cos(polar)), -1
    )
    return sheet(local @ half + np.asarray(centre, float), closed=True)


_CORNERS = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float)
_SIDES = ((0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3))
_BOX = np.array([corners for a, b, c, d in _SIDES for corners in ((a, b, c), (a, c, d))])


def box(centre: ArrayLike, axes: ArrayLike) -> Surface:
    """A box; ``axes`` rows are its three half edges (3, 3), or their lengths along x, y, z (3,)."""
    half = np.asarray(axes, float)
    half = np.diag(half) if half.ndim < 2 else half
    return Surface(_CORNERS @ half + np.asarray(centre, float), _BOX)


def rounded_box(centre: ArrayLike, axes: ArrayLike, power: float = 0.35) -> Surface:
    """A pillow between box and ellipsoid; ``power`` 1 is the ellipsoid, towards 0 the box."""
    half = np.asarray(axes, float)
    half = np.diag(half) if half.ndim < 2 else half
    local = ball(np.zeros(3), 1.0, 11, 20)
    points = np.sign(local.points) * np.abs(local.points) ** power
    return Surface(points @ half + np.asarray(centre, float), local.faces)


def plate(outline: ArrayLike, frame: Array, thickness: float) -> Surface:
    """A convex polygon with thickness.

    Args:
        outline: float (N, 2), corners in the frame's plane, metres.
        frame: float (3, 4): columns are the plane's two axes, its normal and its origin.
        thickness: Of the plate, metres.
    """
    corners = np.asarray(outline, float)
    count = len(corners)
    flat = np.concatenate(
        [np.column_stack([corners, np.full(count, s * thickness / 2)]) for s in (1.0, -1.0)]
    )
    fan = np.stack([np.zeros(count - 2, int), np.arange(1, count - 1), np.arange(2, count)], 1)
    sides = grid_faces(2, count, True)
    faces = np.concatenate([fan, fan + count, sides])
    return Surface(flat @ frame[:, :3].T + frame[:, 3], faces)


def strip(first: ArrayLike, second: ArrayLike, frame: Array, thickness: float) -> Surface:
    """A flat band between two polylines (N, 2) of a plane, with thickness; for shapes that are not convex."""
    a, b = np.asarray(first, float), np.asarray(second, float)
    count = len(a)
    layers = [
        np.column_stack([line, np.full(count, s * thickness / 2)])
        for line, s in ((a, 1.0), (b, 1.0), (b, -1.0), (a, -1.0))
    ]
    rings = np.stack(layers, 1) @ frame[:, :3].T + frame[:, 3]
    return tube(rings)


def frame_of(origin: ArrayLike, first: ArrayLike, second: ArrayLike) -> Array:
    """A right-angled frame (3, 4): first axis as given, second towards ``second``, third their normal, origin."""
    u = unit(first)
    third = unit(np.cross(u, np.asarray(second, float)))
    return np.column_stack([u, np.cross(third, u), third, np.asarray(origin, float)])


def waves(points: Array, random: np.random.Generator, length: float, count: int = 6) -> Array:
    """Smooth noise at points (..., 3), about -1 to 1: the sum of plane waves whose lengths lie near ``length`` metres."""
    directions = unit(random.normal(size=(count, 3)))
    numbers = 2 * np.pi / (length * random.uniform(0.7, 1.6, (count, 1)))
    phase = random.uniform(0, 2 * np.pi, count)
    return np.sin(points @ (directions * numbers).T + phase).sum(-1) / np.sqrt(count)


def smooth(values: Array, passes: int = 1) -> Array:
    """Binomial smoothing along the last axis but one of lines (..., K, 3); their ends stay."""
    for _ in range(passes):
        inner = (values[..., :-2, :] + 2 * values[..., 1:-1, :] + values[..., 2:, :]) / 4
        values = np.concatenate([values[..., :1, :], inner, values[..., -1:, :]], axis=-2)
    return values
