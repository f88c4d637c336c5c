"""Which side of the character a camera sees, from the left and right bones of its armature. No bpy."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from .matrices import determinant, inverse

FloatArray = NDArray[np.float64]
_TOKENS = re.compile(r"左|右|[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_A-Za-z左右]+")
_SIDES = {"l": "L", "left": "L", "左": "L", "r": "R", "right": "R", "右": "R"}
_ARMS = ("arm", "shoulder", "shldr", "clavicle", "collar", "hand", "elbow", "wrist", "腕", "肩", "手", "ひじ")
_LEGS = ("leg", "thigh", "calf", "shin", "knee", "foot", "ankle", "toe", "足", "ひざ", "つま先")
_TOES = ("toe", "ball", "つま先")
_FEET = ("foot", "ankle", "足首")
_FOUR_LEGS = {"front", "fore", "hind", "rear"}
_ALIKE = 0.9
"""Bones of both sides must lie along one axis: length of their summed offsets over the sum of lengths."""
_HANGING = 0.9
"""Least cosine between legs and trunk in the rest pose."""
_STEEP = math.sin(math.radians(60.0))
_BETWEEN = math.radians(5.0)
"""Nearer than this to the middle between two sides, neither is certain."""


@dataclass(frozen=True)
class Bone:
    """One bone of an armature.

    Args:
        name: Unique in the armature.
        parent: Name of its parent, "" for none.
        rest: (4, 4) float64, rest pose, armature space.
        posed: (4, 4) float64, current pose, armature space.
        deforms: Whether it moves the mesh itself; controls do not.
    """

    name: str
    parent: str
    rest: FloatArray
    posed: FloatArray
    deforms: bool = True


@dataclass(frozen=True)
class Facing:
    """How a character's trunk stands: unit vectors (3,) to its own left, its head and its front."""

    left: FloatArray
    up: FloatArray
    front: FloatArray

    def moved(self, matrix: FloatArray) -> Facing | None:
        """In another space; None if the matrix mirrors, for then left is no longer left."""
        linear = matrix[:3, :3]
        if not determinant(linear) > 0.0:
            return None
        return Facing(*(_unit(linear @ axis) for axis in (self.left, self.up, self.front)))


@lru_cache(maxsize=8192)
def split_side(name: str) -> tuple[str, str]:
    """Side and the rest of a bone's name, for the usual ways to name sides.

    Returns:
        ``("L", rest)`` or ``("R", rest)``; ``("", "")`` if the name has no side, or more than one.

    """
    found, rest = [], []
    for token in _TOKENS.findall(name):
        word = token.lower()
        side = _SIDES.get(word, "")
        for long in ("left", "right"):
            if not side and len(word) > len(long) and (word.startswith(long) or word.endswith(long)):
                side, token = _SIDES[long], word.removeprefix(long).removesuffix(long)
                rest.append(token)
        if side:
            found.append(side)
        else:
            rest.append(word)
    return (found[0], " ".join(rest)) if len(found) == 1 else ("", "")


def facing_of(bones: Mapping[str, Bone]) -> Facing | None:
    """How the trunk stands in the current pose, in armature space.

    Args:
        bones: All bones by name.

    Returns:
        None unless it is certain: there must be paired bones of arms and legs whose offsets agree, on a common trunk that the
        legs hang down from, as they do not in beasts, and toes, where there are any, must point to the front.

    """
    pairs = _pairs(bones, deforming=True) or _pairs(bones, deforming=False)
    arms = [pair for key, pair in pairs.items() if _is(key, _ARMS)]
    # toes lie before the legs and would tilt the trunk
    legs = [pair for key, pair in pairs.items() if _is(key, _LEGS) and not _is(key, _TOES)]
    four_legs = any(_is(key, _LEGS) and _FOUR_LEGS.intersection(key.split()) for key in pairs)
    if not arms or not legs or four_legs:
        return None
    offsets = [_head(left) - _head(right) for left, right in arms + legs]
    total, lengths = np.sum(offsets, axis=0), sum(float(np.linalg.norm(offset)) for offset in offsets)
    rise = _middle(arms) - _middle(legs)
    if not _legs_hang(rise, legs):
        return None
    if not np.linalg.norm(total) > _ALIKE * lengths or not np.linalg.norm(rise) > 0.0:
        return None
    left = _unit(total)
    upright = rise - left * (left @ rise)
    if np.linalg.norm(upright) < 0.5 * np.linalg.norm(rise):
        return None
    up = _unit(upright)
    rest = Facing(left, up, np.cross(left, up))
    if not _toes_point_along(rest.front, pairs):
        return None
    trunks = [_trunk(bones, pairs[0][0]) for pairs in (arms, legs)]
    turned = [_turned(rest, bone) for bone in trunks if bone and determinant(bone.posed[:3, :3]) > 0.0]
    if not turned or turned[0].front @ turned[-1].front <= 0.0:
        return None
    return Facing(*(_unit(sum(getattr(one, axis) for one in turned)) for axis in ("left", "up", "front")))


