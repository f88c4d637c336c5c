"""Poses near the ground: sitting, squatting, kneeling, lying, on all fours."""

from __future__ import annotations

import numpy as np
from maskel_core.anatomy.pose import Limb, Pose
from maskel_core.anatomy.poses.draws import (
    Random,
    deg,
    either,
    free_arm,
    hand,
    idle_hand,
    limb,
    pair,
    root,
    small,
)
from maskel_core.anatomy.turns import Array, X, Y, Z, turn

_RIGHT_ANGLE = float(np.pi / 2)


def sit(rng: Random, touch: float) -> Pose:
    """Sitting, thighs level; the legs together, apart, stretched out or crossed at the knee."""
    kind = rng.random()
    if kind < 0.65:
        legs = pair(
            rng,
            lambda: limb(
                rng, flexion=(75, 100), abduction=(2, 22), twist=(-10, 8), bend=(65, 105), end=(-8, 12)
            ),
            6.0,
        )
    elif kind < 0.85:
        under = limb(rng, flexion=(82, 92), abduction=(0, 4), twist=(-2, 6), bend=(78, 100), end=(-4, 8))
        over = limb(rng, flexion=(104, 112), abduction=(-15, -9), twist=(-6, 4), bend=(75, 95), end=(5, 30))
        legs = either(rng, under, over)
    else:
        legs = pair(
            rng,
            lambda: limb(
                rng, flexion=(70, 88), abduction=(2, 20), twist=(-20, 4), bend=(0, 40), end=(-5, 25)
            ),
            6.0,
        )
    return Pose("sit", (_lap_arm(rng, touch), _lap_arm(rng, touch)), legs, _slumped(rng), small(rng, 8.0))


def _slumped(rng: Random) -> tuple[float, float, float]:
    return (deg(rng, -5, 25), *small(rng, 4.0)[1:])


def _lap_arm(rng: Random, touch: float) -> Limb:
    """An arm whose hand rests on the thigh, or does anything else."""
    if rng.random() < 0.5:
        return free_arm(rng, touch)
    arm = limb(rng, flexion=(18, 42), twist=(0, 25), bend=(45, 80), end=(-10, 15), roll=(40, 78))
    arm.abduction, arm.hand = touch + deg(rng, 0, 12), idle_hand(rng)
    return arm


def squat(rng: Random, touch: float) -> Pose:
    """Knees bent, trunk forward; down to a crouch with the heels raised."""
    bend = deg(rng, 35, 115) if rng.random() < 0.75 else deg(rng, 120, 145)
    deep = bend > deg(rng, 110, 120)

    def leg() -> Limb:
        one = limb(rng, abduction=(6, 28), twist=(-30, 0), end=(-4, 4))
        one.flexion, one.bend = bend * (0.78 if deep else 0.85), bend
        one.end += 0.1 if deep else -0.25 * bend
        one.toes = -0.7 if deep else 0.0
        return one

    def arm() -> Limb:
        one = limb(rng, flexion=(20, 95), abduction=(5, 30), twist=(-10, 30), bend=(5, 80), roll=(-20, 50))
        one.hand = idle_hand(rng)
        return one

    return Pose(
        "squat",
        pair(rng, arm, 10.0),
        pair(rng, leg, 4.0),
        (deg(rng, 5, 35), *small(rng, 4.0)[1:]),
        small(rng, 8.0),
    )


def _kneeling_leg(rng: Random) -> Limb:
    """Thigh upright over a shin that lies on the ground, its foot stretched or on the toes."""
    one = limb(rng, flexion=(-8, 10), abduction=(0, 14), twist=(-10, 6), bend=(82, 100), end=(35, 55))
    if rng.random() < 0.4:
        one.end, one.toes = deg(rng, -15, 5), deg(rng, -65, -45)
    return one


def kneel(rng: Random, touch: float) -> Pose:
    """On one knee, on both, or sitting on the heels."""
    kind = rng.random()
    if kind < 0.4:
        front = limb(rng, flexion=(78, 102), abduction=(2, 18), twist=(-12, 4), bend=(80, 108), end=(-12, 8))
        legs = either(rng, front, _kneeling_leg(rng))
    elif kind < 0.7:
        legs = pair(rng, lambda: _kneeling_leg(rng), 3.0)
    else:
        legs = pair(
            rng,
            lambda: limb(
                rng, flexion=(78, 98), abduction=(4, 20), twist=(-6, 12), bend=(138, 152), end=(38, 55)
            ),
            2.0,
        )
    arms = (_lap_arm(rng, touch), _lap_arm(rng, touch))
    return Pose("kneel", arms, legs, _slumped(rng), small(rng, 10.0))


