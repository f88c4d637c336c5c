"""Follows what happens in the file: another camera, for results that are seen by their own only; an undo, for pictures."""

from __future__ import annotations

import bpy
from bpy.app.handlers import persistent

from .images import forget, refresh
from .roles import is_picture
from .visibility import follow_camera

_seen: dict[int, str] = {}


@persistent
def _on_change(scene: bpy.types.Scene, *_arguments: object) -> None:
    _follow(scene, scene.camera)


@persistent
def _on_frame(scene: bpy.types.Scene, *_arguments: object) -> None:
    # scripts that set the frame get here before the scene has switched to the marker's camera
    bound = [marker for marker in scene.timeline_markers if marker.camera is not None]
    passed = [marker for marker in bound if marker.frame <= scene.frame_current]
    if passed:
        _follow(scene, max(passed, key=lambda marker: marker.frame).camera)
    elif bound:
        _follow(scene, min(bound, key=lambda marker: marker.frame).camera)
    else:
        _follow(scene, scene.camera)


@persistent
def _on_undo(*_arguments: object) -> None:
    _seen.clear()
    for image in bpy.data.images:
        if is_picture(image):
            # Blender keeps the pixels it has decoded over an undo of the file they were decoded from
            refresh(image)


@persistent
def _on_load(*_arguments: object) -> None:
    _seen.clear()
    forget()


_HANDLERS = (
    ("depsgraph_update_post", _on_change),
    ("frame_change_post", _on_frame),
    ("undo_post", _on_undo),
    ("redo_post", _on_undo),
    ("load_post", _on_load),
)


def register() -> None:
    """Begin to follow."""
    for name, handler in _HANDLERS:
        getattr(bpy.app.handlers, name).append(handler)


def unregister() -> None:
    """End it."""
    _seen.clear()
    for name, handler in _HANDLERS:
        handlers = getattr(bpy.app.handlers, name)
        if handler in handlers:
            handlers.remove(handler)


def _follow(scene: bpy.types.Scene, camera: bpy.types.Object | None) -> None:
    # called with every change of the file: that the camera is the same must cost nothing
    name = camera.name if camera is not None else ""
    if _seen.get(scene.session_uid) != name:
        _seen[scene.session_uid] = name
        follow_camera(scene, name)
