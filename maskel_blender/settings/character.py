"""Settings of who is X-rayed: what counts as body, holes, and the side that is seen."""

from __future__ import annotations

import bpy

SIDES = (
    ("AUTO", "Automatic", "Found out from the left and right bones, or from a camera of the rigging set"),
    ("UNKNOWN", "Unknown", "Let the model judge by the silhouette alone"),
    ("FRONT", "Front", "The camera sees the character's front"),
    ("BACK", "Back", "The camera sees the character's back"),
    ("LEFT", "Left", "The camera sees the character's own left side"),
    ("RIGHT", "Right", "The camera sees the character's own right side"),
)


def _is_armature(_group: bpy.types.PropertyGroup, item: bpy.types.Object) -> bool:
    return item.type == "ARMATURE"


class LeftOutObject(bpy.types.PropertyGroup):
    """An object that does not count as body."""

    object: bpy.props.PointerProperty(type=bpy.types.Object)


class LeftOutCollection(bpy.types.PropertyGroup):
    """A collection whose objects do not count as body."""

    collection: bpy.props.PointerProperty(type=bpy.types.Collection)


class CharacterSettings(bpy.types.PropertyGroup):
    """`scene.maskel.character`."""

    armature: bpy.props.PointerProperty(
        name="Armature", type=bpy.types.Object, poll=_is_armature, description="The character's armature"
    )
    left_out: bpy.props.CollectionProperty(type=LeftOutObject)
    left_out_index: bpy.props.IntProperty(name="Object left out of silhouettes")
    left_out_collections: bpy.props.CollectionProperty(type=LeftOutCollection)
    left_out_collections_index: bpy.props.IntProperty(name="Collection left out of silhouettes")
    fill_holes: bpy.props.BoolProperty(
        name="Fill Holes", description="Fill what the silhouette encloses, like eye sockets or missing parts"
    )
    largest_hole: bpy.props.FloatProperty(
        name="Largest Hole",
        description="Holes larger than this share of the body stay open; "
        "lower it to keep gaps between arms and trunk",
        subtype="PERCENTAGE",
        default=100.0,
        min=0.0,
        max=100.0,
    )
    side: bpy.props.EnumProperty(
        name="Side Seen", items=SIDES, description="Side of the character that the camera sees"
    )


CLASSES = (LeftOutObject, LeftOutCollection, CharacterSettings)
