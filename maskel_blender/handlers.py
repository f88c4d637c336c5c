"""What Blender tells the add-on: a file is loaded, something is undone."""

from __future__ import annotations

import bpy
from bpy.app.handlers import persistent

from .pump import PUMP


@persistent
def _load_pre(*_arguments: object) -> None:
    PUMP.clear()


@persistent
def _undone(*_arguments: object) -> None:
    PUMP.undone()


_HANDLERS = {"load_pre": _load_pre, "undo_post": _undone, "redo_post": _undone}


def register() -> None:
    """Listen."""
    for name, handler in _HANDLERS.items():
        getattr(bpy.app.handlers, name).append(handler)


def unregister() -> None:
    """Listen no more, and drop what is in the making."""
    PUMP.clear()
    for name, handler in _HANDLERS.items():
        handlers = getattr(bpy.app.handlers, name)
        if handler in handlers:
            handlers.remove(handler)
