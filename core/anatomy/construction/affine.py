"""Affine maps (3, 4) between a source skeleton and a body."""

from __future__ import annotations

import numpy as np

Affine = np.ndarray


def unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)


def frame(axis: np.ndarray, side: np.ndarray) -> np.ndarray:
    """Right-handed orthonormal columns: along the axis, towards ``side``, and across."""
    along = unit(axis)
    towards = unit(side - (side @ along) * along)
    return np.stack([along, towards, np.cross(along, towards)], axis=1)


def affine(matrix: np.ndarray, source: np.ndarray, target: np.ndarray) -> Affine:
    return np.concatenate([matrix, (target - matrix @ source)[:, None]], axis=1)


def moved(affine: Affine, point: np.ndarray) -> np.ndarray:
    return affine[:, :3] @ point + affine[:, 3]


def segment(
    source: tuple[np.ndarray, np.ndarray],
    target: tuple[np.ndarray, np.ndarray],
    sides: tuple[np.ndarray, np.ndarray],
    girth: float,
) -> Affine:
    """Map a bone between two joint centres, its length stretched and its girth scaled; sides settle the roll."""
    a, b = source
    c, d = target
    length = np.linalg.norm(d - c) / np.linalg.norm(b - a)
    matrix = frame(d - c, sides[1]) @ np.diag([length, girth, girth]) @ frame(b - a, sides[0]).T
    return affine(matrix, a, c)


def least_squares(source: np.ndarray, target: np.ndarray) -> Affine:
    """Affine map of points (N, 3) onto points (N, 3), N >= 4 and not in a plane."""
    ones = np.ones((len(source), 1))
    return np.linalg.lstsq(np.hstack([source, ones]), target, rcond=None)[0].T


def similarity(source: np.ndarray, target: np.ndarray, weights: np.ndarray) -> Affine:
    """Rotation, uniform scale and shift of points (N, 3) onto points (N, 3), weighted (Umeyama 1991)."""
    share = (weights / weights.sum())[:, None]
    from_mean, to_mean = (share * source).sum(0), (share * target).sum(0)
    a, b = source - from_mean, target - to_mean
    left, stretch, right = np.linalg.svd((share * b).T @ a)
    sign = np.array([1.0, 1.0, np.sign(np.linalg.det(left @ right))])
    scale = (stretch * sign).sum() / (share * a * a).sum()
    return affine(scale * left @ np.diag(sign) @ right, from_mean, to_mean)
