"""Registers classes, settings and the command with Blender."""

from __future__ import annotations

import atexit

import bpy

from . import cli, operators, panels, preferences, settings
from .operators.server import follow_start
from .operators.setup import follow_installation
from .panels.freshness import tick
from .session import SESSION

_CLASSES = (*settings.CLASSES, preferences.MaskelPreferences, *operators.CLASSES, *panels.CLASSES)
_commands: list[object] = []


def register() -> None:
    """Make the add-on known."""
    for cls in _CLASSES:
        bpy.utils.register_class(cls)
    bpy.types.Scene.maskel = bpy.props.PointerProperty(type=settings.MaskelSettings)
    _commands.append(bpy.utils.register_cli_command("maskel", cli.run))
    # Blender does not unregister add-ons when it is a Python module; the server would end by itself, but leave its log
    atexit.register(SESSION.close)


def unregister() -> None:
    """Forget it, and end the server."""
    atexit.unregister(SESSION.close)
    SESSION.close()
    for timer in (tick, follow_start, follow_installation):
        if bpy.app.timers.is_registered(timer):
            bpy.app.timers.unregister(timer)
    while _commands:
        bpy.utils.unregister_cli_command(_commands.pop())
    del bpy.types.Scene.maskel
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