def crawl(rng: Random, touch: float) -> Pose:
    """On hands and knees."""
    tip = deg(rng, 70, 95)

    def arm() -> Limb:
        one = limb(rng, abduction=(0, 18), twist=(-10, 25), bend=(0, 25), end=(-68, -45), roll=(40, 78))
        one.flexion = tip + deg(rng, -22, 15)
        one.hand = hand(rng, "flat", "splayed")
        return one

    def leg() -> Limb:
        one = limb(rng, abduction=(0, 14), twist=(-8, 8), bend=(78, 105), end=(20, 50))
        one.flexion = tip + deg(rng, -25, 15)
        return one

    return Pose(
        "crawl",
        (arm(), arm()),
        (leg(), leg()),
        (deg(rng, -10, 15), *small(rng, 5.0)[1:]),
        (deg(rng, -45, -5), *small(rng, 8.0)[1:]),
        root(turn(Z, float(rng.uniform(-np.pi, np.pi))) @ turn(X, tip)),
    )


def lie(rng: Random, touch: float) -> Pose:
    """On the back, on the side or on the belly; seen from beside or from above."""
    kind = ("back", "side", "prone")[int(rng.choice(3, p=(0.5, 0.25, 0.25)))]
    arms, legs = (_lying_arm(rng, touch, kind), _lying_arm(rng, touch, kind)), _lying_legs(rng, kind)
    neck = small(rng, 8.0)
    if kind == "prone":
        neck = (deg(rng, -10, 5), 0.0, float(rng.choice((-1.0, 1.0))) * deg(rng, 40, 68))
    spine = (deg(rng, 0, 25) if kind == "side" else deg(rng, -6, 6), *small(rng, 4.0)[1:])
    return Pose("lie", arms, legs, spine, neck, root(_lying(rng, kind)))


def _lying(rng: Random, kind: str) -> Array:
    """A lying body's rotation: on the ground, its head to one side of the usual view, or as a view from above shows it."""
    side = float(rng.choice((-1.0, 1.0)))
    if rng.random() < 0.35:
        # Face or back to the viewer, head anywhere: what a camera over a bed sees.
        about = turn(Z, np.pi if kind == "prone" else 0.0)
        return turn(Y, float(rng.uniform(-np.pi, np.pi))) @ about
    down = {"back": turn(X, -_RIGHT_ANGLE), "prone": turn(X, _RIGHT_ANGLE)}.get(kind)
    if down is None:
        return turn(Z, float(rng.normal(0.0, 0.4))) @ turn(Y, side * _RIGHT_ANGLE)
    return turn(Z, side * _RIGHT_ANGLE + float(rng.normal(0.0, 0.4))) @ down


def _lying_arm(rng: Random, touch: float, kind: str) -> Limb:
    if kind == "back":
        arm = limb(rng, flexion=(-8, 4), twist=(-30, 20), bend=(0, 45), roll=(-60, 60), end=(-10, 15))
        arm.abduction = touch + deg(rng, 0, 30) if rng.random() < 0.6 else deg(rng, 40, 160)
        if arm.abduction > _RIGHT_ANGLE:
            arm.twist, arm.bend = deg(rng, -80, -50), deg(rng, 10, 90)
    elif kind == "side":
        arm = limb(rng, flexion=(30, 90), abduction=(-5, 15), twist=(-10, 40), bend=(30, 120), roll=(-30, 60))
    else:
        arm = limb(rng, flexion=(-6, 6), abduction=(60, 140), twist=(-75, -40), bend=(20, 100), roll=(0, 60))
        if rng.random() < 0.4:
            arm = limb(rng, flexion=(-12, 0), twist=(0, 50), bend=(5, 30), roll=(-30, 40))
            arm.abduction = touch + deg(rng, 2, 20)
    arm.hand = idle_hand(rng)
    return arm


def _lying_legs(rng: Random, kind: str) -> tuple[Limb, Limb]:
    if kind == "side":
        return pair(
            rng,
            lambda: limb(rng, flexion=(10, 85), abduction=(0, 5), twist=(-4, 4), bend=(20, 100), end=(5, 35)),
            8.0,
        )

    def leg() -> Limb:
        one = limb(rng, flexion=(-3, 4), abduction=(0, 22), twist=(-28, 0), bend=(0, 8), end=(12, 42))
        bent = rng.random()
        if kind == "back" and bent < 0.3:
            one = limb(rng, flexion=(35, 65), abduction=(0, 25), twist=(-10, 6), bend=(60, 115), end=(5, 25))
        elif kind == "prone" and bent < 0.25:
            one = limb(
                rng, flexion=(0, 25), abduction=(15, 40), twist=(-35, -10), bend=(20, 90), end=(15, 40)
            )
        return one

    return (leg(), leg())
