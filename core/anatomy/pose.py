"""Poses by anatomical angles, and their conversion to joint rotations of a body.

Angles are radians in clinical convention: flexion forward, abduction away from the midline, zero is standing with
straight limbs hanging down, thumbs forward. Conversion works from each body's own rest joints, so that one pose means
the same on all; the right side is worked out as the mirror image of a left side, so that mirror poses mirror exactly.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import torch
from maskel_core.anatomy.asset import Anatomy
from maskel_core.anatomy.turns import DOWN, Array, X, Y, Z, between, cross, flip, fraction, turn, unit

_SPINE = ("spine03", "spine02", "spine01")
"""Level with L5/S1, L3/L4 and T9. The two joints below lie within the sacrum, which does not bend."""
_NECK = ("neck01", "neck02", "neck03", "head")
_FINGERS = "2345"
_DISTAL_REST = 0.15
"""Bend of the resting body's distal finger joints, which no further joint shows, radians."""
_THUMB_ROLL = 0.3
"""Turn of the thumb about its own length for each radian of opposition."""
_GIRDLE_HANGING, _GIRDLE_RAISED, _CLAVICLE_PART = 0.10, 0.33, 0.4
"""Share of an arm's swing that the scapula takes below and above rest: one part in three of a raise, humerus to scapula two
to one (Inman et al. 1944). The clavicle takes part of that at its inner joint, the scapula the rest at its outer one."""


@dataclass
class Hand:
    """Angles of one hand, radians.

    Args:
        spread: Of index, middle, ring and little finger from their resting directions; positive towards the thumb.
        knuckle: Flexion of their metacarpophalangeal joints, index first.
        middle: Flexion of their proximal interphalangeal joints.
        distal: Flexion of their distal interphalangeal joints.
        thumb: Angle of its metacarpal to that of the middle finger, opposition (how far it is carried round from the plane of
            the palm, a right angle being straight before it), flexion of the metacarpophalangeal and interphalangeal joint.
    """

    spread: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    knuckle: tuple[float, float, float, float] = (0.3, 0.35, 0.4, 0.45)
    middle: tuple[float, float, float, float] = (0.4, 0.45, 0.5, 0.5)
    distal: tuple[float, float, float, float] = (0.2, 0.2, 0.2, 0.2)
    thumb: tuple[float, float, float, float] = (0.7, 0.35, 0.15, 0.2)


def curled(curl: float) -> Hand:
    """A relaxed hand, its fingers bent by a further ``curl`` radians at every joint."""

    def four(start: float, share: float, step: float) -> tuple[float, float, float, float]:
        a, b, c, d = (start + share * curl + i * step for i in range(4))
        return a, b, c, d

    return Hand(
        knuckle=four(0.12, 0.9, 0.03),
        middle=four(0.2, 1.0, 0.03),
        distal=four(0.1, 0.6, 0.0),
        thumb=(0.8 - 0.1 * curl, 0.8 + 0.5 * curl, 0.1 + 0.2 * curl, 0.1 + 0.5 * curl),
    )


@dataclass
class Limb:
    """Angles of one arm or leg, radians.

    Args:
        flexion: Of the shoulder or hip, forward.
        abduction: Of the shoulder or hip, away from the midline, before the flexion turns it.
        twist: About the upper arm's or thigh's axis, inward.
        bend: Elbow or knee flexion.
        end: Wrist flexion or ankle plantar flexion.
        curl: Finger flexion, each joint (arms only); where there is no ``hand``.
        roll: Pronation of the forearm (negative: supination), or inversion of the foot.
        deviation: Of the wrist, towards the thumb.
        shrug: Elevation of the shoulder girdle, beyond what a raised arm takes along.
        forward: Protraction of the shoulder girdle.
        toes: Flexion of the toes (negative: extension).
        hand: The hand in detail.
    """

    flexion: float = 0.0
    abduction: float = 0.0
    twist: float = 0.0
    bend: float = 0.0
    end: float = 0.0
    curl: float = 0.0
    roll: float = 0.0
    deviation: float = 0.0
    shrug: float = 0.0
    forward: float = 0.0
    toes: float = 0.0
    hand: Hand | None = None


@dataclass
class Pose:
    """A whole-body pose.

    Args:
        name: Pose class.
        arms: Left, right.
        legs: Left, right.
        spine: Forward flexion, bend to the left, turn to the left; shared by the three spine joints above the sacrum.
        neck: The same for neck and head.
        root: World rotation of the whole body, (3, 3), or None.
    """

    name: str
    arms: tuple[Limb, Limb] = field(default_factory=lambda: (Limb(), Limb()))
    legs: tuple[Limb, Limb] = field(default_factory=lambda: (Limb(), Limb()))
    spine: tuple[float, float, float] = (0.0, 0.0, 0.0)
    neck: tuple[float, float, float] = (0.0, 0.0, 0.0)
    root: torch.Tensor | None = None


