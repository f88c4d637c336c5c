"""Which skin lies over which bone: the table from which posed skin is drawn over bony prominences."""

from __future__ import annotations

import numpy as np
import torch
from scipy.spatial import cKDTree

_DEEPEST = 0.035
"""Bone deeper than this under the resting skin needs no cover, metres at adult size."""
_APART = 0.007
"""Distance between the points that stand for a bone's surface, metres at adult size."""
_PATCH = 14
"""Skin vertices that are asked about each point."""


def build_covers(
    bones: dict[int, np.ndarray], skin: np.ndarray, open_skin: np.ndarray, scale: float
) -> dict[str, torch.Tensor]:
    """Points of the bones that lie near the skin, and the patch of skin over each.

    Args:
        bones: Vertices (N, 3) of the outer surface of each bone by its number, at rest in a reference body, metres.
        skin: float (V, 3), the same body's skin.
        open_skin: bool (V,), vertices that face the outside.
        scale: Stature of that body relative to 1.75 m.

    Returns:
        ``cover.bone`` (P,), ``cover.vertex`` (P,) the number of the vertex in its bone, ``cover.patch`` (P, 14) skin vertices.
    """
    outside = open_skin.nonzero()[0]
    tree = cKDTree(skin[outside])
    owners, vertices, patches = [], [], []
    for bone, points in bones.items():
        distance, _ = tree.query(points)
        near = (distance < _DEEPEST * scale).nonzero()[0]
        kept = _thinned(points[near], min(_APART * scale, 0.2 * float(np.ptp(points, axis=0).max())))
        if not len(kept):
            continue
        chosen = near[kept]
        _, patch = tree.query(points[chosen], k=_PATCH)
        owners += [bone] * len(chosen)
        vertices += chosen.tolist()
        patches.append(outside[patch])
    return {
        "cover.bone": torch.tensor(owners).to(torch.uint8),
        "cover.vertex": torch.tensor(vertices).to(torch.int32),
        "cover.patch": torch.tensor(np.concatenate(patches)).to(torch.int16),
    }


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
