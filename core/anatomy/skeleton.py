"""The skeleton inside a body: one affine map a bone, a function of shape and pose."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from maskel_core.anatomy.age import PIECE_KINDS, nucleus_size
from maskel_core.anatomy.asset import Anatomy
from maskel_core.anatomy.body import Shape, rest_shape, shape_coefficients

_WEIGHT, _MUSCLE = 3, 2
_LEAN_WEIGHT, _LEAN_MUSCLE = 0.5, 0.6


def lean_phenotypes(phenotypes: torch.Tensor) -> torch.Tensor:
    """The same person without excess fat and muscle, which bones do not follow; float (B, 6)."""
    lean = phenotypes.clone()
    lean[:, _WEIGHT] = lean[:, _WEIGHT].clamp(max=_LEAN_WEIGHT)
    lean[:, _MUSCLE] = lean[:, _MUSCLE].clamp(max=_LEAN_MUSCLE)
    return lean


@dataclass
class Skeleton:
    """Bones of a batch of posed bodies.

    Args:
        maps: float (B, bones, 3, 4), from each bone's own space to the world, metres.
        landmarks: float (B, 27, 3), the named joints in the order of ``JOINT_NAMES``, metres.
    """

    maps: torch.Tensor
    landmarks: torch.Tensor

    def vertices(self, anatomy: Anatomy, body: int, years: float) -> torch.Tensor:
        """World positions (N, 3) of all bone vertices of one body of the batch, its ossification centres as grown at its age."""
        kind, appears, closes = (anatomy[f"piece.{key}"] for key in ("kind", "appears", "closes"))
        grown = nucleus_size(years, appears, closes)
        size = torch.where(kind == PIECE_KINDS.index("nucleus"), grown, torch.ones_like(grown))
        piece = anatomy["bone.vertex_piece"]
        centre = anatomy["piece.centre"][piece]
        points = centre + (anatomy["bone.vertices"] - centre) * size[piece].unsqueeze(1)
        maps = self.maps[body][anatomy["piece.bone"][piece]]
        return (maps[..., :3] @ points.unsqueeze(-1)).squeeze(-1) + maps[..., 3]


def _apply(maps: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    return (maps[..., :3] @ points.unsqueeze(-1)).squeeze(-1) + maps[..., 3]


def _compose(outer: torch.Tensor, inner: torch.Tensor) -> torch.Tensor:
    return torch.cat([outer[..., :3] @ inner[..., :3], _apply(outer, inner[..., 3]).unsqueeze(-1)], dim=-1)


def rotation_between(start: torch.Tensor, end: torch.Tensor) -> torch.Tensor:
    """Smallest rotation (..., 3, 3) that turns vectors ``start`` (..., 3) to the direction of ``end`` (..., 3)."""
    a = torch.nn.functional.normalize(start, dim=-1)
    b = torch.nn.functional.normalize(end, dim=-1)
    axis = torch.linalg.cross(a, b)
    cos = (a * b).sum(-1)[..., None, None].clamp(min=-0.9999)
    zero = torch.zeros_like(axis[..., 0])
    x, y, z = axis.unbind(-1)
    skew = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=-1).unflatten(-1, (3, 3))
    return torch.eye(3, dtype=a.dtype, device=a.device) + skew + skew @ skew / (1 + cos)


def rest_bones(anatomy: Anatomy, phenotypes: torch.Tensor, shape: Shape) -> torch.Tensor:
    """Maps from each bone's own space to the resting bodies, float (B, bones, 3, 4).

    Args:
        anatomy: The asset.
        phenotypes: float (B, 6).
        shape: Rest state of the same bodies.
    """
    lean = shape_coefficients(anatomy, lean_phenotypes(phenotypes))
    lean_heads = rest_shape(anatomy, lean).heads
    rest = anatomy["bone.affine"] + torch.einsum("bk,knij->bnij", lean, anatomy["bone.affine_basis"])
    weights, joints = anatomy["bone.joint_weights"], anatomy["bone.joint_indices"]
    moved = (weights[None, ..., None] * (shape.heads - lean_heads)[:, joints]).sum(2)
    return torch.cat([rest[..., :3], rest[..., 3:] + moved.unsqueeze(-1)], dim=-1)


def pose_bones(anatomy: Anatomy, rest: torch.Tensor, transforms: torch.Tensor) -> Skeleton:
    """Bones carried from rest to a pose.

    Args:
        anatomy: The asset.
        rest: float (B, bones, 3, 4), as ``rest_bones`` gives them.
        transforms: float (B, J, 3, 4), as ``joint_transforms`` gives them.
    """
    weights, joints = anatomy["bone.joint_weights"], anatomy["bone.joint_indices"]
    carried = (weights[None, ..., None, None] * transforms[:, joints]).sum(2)
    maps = _compose(carried, rest)

    bones, carriers = anatomy["anchor.bone"], anatomy["anchor.joints"]
    resting = _apply(rest[:, bones].unsqueeze(2), anatomy["anchor.points"][None])
    wanted = _apply(transforms[:, carriers], resting)
    have = _apply(maps[:, bones].unsqueeze(2), anatomy["anchor.points"][None])
    span_wanted, span_have = wanted[:, :, 1] - wanted[:, :, 0], have[:, :, 1] - have[:, :, 0]
    stretch = (span_wanted.norm(dim=-1) / span_have.norm(dim=-1)).clamp(0.9, 1.1)
    turn = rotation_between(span_have, span_wanted) * stretch[..., None, None]
    shift = wanted[:, :, 0] - (turn @ have[:, :, 0].unsqueeze(-1)).squeeze(-1)
    maps = maps.clone()
    maps[:, bones] = _compose(torch.cat([turn, shift.unsqueeze(-1)], dim=-1), maps[:, bones])
    landmarks = _apply(maps[:, anatomy["landmark.bone"]], anatomy["landmark.point"][None])
    return Skeleton(maps, landmarks)
