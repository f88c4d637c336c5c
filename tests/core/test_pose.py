"""Poses: angles mean what they say, the library keeps within the ranges of motion, mirror poses mirror exactly."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from maskel_core.anatomy.asset import Anatomy, default_anatomy
from maskel_core.anatomy.body import Shape
from maskel_core.anatomy.figure import make_figure, rest_person
from maskel_core.anatomy.motion_range import ARM, HAND, beyond, clamp_pose
from maskel_core.anatomy.person import Person
from maskel_core.anatomy.pose import Hand, Limb, Pose, Poser, mirrored
from maskel_core.anatomy.pose_library import POSE_CLASSES, sample_pose
from maskel_core.anatomy.poses.draws import HANDS, make_hand
from maskel_core.anatomy.turns import Array, between, flip, fraction, turn
from maskel_core.data.sample import sample_camera

ADULT = {"gender": 0.3, "age": 0.68, "muscle": 0.5, "weight": 0.5, "height": 0.4, "proportions": 0.6}


@pytest.fixture(scope="module")
def anatomy() -> Anatomy:
    return default_anatomy()


@pytest.fixture(scope="module")
def shape(anatomy: Anatomy) -> Shape:
    return rest_person(anatomy, Person(ADULT))[0]


class Posed:
    """World rotations and centres of all joints of a body in a pose."""

    def __init__(self, anatomy: Anatomy, shape: Shape, pose: Pose) -> None:
        poser = Poser(anatomy, shape.heads[0])
        local, heads = poser.turns(pose), poser.heads
        self.anatomy, self.rest = anatomy, heads
        self.turns, self.centres = local.copy(), heads.copy()
        for joint, parent in enumerate(anatomy["body.parents"].tolist()):
            if parent >= 0:
                self.turns[joint] = self.turns[parent] @ local[joint]
                self.centres[joint] = self.centres[parent] + self.turns[parent] @ (
                    heads[joint] - heads[parent]
                )

    def at(self, name: str) -> Array:
        found: Array = self.centres[self.anatomy.joint(name)]
        return found

    def way(self, start: str, end: str) -> Array:
        step = self.at(end) - self.at(start)
        found: Array = step / np.linalg.norm(step)
        return found

    def tip(self, finger: str) -> Array:
        """End of a left finger, as far beyond its last joint as that is beyond the joint before."""
        second, third = (self.anatomy.joint(f"finger{finger}-{n}.L") for n in "23")
        found: Array = self.centres[third] + self.turns[third] @ (self.rest[third] - self.rest[second])
        return found


def angle(a: Array, b: Array) -> float:
    return float(np.degrees(np.arccos(np.clip(a @ b / np.linalg.norm(a) / np.linalg.norm(b), -1, 1))))


def test_rotations_turn_as_asked() -> None:
    start, end = np.array([0.2, -0.5, 0.3]), np.array([-0.4, 0.1, 0.9])
    whole = between(start, end)
    assert np.allclose(whole @ start / np.linalg.norm(start), end / np.linalg.norm(end))
    assert np.allclose(fraction(whole, 0.5) @ fraction(whole, 0.5), whole)
    assert np.allclose(turn(np.array([0.0, 0.0, 2.0]), np.pi / 2) @ [1.0, 0.0, 0.0], [0.0, 1.0, 0.0])
    assert np.allclose(between(start, -start) @ start, -start)


@pytest.mark.parametrize(
    ("flexion", "abduction", "bend"), [(0.0, 0.2, 0.4), (1.2, 0.3, 1.6), (-0.5, 0.9, 2.3)]
)
def test_angles_are_those_of_the_joints(
    anatomy: Anatomy, shape: Shape, flexion: float, abduction: float, bend: float
) -> None:
    limb = Limb(flexion, abduction, 0.3, bend)
    posed = Posed(anatomy, shape, Pose("test", (limb, limb), (limb, limb)))
    for side in "LR":
        upper, fore = (
            posed.way(f"upperarm01.{side}", f"lowerarm01.{side}"),
            posed.way(f"lowerarm01.{side}", f"wrist.{side}"),
        )
        thigh, shank = (
            posed.way(f"upperleg01.{side}", f"lowerleg01.{side}"),
            posed.way(f"lowerleg01.{side}", f"foot.{side}"),
        )
        assert angle(upper, fore) == pytest.approx(np.degrees(bend), abs=0.1)
        assert angle(thigh, shank) == pytest.approx(np.degrees(bend), abs=0.1)
        outwards = 1.0 if side == "L" else -1.0
        for way in (upper, thigh):
            assert np.degrees(np.arcsin(outwards * way[0])) == pytest.approx(np.degrees(abduction), abs=0.1)
            assert np.degrees(np.arctan2(-way[1], -way[2])) == pytest.approx(np.degrees(flexion), abs=0.1)


def test_elbows_bend_forward_and_knees_backward(anatomy: Anatomy, shape: Shape) -> None:
    bent = Limb(abduction=0.1, bend=1.2)
    posed = Posed(anatomy, shape, Pose("test", (bent, bent), (bent, bent)))
    for side in "LR":
        assert posed.way(f"lowerarm01.{side}", f"wrist.{side}")[1] < -0.85
        assert posed.way(f"lowerleg01.{side}", f"foot.{side}")[1] > 0.85


def test_positive_twist_turns_limbs_inwards(anatomy: Anatomy, shape: Shape) -> None:
    def toes_and_wrist(twist: float) -> tuple[float, float]:
        arm, leg = Limb(twist=twist, bend=1.5), Limb(twist=twist)
        posed = Posed(anatomy, shape, Pose("test", (arm, arm), (leg, leg)))
        return posed.way("foot.L", "toe3-1.L")[0], posed.way("lowerarm01.L", "wrist.L")[0]

    foot, wrist = zip(toes_and_wrist(0.5), toes_and_wrist(-0.5), strict=True)
    assert foot[0] < -0.2 < 0.2 < foot[1]
    assert wrist[0] < -0.3 < 0.3 < wrist[1]


def test_forearm_turns_the_hand_alone(anatomy: Anatomy, shape: Shape) -> None:
    arms = [Limb(abduction=0.3, roll=np.radians(roll)) for roll in (-75, 75)]
    supine, prone = (Posed(anatomy, shape, Pose("test", (arm, arm))) for arm in arms)
    assert np.allclose(supine.at("wrist.L"), prone.at("wrist.L"), atol=0.003)
    across = [one.way("finger5-1.L", "finger2-1.L") for one in (supine, prone)]
    assert 110 < angle(*across) < 151
    # Supine palms look forward: the thumb's side lies outwards of the little finger's.
    assert across[0][0] > 0.5 and across[1][0] < -0.5


def test_scapula_takes_a_third_of_a_raised_arm(anatomy: Anatomy, shape: Shape) -> None:
    low, high = (
        Posed(anatomy, shape, Pose("test", (Limb(abduction=raised), Limb()))) for raised in (0.75, 2.9)
    )
    arm, scapula = anatomy.joint("upperarm01.L"), anatomy.joint("shoulder01.L")
    turned = []
    for joint in (scapula, arm):
        whole = high.turns[joint] @ low.turns[joint].T
        turned.append(float(np.degrees(np.arccos((np.trace(whole) - 1) / 2))))
    assert turned[1] == pytest.approx(np.degrees(2.15), abs=0.5)
    assert 0.28 < turned[0] / turned[1] < 0.38
    assert high.at("upperarm01.L")[2] - low.at("upperarm01.L")[2] > 0.015


@pytest.mark.parametrize("finger", "2345")
def test_fingers_bend_by_their_angles(anatomy: Anatomy, shape: Shape, finger: str) -> None:
    straight, bent = (
        Posed(anatomy, shape, Pose("test", (Limb(abduction=0.8, hand=hand), Limb())))
        for hand in (
            Hand((0.0,) * 4, (0.0,) * 4, (0.0,) * 4, (0.0,) * 4),
            Hand((0.0,) * 4, (1.2,) * 4, (1.5,) * 4),
        )
    )
    first, second = (
        tuple(p.way(f"finger{finger}-{n}.L", f"finger{finger}-{n + 1}.L") for p in (straight, bent))
        for n in (1, 2)
    )
    assert angle(*first) == pytest.approx(np.degrees(1.2), abs=0.5)
    assert angle(bent.way(f"finger{finger}-1.L", f"finger{finger}-2.L"), second[1]) == pytest.approx(
        np.degrees(1.5), abs=4.0
    )
    assert np.linalg.norm(bent.tip(finger) - bent.at("wrist.L")) < 0.8 * np.linalg.norm(
        straight.tip(finger) - straight.at("wrist.L")
    )


@pytest.mark.parametrize("name", list(HANDS))
def test_fingers_keep_their_order(anatomy: Anatomy, shape: Shape, name: str) -> None:
    arm = Limb(abduction=1.4, hand=make_hand(HANDS[name]))
    posed = Posed(anatomy, shape, Pose("test", (arm, arm)))
    side = posed.way("finger5-1.L", "finger2-1.L")
    places = [float(posed.tip(finger) @ side) for finger in "2345"]
    assert all(a - b > 0.003 for a, b in pairwise(places)), places
    assert not beyond(Pose("test", (arm, arm)))


def test_thumb_meets_the_index_when_pinching(anatomy: Anatomy, shape: Shape) -> None:
    def gap(name: str) -> float:
        arm = Limb(abduction=1.4, hand=make_hand(HANDS[name]))
        posed = Posed(anatomy, shape, Pose("test", (arm, arm)))
        return float(np.linalg.norm(posed.tip("1") - posed.tip("2")))

    assert gap("pinch") < 0.035 and gap("ok") < 0.035
    assert gap("splayed") > 0.075


def test_thousands_of_poses_keep_within_the_ranges() -> None:
    rng = np.random.default_rng(11)
    count = Counter()
    for _ in range(3000):
        pose = sample_pose(rng, float(rng.uniform(0.0, 0.4)))
        assert beyond(pose) == {}, pose.name
        count[pose.name] += 1
    assert set(count) == set(POSE_CLASSES)
    assert 0.14 < count["standing"] / 3000 < 0.24


def test_library_asks_for_little_beyond_the_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    from maskel_core.anatomy import pose_library

    excess: list[float] = []
    for _, _, make in pose_library._CLASSES:
        for seed in range(40):
            excess.append(max([0.0, *beyond(make(np.random.default_rng(seed), 0.15)).values()]))
    assert np.mean(np.array(excess) > 0) < 0.10
    assert max(excess) < 12.0


def test_clamping_keeps_what_is_possible_and_mends_the_rest() -> None:
    fine = Pose("test", (Limb(0.4, 0.3, 0.2, 1.0), Limb()), (Limb(1.5, 0.2, 0.0, 1.6), Limb()))
    assert clamp_pose(fine) == fine
    broken = Pose(
        "test", (Limb(bend=-0.5, hand=Hand(middle=(-1.0,) * 4)), Limb()), (Limb(2.3, bend=0.0), Limb())
    )
    assert set(beyond(broken)) >= {"left arm bend", "left hamstrings", "left hand middle 0"}
    mended = clamp_pose(broken)
    assert beyond(mended) == {}
    assert mended.arms[0].bend == 0.0 and mended.legs[0].flexion == pytest.approx(np.pi / 2)
    assert ARM["bend"] == (0, 150) and len(HAND["thumb"]) == 4


@pytest.mark.parametrize("name", list(POSE_CLASSES))
def test_mirrored_pose_turns_every_joint_the_mirrored_way(anatomy: Anatomy, shape: Shape, name: str) -> None:
    pose = POSE_CLASSES[name](np.random.default_rng(4), 0.15)
    heads = shape.heads[0].clone()
    swapped = [
        anatomy.joint(n[:-1] + {"L": "R", "R": "L"}[n[-1]]) if n.endswith((".L", ".R")) else i
        for i, n in enumerate(anatomy.names["joints"])
    ]
    # An exactly symmetric body, whatever the asset's rounding.
    heads = (heads + heads[swapped] * torch.tensor([-1.0, 1.0, 1.0])) / 2
    poser = Poser(anatomy, heads)
    one, other = poser.turns(pose), poser.turns(mirrored(pose))
    assert np.abs(np.array([flip(r) for r in one])[swapped] - other).max() < 1e-6
    assert np.abs(one - other).max() > 1e-3


@pytest.mark.parametrize("name", ["lie", "crawl", "kneel"])
def test_cameras_frame_bodies_on_the_ground(anatomy: Anatomy, name: str) -> None:
    figure = make_figure(anatomy, ADULT, lambda touch: POSE_CLASSES[name](np.random.default_rng(2), touch))
    for seed in range(12):
        camera = sample_camera(np.random.default_rng(seed), figure)
        places = camera.project(figure.skin, (256, 256))
        if camera.distance is not None:
            assert float(places[:, 2].min()) > 0.3 * camera.distance
        flat = places[:, :2]
        assert float(flat.min()) > -8 and float(flat.max()) < 263
        assert float((flat.amax(0) - flat.amin(0)).max()) > 0.8 * 256


def test_lying_bodies_lie(anatomy: Anatomy, shape: Shape) -> None:
    level = []
    for seed in range(40):
        pose = POSE_CLASSES["lie"](np.random.default_rng(seed), 0.15)
        posed = Posed(anatomy, shape, pose)
        trunk = posed.way("root", "neck01")
        level.append(abs(trunk[2]) < 0.3 or abs(posed.turns[0][1, 1]) > 0.9)
    assert np.mean(level) > 0.9


def test_toes_and_heels_part_on_tiptoe(anatomy: Anatomy, shape: Shape) -> None:
    tiptoe = Limb(end=0.8, toes=-0.8)
    flat, raised = (Posed(anatomy, shape, Pose("test", legs=(leg, leg))) for leg in (Limb(), tiptoe))
    ball = [p.at("toe1-1.L")[2] - p.at("foot.L")[2] for p in (flat, raised)]
    assert ball[1] < ball[0] - 0.05
    # The toes stay level with the ground.
    assert abs(raised.way("toe1-1.L", "toe1-2.L")[2] - flat.way("toe1-1.L", "toe1-2.L")[2]) < 0.1
    assert replace(tiptoe, toes=0.0) != tiptoe
