"""Settings of the panel, saved with the scene."""

from __future__ import annotations

import bpy

from .. import compat
from .character import CharacterSettings
from .choices import STYLES, TARGETS
from .frames import FrameSettings
from .result import MaskelResultSettings
from .views import ViewSettings


def _is_planar_camera(_group: bpy.types.PropertyGroup, item: bpy.types.Object) -> bool:
    return item.type == "CAMERA" and compat.scene_has_camera(item.data.type)


class MaskelSettings(bpy.types.PropertyGroup):
    """What the panel's button passes to the operator."""

    character: bpy.props.PointerProperty(type=CharacterSettings)
    views: bpy.props.PointerProperty(type=ViewSettings)
    frames: bpy.props.PointerProperty(type=FrameSettings)
    target: bpy.props.EnumProperty(
        name="Character", items=TARGETS, description="What the silhouette is taken of"
    )
    collection: bpy.props.PointerProperty(
        name="Collection", type=bpy.types.Collection, description="The character's collection"
    )
    camera: bpy.props.PointerProperty(
        name="Camera",
        type=bpy.types.Object,
        poll=_is_planar_camera,
        description="Empty: the scene's active camera",
    )
    style: bpy.props.EnumProperty(name="Style", items=STYLES, description="How the X-ray is displayed")
    size: bpy.props.IntProperty(
        name="Size",
        min=0,
        max=8192,
        description="Longer side of the X-ray in pixels; 0 takes the render resolution",
    )
    result: bpy.props.PointerProperty(type=MaskelResultSettings)


CLASSES = (MaskelSettings,)
