"""Notices when a scene's camera changes, by the user or by a marker, for results that are seen by their own camera only."""

from __future__ import annotations

import bpy
from bpy.app.handlers import persistent

from .visibility import follow_camera

_seen: dict[int, str] = {}
_LISTS = ("depsgraph_update_post", "frame_change_post")
_RESETS = ("undo_post", "redo_post", "load_post")


@persistent
def _look(scene: bpy.types.Scene, *_arguments: object) -> None:
    camera = scene.camera.name_full if scene.camera is not None else ""
    # called with every change of the file: that the camera is the same must cost nothing
    if _seen.get(scene.session_uid) != camera:
        _seen[scene.session_uid] = camera
        follow_camera(scene)


@persistent
def _forget(*_arguments: object) -> None:
    _seen.clear()


def register() -> None:
    """Begin to watch."""
    for name in _LISTS:
        getattr(bpy.app.handlers, name).append(_look)
    for name in _RESETS:
        getattr(bpy.app.handlers, name).append(_forget)


def unregister() -> None:
    """End it."""
    _seen.clear()
    for names, handler in ((_LISTS, _look), (_RESETS, _forget)):
        for name in names:
            handlers = getattr(bpy.app.handlers, name)
            if handler in handlers:
                handlers.remove(handler)
