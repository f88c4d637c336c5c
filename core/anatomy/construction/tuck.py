"""Keeps fitted bones under the skin."""

from __future__ import annotations

import numpy as np
import trimesh
from maskel_core.anatomy.asset import Anatomy
from scipy.spatial import cKDTree


class Skin:
    """Signed depth under a resting skin, from its nearest vertex and that vertex's normal.

    Args:
        vertices: float (V, 3), metres.
        faces: int (F, 3).
        outer: bool (V,), vertices that count as the outside of the body; the inside of the mouth does not.
    """

    def __init__(self, vertices: np.ndarray, faces: np.ndarray, outer: np.ndarray) -> None:
        self.vertices = vertices[outer]
        self.normals = np.asarray(trimesh.Trimesh(vertices, faces, process=False).vertex_normals)[outer]
        self._tree = cKDTree(self.vertices)

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
    reach: float = 0.005,
    least: float = 0.85,
) -> np.ndarray:
    """Move, and if that does not do, thin a long bone until it lies ``margin`` metres under the skin, or nearly.

    Its ends stay where the joints are: it moves and thins only across its axis.

    Args:
        affine: (3, 4) from the bone's space to the resting body.
        points: (N, 3) of the bone's surface in its own space.
        skin: The resting skin.
        margin: Least cover of soft tissue, metres.
        reach: Farthest the bone may move, metres.
        least: Smallest factor on its girth.
    """
    affine = affine.copy()
    placed = points @ affine[:, :3].T + affine[:, 3]
    centre = placed.mean(0)
    axis = np.linalg.svd(placed - centre, full_matrices=False)[2][0]
    across = np.eye(3) - np.outer(axis, axis)
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


def settle(
    affine: np.ndarray,
    points: np.ndarray,
    skin: Skin,
    margin: float,
    pins: np.ndarray,
    *,
    symmetric: bool,
    hold: float = 0.25,
    stiff: float = 0.008,
    rounds: int = 14,
) -> np.ndarray:
    """Bend an affine map as little as will do to lay a bone ``margin`` metres under the skin.

    Args:
        affine: (3, 4) from the bone's space to the resting body.
        points: (N, 3) of the bone's surface in its own space.
        skin: The resting skin.
        margin: Least cover of soft tissue, metres.
        pins: (M, 3) points of the bone's space that should stay where they are: its joints.
        symmetric: Whether the map must be its own mirror image, as that of a bone on the mid-sagittal plane.
        hold: Weight of the pins relative to a bone all of whose points lie bare.
        stiff: Weight of a point's first place, relative to that of getting under the skin.
        rounds: Most corrections.
    """
    own = np.hstack([points, np.ones((len(points), 1))])
    fixed = np.hstack([pins, np.ones((len(pins), 1))])
    start = affine
    for _ in range(rounds):
        placed = own @ affine.T
        depth, normals = skin.depth(placed)
        lack = margin - depth
        if lack.max() <= 0:
            break
        goal = np.where((lack > 0)[:, None], placed - normals * lack[:, None], placed)
        rows = [own, own, fixed]
        goals = [goal, own @ start.T, fixed @ start.T]
        weights = [
            np.where(lack > 0, 1.0, 0.04),
            np.full(len(own), stiff),
            np.full(len(fixed), hold * len(own) / max(1, len(fixed))),
        ]
        row, aim, weight = np.vstack(rows), np.vstack(goals), np.concatenate(weights)[:, None]
        if symmetric:
            mirror = np.array([-1.0, 1.0, 1.0])
            row, weight = np.vstack([row, row * np.append(mirror, 1.0)]), np.vstack([weight, weight])
            aim = np.vstack([aim, aim * mirror])
        affine = np.linalg.solve(row.T @ (weight * row), row.T @ (weight * aim)).T
    return affine


def open_vertices(anatomy: Anatomy) -> np.ndarray:
    """Skin vertices (V,) bool that face the outside; the others line mouth and eye sockets."""
    names = anatomy.names["joints"]
    head = np.array([n == "head" or n.startswith(("neck", "eye", "tongue", "jaw")) for n in names])
    weights, joints = anatomy["body.skin_weights"], anatomy["body.skin_joints"]
    dominant = joints.gather(1, weights.argmax(1, keepdim=True)).squeeze(1).numpy()
    eyes = anatomy["body.heads"][[names.index("eye.R"), names.index("eye.L")]].double().numpy()
    vertices = anatomy["body.template"].double().numpy()
    return _outside_vertices(vertices, anatomy["body.faces"].numpy(), head[dominant], eyes)


_EYE_REACH = 0.022
"""Farthest lining of an eye socket from the eye's centre in the mean body, metres: the eyeball's 12 mm and lids."""


def _outside_vertices(
    vertices: np.ndarray, faces: np.ndarray, chosen: np.ndarray, eyes: np.ndarray
) -> np.ndarray:
    """Vertices (V,) bool that see the outside along their normal: not the lining of mouth and eye sockets.

    Args:
        vertices: float (V, 3), the mean body, metres.
        faces: int (F, 3).
        chosen: bool (V,), the vertices in doubt, those of the head.
        eyes: float (E, 3), centres of the eyes.
    """
    mesh = trimesh.Trimesh(vertices, faces, process=False)
    normals = np.asarray(mesh.vertex_normals)
    doubtful = chosen.nonzero()[0]
    origins = vertices[doubtful] + 1e-4 * normals[doubtful]
    seen = np.ones(len(vertices), dtype=bool)
    seen[doubtful[mesh.ray.intersects_any(origins, normals[doubtful])]] = False
    for eye in eyes:
        towards = eye - vertices
        away = np.linalg.norm(towards, axis=1)
        seen &= ~((away < _EYE_REACH) & ((towards * normals).sum(1) > 0.3 * away))
    return seen


def ends(points: np.ndarray) -> np.ndarray:
    """Middles (2, 3) of the two ends of a bone along its longest extent; points (N, 3)."""
    centred = points - points.mean(0)
    along = centred @ np.linalg.svd(centred, full_matrices=False)[2][0]
    low, high = np.quantile(along, [0.1, 0.9])
    return np.stack([points[along <= low].mean(0), points[along >= high].mean(0)])
