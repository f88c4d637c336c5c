"""A figure: one body in one pose, with its skin, its bones and its named joints."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from maskel_core.anatomy.asset import Anatomy
from maskel_core.anatomy.body import (
    Shape,
    change_skin,
    joint_transforms,
    rest_shape,
    shape_coefficients,
    skin,
)
from maskel_core.anatomy.contact import relieve
from maskel_core.anatomy.cover import cover_bones
from maskel_core.anatomy.person import Person, sample_person
from maskel_core.anatomy.pose import Pose, Poser
from maskel_core.anatomy.pose_library import sample_pose
from maskel_core.anatomy.proportions import scale_body
from maskel_core.anatomy.skeleton import hips_in_sockets, pose_bones, rest_bones


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
        gas_seed: Seed of the gas in the bowel; None for an empty one.
    """

    phenotypes: dict[str, float]
    pose: Pose
    shape: Shape
    transforms: torch.Tensor
    skin: torch.Tensor
    bones: torch.Tensor
    landmarks: torch.Tensor
    years: float
    person: Person
    gas_seed: int | None = None


def sample_phenotypes(rng: np.random.Generator) -> dict[str, float]:
    """Phenotypes of a random person of any age, sex and build."""
    return dict(sample_person(rng).phenotypes)


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
    trunk = vertices[~torch.isin(owner, torch.tensor(sorted(arm), device=owner.device))]
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
    anatomy: Anatomy,
    person: Person | Mapping[str, float],
    pose: Pose | Callable[[float], Pose],
) -> Figure:
    """Pose a body and its skeleton.

    Args:
        anatomy: The asset.
        person: A person, or phenotypes by name.
        pose: A pose, or what makes one from the abduction at which this body's hands meet its hips, radians;
            the latter's limbs are kept out of the trunk and of each other.
    """
    if not isinstance(person, Person):
        person = Person(person)
    shape, bones = rest_person(anatomy, person)
    if not isinstance(pose, Pose):
        pose = relieve(anatomy, shape, pose(touch_abduction(anatomy, shape)))
    # Angles become matrices on the CPU: hundreds of tiny steps.
    rotations = Poser(anatomy, shape.heads[0].cpu()).rotations(pose)[None].to(shape.heads)
    transforms = joint_transforms(anatomy, shape.heads, rotations)
    skeleton = pose_bones(anatomy, bones, transforms)
    stature = float(shape.vertices[0, :, 2].max() - shape.vertices[0, :, 2].min())
    posed = skin(anatomy, shape.vertices, transforms)[0]
    return Figure(
        dict(person.phenotypes),
        pose,
        shape,
        transforms[0],
        cover_bones(anatomy, posed, skeleton.maps[0], stature / 1.75),
        skeleton.vertices(anatomy, 0, person.years, person.phenotypes["gender"]),
        skeleton.landmarks[0],
        person.years,
        person,
    )


def rest_person(anatomy: Anatomy, person: Person) -> tuple[Shape, torch.Tensor]:
    """A person's resting body, batch of one, and the maps of its bones, float (1, bones, 3, 4)."""
    names = anatomy.names["phenotypes"]
    values = torch.tensor([[person.phenotypes[name] for name in names]], device=anatomy.device)
    age = names.index("age")
    values[:, age] = values[:, age].clamp(
        min=float(anatomy["bone.youngest"]) if "bone.youngest" in anatomy else 0.0
    )
    shape = rest_shape(anatomy, shape_coefficients(anatomy, values))
    bones = rest_bones(anatomy, values, shape)
    shape = Shape(change_skin(anatomy, shape.vertices, person.changes), shape.heads)
    shape, bones = scale_body(anatomy, shape, bones, person.scales, person.stature)
    return hips_in_sockets(anatomy, shape, bones), bones


def sample_figure(anatomy: Anatomy, body_rng: np.random.Generator, pose_rng: np.random.Generator) -> Figure:
    """A random person in a random pose."""
    person = sample_person(body_rng)
    figure = make_figure(anatomy, person, lambda touch: sample_pose(pose_rng, touch))
    figure.gas_seed = int(body_rng.integers(2**31))
    return figure