def side_seen(facing: Facing, to_camera: FloatArray) -> str:
    """Side of the character that a camera sees, the nearest of four, as the model was taught.

    Args:
        facing: The character in world space.
        to_camera: (3,) direction from the character to the camera, any length.

    Returns:
        ``front``, ``back``, ``left``, ``right``; ``unknown`` from steeply above or below, or half way between two sides.

    """
    direction = _unit(to_camera)
    if not abs(facing.up @ direction) <= _STEEP:
        return "unknown"
    yaw = math.atan2(facing.left @ direction, facing.front @ direction)
    quarter = round(yaw / (math.pi / 2))
    if abs(yaw - quarter * math.pi / 2) > math.pi / 4 - _BETWEEN:
        return "unknown"
    return ("front", "left", "back", "right")[quarter % 4]


def _pairs(bones: Mapping[str, Bone], deforming: bool) -> dict[str, tuple[Bone, Bone]]:
    """Left and right bones of arms and legs by what their names share."""
    sides: dict[str, dict[str, Bone]] = {"L": {}, "R": {}}
    for bone in bones.values():
        if bone.deforms or not deforming:
            side, key = split_side(bone.name)
            if side and _is(key, _ARMS + _LEGS + _TOES):
                sides[side].setdefault(key, bone)
    return {key: (bone, sides["R"][key]) for key, bone in sides["L"].items() if key in sides["R"]}


def _is(key: str, words: tuple[str, ...]) -> bool:
    return any(word in key for word in words)


def _head(bone: Bone) -> FloatArray:
    return bone.rest[:3, 3]


def _middle(pairs: list[tuple[Bone, Bone]]) -> FloatArray:
    return np.mean([_head(bone) for pair in pairs for bone in pair], axis=0)


def _legs_hang(rise: FloatArray, legs: list[tuple[Bone, Bone]]) -> bool:
    """Whether the legs, from bone to bone, go down along the trunk's own axis, given from legs to arms."""
    heads = {bone.name: _head(bone) for pair in legs for bone in pair}
    steps = [heads[bone.name] - heads[bone.parent] for pair in legs for bone in pair if bone.parent in heads]
    down = np.sum(steps, axis=0) if steps else np.zeros(3)
    return bool(-down @ rise > _HANGING * np.linalg.norm(down) * np.linalg.norm(rise))


def _toes_point_along(front: FloatArray, pairs: Mapping[str, tuple[Bone, Bone]]) -> bool:
    toes = [pair for key, pair in pairs.items() if _is(key, _TOES)]
    feet = [pair for key, pair in pairs.items() if _is(key, _FEET) and not _is(key, _TOES)]
    return not toes or not feet or bool(front @ (_middle(toes) - _middle(feet)) > 0.0)


def _trunk(bones: Mapping[str, Bone], bone: Bone) -> Bone | None:
    """The nearest bone up the chain that has no side."""
    seen: set[str] = set()
    while bone.parent in bones and bone.parent not in seen:
        seen.add(bone.parent)
        bone = bones[bone.parent]
        if not split_side(bone.name)[0]:
            return bone
    return None


def _turned(rest: Facing, bone: Bone) -> Facing:
    turn = bone.posed[:3, :3] @ inverse(bone.rest[:3, :3])
    return Facing(*(_unit(turn @ axis) for axis in (rest.left, rest.up, rest.front)))


def _unit(vector: FloatArray) -> FloatArray:
    return vector / np.linalg.norm(vector)
