"""The switch of live preview."""

from __future__ import annotations

import bpy

from ..preview import PREVIEW
from .messages import error_box


class MASKEL_PT_preview(bpy.types.Panel):
    """Live preview."""

    bl_idname = "MASKEL_PT_preview"
    bl_parent_id = "MASKEL_PT_main"
    bl_label = "Live Preview"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "MaSkel"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the panel."""
        layout = self.layout
        row = layout.row(align=True)
        for source, text, icon in (
            ("CAMERA", "Camera", "CAMERA_DATA"),
            ("VIEW", "Viewport", "VIEW3D"),
        ):
            pressed = PREVIEW.on and PREVIEW.source == source
            row.operator("maskel.preview", text=text, icon=icon, depress=pressed).source = source
        if PREVIEW.on and PREVIEW.error is not None:
            error_box(layout, context, PREVIEW.error)


CLASSES = (MASKEL_PT_preview,)
