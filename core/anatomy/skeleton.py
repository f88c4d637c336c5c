"""The skeleton inside a body: one affine map a bone, a function of shape and pose."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import torch
from maskel_core.anatomy.age import PIECE_KINDS, nucleus_size
from maskel_core.anatomy.asset import Anatomy
from maskel_core.anatomy.balls import round_balls
from maskel_core.anatomy.body import Shape, rest_shape, shape_coefficients
from maskel_core.anatomy.dimorphism import sexed
from maskel_core.anatomy.joints import JOINT_NAMES
from maskel_core.anatomy.seating import move_ends, seat_bones

_WEIGHT, _MUSCLE = 3, 2
_LEAN_WEIGHT, _LEAN_MUSCLE = 0.5, (0.4, 0.6)


def lean_phenotypes(phenotypes: torch.Tensor) -> torch.Tensor:
    """The same person without excess fat, and neither wasted nor muscular, which bones do not follow; float (B, 6)."""
    lean = phenotypes.clone()
    lean[:, _WEIGHT] = lean[:, _WEIGHT].clamp(max=_LEAN_WEIGHT)
    lean[:, _MUSCLE] = lean[:, _MUSCLE].clamp(*_LEAN_MUSCLE)
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

    def vertices(self, anatomy: Anatomy, body: int, years: float, gender: float = 0.5) -> torch.Tensor:
        """World positions (N, 3) of all bone vertices of one body of the batch, its ossification centres as grown at its age.

        Args:
            anatomy: The asset.
            body: Its number in the batch.
            years: Age.
            gender: 0 male to 1 female; pelvis and skull take their form from it.
        """
        points, owner, growing = _bone_layout(anatomy)
        if "bone.sex_vertex" in anatomy:
            points = sexed(anatomy, points, gender, years)
        if years < float(anatomy["piece.closes"].max()):
            grown = nucleus_size(years, anatomy["piece.appears"], anatomy["piece.closes"])
            piece = anatomy["bone.vertex_piece"][growing]
            centre = anatomy["piece.centre"][piece].T
            points = points.index_copy(1, growing, centre + (points[:, growing] - centre) * grown[piece])
        # Column by column: several times faster than a product of small matrices for every vertex.
        x, y, z = points
        entry = self.maps[body].flatten(1).T.index_select(1, owner).unflatten(0, (3, 4))
        posed = torch.stack(
            [row[3].addcmul(row[0], x).addcmul_(row[1], y).addcmul_(row[2], z) for row in entry]
        )
        if "ball.bone" in anatomy:
            posed = round_balls(anatomy, points, posed, self.maps[body])
        return posed.T


@functools.lru_cache(maxsize=4)
def _bone_layout(anatomy: Anatomy) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Bone vertices (3, N) in their bones' spaces, the bone of each (N,), and the vertices of ossification centres."""
    piece = anatomy["bone.vertex_piece"]
    nucleus = anatomy["piece.kind"] == PIECE_KINDS.index("nucleus")
    growing = nucleus[piece].nonzero().squeeze(1)
    return anatomy["bone.vertices"].T.contiguous(), anatomy["piece.bone"][piece], growing


def _apply(maps: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    return (maps[..., :3] @ points.unsqueeze(-1)).squeeze(-1) + maps[..., 3]


def compose(outer: torch.Tensor, inner: torch.Tensor) -> torch.Tensor:
    """Affine maps (..., 3, 4): ``inner`` first, then ``outer``."""
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
    moves = shape.heads - lean_heads
    moved = (weights[None, ..., None] * moves[:, joints]).sum(2)
    if "bone.end_joints" not in anatomy:
        return torch.cat([rest[..., :3], rest[..., 3:] + moved.unsqueeze(-1)], dim=-1)
    ends = moves[:, anatomy["bone.end_joints"]]
    long = (anatomy["slot.along"] != 0).any(1)[None, :, None]
    return move_ends(
        anatomy, rest, torch.where(long, ends[:, :, 0], moved), torch.where(long, ends[:, :, 1], moved)
    )


def hips_in_sockets(anatomy: Anatomy, shape: Shape, bones: torch.Tensor) -> Shape:
    """The same resting bodies, their legs turning about the centres of the femoral heads.

    anny's own joints for that lie 3 to 4 cm behind and beside any pelvis that its skin has room for.

    Args:
        anatomy: The asset.
        shape: Rest state of a batch of bodies.
        bones: float (B, bones, 3, 4), their bones at rest.
    """
    heads = shape.heads.clone()
    for side in "LR":
        landmark = JOINT_NAMES.index(f"hip_{side.lower()}")
        centre = anatomy["landmark.point"][landmark][None]
        heads[:, anatomy.joint(f"upperleg01.{side}")] = _apply(
            bones[:, anatomy["landmark.bone"][landmark]], centre
        )
    return Shape(shape.vertices, heads)


def pose_bones(anatomy: Anatomy, rest: torch.Tensor, transforms: torch.Tensor) -> Skeleton:
    """Bones carried from rest to a pose.

    Args:
        anatomy: The asset.
        rest: float (B, bones, 3, 4), as ``rest_bones`` gives them.
        transforms: float (B, J, 3, 4), as ``joint_transforms`` gives them.
    """
    weights, joints = anatomy["bone.joint_weights"], anatomy["bone.joint_indices"]
    carried = (weights[None, ..., None, None] * transforms[:, joints]).sum(2)
    maps = compose(carried, rest)

    bones, carriers = anatomy["anchor.bone"], anatomy["anchor.joints"]
    resting = _apply(rest[:, bones].unsqueeze(2), anatomy["anchor.points"][None])
    wanted = _apply(transforms[:, carriers], resting)
    have = _apply(maps[:, bones].unsqueeze(2), anatomy["anchor.points"][None])
    span_wanted, span_have = wanted[:, :, 1] - wanted[:, :, 0], have[:, :, 1] - have[:, :, 0]
    stretch = (span_wanted.norm(dim=-1) / span_have.norm(dim=-1)).clamp(0.9, 1.1)
    turn = rotation_between(span_have, span_wanted) * stretch[..., None, None]
    shift = wanted[:, :, 0] - (turn @ have[:, :, 0].unsqueeze(-1)).squeeze(-1)
    maps = maps.clone()
    maps[:, bones] = compose(torch.cat([turn, shift.unsqueeze(-1)], dim=-1), maps[:, bones])
    maps = seat_bones(anatomy, maps)
    landmarks = _apply(maps[:, anatomy["landmark.bone"]], anatomy["landmark.point"][None])
    return Skeleton(maps, landmarks)
