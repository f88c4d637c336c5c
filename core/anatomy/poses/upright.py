"""Poses on the feet: standing, as characters are modelled and rigged, gaits, reaching, gestures."""

from __future__ import annotations

import numpy as np
from maskel_core.anatomy.pose import Limb, Pose
from maskel_core.anatomy.poses.draws import (
    DEGREE,
    Random,
    Span,
    deg,
    either,
    free_arm,
    hand,
    idle_hand,
    limb,
    pair,
    small,
    straight_legs,
)


def standing(rng: Random, touch: float) -> Pose:
    """Plain standing, arms at the sides; ``touch`` is the abduction at which the hands meet the hips."""
    gap = touch + abs(rng.normal(0.0, 5.0)) * DEGREE

    def arm() -> Limb:
        one = limb(
            rng, flexion=(-8, 9), twist=(-20, 25), bend=(2, 22), end=(-8, 8), roll=(-10, 35), shrug=(-3, 3)
        )
        one.abduction, one.hand = gap, idle_hand(rng)
        return one

    return Pose("standing", pair(rng, arm, 2.0), straight_legs(rng), small(rng, 1.5), small(rng, 4.0))


def a_pose(rng: Random, touch: float) -> Pose:
    """Arms half raised to the side, as characters are modelled."""

    def arm() -> Limb:
        one = limb(
            rng,
            flexion=(-8, 10),
            abduction=(25, 62),
            twist=(-25, 25),
            bend=(0, 30),
            end=(-12, 12),
            roll=(-20, 30),
        )
        one.hand = idle_hand(rng) if rng.random() < 0.5 else hand(rng, "flat", "splayed", "relaxed")
        return one

    return Pose("a_pose", pair(rng, arm, 2.0), straight_legs(rng, (0, 15)), small(rng, 1.0), small(rng, 3.0))


def t_pose(rng: Random, touch: float) -> Pose:
    """Arms straight out to the side, as characters are rigged."""

    def arm() -> Limb:
        one = limb(
            rng,
            flexion=(-6, 6),
            abduction=(78, 96),
            twist=(-20, 20),
            bend=(0, 8),
            end=(-8, 8),
            roll=(-15, 15),
        )
        one.hand = hand(rng, "flat", "flat", "splayed", "relaxed")
        return one

    return Pose("t_pose", pair(rng, arm, 1.5), straight_legs(rng, (0, 12)), small(rng, 1.0), small(rng, 2.0))


def contrapposto(rng: Random, touch: float) -> Pose:
    """Weight on one leg, the other relaxed."""
    free = limb(rng, flexion=(5, 28), abduction=(2, 14), twist=(-20, 5), bend=(10, 45), end=(0, 15))
    firm = limb(rng, flexion=(-6, 3), abduction=(-8, 2), twist=(-8, 4), bend=(0, 4))
    legs = either(rng, free, firm)
    lean = 1.0 if legs[0] is free else -1.0
    arms = (free_arm(rng, touch), free_arm(rng, touch))
    return Pose(
        "contrapposto",
        arms,
        legs,
        (deg(rng, -4, 6), lean * deg(rng, 0, 12), deg(rng, -12, 12)),
        small(rng, 8.0),
    )


def _stride(rng: Random, name: str, reach: float, elbow: Span, lean: float, touch: float) -> Pose:
    """A moment of a gait: opposite arms and legs swing in phase, the hind foot rises over its toes."""
    phase = rng.uniform(0, 2 * np.pi)
    legs, arms = [], []
    for side in (0.0, np.pi):
        ahead = np.sin(phase + side)
        lift = max(0.0, np.cos(phase + side))
        push = max(0.0, -ahead) * (1 - lift)
        leg = limb(rng, abduction=(-1, 6), twist=(-8, 4), end=(-10, 10))
        leg.flexion = max(-28 * DEGREE, (ahead * 0.9 + 0.15) * reach)
        leg.bend = 0.12 + lift * reach * 1.6
        leg.end += 0.6 * push
        leg.toes = -0.7 * push
        legs.append(leg)
        arm = limb(rng, twist=(0, 30), bend=elbow, end=(-8, 12), roll=(-10, 30))
        arm.flexion, arm.abduction = -ahead * reach * 0.9, touch + deg(rng, 2, 12)
        arm.hand = hand(rng, "fist", "grip", "relaxed") if name == "run" else idle_hand(rng)
        arms.append(arm)
    twist = float(-np.sin(phase)) * 0.25 * reach
    return Pose(
        name,
        (arms[0], arms[1]),
        (legs[0], legs[1]),
        (lean * DEGREE + deg(rng, -2, 4), deg(rng, -3, 3), twist),
        small(rng, 5.0),
    )


def walk(rng: Random, touch: float) -> Pose:
    """A moment of walking."""
    return _stride(rng, "walk", deg(rng, 16, 32), (5, 35), 3, touch)


def run(rng: Random, touch: float) -> Pose:
    """A moment of running."""
    return _stride(rng, "run", deg(rng, 32, 62), (60, 110), 12, touch)


def reach(rng: Random, touch: float) -> Pose:
    """One or both arms raised: sideways, overhead or forward."""

    def up() -> Limb:
        if rng.random() < 0.6:
            arm = limb(rng, flexion=(-10, 30), abduction=(85, 165), twist=(-40, 10), bend=(0, 70))
        else:
            arm = limb(rng, flexion=(70, 170), abduction=(-5, 40), twist=(-30, 30), bend=(0, 50))
        arm.end, arm.roll, arm.shrug = deg(rng, -20, 25), deg(rng, -40, 50), deg(rng, 0, 12)
        arm.hand = hand(rng, "splayed", "flat", "relaxed", "grip", "point", "claw", "fist")
        return arm

    arms = (up(), up()) if rng.random() < 0.5 else either(rng, up(), free_arm(rng, touch))
    legs = straight_legs(rng, (-2, 16))
    if rng.random() < 0.2:
        for leg in legs:
            leg.end, leg.toes = leg.end + 0.6, -0.6
    return Pose("reach", arms, legs, small(rng, 6.0), small(rng, 10.0))


def gesture(rng: Random, touch: float) -> Pose:
    """Standing, one or both hands shown: pointing, fists, counting, thumbs up."""

    def shown() -> Limb:
        arm = limb(
            rng,
            flexion=(20, 75),
            abduction=(10, 55),
            twist=(-35, 25),
            bend=(35, 130),
            end=(-25, 20),
            roll=(-60, 70),
            deviation=(-15, 12),
        )
        arm.hand = hand(
            rng, "point", "pinch", "ok", "thumb_up", "victory", "claw", "fist", "splayed", "flat", "grip"
        )
        return arm

    arms = (shown(), shown()) if rng.random() < 0.5 else either(rng, shown(), free_arm(rng, touch))
    return Pose("gesture", arms, straight_legs(rng, (-1, 12)), small(rng, 4.0), small(rng, 8.0))
