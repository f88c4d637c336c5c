"""Errors in the panel: what went wrong, and what to do."""

from __future__ import annotations

import textwrap

import bpy

from ..errors import MaskelError


def error_box(layout: bpy.types.UILayout, context: bpy.types.Context, error: MaskelError) -> None:
    """Wrapped to the region's width: the message, the fix, and the button that does it."""
    box = layout.box()
    wrapped(box, context, error.message, "ERROR")
    wrapped(box, context, error.fix, "TOOL_SETTINGS")
    if error.action is not None:
        button = box.operator(error.action.operator, text=error.action.label)
        for name, value in error.action.properties.items():
            setattr(button, name, value)


def wrapped(layout: bpy.types.UILayout, context: bpy.types.Context, text: str, icon: str = "NONE") -> None:
    """A text in as many lines as it needs at the region's width."""
    scale = context.preferences.system.ui_scale
    width = max(int(context.region.width / (7.5 * scale)) - 6, 16) if context.region else 40
    blank = "NONE" if icon == "NONE" else "BLANK1"
    for number, line in enumerate(textwrap.wrap(text, width)):
        layout.label(text=line, icon=icon if number == 0 else blank)
