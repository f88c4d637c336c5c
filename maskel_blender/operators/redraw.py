"""Show in the panel what has changed."""

from __future__ import annotations

import bpy


def redraw(context: bpy.types.Context) -> None:
    """Redraw all 3D viewports: the panel is in their sidebar."""
    for window in context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                area.tag_redraw()
