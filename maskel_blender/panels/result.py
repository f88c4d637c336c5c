"""What comes back: how the X-ray is shown. Speaks of the X-ray picked in the history, and before there is one of the next."""

from __future__ import annotations

import bpy

from ..placement import background, results
from ..provenance import is_doubtful
from ..settings.result import chosen_result
from .messages import hint


class MASKEL_PT_result(bpy.types.Panel):
    """How the X-ray is shown"""

    bl_idname = "MASKEL_PT_result"
    bl_label = "What Comes Back"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "MaSkel"
    bl_parent_id = "MASKEL_PT_main"

    def draw_header_preset(self, _context: bpy.types.Context) -> None:
        """Presets, as in Blender's own panels."""
        row = self.layout.row(align=True)
        row.menu("MASKEL_MT_presets", text="", icon="PRESET")
        row.operator("maskel.preset_add", text="", icon="ADD")
        row.operator("maskel.preset_add", text="", icon="REMOVE").remove_active = True

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the panel."""
        layout = self.layout
        settings = context.scene.maskel
        image = chosen_result(settings.result)
        layout.use_property_split = True
        layout.use_property_decorate = False
        column = layout.column()
        if image is None:
            column.prop(settings, "style")
            draw_look(column, settings.result.look)
        else:
            column.label(text=image.name, icon="IMAGE_DATA")
            linked = image.library is not None
            column.enabled = not linked
            layers = results.has_layers(image)
            toned = column.column()
            toned.enabled = layers
            toned.prop(image.maskel, "style")
            draw_look(column, image.maskel.look, layers)
            if linked:
                hint(layout, context, "Linked from another file: change it there, or make it local.")
            elif not layers:
                hint(
                    layout,
                    context,
                    "The server sent no layers with this X-ray: to switch styles, update it and generate again.",
                )
            if image.maskel.style == "bone" and image.maskel.look.shown == "SOFT":
                hint(layout, context, "The style Bone shows no soft tissue: choose another style.")
            if is_doubtful(image):
                hint(
                    layout,
                    context,
                    f"Unlike the silhouettes the model knows ({image['maskel_familiarity']:.2f}): doubt this X-ray.",
                    "ERROR",
                )
            if background.is_switched_off(image):
                camera = bpy.data.objects.get(str(image.get("maskel_camera", "")))
                hint(layout, context, "The camera's background images are switched off.", "ERROR")
                if camera is not None and camera.type == "CAMERA":
                    layout.prop(camera.data, "show_background_images")
        layout.prop(settings.result, "keep")


def draw_look(layout: bpy.types.UILayout, look: bpy.types.PropertyGroup, layers: bool = True) -> None:
    """The fields of a `MaskelLook`.

    Args:
        layout: Where.
        look: Of the scene or of a picture.
        layers: Whether the picture can be painted anew.

    """
    toned = layout.column()
    toned.enabled = layers
    toned.prop(look, "shown")
    # one below the other: with split properties, rows within a row with a heading fall apart
    colours = toned.column(align=True)
    for name, without in (("bone_colour", "SOFT"), ("soft_colour", "BONE")):
        part = colours.row()
        part.enabled = look.shown != without
        part.prop(look, name)
    layout.prop(look, "placement")
    layout.prop(look, "depth")
    layout.prop(look, "opacity", slider=True)
    layout.prop(look, "over")
    row = layout.row()
    row.enabled = look.placement != "BACKGROUND"
    row.prop(
        look,
        "only_camera",
        text="Only in This Camera" if row.enabled else "Only in This Camera (a background always is)",
    )


CLASSES = (MASKEL_PT_result,)
