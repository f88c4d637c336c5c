"""What in a file is MaSkel's: its collection, and the marks on its objects and images. Nothing without a mark is ever changed."""

from __future__ import annotations

from collections.abc import Iterator

import bpy

from ..marks import PLACED, ROLE_COLLECTION, ROLE_KEY, ROLE_PICTURE, ROLE_SEQUENCE

COLLECTION = "MaSkel"

PICTURE = "maskel_picture"
"""On an object: the image it shows. A pointer, so that both are saved, linked and purged together."""
SOURCE = "maskel_source"
"""On a picture: the image it is painted from; a pointer as well."""


def role(item: bpy.types.ID | None) -> str:
    """The mark, "" without one."""
    return str(item.get(ROLE_KEY, "")) if item is not None else ""


def is_picture(image: bpy.types.Image | None) -> bool:
    """Whether an image is a result's."""
    return role(image) == ROLE_PICTURE


def placed_objects(image: bpy.types.Image) -> list[bpy.types.Object]:
    """Plane or Empty that shows a result or a sequence."""
    shows = (*PLACED, ROLE_SEQUENCE)
    return [item for item in bpy.data.objects if item.get(PICTURE) == image and role(item) in shows]


def sequences_in(scene: bpy.types.Scene) -> list[bpy.types.Image]:
    """Pictures of the sequences that planes and Empties of a scene show."""
    found = [item.get(PICTURE) for item in scene.objects if role(item) == ROLE_SEQUENCE]
    return [image for image in dict.fromkeys(found) if image is not None]


def scenes_of_pictures() -> dict[bpy.types.Image, bpy.types.Scene]:
    """All results that something shows, and where: one pass through the file, however many results it has."""
    found: dict[bpy.types.Image, bpy.types.Scene] = {}
    for item in bpy.data.objects:
        picture = item.get(PICTURE)
        if picture is not None and role(item) in PLACED and item.users_scene:
            found.setdefault(picture, item.users_scene[0])
    cameras = {image["maskel_camera"] for image in bpy.data.images if is_picture(image)}
    for scene in bpy.data.scenes:
        for name in cameras:
            camera = scene.objects.get(name)
            if camera is not None and camera.type == "CAMERA":
                for slot in camera.data.background_images:
                    if is_picture(slot.image):
                        found.setdefault(slot.image, scene)
    return found


def slots_of(
    image: bpy.types.Image,
) -> Iterator[tuple[bpy.types.Camera, bpy.types.CameraBackgroundImage]]:
    """Camera backgrounds that show a result or a sequence."""
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
