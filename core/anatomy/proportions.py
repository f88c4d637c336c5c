"""Proportions: a resting body scaled segment by segment, skin, joints and bones together.

Every joint's share of the body is stretched about the point where it meets its parent, which the parent carries along, so
neighbours stay together whatever their scales. Skin follows by its skin weights, bones by the joints that carry them.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import astuple, dataclass

import torch
from maskel_core.anatomy.asset import Anatomy
from maskel_core.anatomy.body import Shape, skin
from maskel_core.anatomy.joints import JOINT_NAMES
from maskel_core.anatomy.skeleton import compose


@dataclass(frozen=True)
class Scale:
    """Factors of one segment.

    Args:
        length: Along the limb; upwards for the axis, forwards for the foot.
        width: From side to side.
        depth: From front to back; upwards for the foot.
    """

    length: float = 1.0
    width: float = 1.0
    depth: float = 1.0

    @classmethod
    def even(cls, factor: float) -> Scale:
        """The same factor in every direction."""
        return cls(factor, factor, factor)

    @classmethod
    def limb(cls, length: float, girth: float = 1.0) -> Scale:
        """A limb's length and its girth."""
        return cls(length, girth, girth)

    def __mul__(self, other: Scale) -> Scale:
        return Scale(self.length * other.length, self.width * other.width, self.depth * other.depth)


SEGMENTS = {
    "pelvis": ("root", "pelvis"),
    "loin": ("spine05", "spine04"),
    "chest": ("spine03", "spine02", "spine01", "shoulder01"),
    "clavicle": ("clavicle",),
    "neck": ("neck",),
    "head": ("head", "eye"),
    "upper_arm": ("upperarm",),
    "forearm": ("lowerarm",),
    "hand": ("wrist", "metacarpal", "finger"),
    "thigh": ("upperleg",),
    "shank": ("lowerleg",),
    "foot": ("foot", "toe"),
}
"""Segments by the beginnings of the names of the body joints that belong to them."""

_AXES = {
    "clavicle": ("clavicle", "shoulder01"),
    "upper_arm": ("upperarm01", "lowerarm01"),
    "forearm": ("lowerarm01", "wrist"),
    "hand": ("wrist", "finger3-1"),
    "thigh": ("upperleg01", "lowerleg01"),
    "shank": ("lowerleg01", "foot"),
}
_PIVOTS = {
    "head": "head",
    "clavicle.L": "clavicle_l",
    "clavicle.R": "clavicle_r",
    "upperleg01.L": "hip_l",
    "upperleg01.R": "hip_r",
}
"""Body joints that lie off the anatomical joint of their bones, and the named joints to turn and scale about."""


@functools.lru_cache(maxsize=4)
def _layout(joints: tuple[str, ...], parents: tuple[int, ...]) -> tuple[list[str], torch.Tensor]:
    """Segment of each joint, and the joints on the way from the root to each joint, itself included, float (J, J)."""
    segments = [next(s for s, starts in SEGMENTS.items() if name.startswith(starts)) for name in joints]
    chain = torch.eye(len(joints))
    for joint, parent in enumerate(parents):
        if parent >= 0:
            chain[joint] += chain[parent]
    return segments, chain


def _frame(axis: torch.Tensor, front: torch.Tensor) -> torch.Tensor:
    """Orthonormal columns along, across and towards the front, (3, 3)."""
    along = axis / axis.norm()
    towards = front - (front @ along) * along
    towards = towards / towards.norm()
    return torch.stack([along, torch.linalg.cross(along, towards), towards], dim=1)


def _stretches(anatomy: Anatomy, heads: torch.Tensor, scales: Mapping[str, Scale]) -> torch.Tensor:
    """Linear map of each joint's segment, float (J, 3, 3)."""
    names = anatomy.names["joints"]
    segments, _ = _layout(tuple(names), tuple(anatomy["body.parents"].tolist()))
    up, front = torch.tensor([0.0, 0.0, 1.0]), torch.tensor([0.0, -1.0, 0.0])
    made: dict[tuple[str, str], torch.Tensor] = {}
    for segment, scale in scales.items():
        factors = torch.diag(torch.tensor(astuple(scale), dtype=torch.float32))
        for side in ("", ".L", ".R"):
            if side and segment in _AXES:
                start, end = (heads[anatomy.joint(name + side)] for name in _AXES[segment])
                frame = _frame(end - start, front)
            elif segment == "foot":
                frame = _frame(front, up)
            else:
                frame = _frame(up, front)
            made[segment, side] = frame @ factors @ frame.T
    one = torch.eye(3)
    return torch.stack(
        [
            made.get((segment, name[-2:] if name[-2:] in (".L", ".R") else ""), one)
            for name, segment in zip(names, segments, strict=True)
        ]
    )


