"""Errors and warnings in the panel: what went wrong, and what to do."""

from __future__ import annotations

import textwrap

import bpy

from ..errors import MaskelError
from ..silhouette.checks import SilhouetteWarning


def error_box(
    layout: bpy.types.UILayout, context: bpy.types.Context, error: MaskelError | SilhouetteWarning
) -> None:
    """Wrapped to the region's width: the message, then the fix."""
    box = layout.box()
    scale = context.preferences.system.ui_scale
    width = max(int(context.region.width / (7.5 * scale)) - 6, 16) if context.region else 40
    for text, icon in ((error.message, "ERROR"), (error.fix, "TOOL_SETTINGS")):
        for number, line in enumerate(textwrap.wrap(text, width)):
            box.label(text=line, icon=icon if number == 0 else "BLANK1")
