"""Who is X-rayed, and what of it counts as body."""

from __future__ import annotations

import bpy

from ..operators.character import MASKEL_OT_leave_out
from ..session import SESSION
from .messages import error_box, explained_button


class MASKEL_UL_left_out(bpy.types.UIList):
    """Objects or collections left out of silhouettes."""

    def draw_item(self, context, layout, _data, item, _icon, _active, _property, index=0, _flag=0) -> None:
        """Name, a word where it is gone, and the button that takes it off the list."""
        is_object = hasattr(item, "object")
        block = item.object if is_object else item.collection
        if block is None:
            layout.label(text="Deleted", icon="ERROR")
        elif is_object and context.scene.objects.get(block.name) is None:
            layout.label(text=f"{block.name} (not in this scene)", icon="GHOST_DISABLED")
        else:
            layout.label(text=block.name, icon="GHOST_DISABLED" if is_object else "OUTLINER_COLLECTION")
        button = layout.operator("maskel.count_again", text="", icon="X", emboss=False)
        button.kind, button.index = ("OBJECT" if is_object else "COLLECTION"), index


class MASKEL_PT_character(bpy.types.Panel):
    """Who, what counts, and what the last silhouette lacked."""

    bl_idname = "MASKEL_PT_character"
    bl_parent_id = "MASKEL_PT_main"
    bl_label = "Who"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "MaSkel"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the panel."""
        layout = self.layout
        settings = context.scene.maskel
        character = settings.character
        column = layout.column()
        column.use_property_split = True
        column.use_property_decorate = False
        column.prop(settings, "target")
        if settings.target == "COLLECTION":
            column.prop(settings, "collection")
        elif settings.target == "ARMATURE":
            column.prop(character, "armature")
        elif settings.target == "ACTIVE":
            active = context.view_layer.objects.active
            column.label(text=active.name if active else "No active object", icon="OBJECT_DATA")
        column.prop(character, "side")
        column.prop(character, "fill_holes")
        if character.fill_holes:
            column.prop(character, "largest_hole")
        _lists(column, character)
        column.operator("maskel.check_silhouette", icon="VIEWZOOM")
        for warning in SESSION.warnings:
            error_box(layout, context, warning)


def _lists(layout: bpy.types.UILayout, character) -> None:
    layout.separator()
    explained_button(layout, MASKEL_OT_leave_out, "GHOST_DISABLED")
    if character.left_out:
        layout.template_list(
            "MASKEL_UL_left_out", "objects", character, "left_out", character, "left_out_index", rows=2
        )
    layout.operator("maskel.leave_out_collection", icon="OUTLINER_COLLECTION")
    if character.left_out_collections:
        layout.template_list(
            "MASKEL_UL_left_out",
            "collections",
            character,
            "left_out_collections",
            character,
            "left_out_collections_index",
            rows=2,
        )


CLASSES = (MASKEL_UL_left_out, MASKEL_PT_character)
