"""Poses of action: fighting, climbing, dancing, jumping."""

from __future__ import annotations

from maskel_core.anatomy.pose import Limb, Pose
from maskel_core.anatomy.poses.draws import (
    Random,
    deg,
    either,
    free_arm,
    hand,
    limb,
    pair,
    root,
    small,
)
from maskel_core.anatomy.turns import X, turn


def fight(rng: Random, touch: float) -> Pose:
    """Guard, punch, kick, weapon stance: bent limbs, turned trunk."""

    def guard() -> Limb:
        arm = limb(rng, flexion=(25, 75), abduction=(5, 30), twist=(-10, 35), bend=(85, 135), roll=(-10, 40))
        arm.hand = hand(rng, "fist", "fist", "fist", "grip", "flat", "claw")
        return arm

    def strike() -> Limb:
        arm = limb(rng, flexion=(60, 105), abduction=(-10, 40), twist=(-10, 50), bend=(0, 50), roll=(10, 75))
        arm.forward, arm.shrug = deg(rng, 0, 15), deg(rng, 0, 10)
        arm.hand = hand(rng, "fist", "fist", "grip", "flat", "claw")
        return arm

    def swing() -> Limb:
        arm = limb(rng, flexion=(0, 100), abduction=(8, 100), twist=(-50, 50), bend=(5, 130), roll=(-40, 70))
        arm.end = deg(rng, -15, 20)
        arm.hand = hand(rng, "fist", "grip", "grip", "splayed", "claw")
        return arm

    def stance() -> Limb:
        flexion = deg(rng, -18, 65)
        leg = limb(rng, abduction=(3, 32), twist=(-28, 5), end=(-10, 20))
        leg.flexion, leg.bend = flexion, max(0.0, flexion) * 1.1 + deg(rng, 0, 30)
        return leg

    kinds = (guard, strike, swing)
    arms = (kinds[int(rng.integers(3))](), kinds[int(rng.integers(3))]())
    legs = (stance(), stance())
    if rng.random() < 0.15:
        kick = limb(rng, flexion=(60, 95), abduction=(5, 40), twist=(-20, 20), bend=(0, 60), end=(0, 45))
        firm = limb(rng, flexion=(-5, 20), abduction=(0, 10), twist=(-40, -5), bend=(5, 30))
        legs = either(rng, kick, firm)
    return Pose(
        "action",
        arms,
        legs,
        (deg(rng, -8, 20), deg(rng, -15, 15), deg(rng, -25, 25)),
        small(rng, 12.0),
    )


def climb(rng: Random, touch: float) -> Pose:
    """On a ladder or a wall: one arm high, one leg high, hands that grip."""
    high = limb(rng, flexion=(125, 170), abduction=(0, 30), twist=(-20, 20), bend=(0, 60), shrug=(5, 25))
    low = limb(rng, flexion=(50, 130), abduction=(5, 40), twist=(-20, 30), bend=(40, 115), shrug=(0, 12))
    for arm in (high, low):
        arm.roll, arm.end = deg(rng, 20, 75), deg(rng, -20, 20)
        arm.hand = hand(rng, "grip", "grip", "claw")
    raised = limb(rng, flexion=(60, 110), abduction=(5, 38), twist=(-32, 0), bend=(75, 125), end=(-15, 25))
    pushing = limb(rng, flexion=(-5, 30), abduction=(2, 18), twist=(-18, 2), bend=(2, 40), end=(0, 38))
    if rng.random() < 0.5:
        pushing.toes = deg(rng, -40, -10)
    arms, legs = either(rng, high, low), either(rng, raised, pushing)
    return Pose(
        "climb",
        arms,
        legs,
        (deg(rng, -10, 15), deg(rng, -14, 14), deg(rng, -12, 12)),
        (deg(rng, -40, 5), *small(rng, 8.0)[1:]),
    )


def _ballet_arm(rng: Random, place: str) -> Limb:
    """A rounded arm: before the hips, the belly, to the side or over the head."""
    spans = {
        "low": {"flexion": (8, 20), "abduction": (18, 28), "twist": (25, 45), "bend": (20, 38)},
        "front": {"flexion": (48, 68), "abduction": (18, 32), "twist": (35, 60), "bend": (35, 60)},
        "side": {"flexion": (8, 22), "abduction": (70, 88), "twist": (-5, 20), "bend": (10, 28)},
        "over": {"flexion": (-4, 10), "abduction": (140, 160), "twist": (-75, -55), "bend": (25, 45)},
    }[place]
    arm = limb(rng, roll=(-40, -10) if place == "over" else (-35, 10), end=(0, 12), **spans)
    arm.hand = hand(rng, "relaxed", "flat")
    return arm


