"""Which skin lies over which bone: the table from which posed skin is drawn over bony prominences."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

_DEEPEST = 0.035
"""Bone deeper than this under the resting skin needs no cover, metres at adult size."""
_APART = 0.007
"""Distance between the points that stand for a bone's surface, metres at adult size."""
_PATCH = 14
"""Skin vertices that are asked about each point."""


def build_covers(
    bones: dict[int, np.ndarray],
    skin: np.ndarray,
    open_skin: np.ndarray,
    scale: float,
    mirror: np.ndarray,
    axial: set[int],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points of the bones that lie near the skin, and the patch of skin over each.

    Args:
        bones: Vertices (N, 3) of the outer surface of each bone by its number, at rest in a reference body, metres.
        skin: float (V, 3), the same body's skin.
        open_skin: bool (V,), vertices that face the outside.
        scale: Stature of that body relative to 1.75 m.
        mirror: int (V,), the mirror image of each skin vertex.
        axial: Numbers of the bones on the mid-sagittal plane, whose points come as mirror images of each other.

    Returns:
        Bone (P,), point at rest (P, 3) and patch (P, 14) of skin vertices.
    """
    outside = open_skin.nonzero()[0]
    tree = cKDTree(skin[outside])
    owners, places, patches = [], [], []
    for bone, surface in bones.items():
        points = surface[surface[:, 0] <= 0] if bone in axial else surface
        distance, _ = tree.query(points)
        near = (distance < _DEEPEST * scale).nonzero()[0]
        kept = _thinned(points[near], min(_APART * scale, 0.2 * float(np.ptp(surface, axis=0).max())))
        if not len(kept):
            continue
        chosen = points[near[kept]]
        patch = outside[tree.query(chosen, k=_PATCH)[1]]
        if bone in axial:
            chosen = np.vstack([chosen, chosen * np.array([-1.0, 1.0, 1.0])])
            patch = np.vstack([patch, mirror[patch]])
        owners.append(np.full(len(chosen), bone))
        places.append(chosen)
        patches.append(patch)
    return np.concatenate(owners), np.concatenate(places), np.concatenate(patches)


def _thinned(points: np.ndarray, apart: float) -> np.ndarray:
    """Indices of points (N, 3) no two of which lie closer than ``apart``, in order."""
    if not len(points):
        return np.zeros(0, int)
    tree = cKDTree(points)
    free = np.ones(len(points), bool)
    kept = []
    for i in range(len(points)):
        if free[i]:
            kept.append(i)
            free[tree.query_ball_point(points[i], apart)] = False
    return np.array(kept)
