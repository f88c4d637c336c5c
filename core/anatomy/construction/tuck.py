"""Keeps fitted bones under the skin."""

from __future__ import annotations

import numpy as np
import trimesh
from scipy.spatial import cKDTree


class Skin:
    """Signed depth under a resting skin, from its nearest vertex and that vertex's normal.

    Args:
        vertices: float (V, 3), metres.
        faces: int (F, 3).
    """

    def __init__(self, vertices: np.ndarray, faces: np.ndarray) -> None:
        self.vertices = vertices
        self.normals = np.asarray(trimesh.Trimesh(vertices, faces, process=False).vertex_normals)
        self._tree = cKDTree(vertices)

    def depth(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Depth (N,) of points under the skin (negative outside), metres, and the outward normals there (N, 3)."""
        _, nearest = self._tree.query(points)
        normals = self.normals[nearest]
        return -((points - self.vertices[nearest]) * normals).sum(1), normals


def tuck(
    affine: np.ndarray,
    points: np.ndarray,
    skin: Skin,
    margin: float,
    *,
    slender: bool,
    reach: float = 0.005,
    least: float = 0.85,
) -> np.ndarray:
    """Move, and if that does not do, thin a bone until it lies ``margin`` metres under the skin, or nearly.

    Its ends stay where the joints are: a slender bone moves and thins only across its axis.

    Args:
        affine: (3, 4) from the bone's space to the resting body.
        points: (N, 3) of the bone's surface in its own space.
        skin: The resting skin.
        margin: Least cover of soft tissue, metres.
        slender: Whether the bone has a long axis to keep.
        reach: Farthest the bone may move, metres.
        least: Smallest factor on its girth (slender) or size.
    """
    affine = affine.copy()
    placed = points @ affine[:, :3].T + affine[:, 3]
    centre = placed.mean(0)
    axis = np.linalg.svd(placed - centre, full_matrices=False)[2][0]
    across = np.eye(3) - np.outer(axis, axis) if slender else np.eye(3)
    thinner = np.eye(3) - 0.03 * across
    shift, size = np.zeros(3), 1.0
    for step in range(10):
        placed = points @ affine[:, :3].T + affine[:, 3]
        depth, normals = skin.depth(placed)
        lack = margin - depth
        bad = lack > 0
        if not bad.any():
            break
        push = across @ -(normals[bad] * lack[bad, None])[lack[bad] >= 0.5 * lack[bad].max()].mean(0)
        wanted = shift + 0.7 * push
        wanted *= min(1.0, reach / max(float(np.linalg.norm(wanted)), 1e-9))
        affine[:, 3] += wanted - shift
        shift = wanted
        if step >= 3 and size > least:
            size *= 0.97
            pivot = centre + shift
            affine = np.concatenate(
                [thinner @ affine[:, :3], (thinner @ (affine[:, 3] - pivot) + pivot)[:, None]], axis=1
            )
    return affine
