"""Where the character is seen from."""

from __future__ import annotations

import bpy

from .. import compat
from ..operators.views import MASKEL_OT_cameras_add, MASKEL_OT_rigging_remove
from ..views import rigging
from .messages import explained_button


class MASKEL_UL_cameras(bpy.types.UIList):
    """Chosen cameras."""

    def draw_item(self, context, layout, _data, item, _icon, _active, _property, index=0, _flag=0) -> None:
        """Name, why it cannot be used, and the button that takes it off the list."""
        camera = item.object
        if camera is None or context.scene.objects.get(camera.name) is None:
            layout.label(text=f"{camera.name} (not in this scene)" if camera else "Deleted", icon="ERROR")
        elif not compat.scene_has_camera(camera.data.type):
            layout.label(text=f"{camera.name} (lens is not flat)", icon="ERROR")
        else:
            layout.label(text=camera.name, icon="CAMERA_DATA")
        layout.operator("maskel.cameras_remove", text="", icon="X", emboss=False).index = index


class MASKEL_PT_views(bpy.types.Panel):
    """Which cameras, and the rigging set."""

    bl_idname = "MASKEL_PT_views"
    bl_parent_id = "MASKEL_PT_main"
    bl_label = "From Where"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "MaSkel"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the panel."""
        layout = self.layout
        scene, settings = context.scene, context.scene.maskel
        views = settings.views
        column = layout.column()
        column.use_property_split = True
        column.use_property_decorate = False
        column.prop(views, "source")
        if views.source == "ACTIVE":
            column.prop(settings, "camera")
            if settings.camera is None:
                name = scene.camera.name if scene.camera else "The scene has no active camera"
                column.label(text=name, icon="CAMERA_DATA" if scene.camera else "ERROR")
        elif views.source == "CHOSEN":
            column.template_list("MASKEL_UL_cameras", "", views, "cameras", views, "cameras_index", rows=3)
            explained_button(column, MASKEL_OT_cameras_add, "ADD")
            if views.cameras:
                column.operator("maskel.cameras_remove", text="Clear the List", icon="X").index = -1
        elif views.source == "ALL":
            count = sum(item.type == "CAMERA" for item in scene.objects) - len(rigging.cameras(scene))
            column.label(text=f"{count} cameras", icon="CAMERA_DATA")
        else:
            _rigging(column, views)


def _rigging(layout: bpy.types.UILayout, views) -> None:
    split = layout.column()
    split.use_property_split = False
    split.grid_flow(columns=2, even_columns=True, align=True).prop(views, "rigging")
    layout.prop(views, "front")
    layout.prop(views, "margin")
    layout.prop(views, "keep")
    layout.operator("maskel.rigging_add", icon="CAMERA_DATA")
    explained_button(layout, MASKEL_OT_rigging_remove, "TRASH")


CLASSES = (MASKEL_UL_cameras, MASKEL_PT_views)
