"""Settings of where the character is seen from."""

from __future__ import annotations

import bpy

SOURCES = (
    ("ACTIVE", "One Camera", "The camera below, or the scene's active one"),
    ("CHOSEN", "Chosen Cameras", "The cameras of a list"),
    ("ALL", "All Cameras", "All cameras of the scene, those of the rigging set apart"),
    ("RIGGING", "Rigging Set", "Orthographic cameras that the add-on places around the character"),
)
VIEWS = (
    ("FRONT", "Front", "See the character's front", 1),
    ("BACK", "Back", "See its back", 2),
    ("LEFT", "Left", "See its own left side", 4),
    ("RIGHT", "Right", "See its own right side", 8),
    ("FRONT_LEFT", "3/4 Left", "Half way between front and left", 16),
    ("FRONT_RIGHT", "3/4 Right", "Half way between front and right", 32),
)
FRONTS = (
    ("AUTO", "Automatic", "By the left and right bones, else the object's own -Y"),
    ("-Y", "-Y", "The character faces the world's -Y"),
    ("+Y", "+Y", "The character faces the world's +Y"),
    ("-X", "-X", "The character faces the world's -X"),
    ("+X", "+X", "The character faces the world's +X"),
)


class ChosenCamera(bpy.types.PropertyGroup):
    """One camera of the list."""

    object: bpy.props.PointerProperty(type=bpy.types.Object)


class ViewSettings(bpy.types.PropertyGroup):
    """`scene.maskel.views`."""

    source: bpy.props.EnumProperty(
        name="From", items=SOURCES, description="Which cameras the character is seen by"
    )
    cameras: bpy.props.CollectionProperty(type=ChosenCamera)
    cameras_index: bpy.props.IntProperty(name="Chosen camera")
    rigging: bpy.props.EnumProperty(
        name="Views",
        items=VIEWS,
        options={"ENUM_FLAG"},
        default={"FRONT", "BACK", "LEFT", "RIGHT"},
        description="Views of the rigging set",
    )
    front: bpy.props.EnumProperty(name="Front", items=FRONTS, description="Where the character faces")
    margin: bpy.props.FloatProperty(
        name="Margin",
        description="Room around the character, as a share of its size",
        subtype="PERCENTAGE",
        default=5.0,
        min=0.0,
        max=100.0,
    )
    keep: bpy.props.BoolProperty(
        name="Keep Cameras",
        default=True,
        description="Keep the cameras of the rigging set in the scene when the X-rays are made",
    )


CLASSES = (ChosenCamera, ViewSettings)
