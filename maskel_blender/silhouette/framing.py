"""Where orthographic cameras stand around a character so that all of it is in the picture. No bpy."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .sides import Facing

FloatArray = NDArray[np.float64]
YAWS = {"FRONT": 0.0, "BACK": 180.0, "LEFT": 90.0, "RIGHT": -90.0, "FRONT_LEFT": 45.0, "FRONT_RIGHT": -45.0}
"""Degrees from the character's front to its own left at which the camera of each view stands."""
SIDE_SEEN = {"FRONT": "front", "BACK": "back", "LEFT": "left", "RIGHT": "right"}
"""Side that a view shows; a view half way between two shows neither for certain."""
WORLD_FRONTS = {"-Y": (0.0, -1.0, 0.0), "+Y": (0.0, 1.0, 0.0), "-X": (-1.0, 0.0, 0.0), "+X": (1.0, 0.0, 0.0)}
_Z = np.array([0.0, 0.0, 1.0])
_STANDING = 0.5
_SNAP = math.radians(10.0)


@dataclass(frozen=True)
class Stand:
    """One orthographic camera.

    Args:
        to_world: (4, 4) float64, camera looks along its -Z.
        scale: Metres along the longer side of the frame.
        clip_start: Near plane in metres.
        clip_end: Far plane in metres.
    """

    to_world: FloatArray
    scale: float
    clip_start: float
    clip_end: float


def character_axes(facing: Facing | None, own_front: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Front and up that a rigging set goes by.

    A standing character is seen level; its front is snapped to its object's own axes or the world's when within 10 degrees,
    so that a slight twist of the trunk does not turn the views.

    Args:
        facing: The trunk, if the bones tell.
        own_front: (3,) the object's -Y in world space, any length.

    Returns:
        Two unit vectors (3,), at right angles.

    """
    if facing is not None and facing.up @ _Z < _STANDING:
        return facing.front, facing.up
    if facing is None:
        return _level(own_front) if _is_level(own_front) else np.array([0.0, -1.0, 0.0]), _Z
    front = _level(facing.front)
    for wanted in (own_front, *map(np.array, WORLD_FRONTS.values())):
        if _is_level(wanted):
            # the object's front may be any of its axes
            for turn in range(4):
                axis = _turned(_level(wanted), turn * math.pi / 2)
                if axis @ front > math.cos(_SNAP):
                    return axis, _Z
    return front, _Z


def stands(
    points: FloatArray,
    views: Iterable[str],
    front: FloatArray,
    up: FloatArray,
    frame: tuple[float, float],
    margin: float,
) -> Mapping[str, Stand]:
    """Cameras that show all points, all at one scale and height.

    Args:
        points: (N, 3) world space.
        views: Keys of `YAWS`.
        front: (3,) unit vector.
        up: (3,) unit vector at right angles to it.
        frame: Width and height of the frame, pixel aspect included, in any unit.
        margin: Room on each side, as a share of the character's size.

    """
    left = np.cross(up, front)
    axes = {}
    for view in views:
        yaw = math.radians(YAWS[view])
        back = math.cos(yaw) * front + math.sin(yaw) * left
        axes[view] = np.stack([np.cross(up, back), up, back])
    low_high = {view: _extent(points, rotation) for view, rotation in axes.items()}
    longest = max(frame)
    size = max(float((high - low).max()) for low, high in low_high.values()) or 1.0
    room = 1.0 + 2.0 * margin
    scale = max(
        float(room * max((high - low)[i] * longest / frame[i] for i in (0, 1)))
        for low, high in low_high.values()
    )
    found = {}
    for view, (low, high) in low_high.items():
        middle = (low + high) / 2
        # so far off that the picture plane, which lies before the character, is well before the camera
        middle[2] = high[2] + size
        to_world = np.eye(4)
        to_world[:3, :3] = axes[view].T
        to_world[:3, 3] = axes[view].T @ middle
        depth = float(high[2] - low[2])
        found[view] = Stand(to_world, max(scale, 1e-4 * size), 0.1 * size, 2.0 * size + depth)
    return found


def _extent(points: FloatArray, rotation: FloatArray) -> tuple[FloatArray, FloatArray]:
    turned = points @ rotation.T
    return turned.min(axis=0), turned.max(axis=0)


def _is_level(axis: FloatArray) -> bool:
    length = float(np.linalg.norm(axis))
    return length > 0.0 and float(np.hypot(axis[0], axis[1])) > _STANDING * length


def _level(axis: FloatArray) -> FloatArray:
    flat = np.array([axis[0], axis[1], 0.0])
    return flat / np.linalg.norm(flat)


def _turned(axis: FloatArray, angle: float) -> FloatArray:
    cosine, sine = math.cos(angle), math.sin(angle)
    return np.array([cosine * axis[0] - sine * axis[1], sine * axis[0] + cosine * axis[1], 0.0])
