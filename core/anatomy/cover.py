"""Draws the posed skin over the bones that press against it from within.

Skin weights alone let elbows, kneecaps, knuckles and hip bones break through where a joint bends far; real skin slides and stands
over them.
"""

from __future__ import annotations

import torch
from maskel_core.anatomy.asset import Anatomy

_COVER = 0.0016
"""Least depth of bone under the skin that is kept, metres in a body of 1.75 m."""
_HIGHEST = 0.012
"""Farthest that a point lifts the skin in one round, metres in a body of 1.75 m. Standing, a centimetre is the most that is
needed in all; under the sit bones in a deep squat and over the collarbone of a raised arm, where skin weights collapse, four."""
_FOLD = 0.020
_ROUNDS = 4


def cover_bones(anatomy: Anatomy, skin: torch.Tensor, maps: torch.Tensor, size: float) -> torch.Tensor:
    """Posed skin, raised where bones would show.

    Args:
        anatomy: The asset; one without covers leaves the skin as it is.
        skin: float (V, 3), metres.
        maps: float (bones, 3, 4), posed.
        size: Stature relative to 1.75 m.

    Returns:
        float (V, 3).
    """
    if "cover.bone" not in anatomy:
        return skin
    chosen = maps[anatomy["cover.bone"]]
    points = (chosen[..., :3] @ anatomy["cover.points"].unsqueeze(-1)).squeeze(-1) + chosen[..., 3]
    patch, faces = _patches(anatomy, points, skin), anatomy["body.faces"]
    normals = vertex_normals(skin, faces)
    kept = None
    for _ in range(_ROUNDS):
        offset = points.unsqueeze(1) - skin[patch]
        distance = offset.norm(dim=-1)
        # Three neighbours vote: in a fold one of them belongs to the other side, and sees the bone deep inside.
        nearest = distance.topk(3, dim=1, largest=False).indices
        facings = normals[patch.gather(1, nearest)]
        heights = (offset.gather(1, nearest.unsqueeze(-1).expand(-1, -1, 3)) * facings).sum(-1)
        middle = heights.median(1)
        facing = facings.gather(1, middle.indices[:, None, None].expand(-1, -1, 3)).squeeze(1)
        lack = middle.values + _COVER * size
        lack = torch.where(heights.amin(1) < -_FOLD * size, -torch.ones_like(lack), lack)
        if kept is None:
            # What is far under the skin now stays there: only the bones near the surface are asked again.
            kept = lack > -0.006 * size
            points, patch = points[kept], patch[kept]
            offset, distance, facing, lack = offset[kept], distance[kept], facing[kept], lack[kept]
        bare = lack > 0
        if not bool(bare.any()):
            break
        # Each patch rises like a tent: most over the point itself.
        reach = distance[bare].mean(1, keepdim=True).clamp(min=0.004 * size) * 1.3
        rise = lack[bare].clamp(max=_HIGHEST * size).unsqueeze(1) * torch.exp(
            -((distance[bare] / reach) ** 2)
        )
        along = (normals[patch[bare]] * facing[bare].unsqueeze(1)).sum(-1).clamp(min=0)
        height = torch.zeros_like(skin[:, 0]).scatter_reduce(
            0, patch[bare].reshape(-1), (rise * along).reshape(-1), "amax"
        )
        skin = skin + normals * height.unsqueeze(1)
    return skin


def _patches(anatomy: Anatomy, points: torch.Tensor, skin: torch.Tensor) -> torch.Tensor:
    """Skin vertices (P, 14) over each point: those of rest, or for bones that slide under the skin the nearest now."""
    patch = anatomy["cover.patch"]
    if "cover.slider" not in anatomy:
        return patch
    patch = patch.clone()
    for bone, around in zip(anatomy["cover.slider"], anatomy["cover.around"], strict=True):
        chosen = (anatomy["cover.bone"] == bone).nonzero().squeeze(1)
        apart = torch.cdist(points[chosen], skin[around])
        patch[chosen] = around[apart.topk(patch.shape[1], dim=1, largest=False).indices]
    return patch


def vertex_normals(vertices: torch.Tensor, faces: torch.Tensor) -> torch.Tensor:
    """Unit normals (V, 3) of a mesh, area-weighted; faces counter-clockwise seen from outside."""
    a, b, c = (vertices.index_select(0, corner) for corner in faces.T)
    areas = torch.linalg.cross(b - a, c - a)
    normals = torch.zeros_like(vertices)
    for corner in faces.T:
        normals.index_add_(0, corner, areas)
    return torch.nn.functional.normalize(normals, dim=1)
