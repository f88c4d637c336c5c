"""Show in the panel what has changed."""

from __future__ import annotations

import bpy


def redraw(context: bpy.types.Context) -> None:
    """Redraw all 3D viewports: the panel is in their sidebar."""
    for window in context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                area.tag_redraw()


def redraw_sidebars(context: bpy.types.Context) -> None:
    """Redraw only what shows jobs and server: sidebars of 3D viewports, and the preferences; a viewport itself may take long."""
    manager = getattr(context, "window_manager", None)
    for window in manager.windows if manager is not None else ():
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                for region in area.regions:
                    if region.type == "UI":
                        region.tag_redraw()
            elif area.type == "PREFERENCES":
                area.tag_redraw()
