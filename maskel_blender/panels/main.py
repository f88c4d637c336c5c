"""The tab "MaSkel" in the sidebar of the 3D viewport."""

from __future__ import annotations

import bpy

from ..operators.generate import panel_options
from ..session import SESSION
from .messages import error_box, hint


class MASKEL_PT_main(bpy.types.Panel):
    """Settings and the button."""

    bl_idname = "MASKEL_PT_main"
    bl_label = "MaSkel"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "MaSkel"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the panel."""
        layout = self.layout
        settings = context.scene.maskel
        column = layout.column()
        column.use_property_split = True
        column.use_property_decorate = False
        column.prop(settings, "size")
        _button(layout, settings)
        if SESSION.busy:
            progress(layout)
        if SESSION.error is not None:
            error_box(layout, context, SESSION.error)
        elif SESSION.message:
            hint(layout, context, SESSION.message, "CHECKMARK")
        failed = SESSION.queue.summary().failed
        if failed:
            text = "Retry" if failed == 1 else f"Retry {failed} Failed"
            layout.operator("maskel.retry", text=text, icon="FILE_REFRESH")


def _button(layout: bpy.types.UILayout, settings) -> None:
    row = layout.row()
    row.scale_y = 1.5
    row.operator_context = "INVOKE_DEFAULT"
    one = settings.views.source == "ACTIVE"
    text = "Generate Frames" if settings.frames.use_range else "Generate X-ray" if one else "Generate X-rays"
    button = row.operator("maskel.generate", text=text, icon="ARMATURE_DATA")
    for name, value in panel_options(settings).items():
        setattr(button, name, value)


def progress(layout: bpy.types.UILayout) -> None:
    """How far the queue is, what is left, and the button that ends it."""
    summary = SESSION.queue.summary()
    if summary.total == 1:
        text = next((entry.words for entry in SESSION.queue.entries if entry.pending), "Placing")
    else:
        text = f"{summary.made} of {summary.total}"
    if summary.seconds_left:
        text += f", {duration(summary.seconds_left)} left"
    layout.progress(factor=summary.progress, text=text)
    layout.operator("maskel.cancel", text="Cancel" if summary.total == 1 else "Cancel All", icon="CANCEL")


def duration(seconds: float) -> str:
    """As a person says it: 8 s, 3 min, 2 h 5 min."""
    if seconds < 90:
        return f"{max(round(seconds), 1)} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


CLASSES = (MASKEL_PT_main,)
