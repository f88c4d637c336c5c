"""Blender camera to `CameraView`."""

from __future__ import annotations

import bpy
import numpy as np

from .. import compat
from ..errors import CameraError
from .raster import Region
from .view import CameraView

SIDE_KEY = "maskel_side"
"""Custom property of the rigging set's cameras: the side of the character they were placed to see."""


def find_camera(scene: bpy.types.Scene, name: str = "") -> bpy.types.Object:
    """The named camera, or the scene's active one.

    Raises:
        CameraError: ``no_camera``, ``not_a_camera`` or ``panoramic_camera``.

    """
    if name:
        camera = scene.objects.get(name)
        if camera is None:
            raise CameraError(
                "no_camera", f'The scene has no camera "{name}".', "Pick one of the scene's cameras."
            )
    else:
        camera = scene.camera
        if camera is None:
            raise CameraError(
                "no_camera", "The scene has no active camera.", "Add a camera (Add > Camera) or pick one."
            )
    if camera.type != "CAMERA":
        raise CameraError("not_a_camera", f'"{camera.name}" is not a camera.', "Pick a camera object.")
    if not compat.scene_has_camera(camera.data.type):
        raise CameraError(
            "panoramic_camera",
            f'The lens of "{camera.name}" is {camera.data.type.lower()}: its picture is not flat, so no plane can match it.',
            "Set the camera's lens type to Perspective or Orthographic.",
        )
    return camera


def camera_view(
    scene: bpy.types.Scene, camera: bpy.types.Object, depsgraph: bpy.types.Depsgraph, longest: int = 0
) -> CameraView:
    """The camera with the render settings of a scene.

    Args:
        scene: The scene whose resolution, pixel aspect and render border count.
        camera: The camera object.
        depsgraph: A graph that evaluates the camera.
        longest: Pixels of the frame's longer side at most, for a coarser picture of the same; 0 for the render's size.

    """
    render = scene.render
    width = max(render.resolution_x * render.resolution_percentage // 100, 1)
    height = max(render.resolution_y * render.resolution_percentage // 100, 1)
    projection = camera.calc_matrix_camera(
        depsgraph, x=width, y=height, scale_x=render.pixel_aspect_x, scale_y=render.pixel_aspect_y
    )
    evaluated = camera.evaluated_get(depsgraph)
    if 0 < longest < max(width, height):
        shrink = longest / max(width, height)
        width, height = max(round(width * shrink), 1), max(round(height * shrink), 1)
    region = Region(0, 0, width, height)
    if render.use_border:
        region = Region(
            int(render.border_min_x * width),
            height - int(render.border_max_y * height),
            int(render.border_max_x * width),
            height - int(render.border_min_y * height),
        )
        if not region.width or not region.height:
            raise CameraError(
                "empty_border", "The render region is less than a pixel.", "Enlarge or clear it (Ctrl+Alt+B)."
            )
    return CameraView(
        camera=camera.name,
        frame_width=width,
        frame_height=height,
        region=region,
        cropped=bool(render.use_border and render.use_crop_to_border),
        projection=np.array(projection, np.float64),
        # a camera's scale does not change its picture; Blender drops it too
        camera_to_world=np.array(evaluated.matrix_world.normalized(), np.float64),
        clip_start=float(evaluated.data.clip_start) if camera.data.type == "PERSP" else 0.0,
        clip_end=float(evaluated.data.clip_end),
    )
