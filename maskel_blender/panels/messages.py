"""Errors and warnings in the panel: what went wrong, and what to do."""

from __future__ import annotations

import textwrap

import bpy

from ..errors import MaskelError
from ..silhouette.checks import SilhouetteWarning


def error_box(
    layout: bpy.types.UILayout, context: bpy.types.Context, error: MaskelError | SilhouetteWarning
) -> None:
    """Wrapped to the region's width: the message, the fix, and the button that does it."""
    box = layout.box()
    wrapped(box, context, error.message, "ERROR")
    wrapped(box, context, error.fix, "TOOL_SETTINGS")
    if isinstance(error, MaskelError) and error.action is not None:
        button = box.operator(error.action.operator, text=error.action.label)
        for name, value in error.action.properties.items():
            setattr(button, name, value)


def explained_button(layout: bpy.types.UILayout, operator: type[bpy.types.Operator], icon: str) -> None:
    """A button, and while it is greyed the operator's `REASON` under it."""
    group, name = operator.bl_idname.split(".")
    layout.operator(operator.bl_idname, icon=icon)
    if not getattr(getattr(bpy.ops, group), name).poll():
        layout.label(text=operator.REASON, icon="INFO")


def hint(layout: bpy.types.UILayout, context: bpy.types.Context, text: str, icon: str = "INFO") -> None:
    """Why something is grey, or what is to be known."""
    wrapped(layout, context, text, icon)


def wrapped(layout: bpy.types.UILayout, context: bpy.types.Context, text: str, icon: str = "NONE") -> None:
    """A text in as many lines as it needs at the region's width."""
    scale = context.preferences.system.ui_scale
    width = max(int(context.region.width / (6.9 * scale)) - 6, 16) if context.region else 40
    blank = "NONE" if icon == "NONE" else "BLANK1"
    column = layout.column(align=True)
    for number, line in enumerate(textwrap.wrap(text, width)):
        column.label(text=line, icon=icon if number == 0 else blank)
