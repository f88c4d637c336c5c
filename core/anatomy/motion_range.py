"""How far joints move: one table, and the poses that keep within it.

Values are the usual clinical reference of passive motion of adults:

- American Academy of Orthopaedic Surgeons, "Joint Motion: Method of Measuring and Recording" (1965; its figures are those
  of Greene & Heckman, "The Clinical Measurement of Joint Motion", 1994): shoulder, elbow, forearm, wrist, fingers, thumb, hip,
  ankle, toes, spine and neck.
- Soucie et al., "Range of motion measurements: reference values and a database for comparison studies", Haemophilia 17
  (2011), the CDC's normal values: hip flexion to about 135 degrees and knee flexion to about 150 in the young.
- Hemmerich et al., J Orthop Res 24 (2006): knees and ankles of people that kneel and squat daily go farther, knees to about 155.

Where a reference gives no figure for how angles are split here (adduction of the raised arm, the shoulder girdle), the limit
is that of the motion it belongs to.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from maskel_core.anatomy.pose import Hand, Limb, Pose

Range = tuple[float, float]

ARM: dict[str, Range] = {
    "flexion": (-60, 180),
    "abduction": (-45, 180),
    "twist": (-90, 80),
    "bend": (0, 150),
    "end": (-70, 80),
    "curl": (0, 90),
    "roll": (-80, 80),
    "deviation": (-30, 20),
    "shrug": (-10, 35),
    "forward": (-20, 25),
    "toes": (0, 0),
}
"""Degrees from a hanging arm, its thumb forward: extension, adduction, outward twist, supination and the like are negative."""

LEG: dict[str, Range] = {
    "flexion": (-30, 135),
    "abduction": (-30, 50),
    "twist": (-50, 45),
    "bend": (0, 155),
    "end": (-30, 60),
    "curl": (0, 0),
    "roll": (-20, 35),
    "deviation": (0, 0),
    "shrug": (0, 0),
    "forward": (0, 0),
    "toes": (-70, 45),
}
"""Degrees from a straight leg: extension, adduction, outward twist, ankle dorsiflexion, eversion, toe extension are negative."""

HAND: dict[str, tuple[Range, ...]] = {
    "spread": ((-20, 25), (-15, 15), (-20, 15), (-25, 15)),
    "knuckle": ((-45, 95),) * 4,
    "middle": ((-5, 110),) * 4,
    "distal": ((-10, 90),) * 4,
    "thumb": ((0, 75), (-15, 110), (-10, 60), (-20, 85)),
}
"""Degrees, in the order of ``Hand``."""

SPINE: tuple[Range, Range, Range] = ((-30, 80), (-35, 35), (-45, 45))
"""Degrees forward, to either side, turned: thoracolumbar."""

NECK: tuple[Range, Range, Range] = ((-50, 45), (-45, 45), (-70, 70))
"""Degrees forward, to either side, turned: cervical."""

STRAIGHT_LEG_RAISE, PER_KNEE = 90.0, 0.8
"""With a straight knee the hamstrings end hip flexion at about a right angle; knee bend frees it. Degrees."""

_SLACK = 1e-6


def _angles(pose: Pose) -> Iterator[tuple[str, float, Range]]:
    """Every angle of a pose in degrees by name, with its range."""
    for part, limbs, table in (("arm", pose.arms, ARM), ("leg", pose.legs, LEG)):
        for side, limb in zip(("left", "right"), limbs, strict=True):
            for name, limits in table.items():
                yield f"{side} {part} {name}", math.degrees(getattr(limb, name)), limits
            if limb.hand is not None:
                for name, several in HAND.items():
                    for number, limits in enumerate(several):
                        angle = math.degrees(getattr(limb.hand, name)[number])
                        yield f"{side} hand {name} {number}", angle, limits
    for part, angles, ranges in (("spine", pose.spine, SPINE), ("neck", pose.neck, NECK)):
        for number, limits in enumerate(ranges):
            yield f"{part} {number}", math.degrees(angles[number]), limits


def beyond(pose: Pose) -> dict[str, float]:
    """Angles of a pose that lie outside their range, by name, with how far, degrees; empty for what a body can do."""
    out = {
        name: max(low - angle, angle - high)
        for name, angle, (low, high) in _angles(pose)
        if not low - _SLACK <= angle <= high + _SLACK
    }
    for side, leg in zip(("left", "right"), pose.legs, strict=True):
        excess = math.degrees(leg.flexion) - _most_hip_flexion(leg)
        if excess > _SLACK:
            out[f"{side} hamstrings"] = excess
    return out


def _most_hip_flexion(leg: Limb) -> float:
    return min(LEG["flexion"][1], STRAIGHT_LEG_RAISE + PER_KNEE * max(0.0, math.degrees(leg.bend)))


def _within(angle: float, limits: Range) -> float:
    return min(max(angle, math.radians(limits[0])), math.radians(limits[1]))


def _hand(hand: Hand) -> Hand:
    def four(name: str) -> tuple[float, float, float, float]:
        a, b, c, d = (_within(v, limits) for v, limits in zip(getattr(hand, name), HAND[name], strict=True))
        return a, b, c, d

    return Hand(four("spread"), four("knuckle"), four("middle"), four("distal"), four("thumb"))


def clamp_limb(limb: Limb, table: dict[str, Range]) -> Limb:
    """A limb with every angle at the nearest value within ``ARM`` or ``LEG``."""
    near = {name: _within(getattr(limb, name), limits) for name, limits in table.items()}
    kept = replace(limb, **near, hand=None if limb.hand is None else _hand(limb.hand))
    if table is LEG:
        kept.flexion = min(kept.flexion, math.radians(_most_hip_flexion(kept)))
    return kept


def clamp_pose(pose: Pose) -> Pose:
    """A pose with every angle at the nearest value within its range."""

    def three(angles: tuple[float, float, float], ranges: tuple[Range, Range, Range]) -> tuple[float, ...]:
        return tuple(_within(a, limits) for a, limits in zip(angles, ranges, strict=True))

    spine, neck = three(pose.spine, SPINE), three(pose.neck, NECK)
    return replace(
        pose,
        arms=(clamp_limb(pose.arms[0], ARM), clamp_limb(pose.arms[1], ARM)),
        legs=(clamp_limb(pose.legs[0], LEG), clamp_limb(pose.legs[1], LEG)),
        spine=(spine[0], spine[1], spine[2]),
        neck=(neck[0], neck[1], neck[2]),
    )
