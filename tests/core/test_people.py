"""People: ages, statures, builds, proportions and stylised characters."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from maskel_core.anatomy.anthropometry import measure
from maskel_core.anatomy.asset import Anatomy, default_anatomy
from maskel_core.anatomy.figure import Figure, make_figure, rest_person
from maskel_core.anatomy.joints import JOINT_NAMES, MIRRORED
from maskel_core.anatomy.norms import published
from maskel_core.anatomy.person import (
    STYLISED_SHARE,
    Person,
    age_group,
    make_person,
    sample_person,
    sample_real_person,
)
from maskel_core.anatomy.pose import Limb, Pose
from maskel_core.anatomy.proportions import SEGMENTS, Scale
from maskel_core.anatomy.stylise import STYLES

MIRROR = torch.tensor([-1.0, 1.0, 1.0])


@pytest.fixture(scope="module")
def anatomy() -> Anatomy:
    return default_anatomy()


def straight(anatomy: Anatomy, person: Person, abduction: float = 0.3) -> Figure:
    arm = Limb(abduction=abduction)
    return make_figure(anatomy, person, Pose("standing", arms=(arm, arm)))


def joint_distance(figure: Figure, first: str, second: str) -> float:
    places = [figure.landmarks[JOINT_NAMES.index(name)] for name in (first, second)]
    return float((places[0] - places[1]).norm())


def volume(anatomy: Anatomy, vertices: torch.Tensor) -> float:
    a, b, c = vertices.double()[anatomy["body.faces"]].unbind(1)
    return float((a * torch.linalg.cross(b, c)).sum() / 6)


def mirror_of(anatomy: Anatomy) -> torch.Tensor:
    points = anatomy["body.template"].double()
    return torch.cdist(points * MIRROR, points).argmin(1)


@pytest.mark.parametrize("years", [0.5, 7.0, 40.0])
def test_a_person_in_a_mirror_pose_is_its_own_mirror_image(anatomy: Anatomy, years: float) -> None:
    person = sample_real_person(np.random.default_rng(3), years, 0.7)
    figure = straight(anatomy, person)
    mirror = mirror_of(anatomy)
    assert (figure.skin * MIRROR - figure.skin[mirror]).abs().max() < 5e-5
    off = (figure.landmarks * MIRROR - figure.landmarks[list(MIRRORED)]).abs().amax(1)
    paired = torch.tensor([index != image for index, image in enumerate(MIRRORED)])
    assert off[paired].max() < 5e-5
    assert off[~paired].max() < 1e-4
    names = anatomy.names["bones"]
    bone = anatomy["piece.bone"][anatomy["bone.vertex_piece"]]
    for name in (n for n in names if n.endswith("_r")):
        right = figure.bones[bone == names.index(name)]
        left = figure.bones[bone == names.index(name[:-1] + "l")]
        assert (right * MIRROR - left).abs().max() < 5e-5, name


@pytest.mark.parametrize("seed", range(4))
def test_stature_is_the_height_of_the_standing_body(anatomy: Anatomy, seed: int) -> None:
    rng = np.random.default_rng(seed)
    person = sample_real_person(rng, float(rng.uniform(1, 80)), 0.0)
    skin = straight(anatomy, person).skin
    assert person.stature is not None
    assert float(skin[:, 2].max() - skin[:, 2].min()) == pytest.approx(person.stature, rel=0.003)


@pytest.mark.parametrize(
    ("segment", "ends"),
    [("thigh", ("hip_l", "knee_l")), ("shank", ("knee_r", "ankle_r")), ("forearm", ("elbow_l", "wrist_l"))],
)
def test_bones_follow_the_length_of_their_segment(
    anatomy: Anatomy, segment: str, ends: tuple[str, str]
) -> None:
    person = replace(make_person(30.0, 0.0), stature=None, scales={})
    before = joint_distance(straight(anatomy, person), *ends)
    longer = replace(person, scales={segment: Scale.limb(1.3)})
    assert joint_distance(straight(anatomy, longer), *ends) == pytest.approx(1.3 * before, rel=0.03)


def test_scaling_everything_is_scaling_the_body(anatomy: Anatomy) -> None:
    person = replace(make_person(30.0, 1.0), stature=None, scales={})
    shape, bones = rest_person(anatomy, person)
    even, even_bones = rest_person(
        anatomy, replace(person, scales={name: Scale.even(1.2) for name in SEGMENTS})
    )
    assert (
        (even.vertices - even.vertices.mean(1)) - 1.2 * (shape.vertices - shape.vertices.mean(1))
    ).abs().max() < 1e-4
    torch.testing.assert_close(even_bones[..., :3], 1.2 * bones[..., :3], atol=1e-4, rtol=1e-4)


def test_scales_multiply() -> None:
    product = Scale.limb(1.2, 0.9) * Scale(0.5, 2.0, 1.0)
    assert (product.length, product.width, product.depth) == pytest.approx((0.6, 1.8, 0.9))


@pytest.mark.parametrize(
    ("years", "name"),
    [
        (0.02, "newborn"),
        (0.5, "infant"),
        (2.0, "toddler"),
        (7.0, "child"),
        (15.0, "teen"),
        (40.0, "adult"),
        (65.0, "elder"),
    ],
)
def test_age_groups(years: float, name: str) -> None:
    assert age_group(years) == name


def test_every_age_group_and_style_is_drawn() -> None:
    people = [sample_person(np.random.default_rng([9, index])) for index in range(1500)]
    assert {person.age_group for person in people} == {
        "newborn",
        "infant",
        "toddler",
        "child",
        "teen",
        "adult",
        "elder",
    }
    assert {person.style for person in people} == {None, *STYLES}
    assert np.mean([person.style is not None for person in people]) == pytest.approx(STYLISED_SHARE, abs=0.04)
    weights = np.array([person.phenotypes["weight"] for person in people])
    assert weights.max() > 1.1 and (weights < 0.1).sum() > 20


def test_a_seed_makes_the_same_person() -> None:
    assert sample_person(np.random.default_rng(4)) == sample_person(np.random.default_rng(4))


def test_builds_reach_from_thin_to_very_heavy(anatomy: Anatomy) -> None:
    index = []
    for weight, muscle in ((0.0, 0.3), (0.5, 0.5), (1.25, 0.1)):
        person = make_person(40.0, 0.0, weight, muscle)
        assert person.stature is not None
        shape, _ = rest_person(anatomy, person)
        index.append(1000 * volume(anatomy, shape.vertices[0]) / person.stature**2)
    assert index[0] < 19.0 and 21.0 < index[1] < 27.0 and index[2] > 40.0


def test_changes_move_the_skin_where_they_say(anatomy: Anatomy) -> None:
    person = make_person(40.0, 0.0)
    plain, _ = rest_person(anatomy, person)
    full, _ = rest_person(anatomy, replace(person, changes={"belly": 1.0}))
    moved = (full.vertices - plain.vertices)[0]
    most = moved.norm(dim=1).argmax()
    assert moved[most, 1] < -0.02
    low, high = plain.vertices[0, :, 2].min(), plain.vertices[0, :, 2].max()
    assert 0.45 < (plain.vertices[0, most, 2] - low) / (high - low) < 0.68
    assert volume(anatomy, full.vertices[0]) > 1.01 * volume(anatomy, plain.vertices[0])


def share(anatomy: Anatomy, style: str, measures: tuple[str, ...]) -> dict[str, float]:
    """Mean measures of a style over the published ones."""
    rows = []
    for seed in range(3):
        person = sample_person(np.random.default_rng(seed), style)
        norm = published(30.0, person.phenotypes["gender"])
        found = measure(anatomy, person)
        rows.append([found[name] / norm[name] for name in measures])
    return dict(zip(measures, np.mean(rows, axis=0), strict=True))


def test_styles_are_what_they_are_called(anatomy: Anatomy) -> None:
    assert {"chibi", "toy", "heroic", "large_head", "large_hands_and_feet", "long_legs"} <= set(STYLES)
    chibi = share(anatomy, "chibi", ("head_height", "femur"))
    assert chibi["head_height"] > 1.8 and chibi["femur"] < 0.8
    heroic = share(anatomy, "heroic", ("biacromial", "head_height"))
    assert heroic["biacromial"] > 1.02 and heroic["biacromial"] > 1.2 * heroic["head_height"]
    assert share(anatomy, "large_head", ("head_height",))["head_height"] > 1.3
    long = share(anatomy, "long_legs", ("femur", "tibia", "sitting_height"))
    assert long["femur"] > 1.05 and long["tibia"] > 1.05 and long["sitting_height"] < 0.96
    person = sample_person(np.random.default_rng(1), "large_hands_and_feet")
    plain = replace(person, scales={}, stature=None)
    hands = [joint_distance(straight(anatomy, p), "wrist_l", "middle_finger_l") for p in (person, plain)]
    assert hands[0] > 1.3 * hands[1]


@pytest.mark.parametrize("gender", [0.0, 1.0])
@pytest.mark.parametrize(("years", "aim"), [(30.0, 0.03), (14.0, 0.06), (8.0, 0.06), (2.0, 0.06)])
def test_mean_people_have_published_proportions(
    anatomy: Anatomy, years: float, gender: float, aim: float
) -> None:
    found = measure(anatomy, make_person(years, gender))
    wanted = published(years, gender)
    off = {name: found[name] / wanted[name] - 1 for name in ("femur", "bi_iliac", "span", "head_height")}
    assert {name: value for name, value in off.items() if not math.fabs(value) <= aim} == {}