class Poser:
    """Turns poses into joint rotations for one body.

    Args:
        anatomy: The asset.
        heads: float (J, 3), the body's rest joint centres.
    """

    def __init__(self, anatomy: Anatomy, heads: torch.Tensor) -> None:
        self.anatomy = anatomy
        self.heads: Array = heads.detach().cpu().double().numpy()
        self._mirror: Array = self.heads * np.array([-1.0, 1.0, 1.0])

    def rotations(self, pose: Pose) -> torch.Tensor:
        """Rotations of all joints relative to their parents, in the rest world's axes, float32 (J, 3, 3)."""
        return torch.from_numpy(self.turns(pose)).float()

    def turns(self, pose: Pose, known: Array | None = None) -> Array:
        """The same as float64 (J, 3, 3); ``known`` are those of a pose with the same fingers, which then are kept."""
        out = np.tile(np.eye(3), (len(self.heads), 1, 1)) if known is None else known.copy()
        if pose.root is not None:
            out[self.anatomy.joint("root")] = np.asarray(pose.root, dtype=np.float64)
        for names, (flexion, bend, side) in ((_SPINE, pose.spine), (_NECK, pose.neck)):
            share = 1 / len(names)
            one = turn(X, flexion * share) @ turn(Y, bend * share) @ turn(Z, side * share)
            for name in names:
                out[self.anatomy.joint(name)] = one
        for right, arm, leg in ((False, pose.arms[0], pose.legs[0]), (True, pose.arms[1], pose.legs[1])):
            found = self._arm(arm, right) | self._leg(leg, right)
            if known is None:
                found |= self._hand(arm.hand or curled(arm.curl), right)
            for name, rotation in found.items():
                index = self.anatomy.joint(f"{name}.{'R' if right else 'L'}")
                out[index] = flip(rotation) if right else rotation
        return out

    def _at(self, name: str, right: bool) -> Array:
        """A joint as on a left side."""
        heads = self._mirror if right else self.heads
        found: Array = heads[self.anatomy.joint(f"{name}.{'R' if right else 'L'}")]
        return found

    def _arm(self, arm: Limb, right: bool) -> dict[str, Array]:
        shoulder, elbow, wrist = (self._at(n, right) for n in ("upperarm01", "lowerarm01", "wrist"))
        upper, lower = elbow - shoulder, wrist - elbow
        frame = swing(arm)
        target = frame @ DOWN
        whole = turn(target, arm.twist) @ frame @ between(upper, DOWN)
        rise = np.clip((target[2] - upper[2] / np.linalg.norm(upper)) / 0.7, 0.0, 1.0)
        share = _GIRDLE_HANGING + (_GIRDLE_RAISED - _GIRDLE_HANGING) * rise * rise * (3 - 2 * rise)
        lifted = between(upper, target)
        shrug = turn(Y, -arm.shrug) @ turn(Z, -arm.forward)
        clavicle = shrug @ fraction(lifted, share * _CLAVICLE_PART)
        scapula = shrug @ fraction(lifted, share)
        hinge = cross(upper, lower)
        rest_bend = float(np.arctan2(np.linalg.norm(hinge), upper @ lower))
        half = turn(lower, arm.roll / 2)
        palm = self._palm(right)
        return {
            "clavicle": clavicle,
            "shoulder01": clavicle.T @ scapula,
            "upperarm01": scapula.T @ whole,
            "lowerarm01": turn(hinge, arm.bend - rest_bend),
            "lowerarm02": half,
            "wrist": half @ turn(palm.bend, arm.end) @ turn(palm.aside, arm.deviation),
        }

    def _palm(self, right: bool) -> _Palm:
        index, long, ring, little = (self._at(f"finger{n}-1", right) for n in _FINGERS)
        return _Palm(self._at("wrist", right), index, long, ring, little, self._at("finger3-3", right))

    def _hand(self, hand: Hand, right: bool) -> dict[str, Array]:
        palm, wrist = self._palm(right), self._at("wrist", right)
        out = _thumb(palm, [self._at(f"finger1-{part}", right) for part in "123"], hand)
        for number, finger in enumerate(_FINGERS):
            joints = [self._at(f"finger{finger}-{part}", right) for part in "123"]
            out |= _finger(palm, wrist, joints, hand, number)
        return out

    def _leg(self, leg: Limb, right: bool) -> dict[str, Array]:
        hip, knee, ankle = (self._at(n, right) for n in ("upperleg01", "lowerleg01", "foot"))
        thigh, shank = knee - hip, ankle - knee
        frame = swing(leg)
        hang = turn(frame @ DOWN, leg.twist) @ frame
        whole = hang @ between(thigh, DOWN)
        along = unit(thigh)
        # Zero is a straight leg: the rest shank leans against the thigh, so its bend is taken off first.
        knee_turn = turn(X - (X @ along) * along, leg.bend) @ between(shank, thigh)
        # The foot is flat on the ground under a straight leg that hangs down, whatever the rest pose's lean.
        sole = hang @ turn(X, leg.bend + leg.end) @ turn(Y, leg.roll)
        out = {"upperleg01": whole, "lowerleg01": knee_turn, "foot": (whole @ knee_turn).T @ sole}
        if leg.toes:
            for toe in "12345":
                out[f"toe{toe}-1"] = turn(X, leg.toes)
        return out


