"""Random poses within joint ranges of motion, class by class."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from maskel_core.anatomy.pose import Limb, Pose, axis_rotation

Random = np.random.Generator
_DEGREE = np.pi / 180


def _deg(rng: Random, low: float, high: float) -> float:
    """A uniform angle between two limits in degrees, in radians."""
    return float(rng.uniform(low, high)) * _DEGREE


def _small(rng: Random, size: float) -> tuple[float, float, float]:
    """Three small angles, normally distributed; size is one standard deviation in degrees."""
    x, y, z = rng.normal(0.0, size, 3) * _DEGREE
    return float(x), float(y), float(z)


def _pair(rng: Random, make: Callable[[], Limb], asymmetry: float) -> tuple[Limb, Limb]:
    """A left and a right limb that share their angles but for a normal difference in degrees."""
    both = make()

    def other() -> Limb:
        d = rng.normal(0.0, asymmetry, 5) * _DEGREE
        return Limb(
            both.flexion + d[0],
            both.abduction + 0.5 * d[1],
            both.twist + d[2],
            max(0.0, both.bend + d[3]),
            both.end + d[4],
            both.curl,
        )

    return (both, other()) if rng.random() < 0.5 else (other(), both)


def _straight_legs(rng: Random, spread: tuple[float, float] = (-1.0, 9.0)) -> tuple[Limb, Limb]:
    return _pair(
        rng,
        lambda: Limb(
            _deg(rng, -4, 5), _deg(rng, *spread), _deg(rng, -14, 4), _deg(rng, 0, 7), _deg(rng, -4, 4)
        ),
        1.5,
    )


def standing(rng: Random, touch: float) -> Pose:
    """Plain standing, arms at the sides; ``touch`` is the abduction at which the hands meet the hips."""
    gap = touch + abs(rng.normal(0.0, 5.0)) * _DEGREE
    arms = _pair(
        rng,
        lambda: Limb(
            _deg(rng, -8, 9), gap, _deg(rng, -25, 30), _deg(rng, 2, 22), _deg(rng, -8, 8), _deg(rng, 0, 22)
        ),
        2.0,
    )
    return Pose("standing", arms, _straight_legs(rng), _small(rng, 1.5), _small(rng, 4.0))


def a_pose(rng: Random, touch: float) -> Pose:
    """Arms half raised to the side, as characters are modelled."""
    arms = _pair(
        rng,
        lambda: Limb(
            _deg(rng, -8, 10),
            _deg(rng, 25, 62),
            _deg(rng, -25, 25),
            _deg(rng, 0, 30),
            _deg(rng, -12, 12),
            _deg(rng, 0, 20),
        ),
        2.0,
    )
    return Pose("a_pose", arms, _straight_legs(rng, (0, 15)), _small(rng, 1.0), _small(rng, 3.0))


def t_pose(rng: Random, touch: float) -> Pose:
    """Arms straight out to the side, as characters are rigged."""
    arms = _pair(
        rng,
        lambda: Limb(
            _deg(rng, -6, 6),
            _deg(rng, 78, 96),
            _deg(rng, -20, 20),
            _deg(rng, 0, 8),
            _deg(rng, -8, 8),
            _deg(rng, 0, 8),
        ),
        1.5,
    )
    return Pose("t_pose", arms, _straight_legs(rng, (0, 12)), _small(rng, 1.0), _small(rng, 2.0))


def contrapposto(rng: Random, touch: float) -> Pose:
    """Weight on one leg, the other relaxed."""
    free = Limb(_deg(rng, 5, 28), _deg(rng, 2, 14), _deg(rng, -20, 5), _deg(rng, 10, 45), _deg(rng, 0, 15))
    firm = Limb(_deg(rng, -6, 3), _deg(rng, -8, 2), _deg(rng, -8, 4), _deg(rng, 0, 4))
    legs = (free, firm) if rng.random() < 0.5 else (firm, free)
    lean = 1.0 if legs[0] is free else -1.0
    arms = (_free_arm(rng, touch), _free_arm(rng, touch))
    return Pose(
        "contrapposto",
        arms,
        legs,
        (_deg(rng, -4, 6), lean * _deg(rng, 0, 12), _deg(rng, -12, 12)),
        _small(rng, 8.0),
    )


def _free_arm(rng: Random, touch: float) -> Limb:
    """A relaxed arm: hanging, on the hip or bent in front."""
    kind = rng.random()
    if kind < 0.5:
        return Limb(
            _deg(rng, -15, 20),
            touch + _deg(rng, 0, 15),
            _deg(rng, -20, 30),
            _deg(rng, 3, 40),
            _deg(rng, -10, 20),
            _deg(rng, 5, 35),
        )
    if kind < 0.75:
        return Limb(
            _deg(rng, -30, -5),
            _deg(rng, 35, 55),
            _deg(rng, 40, 70),
            _deg(rng, 80, 105),
            _deg(rng, 0, 40),
            _deg(rng, 10, 50),
        )
    return Limb(
        _deg(rng, 15, 55),
        touch + _deg(rng, 5, 20),
        _deg(rng, 10, 50),
        _deg(rng, 50, 110),
        _deg(rng, -10, 20),
        _deg(rng, 5, 50),
    )


def _stride(
    rng: Random, name: str, reach: float, elbow: tuple[float, float], lean: float, touch: float
) -> Pose:
    """A moment of a gait: opposite arms and legs swing in phase."""
    phase = rng.uniform(0, 2 * np.pi)
    legs, arms = [], []
    for side in (0.0, np.pi):
        swing = np.sin(phase + side)
        lift = max(0.0, np.cos(phase + side))
        legs.append(
            Limb(
                (swing * 0.9 + 0.15) * reach,
                _deg(rng, -1, 6),
                _deg(rng, -8, 4),
                0.12 + lift * reach * 1.6,
                _deg(rng, -12, 18),
            )
        )
        arms.append(
            Limb(
                -swing * reach * 0.9,
                touch + _deg(rng, 2, 12),
                _deg(rng, 0, 30),
                _deg(rng, *elbow),
                _deg(rng, -8, 12),
                _deg(rng, 10, 60),
            )
        )
    twist = float(-np.sin(phase)) * 0.25 * reach
    return Pose(
        name,
        (arms[0], arms[1]),
        (legs[0], legs[1]),
        (lean * _DEGREE + _deg(rng, -2, 4), _deg(rng, -3, 3), twist),
        _small(rng, 5.0),
    )


def walk(rng: Random, touch: float) -> Pose:
    """A moment of walking."""
    return _stride(rng, "walk", _deg(rng, 16, 32), (5, 35), 3, touch)


def run(rng: Random, touch: float) -> Pose:
    """A moment of running."""
    return _stride(rng, "run", _deg(rng, 32, 62), (60, 110), 12, touch)


def reach(rng: Random, touch: float) -> Pose:
    """One or both arms raised."""

    def up() -> Limb:
        return Limb(
            _deg(rng, -10, 60),
            _deg(rng, 85, 165),
            _deg(rng, -40, 40),
            _deg(rng, 0, 70),
            _deg(rng, -20, 25),
            _deg(rng, 0, 50),
        )

    arms = (up(), up()) if rng.random() < 0.5 else (up(), _free_arm(rng, touch))
    if rng.random() < 0.5:
        arms = arms[::-1]
    return Pose("reach", arms, _straight_legs(rng, (-2, 16)), _small(rng, 6.0), _small(rng, 10.0))


def sit(rng: Random, touch: float) -> Pose:
    """Sitting, thighs level."""
    legs = _pair(
        rng,
        lambda: Limb(
            _deg(rng, 70, 100), _deg(rng, 2, 22), _deg(rng, -10, 8), _deg(rng, 65, 105), _deg(rng, -8, 12)
        ),
        6.0,
    )
    return Pose(
        "sit",
        (_free_arm(rng, touch), _free_arm(rng, touch)),
        legs,
        (_deg(rng, -5, 25), *_small(rng, 4.0)[1:]),
        _small(rng, 8.0),
    )


def squat(rng: Random, touch: float) -> Pose:
    """Knees bent, trunk forward."""
    bend = _deg(rng, 35, 115)
    legs = _pair(rng, lambda: Limb(bend * 0.85, _deg(rng, 6, 28), _deg(rng, -22, 0), bend, -0.25 * bend), 4.0)
    arms = _pair(
        rng,
        lambda: Limb(
            _deg(rng, 20, 95), _deg(rng, 5, 30), _deg(rng, -10, 30), _deg(rng, 5, 80), 0.0, _deg(rng, 5, 50)
        ),
        10.0,
    )
    return Pose("squat", arms, legs, (_deg(rng, 5, 35), *_small(rng, 4.0)[1:]), _small(rng, 8.0))


def fight(rng: Random, touch: float) -> Pose:
    """Guard, punch or dance: bent limbs, turned trunk."""

    def arm() -> Limb:
        return Limb(
            _deg(rng, 0, 100),
            _deg(rng, 8, 80),
            _deg(rng, -30, 60),
            _deg(rng, 5, 130),
            _deg(rng, -15, 20),
            _deg(rng, 10, 80),
        )

    def leg() -> Limb:
        flexion = _deg(rng, -18, 65)
        return Limb(
            flexion,
            _deg(rng, 0, 32),
            _deg(rng, -25, 10),
            max(0.0, flexion) * 1.1 + _deg(rng, 0, 30),
            _deg(rng, -10, 25),
        )

    return Pose(
        "action",
        (arm(), arm()),
        (leg(), leg()),
        (_deg(rng, -8, 20), _deg(rng, -15, 15), _deg(rng, -25, 25)),
        _small(rng, 12.0),
    )


_CLASSES: tuple[tuple[float, Callable[[Random, float], Pose]], ...] = (
    (0.40, standing),
    (0.10, a_pose),
    (0.06, t_pose),
    (0.10, contrapposto),
    (0.08, walk),
    (0.05, run),
    (0.06, reach),
    (0.04, sit),
    (0.03, squat),
    (0.08, fight),
)

POSE_CLASSES: dict[str, Callable[[Random, float], Pose]] = {
    (make.__name__ if make is not fight else "action"): make for _, make in _CLASSES
}
"""Every pose class by name; each takes a random generator and the abduction at which the hands meet the hips."""


def sample_pose(rng: Random, touch: float) -> Pose:
    """A random pose; plain standing is the most frequent class.

    Args:
        rng: Source of randomness.
        touch: Shoulder abduction at which this body's hands meet its hips, radians.
    """
    shares = np.array([share for share, _ in _CLASSES])
    make = _CLASSES[int(rng.choice(len(_CLASSES), p=shares / shares.sum()))][1]
    pose = make(rng, touch)
    tilt, lean = rng.normal(0.0, 1.5, 2) * _DEGREE
    x, y, _ = torch.eye(3).unbind(0)
    pose.root = axis_rotation(x, float(tilt)) @ axis_rotation(y, float(lean))
    return pose
