"""Limbs touch the trunk and each other, but do not run through them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from maskel_core.anatomy.asset import Anatomy, default_anatomy
from maskel_core.anatomy.body import Shape, joint_transforms, skin
from maskel_core.anatomy.contact import part_of_vertices, relieve
from maskel_core.anatomy.figure import make_figure, rest_person, touch_abduction
from maskel_core.anatomy.motion_range import beyond
from maskel_core.anatomy.person import Person
from maskel_core.anatomy.pose import Limb, Pose, Poser, mirrored
from maskel_core.anatomy.pose_library import POSE_CLASSES
from maskel_core.anatomy.turns import Array

ADULT = {"gender": 0.3, "age": 0.68, "muscle": 0.5, "weight": 0.5, "height": 0.4, "proportions": 0.6}
HEAVY = ADULT | {"weight": 1.1, "muscle": 0.3}
APART = Limb(abduction=0.15)


@pytest.fixture(scope="module")
def anatomy() -> Anatomy:
    return default_anatomy()


@pytest.fixture(scope="module", params=["adult", "heavy"])
def shape(anatomy: Anatomy, request: pytest.FixtureRequest) -> Shape:
    return rest_person(anatomy, Person(ADULT if request.param == "adult" else HEAVY))[0]


def winding(points: Array, triangles: Array) -> Array:
    """Share of the full solid angle that triangles (F, 3, 3) cover, seen from points (N, 3)."""
    out = []
    for point in points:
        a, b, c = (triangles - point).transpose(1, 0, 2)
        x, y, z = (np.linalg.norm(v, axis=1) for v in (a, b, c))
        top = (a * np.cross(b, c)).sum(1)
        bottom = x * y * z + (a * b).sum(1) * z + (b * c).sum(1) * x + (c * a).sum(1) * y
        out.append(np.arctan2(top, bottom).sum() / (2 * np.pi))
    return np.array(out)


def depth(anatomy: Anatomy, shape: Shape, pose: Pose, limb: int, other: int, least: float) -> float:
    """How deep a limb's skin lies within another part's, metres; from a share of the upper arm's or thigh's length on."""
    rotations = Poser(anatomy, shape.heads[0]).rotations(pose)[None]
    posed = (
        skin(anatomy, shape.vertices, joint_transforms(anatomy, shape.heads, rotations))[0].double().numpy()
    )
    parts, faces = part_of_vertices(anatomy), anatomy["body.faces"].numpy()
    names = ("upperarm01", "lowerarm01") if limb < 3 else ("upperleg01", "lowerleg01")
    first, second = (
        shape.heads[0, anatomy.joint(f"{n}.{'LR'[1 - limb % 2]}")].double().numpy() for n in names
    )
    rest = shape.vertices[0].double().numpy()
    along = (rest - first) @ (second - first) / ((second - first) @ (second - first))
    own = np.flatnonzero((parts == limb) & (along > least))[::12]
    triangles = posed[faces[parts[faces[:, 0]] == other]]
    # Vertices and the middles of faces stand for the surface.
    there = np.concatenate([posed[parts == other], triangles.mean(1)])
    low, high = there.min(0), there.max(0)
    own = own[((posed[own] > low) & (posed[own] < high)).all(1)]
    inside = winding(posed[own], triangles) > 0.5
    if not inside.any():
        return 0.0
    return float(np.linalg.norm(posed[own[inside]][:, None] - there[None], axis=2).min(1).max())


CASES = {
    "forearm in the belly": (Pose("test", (Limb(0.0, 0.1, 0.9, 1.5), APART), (APART, APART)), 1, 0, 0.5),
    "hand in the hip": (Pose("test", (Limb(abduction=-0.12, bend=0.1), APART), (APART, APART)), 1, 0, 0.5),
    "arms through each other": (
        Pose("test", (Limb(1.2, -0.15, 0.8, 0.9), Limb(1.1, -0.15, 0.8, 0.9)), (APART, APART)),
        1,
        2,
        0.3,
    ),
    "legs through each other": (
        Pose("test", (APART, APART), (Limb(abduction=-0.06), Limb(abduction=-0.05))),
        3,
        4,
        0.35,
    ),
}


@pytest.mark.parametrize("case", list(CASES))
def test_limbs_are_led_out(anatomy: Anatomy, shape: Shape, case: str) -> None:
    pose, limb, other, least = CASES[case]
    mended = relieve(anatomy, shape, pose)
    before, after = (depth(anatomy, shape, p, limb, other, least) for p in (pose, mended))
    assert before > 0.012
    assert after < 0.011
    assert beyond(mended) == {}


def test_free_poses_stay_as_they_are(anatomy: Anatomy) -> None:
    shape = rest_person(anatomy, Person(ADULT))[0]
    arm, leg = Limb(0.1, 0.8, 0.2, 0.4), Limb(0.2, 0.2, 0.0, 0.3)
    pose = Pose("test", (arm, arm), (leg, leg), (0.1, 0.05, 0.1))
    assert relieve(anatomy, shape, pose) == pose


def test_mirror_poses_are_relieved_alike(anatomy: Anatomy) -> None:
    shape = rest_person(anatomy, Person(HEAVY))[0]
    pose = replace(CASES["forearm in the belly"][0], spine=(0.2, 0.1, 0.1))
    one, other = relieve(anatomy, shape, pose), mirrored(relieve(anatomy, shape, mirrored(pose)))
    assert one != pose
    for a, b in zip((*one.arms, *one.legs), (*other.arms, *other.legs), strict=True):
        for name in ("flexion", "abduction", "twist", "bend"):
            assert getattr(a, name) == pytest.approx(getattr(b, name), abs=1e-6)


def test_figures_keep_their_hands_out_of_their_hips(anatomy: Anatomy) -> None:
    worst = []
    for seed in range(4):
        shape = rest_person(anatomy, Person(HEAVY))[0]
        figure = make_figure(
            anatomy,
            HEAVY,
            lambda touch, seed=seed: POSE_CLASSES["standing"](np.random.default_rng(seed), touch - 0.12),
        )
        worst.append(depth(anatomy, shape, figure.pose, 1, 0, 0.5))
    assert touch_abduction(anatomy, shape) > 0.05
    assert np.quantile(worst, 0.8) < 0.011
