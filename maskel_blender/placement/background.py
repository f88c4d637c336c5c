"""Camera backgrounds: the picture fills the camera's frame, in camera view only."""

from __future__ import annotations

from collections.abc import Iterable

import bpy

from ..errors import CameraError
from ..marks import ROLE_SEQUENCE
from .look import Look
from .roles import role, slots_of


def background_camera(scene: bpy.types.Scene, name: str) -> bpy.types.Object:
    """The camera object a background belongs to.

    Raises:
        CameraError: ``camera_gone`` or ``camera_linked``.

    """
    camera = scene.objects.get(name)
    if camera is None or camera.type != "CAMERA":
        raise CameraError(
            "camera_gone",
            f'The scene has no camera "{name}" any more.',
            "Choose the image plane, or generate the X-ray again.",
        )
    if camera.data.library is not None:
        raise CameraError(
            "camera_linked",
            f'The camera "{name}" is linked from another file, so it takes no background.',
            "Choose the image plane or the Empty, or make the camera local.",
        )
    return camera


def takers(scene: bpy.types.Scene, names: Iterable[str]) -> tuple[list[str], list[CameraError]]:
    """Which cameras take a background, and why the others do not.

    Args:
        scene: Where they are.
        names: Of the cameras.

    """
    found: list[str] = []
    refusals: list[CameraError] = []
    for name in names:
        try:
            found.append(background_camera(scene, name).name)
        except CameraError as error:
            refusals.append(error)
    return found, refusals


def lay_background(camera: bpy.types.Object, image: bpy.types.Image) -> None:
    """Show an image behind or before what the camera sees, or renew the slot that shows it."""
    data = camera.data
    slot = next((slot for owner, slot in slots_of(image) if owner == data), None)
    if slot is not None:
        return
    others = any(slot.show_background_image for slot in data.background_images)
    slot = data.background_images.new()
    slot.source = "IMAGE"
    slot.image = image
    # the picture is the frame, whatever its pixels' shape
    slot.frame_method = "STRETCH"
    slot.scale, slot.rotation, slot.offset = 1.0, 0.0, (0.0, 0.0)
    if not others:
        # with other pictures in there the switch is the user's: it would show them too
        data.show_background_images = True


def show_background(image: bpy.types.Image, look: Look) -> None:
    """Opacity, and whether it lies before the scene."""
    for _, slot in slots_of(image):
        slot.alpha = look.opacity
        slot.display_depth = "FRONT" if look.over or look.depth == "FRONT" else "BACK"


def remove_background(image: bpy.types.Image) -> None:
    """Take the slots away again, ours alone."""
    for camera, slot in list(slots_of(image)):
        camera.background_images.remove(slot)


def is_switched_off(image: bpy.types.Image) -> bool:
    """Whether the user has switched all backgrounds of the camera off."""
    return any(not camera.show_background_images for camera, _ in slots_of(image))


def switched_off_sequences(scene: bpy.types.Scene) -> list[bpy.types.Camera]:
    """Cameras with a sequence among the backgrounds that the user has switched off."""
    cameras = dict.fromkeys(item.data for item in scene.objects if item.type == "CAMERA")
    return [
        camera
        for camera in cameras
        if not camera.show_background_images
        and any(role(slot.image) == ROLE_SEQUENCE for slot in camera.background_images)
    ]
