"""Presets of the panel's settings, by Blender's own preset system."""

from __future__ import annotations

import bpy
from bl_operators.presets import AddPresetBase

SUBDIR = "maskel"


class MASKEL_MT_presets(bpy.types.Menu):
    """Presets to choose from"""

    bl_idname = "MASKEL_MT_presets"
    bl_label = "Presets"
    preset_subdir = SUBDIR
    preset_operator = "script.execute_preset"
    draw = bpy.types.Menu.draw_preset


class MASKEL_OT_preset_add(AddPresetBase, bpy.types.Operator):
    """Save the settings as a preset, or delete the chosen one"""

    bl_idname = "maskel.preset_add"
    bl_label = "Add MaSkel Preset"
    bl_options = {"REGISTER", "INTERNAL"}
    preset_menu = "MASKEL_MT_presets"
    preset_subdir = SUBDIR
    preset_defines = ["maskel = bpy.context.scene.maskel"]
    # what names objects of one file is left out: a preset is for all files
    preset_values = [
        "maskel.target",
        "maskel.style",
        "maskel.size",
        "maskel.result.keep",
        *(
            f"maskel.result.look.{name}"
            for name in (
                "placement",
                "depth",
                "over",
                "opacity",
                "only_camera",
                "shown",
                "bone_colour",
                "soft_colour",
            )
        ),
    ]


CLASSES = (MASKEL_MT_presets, MASKEL_OT_preset_add)
