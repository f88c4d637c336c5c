"""What the families of poses share: random angles, pairs of limbs, hands, everyday arms and legs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from maskel_core.anatomy.pose import Hand, Limb
from maskel_core.anatomy.turns import Array

Random = np.random.Generator
Span = tuple[float, float]
DEGREE = np.pi / 180


def deg(rng: Random, low: float, high: float) -> float:
    """A uniform angle between two limits in degrees, in radians."""
    return float(rng.uniform(low, high)) * DEGREE


def small(rng: Random, size: float) -> tuple[float, float, float]:
    """Three small angles, normally distributed; size is one standard deviation in degrees."""
    x, y, z = rng.normal(0.0, size, 3) * DEGREE
    return float(x), float(y), float(z)


def limb(rng: Random, **spans: Span | float) -> Limb:
    """A limb of uniform angles; each given as its limits, or as one value, in degrees."""
    made = Limb()
    for name, span in spans.items():
        setattr(made, name, deg(rng, *span) if isinstance(span, tuple) else span * DEGREE)
    return made


def pair(rng: Random, make: Callable[[], Limb], asymmetry: float) -> tuple[Limb, Limb]:
    """A left and a right limb that share their angles but for a normal difference in degrees."""
    both = make()
    d = rng.normal(0.0, asymmetry, 6) * DEGREE
    other = replace(
        both,
        flexion=both.flexion + d[0],
        abduction=both.abduction + 0.5 * d[1],
        twist=both.twist + d[2],
        bend=max(0.0, both.bend + d[3]),
        end=both.end + d[4],
        roll=both.roll + d[5],
    )
    return (both, other) if rng.random() < 0.5 else (other, both)


def either(rng: Random, one: Limb, other: Limb) -> tuple[Limb, Limb]:
    """Two limbs, left and right by chance."""
    return (one, other) if rng.random() < 0.5 else (other, one)


def root(rotation: Array) -> torch.Tensor:
    """A rotation (3, 3) as poses keep it."""
    return torch.from_numpy(np.ascontiguousarray(rotation)).float()


Four = tuple[float, float, float, float]

# Degrees, index to little finger: spread, knuckles, middle and end joints; thumb: abduction, opposition, two flexions.
HANDS: dict[str, tuple[Four, Four, Four, Four, Four]] = {
    "flat": ((0, 0, 0, 0), (0, 0, 0, 0), (2, 2, 2, 4), (2, 2, 2, 2), (30, 20, 5, 0)),
    "splayed": ((14, 3, -8, -18), (-5, -8, -8, -4), (4, 4, 5, 6), (3, 3, 3, 3), (60, 5, 0, -5)),
    "relaxed": ((2, 0, 0, -3), (20, 26, 32, 38), (28, 34, 38, 36), (12, 14, 16, 14), (46, 50, 10, 15)),
    "fist": ((0, 0, 0, 0), (78, 84, 88, 90), (98, 102, 104, 102), (62, 64, 64, 62), (54, 98, 14, 62)),
    "point": ((0, 0, 0, 0), (4, 82, 86, 88), (4, 100, 102, 100), (3, 62, 62, 60), (54, 100, 14, 62)),
    "pinch": ((-2, 0, 0, -2), (46, 38, 32, 26), (46, 42, 38, 32), (24, 20, 18, 14), (70, 98, 0, 36)),
    "ok": ((-2, 2, -5, -14), (48, 14, 4, -4), (48, 16, 10, 6), (26, 8, 6, 4), (70, 98, 0, 38)),
    "grip": ((2, 0, 0, 0), (48, 56, 62, 66), (66, 68, 70, 68), (36, 38, 38, 36), (70, 92, 0, 34)),
    "claw": ((10, 2, -6, -14), (-12, -12, -12, -10), (72, 76, 78, 74), (48, 50, 50, 48), (60, 60, 10, 40)),
    "thumb_up": ((0, 0, 0, 0), (80, 84, 88, 90), (98, 102, 104, 102), (62, 64, 64, 62), (58, -5, -4, -14)),
    "victory": ((14, -9, 0, 0), (2, 2, 82, 86), (4, 4, 100, 100), (2, 2, 62, 60), (54, 100, 16, 64)),
}
"""Hands by name."""


def make_hand(values: tuple[Four, Four, Four, Four, Four]) -> Hand:
    """A hand of angles in degrees."""
    spread, knuckle, middle, distal, thumb = (
        (a * DEGREE, b * DEGREE, c * DEGREE, d * DEGREE) for a, b, c, d in values
    )
    return Hand(spread, knuckle, middle, distal, thumb)


def hand(rng: Random, *names: str) -> Hand:
    """One of the named hands, a little opened or closed."""
    values = HANDS[names[int(rng.integers(len(names)))]]
    towards = HANDS["relaxed"]
    share = float(rng.uniform(0.0, 0.15))
    noise = rng.normal(0.0, 2.0, (5, 4))
    noise[0] *= 0.5

    def four(row: int) -> Four:
        a, b, c, d = (
            (1 - share) * v + share * t + e
            for v, t, e in zip(values[row], towards[row], noise[row], strict=True)
        )
        return a, b, c, d

    return make_hand((four(0), four(1), four(2), four(3), four(4)))


def idle_hand(rng: Random) -> Hand:
    """A hand that does nothing much: mostly relaxed, sometimes flat or closed."""
    if rng.random() < 0.75:
        share = float(rng.uniform(0.3, 1.3))
        spread, *bends, thumb = HANDS["relaxed"]
        less = [
            tuple(share * v + e for v, e in zip(row, rng.normal(0, 2.5, 4), strict=True)) for row in bends
        ]
        knuckle, middle, distal = ((a, b, c, d) for a, b, c, d in less)
        return make_hand((spread, knuckle, middle, distal, thumb))
    return hand(rng, "flat", "fist", "grip", "splayed", "claw")


def straight_legs(rng: Random, spread: Span = (-1.0, 9.0)) -> tuple[Limb, Limb]:
    """Both legs straight under the body; the feet point a little outwards."""
    return pair(
        rng,
        lambda: limb(rng, flexion=(-4, 5), abduction=spread, twist=(-14, 4), bend=(0, 7), end=(-4, 4)),
        1.5,
    )


def free_arm(rng: Random, touch: float) -> Limb:
    """A relaxed arm: hanging, on the hip or bent in front."""
    kind = rng.random()
    if kind < 0.5:
        arm = limb(
            rng,
            flexion=(-15, 20),
            twist=(-20, 30),
            bend=(3, 40),
            end=(-10, 20),
            roll=(-10, 40),
            shrug=(-3, 4),
        )
        arm.abduction = touch + deg(rng, 0, 15)
    elif kind < 0.75:
        arm = limb(
            rng,
            flexion=(-35, -12),
            abduction=(35, 52),
            twist=(35, 60),
            bend=(85, 110),
            end=(10, 45),
            roll=(0, 50),
            shrug=(0, 8),
        )
    else:
        arm = limb(
            rng, flexion=(15, 55), twist=(5, 45), bend=(50, 110), end=(-10, 20), roll=(-10, 60), shrug=(-2, 6)
        )
        arm.abduction = touch + deg(rng, 0, 15)
    arm.hand = idle_hand(rng)
    return arm
