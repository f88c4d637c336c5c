"""The rigging set: orthographic cameras around the character, made, renewed and removed by the add-on."""

from __future__ import annotations

from collections.abc import Sequence

import bpy
import numpy as np
from mathutils import Matrix

from .. import targets
from ..errors import CameraError, SilhouetteError
from ..marks import ROLE_CAMERA, ROLE_CAMERAS, ROLE_KEY
from ..settings.views import VIEWS
from ..silhouette.armature import armature_of, character_facing
from ..silhouette.camera import SIDE_KEY
from ..silhouette.evaluate import Part, collect, in_render_mode
from ..silhouette.framing import SIDE_SEEN, WORLD_FRONTS, Stand, character_axes, stands
from ..silhouette.sides import Facing

COLLECTION = "MaSkel cameras"
VIEW_KEY = "maskel_rigging_view"
_LABELS = {view[0]: view[1] for view in VIEWS}
_ORDER = [view[0] for view in VIEWS]


def cameras(scene: bpy.types.Scene) -> list[bpy.types.Object]:
    """The cameras of the scene's rigging set, in order of views."""
    found = [item for item in scene.objects if item.type == "CAMERA" and item.get(ROLE_KEY) == ROLE_CAMERA]
    rank = {view: number for number, view in enumerate(_ORDER)}
    return sorted(found, key=lambda item: (rank.get(item.get(VIEW_KEY), len(rank)), item.name))


def place(context: bpy.types.Context, objects: Sequence[bpy.types.Object]) -> list[str]:
    """Place the chosen views around the character in its current pose; cameras that are there are renewed in place.

    Render settings, selection and the active camera stay as they are.

    Args:
        context: Whose scene and settings count.
        objects: The character's objects.

    Returns:
        Names of the cameras.

    Raises:
        CameraError: ``no_view``.
        SilhouetteError: ``nothing_rendered``, ``render_busy``.

    """
    scene, settings = context.scene, context.scene.maskel.views
    views = [view for view in _ORDER if view in settings.rigging]
    if not views:
        raise CameraError("no_view", "The rigging set has no view.", "Choose at least one view, like Front.")
    points, facing = _measure(scene, objects)
    if settings.front == "AUTO":
        front, up = character_axes(facing, _own_front(objects))
    else:
        front, up = np.array(WORLD_FRONTS[settings.front]), np.array([0.0, 0.0, 1.0])
    render = scene.render
    frame = (render.resolution_x * render.pixel_aspect_x, render.resolution_y * render.pixel_aspect_y)
    found = stands(points, views, front, up, frame, settings.margin / 100.0)
    present = {item.get(VIEW_KEY): item for item in cameras(scene) if item.library is None}
    return [_renew(scene, present.get(view), view, found[view]).name for view in views]


def remove(scene: bpy.types.Scene) -> int:
    """Remove the rigging set's cameras, but for one that is the scene's active camera.

    Returns:
        How many were removed.

    """
    gone = [item for item in cameras(scene) if item.library is None and item != scene.camera]
    for item in gone:
        lens = item.data
        bpy.data.objects.remove(item)
        if not lens.users:
            bpy.data.cameras.remove(lens)
    for collection in _collections(scene):
        if not collection.all_objects and not collection.children:
            bpy.data.collections.remove(collection)
    return len(gone)


def _measure(scene: bpy.types.Scene, objects: Sequence[bpy.types.Object]) -> tuple[np.ndarray, Facing | None]:
    """All points (N, 3) of the character in world space, as a render has them, and how it faces."""
    found: list[tuple[list[Part], Facing | None]] = []
    away = targets.left_out(scene)
    # a render needs some camera; which one makes no difference to the points
    lens = bpy.data.cameras.new("MaSkel (temporary)")
    camera = bpy.data.objects.new("MaSkel (temporary)", lens)
    try:
        in_render_mode(
            scene,
            objects,
            camera,
            lambda graph: found.append((collect(graph, away), character_facing(objects, graph))),
        )
    finally:
        bpy.data.objects.remove(camera)
        bpy.data.cameras.remove(lens)
    parts, facing = found[0]
    points = [
        part.vertices @ to_world[:3, :3].T + to_world[:3, 3] for part in parts for to_world in part.to_world
    ]
    world = np.concatenate(points) if points else np.empty((0, 3))
    world = world[np.isfinite(world).all(axis=1)]
    if not len(world):
        raise SilhouetteError(
            "nothing_rendered",
            "A render would show nothing of the character.",
            "Switch on the camera icon of its objects in the outliner, or pick others.",
        )
    return world, facing


def _own_front(objects: Sequence[bpy.types.Object]) -> np.ndarray:
    """The -Y of the character's armature, or of its first object, in world space."""
    owner = next((rig for item in objects if (rig := armature_of(item)) is not None), objects[0])
    return -np.array(owner.matrix_world, np.float64)[:3, 1]


def _renew(
    scene: bpy.types.Scene, camera: bpy.types.Object | None, view: str, stand: Stand
) -> bpy.types.Object:
    if camera is None:
        name = f"MaSkel {_LABELS[view]}"
        camera = bpy.data.objects.new(name, bpy.data.cameras.new(name))
        camera[ROLE_KEY], camera[VIEW_KEY] = ROLE_CAMERA, view
        camera[SIDE_KEY] = SIDE_SEEN.get(view, "unknown")
        _collection(scene).objects.link(camera)
    lens = camera.data
    lens.type, lens.ortho_scale, lens.sensor_fit = "ORTHO", stand.scale, "AUTO"
    lens.shift_x = lens.shift_y = 0.0
    lens.clip_start, lens.clip_end = stand.clip_start, stand.clip_end
    lens.display_size = 0.1 * stand.scale
    camera.matrix_world = Matrix(stand.to_world.tolist())
    return camera


def _collections(scene: bpy.types.Scene) -> list[bpy.types.Collection]:
    return [
        item
        for item in scene.collection.children_recursive
        if item.get(ROLE_KEY) == ROLE_CAMERAS and item.library is None
    ]


def _collection(scene: bpy.types.Scene) -> bpy.types.Collection:
    """The scene's own; another scene of the file may have one of the same name."""
    for collection in _collections(scene):
        return collection
    collection = bpy.data.collections.new(COLLECTION)
    collection[ROLE_KEY] = ROLE_CAMERAS
    scene.collection.children.link(collection)
    return collection
