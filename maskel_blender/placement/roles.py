"""What in a file is MaSkel's: its collection, and the marks on its objects and images. Nothing without a mark is ever changed."""

from __future__ import annotations

from collections.abc import Iterator

import bpy

from ..targets import ROLE_KEY

COLLECTION = "MaSkel"
ROLE_COLLECTION = "results"
ROLE_PLANE = "xray_plane"
ROLE_EMPTY = "xray_empty"
ROLE_REFERENCE = "xray_reference"
"""The plane's double for solid shading."""
ROLE_PICTURE = "xray_picture"
"""The image that is shown; a result lives in it, whatever shows it."""
ROLE_LAYERS = "xray_layers"
ROLE_GREY = "xray_grey"
"""In place of the layers, if the server sent none."""

PICTURE = "maskel_picture"
"""On an object: the image it shows. A pointer, so that both are saved, linked and purged together."""
SOURCE = "maskel_source"
"""On a picture: the image it is painted from; a pointer as well."""

PLACED = (ROLE_PLANE, ROLE_EMPTY)


def role(item: bpy.types.ID | None) -> str:
    """The mark, "" without one."""
    return str(item.get(ROLE_KEY, "")) if item is not None else ""


def is_picture(image: bpy.types.Image | None) -> bool:
    """Whether an image is a result's."""
    return role(image) == ROLE_PICTURE


def placed_objects(image: bpy.types.Image) -> list[bpy.types.Object]:
    """Plane or Empty that shows a result."""
    return [item for item in bpy.data.objects if role(item) in PLACED and item.get(PICTURE) == image]


def slots_of(
    image: bpy.types.Image,
) -> Iterator[tuple[bpy.types.Camera, bpy.types.CameraBackgroundImage]]:
    """Camera backgrounds that show a result."""
    for camera in bpy.data.cameras:
        for slot in camera.background_images:
            if slot.image == image:
                yield camera, slot


def find_collection(scene: bpy.types.Scene) -> bpy.types.Collection | None:
    """The scene's own results collection; another scene of the file may have one of the same name."""
    for collection in scene.collection.children_recursive:
        if role(collection) == ROLE_COLLECTION:
            return collection
    return None


def results_collection(scene: bpy.types.Scene) -> bpy.types.Collection:
    """The scene's results collection, made if there is none."""
    collection = find_collection(scene)
    if collection is None:
        collection = bpy.data.collections.new(COLLECTION)
        collection[ROLE_KEY] = ROLE_COLLECTION
        scene.collection.children.link(collection)
    return collection
