"""Random poses within joint ranges of motion, class by class."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from maskel_core.anatomy.motion_range import clamp_pose
from maskel_core.anatomy.pose import Pose
from maskel_core.anatomy.poses import action, ground, upright
from maskel_core.anatomy.turns import X, Y, turn

Random = np.random.Generator
_SWAY = np.radians(1.5)

_CLASSES: tuple[tuple[str, float, Callable[[Random, float], Pose]], ...] = (
    ("standing", 0.18, upright.standing),
    ("a_pose", 0.09, upright.a_pose),
    ("t_pose", 0.05, upright.t_pose),
    ("contrapposto", 0.09, upright.contrapposto),
    ("walk", 0.09, upright.walk),
    ("run", 0.06, upright.run),
    ("reach", 0.06, upright.reach),
    ("gesture", 0.05, upright.gesture),
    ("sit", 0.06, ground.sit),
    ("squat", 0.03, ground.squat),
    ("kneel", 0.04, ground.kneel),
    ("crawl", 0.02, ground.crawl),
    ("lie", 0.04, ground.lie),
    ("action", 0.06, action.fight),
    ("climb", 0.03, action.climb),
    ("dance", 0.05, action.dance),
)


def _kept(make: Callable[[Random, float], Pose]) -> Callable[[Random, float], Pose]:
    """The same class, every angle within its range of motion."""

    def kept(rng: Random, touch: float) -> Pose:
        return clamp_pose(make(rng, touch))

    return kept


POSE_CLASSES: dict[str, Callable[[Random, float], Pose]] = {name: _kept(make) for name, _, make in _CLASSES}
"""Every pose class by name; each takes a random generator and the abduction at which the hands meet the hips."""

_SHARES = np.array([share for _, share, _ in _CLASSES])


def sample_pose(rng: Random, touch_abduction: float) -> Pose:
    """A random pose; plain standing is the most frequent class.

    Args:
        rng: Source of randomness.
        touch_abduction: Shoulder abduction at which this body's hands meet its hips, radians.
    """
    name = _CLASSES[int(rng.choice(len(_CLASSES), p=_SHARES / _SHARES.sum()))][0]
    pose = POSE_CLASSES[name](rng, touch_abduction)
    tilt, lean = rng.normal(0.0, _SWAY, 2)
    sway = torch.from_numpy(turn(X, float(tilt)) @ turn(Y, float(lean))).float()
    pose.root = sway if pose.root is None else sway @ pose.root
    return pose