def rest_landmarks(anatomy: Anatomy, bones: torch.Tensor) -> torch.Tensor:
    """Named joints (27, 3) of a resting body from its bone maps (bones, 3, 4)."""
    maps = bones[anatomy["landmark.bone"]]
    return (maps[..., :3] @ anatomy["landmark.point"].unsqueeze(-1)).squeeze(-1) + maps[..., 3]


def standing_height(
    anatomy: Anatomy, vertices: torch.Tensor, heads: torch.Tensor, landmarks: torch.Tensor
) -> float:
    """Stature of a body whose legs stand apart at rest, once they are straight.

    Args:
        anatomy: The asset.
        vertices: float (V, 3), rest skin, metres.
        heads: float (J, 3), joint centres.
        landmarks: float (27, 3), named joints.
    """
    hip = landmarks[JOINT_NAMES.index("hip_r")]
    knee, ankle = (heads[anatomy.joint(f"{name}.R")] for name in ("lowerleg01", "foot"))
    gained = sum((upper - lower).norm() - (upper - lower)[2] for upper, lower in ((hip, knee), (knee, ankle)))
    return float(vertices[:, 2].max() - vertices[:, 2].min() + gained)


def segment_maps(
    anatomy: Anatomy, heads: torch.Tensor, bones: torch.Tensor, scales: Mapping[str, Scale]
) -> torch.Tensor:
    """What scaling does to each joint's share of a resting body, float (J, 3, 4).

    Args:
        anatomy: The asset.
        heads: float (J, 3), joint centres.
        bones: float (bones, 3, 4), rest maps of the bones.
        scales: Factors by segment, one of ``SEGMENTS``; a segment that is not named keeps its size.
    """
    stretch = _stretches(anatomy, heads.cpu(), scales).to(heads)
    pivots = heads.clone()
    named = rest_landmarks(anatomy, bones)
    for joint, landmark in _PIVOTS.items():
        pivots[anatomy.joint(joint)] = named[JOINT_NAMES.index(landmark)]
    parents = anatomy["body.parents"]
    _, chain = _layout(tuple(anatomy.names["joints"]), tuple(parents.tolist()))
    root = parents < 0
    before = parents.clamp(min=0)
    steps = (stretch[before] @ (pivots - pivots[before]).unsqueeze(-1)).squeeze(-1)
    steps = torch.where(root.unsqueeze(1), pivots, steps)
    moved = chain.to(heads) @ steps
    shift = moved - (stretch @ pivots.unsqueeze(-1)).squeeze(-1)
    return torch.cat([stretch, shift.unsqueeze(-1)], dim=-1)


def scale_body(
    anatomy: Anatomy, shape: Shape, bones: torch.Tensor, scales: Mapping[str, Scale], stature: float | None
) -> tuple[Shape, torch.Tensor]:
    """A resting body in other proportions.

    Args:
        anatomy: The asset.
        shape: Rest state, batch of one.
        bones: float (1, bones, 3, 4), its bone maps.
        scales: Factors by segment.
        stature: Height of the result, metres; None leaves what the proportions give.

    Returns:
        The new rest state and bone maps.
    """
    vertices, heads = shape.vertices, shape.heads
    if scales:
        maps = segment_maps(anatomy, heads[0], bones[0], scales)[None]
        vertices = skin(anatomy, vertices, maps)
        heads = (maps[..., :3] @ heads.unsqueeze(-1)).squeeze(-1) + maps[..., 3]
        weights, joints = anatomy["bone.joint_weights"], anatomy["bone.joint_indices"]
        bones = compose((weights[None, ..., None, None] * maps[:, joints]).sum(2), bones)
    if stature is not None:
        factor = stature / standing_height(anatomy, vertices[0], heads[0], rest_landmarks(anatomy, bones[0]))
        vertices, heads, bones = vertices * factor, heads * factor, bones * factor
    return Shape(vertices, heads), bones
