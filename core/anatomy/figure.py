"""A figure: one body in one pose, with its skin, its bones and its named joints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from maskel_core.anatomy.age import parameter_of, years_of
from maskel_core.anatomy.asset import Anatomy
from maskel_core.anatomy.body import Shape, joint_transforms, rest_shape, shape_coefficients, skin
from maskel_core.anatomy.pose import Pose, Poser
from maskel_core.anatomy.pose_library import sample_pose
from maskel_core.anatomy.skeleton import pose_bones, rest_bones


@dataclass
class Figure:
    """One posed body.

    Args:
        phenotypes: Values by name, 0 to 1 (age from -1/3).
        pose: Its pose.
        shape: Rest state, batch of one.
        transforms: float (J, 3, 4), rest to posed, by joint.
        skin: float (V, 3), posed skin, metres.
        bones: float (N, 3), posed bone vertices, metres.
        landmarks: float (27, 3), named joints, metres.
        years: Age.
    """

    phenotypes: dict[str, float]
    pose: Pose
    shape: Shape
    transforms: torch.Tensor
    skin: torch.Tensor
    bones: torch.Tensor
    landmarks: torch.Tensor
    years: float


_HEIGHT_AGE = (0.0, 0.05, 0.215, 0.415, 0.67)
_TALL, _SHORT = (10.0, 24.0, 11.0, 7.0, 6.0), (31.0, 26.0, 21.0, 9.0, 10.0)
"""Beta distribution of anny's height parameter by age: its calibration by growth standards (means of both sexes), wider by
half so that the short and the tall are seen as well."""


def sample_years(rng: np.random.Generator) -> float:
    """A random age: mostly adults, the old, the young and infants among them."""
    kind = rng.random()
    if kind < 0.72:
        return float(rng.uniform(18.0, 65.0))
    if kind < 0.80:
        return float(rng.uniform(65.0, 95.0))
    if kind < 0.97:
        return float(rng.uniform(3.0, 18.0))
    return float(rng.uniform(0.0, 3.0))


def sample_phenotypes(rng: np.random.Generator) -> dict[str, float]:
    """A random person of any age, sex and build."""
    age = parameter_of(sample_years(rng))
    tall, short = (float(np.interp(age, _HEIGHT_AGE, values)) for values in (_TALL, _SHORT))
    return {
        "gender": float(rng.beta(0.5, 0.5)),
        "age": age,
        "muscle": float(rng.beta(2.0, 2.0)),
        "weight": float(rng.beta(1.8, 1.8)),
        "height": float(rng.beta(tall, short)),
        "proportions": float(rng.beta(2.0, 2.0)),
    }


def touch_abduction(anatomy: Anatomy, shape: Shape) -> float:
    """Shoulder abduction at which the hanging arm just meets the widest of hip and waist, radians."""
    vertices, heads = shape.vertices[0], shape.heads[0]
    shoulder, elbow, wrist = (heads[anatomy.joint(f"{n}.L")] for n in ("upperarm01", "lowerarm01", "wrist"))
    length = float((elbow - shoulder).norm() + (wrist - elbow).norm())
    arm = {
        i
        for i, n in enumerate(anatomy.names["joints"])
        if n.startswith(("upperarm", "lowerarm", "wrist", "finger", "meta"))
    }
    owner = (
        anatomy["body.skin_joints"].gather(1, anatomy["body.skin_weights"].argmax(1, keepdim=True)).squeeze(1)
    )
    trunk = vertices[~torch.isin(owner, torch.tensor(sorted(arm)))]
    thickness = 0.021 * float(vertices[:, 2].max() - vertices[:, 2].min())
    angles = []
    for share, girth in ((0.35, 1.6), (0.6, 1.3), (0.8, 1.1), (1.0, 0.9)):
        level = shoulder[2] - share * length
        slab = trunk[(trunk[:, 2] - level).abs() < 0.02]
        if len(slab):
            gap = float(slab[:, 0].abs().max()) + girth * thickness - float(shoulder[0])
            angles.append(np.arctan2(gap, share * length))
    return float(max(0.0, *angles)) if angles else 0.1


def make_figure(
    anatomy: Anatomy, phenotypes: dict[str, float], pose: Pose | Callable[[float], Pose]
) -> Figure:
    """Pose a body and its skeleton.

    Args:
        anatomy: The asset.
        phenotypes: Values by name.
        pose: A pose, or what makes one from the abduction at which this body's hands meet its hips, radians.
    """
    values = torch.tensor([[phenotypes[name] for name in anatomy.names["phenotypes"]]])
    shape = rest_shape(anatomy, shape_coefficients(anatomy, values))
    if not isinstance(pose, Pose):
        pose = pose(touch_abduction(anatomy, shape))
    rotations = Poser(anatomy, shape.heads[0]).rotations(pose)[None]
    transforms = joint_transforms(anatomy, shape.heads, rotations)
    skeleton = pose_bones(anatomy, rest_bones(anatomy, values, shape), transforms)
    years = years_of(phenotypes["age"])
    return Figure(
        phenotypes,
        pose,
        shape,
        transforms[0],
        skin(anatomy, shape.vertices, transforms)[0],
        skeleton.vertices(anatomy, 0, years),
        skeleton.landmarks[0],
        years,
    )


def sample_figure(anatomy: Anatomy, body_rng: np.random.Generator, pose_rng: np.random.Generator) -> Figure:
    """A random person in a random pose."""
    return make_figure(anatomy, sample_phenotypes(body_rng), lambda touch: sample_pose(pose_rng, touch))