def swing(limb: Limb) -> Array:
    """Rotation (3, 3) from hanging to where a left limb points, its twist left out: abducted, then flexed."""
    return turn(X, -limb.flexion) @ turn(Y, -limb.abduction)


class _Palm:
    """Axes of a left hand at rest: along it, towards the thumb's side, out of the palm.

    Args:
        wrist: (3,), its centre.
        index, long, ring, little: (3,), knuckles.
        tip: (3,), a joint near the tip of the long finger, which is a little bent at rest.
    """

    def __init__(
        self, wrist: Array, index: Array, long: Array, ring: Array, little: Array, tip: Array
    ) -> None:
        self.along = unit(long - wrist)
        across = index - little
        self.side = unit(across - (across @ self.along) * self.along)
        out = cross(self.along, self.side)
        self.out = out if out @ (tip - long) > 0 else -out
        self.bend = cross(self.along, self.out)
        self.aside = cross(self.along, self.side)
        self.over = cross(self.side, self.out)
        self.little = little

    def lean(self, bone: Array) -> float:
        """How far a bone leans out of the plane of the palm, radians."""
        return float(np.arctan2(bone @ self.out, bone @ self.along))


def _finger(palm: _Palm, wrist: Array, joints: list[Array], hand: Hand, number: int) -> dict[str, Array]:
    first, second, third = joints
    leans = [palm.lean(bone) for bone in (first - wrist, second - first, third - second)]
    # Each finger bends in its own plane, so that a fist's fingers come together.
    axis = unit(cross(second - first, palm.out))
    wanted = (hand.knuckle[number], hand.middle[number], hand.distal[number])
    rest = (leans[1] - leans[0], leans[2] - leans[1], _DISTAL_REST)
    turns = [turn(axis, w - r) for w, r in zip(wanted, rest, strict=True)]
    turns[0] = turns[0] @ turn(palm.aside, hand.spread[number])
    return {f"finger{_FINGERS[number]}-{part + 1}": one for part, one in enumerate(turns)}


def _thumb(palm: _Palm, joints: list[Array], hand: Hand) -> dict[str, Array]:
    abduction, opposition, knuckle, end = hand.thumb
    first, second, third = joints
    bone = unit(second - first)
    side, out = bone @ palm.side, bone @ palm.out
    rest_abduction = float(np.arctan2(np.hypot(side, out), bone @ palm.along))
    rest_opposition = float(np.arctan2(out, side))
    axis = cross(third - second, palm.little - second)
    flat = turn(palm.aside, abduction - rest_abduction) @ turn(palm.over, -rest_opposition)
    # An opposed thumb turns about its own length as well, its pad towards the fingers.
    roll = _THUMB_ROLL * (opposition - rest_opposition)
    return {
        "finger1-1": turn(palm.over, opposition) @ flat @ turn(float(palm.over @ palm.along) * bone, roll),
        "finger1-2": turn(axis, knuckle),
        "finger1-3": turn(axis, end),
    }


def mirrored(pose: Pose) -> Pose:
    """The pose of the mirror image, left and right exchanged."""
    plane = torch.diag(torch.tensor([-1.0, 1.0, 1.0]))

    def turned(angles: tuple[float, float, float]) -> tuple[float, float, float]:
        return (angles[0], -angles[1], -angles[2])

    return replace(
        pose,
        arms=pose.arms[::-1],
        legs=pose.legs[::-1],
        spine=turned(pose.spine),
        neck=turned(pose.neck),
        root=None if pose.root is None else plane @ torch.as_tensor(pose.root, dtype=torch.float32) @ plane,
    )
