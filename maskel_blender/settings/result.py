"""What comes back: how results are shown. Settings of the scene for the next, and of each result for itself."""

from __future__ import annotations

import bpy

from ..errors import MaskelError
from ..placement import results, state
from ..session import SESSION
from .choices import DEPTHS, KEEP, LAYERS, PLACEMENTS, STYLES


def _changed(self: bpy.types.PropertyGroup, context: bpy.types.Context) -> None:
    """The user has changed how a result is shown: show it so, and the next one as well."""
    image = self.id_data
    if state.is_quiet() or not isinstance(image, bpy.types.Image):
        return
    try:
        results.apply(image)
        SESSION.error = None
    except MaskelError as error:
        SESSION.error = error
        placed = results.placement_of(image)
        if placed:
            with state.quietly():
                image.maskel.look.placement = placed
        return
    settings = context.scene.maskel if context.scene is not None else None
    if settings is not None and settings.id_data.library is None:
        state.write_look(settings.result.look, state.read_look(image.maskel.look))
        with state.quietly():
            settings.style = image.maskel.style


class MaskelLook(bpy.types.PropertyGroup):
    """The fields of `placement.look.Look`."""

    placement: bpy.props.EnumProperty(
        name="Placement", items=PLACEMENTS, description="What shows the X-ray", update=_changed
    )
    depth: bpy.props.EnumProperty(
        name="Depth",
        items=DEPTHS,
        description="Where it lies; registered to the camera, it shows the same at any depth",
        update=_changed,
    )
    over: bpy.props.BoolProperty(
        name="Over Meshes",
        description="Draw it over meshes in the viewport, at whatever depth it lies",
        update=_changed,
    )
    opacity: bpy.props.FloatProperty(
        name="Opacity", subtype="FACTOR", min=0.0, max=1.0, default=1.0, update=_changed
    )
    only_camera: bpy.props.BoolProperty(
        name="Only in This Camera",
        description="Show it only while the scene's camera is the one it was made for",
        update=_changed,
    )
    shown: bpy.props.EnumProperty(
        name="Layers", items=LAYERS, description="What of the body is shown", update=_changed
    )
    bone_colour: bpy.props.FloatVectorProperty(
        name="Bone",
        subtype="COLOR_GAMMA",
        min=0.0,
        max=1.0,
        default=(1.0, 1.0, 1.0),
        description="Colour of bone",
        update=_changed,
    )
    soft_colour: bpy.props.FloatVectorProperty(
        name="Soft Tissue",
        subtype="COLOR_GAMMA",
        min=0.0,
        max=1.0,
        default=(1.0, 1.0, 1.0),
        description="Colour of soft tissue",
        update=_changed,
    )


class MaskelPicture(bpy.types.PropertyGroup):
    """How one result is shown; on its picture."""

    style: bpy.props.EnumProperty(
        name="Style", items=STYLES, description="How the X-ray is displayed", update=_changed
    )
    look: bpy.props.PointerProperty(type=MaskelLook)


def chosen_result(settings: bpy.types.PropertyGroup) -> bpy.types.Image | None:
    """The result the panels speak of: the one picked in the history, else the newest."""
    found = results.all_results()
    named = next((image for image in found if image.name_full == settings.chosen), None)
    return named or (found[0] if found else None)


def _index(_self: bpy.types.WindowManager) -> int:
    scene = bpy.context.scene
    image = chosen_result(scene.maskel.result) if scene is not None else None
    return bpy.data.images.find(image.name) if image is not None and image.library is None else -1


def _set_index(_self: bpy.types.WindowManager, value: int) -> None:
    if bpy.context.scene is not None and 0 <= value < len(bpy.data.images):
        bpy.context.scene.maskel.result.chosen = bpy.data.images[value].name_full


def row_property() -> bpy.props.IntProperty:
    """Number of the chosen result among the file's images, as the list in the panel wants it; not part of the file."""
    return bpy.props.IntProperty(get=_index, set=_set_index, options={"HIDDEN", "SKIP_SAVE"})


class MaskelResultSettings(bpy.types.PropertyGroup):
    """Of the scene."""

    look: bpy.props.PointerProperty(type=MaskelLook)
    keep: bpy.props.EnumProperty(
        name="Again",
        items=KEEP,
        description="What becomes of the X-ray when that of the same camera and character is made again",
    )
    chosen: bpy.props.StringProperty(
        description="Name of the result picked in the history; empty for the newest"
    )


CLASSES = (MaskelLook, MaskelPicture, MaskelResultSettings)
