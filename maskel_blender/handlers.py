"""What Blender tells the add-on: a file is loaded, something is undone."""

from __future__ import annotations

import bpy
from bpy.app.handlers import persistent

from .preview import PREVIEW
from .pump import PUMP
from .session import SESSION


@persistent
def _load_pre(*_arguments: object) -> None:
    PREVIEW.stop()
    PUMP.clear()


@persistent
def _load_post(*_arguments: object) -> None:
    # a crash's recovered file may hold one
    PREVIEW.remove()
    # they speak of the file before
    SESSION.error, SESSION.message, SESSION.warnings = None, "", ()


@persistent
def _save_pre(*_arguments: object) -> None:
    PREVIEW.remove()


@persistent
def _undoing(*_arguments: object) -> None:
    gone = PUMP.undoing()
    gone = PREVIEW.remove() or gone
    if not gone:
        return
    # 4.2 crashes now and then in a redo if its view layers still wait to hear of objects that are gone
    for scene in bpy.data.scenes:
        for layer in scene.view_layers:
            layer.update()


@persistent
def _undone(*_arguments: object) -> None:
    PUMP.undone()
    PREVIEW.undone()


@persistent
def _updated(_scene: bpy.types.Scene, depsgraph: bpy.types.Depsgraph) -> None:
    PREVIEW.note(depsgraph)


@persistent
def _save_post(*_arguments: object) -> None:
    if PREVIEW.on:
        PREVIEW.renew()


@persistent
def _outdated(*_arguments: object) -> None:
    PREVIEW.dirty = True


_HANDLERS = {
    "load_pre": _load_pre,
    "load_post": _load_post,
    "save_pre": _save_pre,
    "save_post": _save_post,
    "undo_pre": _undoing,
    "redo_pre": _undoing,
    "undo_post": _undone,
    "redo_post": _undone,
    "depsgraph_update_post": _updated,
    "frame_change_post": _outdated,
}


def register() -> None:
    """Listen."""
    PUMP.background = PREVIEW.tick
    for name, handler in _HANDLERS.items():
        getattr(bpy.app.handlers, name).append(handler)


def unregister() -> None:
    """Listen no more, and drop what is in the making."""
    PREVIEW.stop()
    PUMP.clear()
    for name, handler in _HANDLERS.items():
        handlers = getattr(bpy.app.handlers, name)
        if handler in handlers:
            handlers.remove(handler)
