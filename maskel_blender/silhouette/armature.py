"""How the character stands, read from the armatures behind its objects."""

from __future__ import annotations

from collections.abc import Sequence

import bpy
import numpy as np

from .sides import Bone, Facing, facing_of

_AGREE = 0.7
"""Cosine up to which the fronts of several armatures count as one."""


def character_facing(
    objects: Sequence[bpy.types.Object], depsgraph: bpy.types.Depsgraph | None = None
) -> Facing | None:
    """Which way the character faces in its current pose, in world space.

    Args:
        objects: Its objects; the armatures that deform, carry or are instanced by them are looked at.
        depsgraph: A graph that evaluates them; None takes the pose as last evaluated in the viewport.

    Returns:
        None where no armature tells, or where several disagree.

    """
    found: dict[str, Facing | None] = {}
    for item in objects:
        for armature, to_world in _armatures(item, depsgraph):
            key = f"{item.name_full}/{armature.name_full}" if to_world is not None else armature.name_full
            if key not in found:
                found[key] = _facing(armature, to_world, depsgraph)
    known = [facing for facing in found.values() if facing is not None]
    if not known or any(facing.front @ known[0].front < _AGREE for facing in known):
        return None
    return known[0]


def armature_of(item: bpy.types.Object) -> bpy.types.Object | None:
    """The armature that deforms or carries an object; itself if it is one."""
    if item.type == "ARMATURE":
        return item
    for modifier in item.modifiers:
        if modifier.type == "ARMATURE" and modifier.object is not None and modifier.object.pose is not None:
            return modifier.object
    above = item.parent
    while above is not None and above.type != "ARMATURE":
        above = above.parent
    return above


def _armatures(
    item: bpy.types.Object, depsgraph: bpy.types.Depsgraph | None
) -> list[tuple[bpy.types.Object, np.ndarray | None]]:
    """Armatures of an object, each with what an instancing object adds to its own matrix."""
    if item.type == "EMPTY" and item.instance_collection is not None:
        source = item.instance_collection
        placed = item.evaluated_get(depsgraph) if depsgraph else item
        to_world = np.array(placed.matrix_world, np.float64)
        to_world[:3, 3] -= to_world[:3, :3] @ np.array(source.instance_offset, np.float64)
        return [(other, to_world) for other in source.all_objects if other.type == "ARMATURE"]
    armature = armature_of(item)
    return [(armature, None)] if armature is not None else []


def _facing(
    armature: bpy.types.Object, instance: np.ndarray | None, depsgraph: bpy.types.Depsgraph | None
) -> Facing | None:
    evaluated = armature.evaluated_get(depsgraph) if depsgraph else armature
    resting = armature.data.pose_position == "REST"
    bones = {}
    for pose_bone in evaluated.pose.bones:
        bone = pose_bone.bone
        rest = np.array(bone.matrix_local, np.float64)
        posed = rest if resting else np.array(pose_bone.matrix, np.float64)
        parent = bone.parent.name if bone.parent else ""
        bones[bone.name] = Bone(bone.name, parent, rest, posed, bone.use_deform)
    facing = facing_of(bones)
    to_world = np.array(evaluated.matrix_world, np.float64)
    return facing.moved(to_world if instance is None else instance @ to_world) if facing else None
