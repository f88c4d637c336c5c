"""Rigged people with clothes and hair, and their silhouettes compared with Cycles, for tests."""

from __future__ import annotations

import math
from collections.abc import Sequence

import bmesh
import bpy
import numpy as np
from mathutils import Matrix, Vector

from benchmarks import blender_scene as bench
from maskel_blender import targets
from maskel_blender.silhouette.camera import find_camera
from maskel_blender.silhouette.capture import Silhouette, capture

LEAST_IOU = 0.998
BLENDER = {
    "hips": "hips", "spine": "spine", "head": "head", "arm": "upper_arm.L", "hand": "forearm.L",
    "leg": "thigh.L", "shin": "shin.L", "foot": "foot.L", "toe": "toe.L",
}  # fmt: skip
MIXAMO = {
    "hips": "mixamorig:Hips", "spine": "mixamorig:Spine", "head": "mixamorig:Head",
    "arm": "mixamorig:LeftArm", "hand": "mixamorig:LeftForeArm", "leg": "mixamorig:LeftUpLeg",
    "shin": "mixamorig:LeftLeg", "foot": "mixamorig:LeftFoot", "toe": "mixamorig:LeftToeBase",
}  # fmt: skip
# bone: parent, head, tail, radius; those off the middle are made for both sides
_BONES = {
    "hips": ("", (0, 0, 0.95), (0, 0, 1.1), 0.15),
    "spine": ("hips", (0, 0, 1.1), (0, 0, 1.45), 0.17),
    "head": ("spine", (0, 0, 1.5), (0, -0.02, 1.75), 0.1),
    "arm": ("spine", (0.18, 0, 1.4), (0.42, 0, 1.2), 0.06),
    "hand": ("arm", (0.42, 0, 1.2), (0.62, -0.05, 1.0), 0.05),
    "leg": ("hips", (0.1, 0, 0.92), (0.12, -0.02, 0.5), 0.09),
    "shin": ("leg", (0.12, -0.02, 0.5), (0.13, 0.02, 0.1), 0.07),
    "foot": ("shin", (0.13, 0.02, 0.1), (0.14, -0.12, 0.04), 0.05),
    "toe": ("foot", (0.14, -0.12, 0.04), (0.14, -0.2, 0.03), 0.04),
}
_OTHER = (("Left", "Right"), (".L", ".R"))


def _mirrored(name: str) -> str:
    for left, right in _OTHER:
        name = name.replace(left, right)
    return name


def person(
    scene: bpy.types.Scene, names: dict[str, str] = BLENDER
) -> tuple[bpy.types.Object, bpy.types.Object]:
    """A body of ellipsoids, one a bone, posed a little; faces -Y.

    Returns:
        Mesh and armature.

    """
    rig = bpy.data.objects.new("Rig", bpy.data.armatures.new("Rig"))
    scene.collection.objects.link(rig)
    body = bpy.data.objects.new("Body", bpy.data.meshes.new("Body"))
    scene.collection.objects.link(body)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    shape = bmesh.new()
    groups = []
    for key, (parent, head, tail, radius) in _BONES.items():
        for side in (1, -1) if head[0] else (1,):
            name, above = names[key], names.get(parent, "")
            if side < 0:
                name, above = _mirrored(name), _mirrored(above)
            start, end = (Vector((side * point[0], *point[1:])) for point in (head, tail))
            bone = rig.data.edit_bones.new(name)
            bone.head, bone.tail = start, end
            if above:
                bone.parent = rig.data.edit_bones[above]
            length = (end - start).length
            matrix = (
                Matrix.Translation((start + end) / 2)
                @ (end - start).to_track_quat("Z", "Y").to_matrix().to_4x4()
            )
            size = Matrix.Diagonal((radius, radius, length / 2 + radius * 0.7, 1.0))
            made = bmesh.ops.create_icosphere(shape, subdivisions=2, radius=1.0, matrix=matrix @ size)
            groups += [(name, len(made["verts"]))]
    bpy.ops.object.mode_set(mode="OBJECT")
    shape.to_mesh(body.data)
    shape.free()
    first = 0
    for name, count in groups:
        body.vertex_groups.new(name=name).add(list(range(first, first + count)), 1.0, "REPLACE")
        first += count
    body.modifiers.new("Armature", "ARMATURE").object = rig
    body.parent = rig
    for key, angle in (("arm", 0.4), ("leg", -0.3), ("head", 0.2)):
        bone = rig.pose.bones[names[key]]
        bone.rotation_mode = "XYZ"
        bone.rotation_euler = (angle, 0.1, 0.2)
    return body, rig


def ball(
    scene: bpy.types.Scene, name: str, place=(0.0, 0.0, 0.0), radius: float = 0.15, scale=(1.0, 1.0, 1.0)
) -> bpy.types.Object:
    """A mesh sphere."""
    shape = bmesh.new()
    bmesh.ops.create_icosphere(shape, subdivisions=2, radius=radius)
    mesh = bpy.data.meshes.new(name)
    shape.to_mesh(mesh)
    shape.free()
    item = bpy.data.objects.new(name, mesh)
    scene.collection.objects.link(item)
    item.location, item.scale = place, scale
    return item


def hair_curves(scene: bpy.types.Scene, name: str = "Hair") -> bpy.types.Object:
    """A hair curves object: strands that stand off the head."""
    curves = bpy.data.hair_curves.new(name)
    count = 60
    curves.add_curves([3] * count)
    angles = np.linspace(0, 2 * math.pi, count, endpoint=False)
    for i, angle in enumerate(angles):
        for k in range(3):
            reach = 0.1 + 0.08 * k
            curves.points[3 * i + k].position = (reach * math.cos(angle), reach * math.sin(angle), 1.7)
            curves.points[3 * i + k].radius = 0.01
    item = bpy.data.objects.new(name, curves)
    scene.collection.objects.link(item)
    return item


def view(scene: bpy.types.Scene) -> None:
    """A camera before them, 320 x 400 pixels."""
    bench.add_camera(scene, location=(1.2, -4.5, 1.3))
    bench.set_resolution(scene, 320, 400)


def agrees(
    scene: bpy.types.Scene, objects: list[bpy.types.Object], hidden: Sequence[bpy.types.Object] = ()
) -> Silhouette:
    """The silhouette, after comparing it with a Cycles render that does not see `hidden`."""
    silhouette = capture(scene, objects, find_camera(scene), options=targets.silhouette_options(scene))
    reference = bench.cycles_silhouette(scene, hidden=hidden) >= 0.5
    assert reference.sum() > 2000
    assert bench.iou(silhouette.mask >= 128, reference) >= LEAST_IOU
    return silhouette


def of_armature(scene: bpy.types.Scene, rig: bpy.types.Object) -> list[bpy.types.Object]:
    """The character of an armature."""
    scene.maskel.character.armature = rig
    return targets.resolve(bpy.context, "ARMATURE")[1]