def _ballet(rng: Random) -> tuple[tuple[Limb, Limb], float, tuple[float, float, float]]:
    """Legs, forward tilt of the whole body and spine of a ballet figure."""
    figure = rng.random()
    out = {"twist": (-48.0, -25.0)}
    if figure < 0.35:
        bend = float(rng.uniform(25, 95))
        legs = pair(
            rng,
            lambda: limb(rng, flexion=0.55 * bend, abduction=(18, 36), bend=bend, end=-0.2 * bend, **out),
            2.0,
        )
        return legs, 0.0, small(rng, 2.0)
    firm = limb(rng, flexion=(-3, 3), abduction=(0, 4), bend=(0, 4), **out)
    if rng.random() < 0.5:
        firm.end, firm.toes = deg(rng, 38, 52), deg(rng, -60, -42)
    if figure < 0.65:
        tilt = deg(rng, 12, 40)
        firm.flexion += tilt
        free = limb(rng, flexion=(-28, -12), abduction=(0, 12), twist=(-40, -15), bend=(0, 8), end=(35, 55))
        return either(rng, firm, free), tilt, (deg(rng, -28, -12), *small(rng, 3.0)[1:])
    if figure < 0.85:
        free = limb(rng, flexion=(55, 85), abduction=(30, 48), twist=(-48, -28), bend=(95, 130), end=(38, 55))
    else:
        free = limb(rng, flexion=(0, 70), abduction=(10, 45), twist=(-45, -20), bend=(0, 6), end=(38, 55))
    return either(rng, firm, free), 0.0, small(rng, 3.0)


def dance(rng: Random, touch: float) -> Pose:
    """Ballet (arms rounded, plie, arabesque, passe), a leap, or street dance."""
    kind = rng.random()
    tilt = 0.0
    if kind < 0.45:
        legs, tilt, spine = _ballet(rng)
        places = rng.choice(("low", "front", "side", "over"), 2, p=(0.15, 0.2, 0.35, 0.3))
        arms = (_ballet_arm(rng, str(places[0])), _ballet_arm(rng, str(places[1])))
        neck = small(rng, 8.0)
    elif kind < 0.65:
        ahead = limb(rng, flexion=(35, 88), abduction=(0, 20), twist=(-25, 5), bend=(0, 30), end=(20, 52))
        behind = limb(rng, flexion=(-29, -8), abduction=(0, 15), twist=(-25, 5), bend=(0, 75), end=(25, 52))
        legs = either(rng, ahead, behind)
        if rng.random() < 0.3:
            legs = pair(
                rng,
                lambda: limb(rng, flexion=(-10, 80), abduction=(2, 30), bend=(10, 120), end=(15, 50)),
                10.0,
            )
        arms = (_thrown_arm(rng), _thrown_arm(rng))
        spine = (deg(rng, -20, 12), *small(rng, 6.0)[1:])
        neck = small(rng, 10.0)
    else:
        legs = (_groove_leg(rng), _groove_leg(rng))
        arms = (_thrown_arm(rng), _thrown_arm(rng) if rng.random() < 0.6 else free_arm(rng, touch))
        spine = (deg(rng, -10, 30), deg(rng, -22, 22), deg(rng, -28, 28))
        neck = small(rng, 14.0)
    return Pose("dance", arms, legs, spine, neck, root(turn(X, tilt)) if tilt else None)


def _thrown_arm(rng: Random) -> Limb:
    arm = limb(
        rng,
        flexion=(-20, 60),
        abduction=(30, 150),
        twist=(-55, 20),
        bend=(0, 95),
        end=(-30, 30),
        roll=(-50, 60),
        shrug=(0, 15),
    )
    arm.hand = hand(rng, "flat", "splayed", "relaxed", "fist", "point", "victory")
    return arm


def _groove_leg(rng: Random) -> Limb:
    bend = float(rng.uniform(5, 75))
    return limb(
        rng,
        flexion=(0.3 * bend, 0.9 * bend),
        abduction=(2, 34),
        twist=(-35, 12),
        bend=bend,
        end=(-0.25 * bend, 15),
    )
