"""Presets of the panel's settings, by Blender's own preset system."""

from __future__ import annotations

import bpy
from bl_operators.presets import AddPresetBase

SUBDIR = "maskel"
_SETTINGS = "bpy.context.scene.maskel"


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
    # no preset_defines: their names are not found in a Blender 4.3 with Python 3.13, as Debian has it
    # what names objects of one file is left out: a preset is for all files
    preset_values = [
        f"{_SETTINGS}.target",
        f"{_SETTINGS}.style",
        f"{_SETTINGS}.size",
        f"{_SETTINGS}.result.keep",
        *(
            f"{_SETTINGS}.result.look.{name}"
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
