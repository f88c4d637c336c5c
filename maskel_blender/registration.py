"""Registers classes, settings and the command with Blender."""

from __future__ import annotations

import atexit

import bpy

from . import cli, compat, handlers, operators, panels, preferences, settings
from .operators.server import follow_start
from .operators.setup import follow_installation
from .panels.freshness import tick
from .placement import watch
from .session import SESSION
from .settings.result import row_property

_CLASSES = (*settings.CLASSES, preferences.MaskelPreferences, *operators.CLASSES, *panels.CLASSES)
_commands: list[object] = []


def register() -> None:
    """Make the add-on known."""
    compat.survive_broken_pipes()
    for cls in _CLASSES:
        bpy.utils.register_class(cls)
    bpy.types.Scene.maskel = bpy.props.PointerProperty(type=settings.MaskelSettings)
    bpy.types.Image.maskel = bpy.props.PointerProperty(type=settings.MaskelPicture)
    bpy.types.WindowManager.maskel_result_row = row_property()
    watch.register()
    folder = compat.user_folder()
    SESSION.cache.folder = folder / "answers" if folder is not None else None
    handlers.register()
    _commands.append(bpy.utils.register_cli_command("maskel", cli.run))
    # Blender does not unregister add-ons when it is a Python module, and 4.2 and 4.5 crash on classes that are left; in a Blender
    # program all is gone when this runs
    atexit.register(_end if bpy.app.binary_path else unregister)


def _end() -> None:
    # handlers that are left at exit hang the 4.5 module
    handlers.unregister()
    SESSION.close()


def unregister() -> None:
    """Forget it, and end the server."""
    for ending in (_end, unregister):
        atexit.unregister(ending)
    _end()
    for timer in (tick, follow_start, follow_installation):
        if bpy.app.timers.is_registered(timer):
            bpy.app.timers.unregister(timer)
    while _commands:
        bpy.utils.unregister_cli_command(_commands.pop())
    watch.unregister()
    del bpy.types.WindowManager.maskel_result_row
    del bpy.types.Image.maskel
    del bpy.types.Scene.maskel
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
