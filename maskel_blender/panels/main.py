"""The tab "MaSkel" in the sidebar of the 3D viewport."""

from __future__ import annotations

import bpy

from ..session import SESSION
from .messages import error_box


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
        column.enabled = not SESSION.busy
        column.prop(settings, "target")
        if settings.target == "COLLECTION":
            column.prop(settings, "collection")
        column.prop(settings, "camera")
        column.prop(settings, "size")
        job = SESSION.job
        if job is not None and job.running:
            layout.progress(factor=job.progress, text=f"{job.state.value}, {job.seconds:.0f} s")
            layout.operator("maskel.cancel", icon="CANCEL")
        else:
            row = layout.row()
            row.scale_y = 1.5
            row.operator_context = "INVOKE_DEFAULT"
            button = row.operator("maskel.generate", icon="ARMATURE_DATA")
            button.target, button.style, button.size = settings.target, settings.style, settings.size
            button.camera = settings.camera.name if settings.camera else ""
            button.collection = settings.collection.name if settings.collection else ""
        if SESSION.error is not None:
            error_box(layout, context, SESSION.error)
        elif SESSION.message:
            layout.label(text=SESSION.message, icon="CHECKMARK")


CLASSES = (MASKEL_PT_main,)
