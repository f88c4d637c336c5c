"""Errors in the panel: what went wrong, and what to do."""

from __future__ import annotations

import textwrap

import bpy

from ..errors import MaskelError


def error_box(layout: bpy.types.UILayout, context: bpy.types.Context, error: MaskelError) -> None:
    """Wrapped to the region's width: the message, then the fix."""
    box = layout.box()
    width = _columns(context)
    for text, icon in ((error.message, "ERROR"), (error.fix, "TOOL_SETTINGS")):
        for number, line in enumerate(textwrap.wrap(text, width)):
            box.label(text=line, icon=icon if number == 0 else "BLANK1")


def hint(layout: bpy.types.UILayout, context: bpy.types.Context, text: str, icon: str = "INFO") -> None:
    """Why something is grey, or what is to be known, wrapped to the region's width."""
    column = layout.column(align=True)
    for number, line in enumerate(textwrap.wrap(text, _columns(context))):
        column.label(text=line, icon=icon if number == 0 else "BLANK1")


def _columns(context: bpy.types.Context) -> int:
    scale = context.preferences.system.ui_scale
    return max(int(context.region.width / (7.5 * scale)) - 6, 16) if context.region else 40
