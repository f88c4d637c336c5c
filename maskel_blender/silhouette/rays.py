"""Pixels of a picture as rays in the world, so that joints seen in pixels can be used in space. No bpy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .matrices import inverse
from .view import CameraView

FloatArray = NDArray[np.float64]


def pixel_ray(view: CameraView, x: float, y: float, width: int, height: int) -> tuple[FloatArray, FloatArray]:
    """The ray that a pixel shows.

    Args:
        view: The camera.
        x: Column in the picture, pixel centres at integers.
        y: Row, 0 at the top.
        width: Columns of the picture, which may be larger or smaller than the camera's own.
        height: Rows.

    Returns:
        Origin (3,) on the camera plane in metres and direction (3,) of length 1, both in world space.

    """
    area = view.picture
    column = area.left + (x + 0.5) / width * area.width
    row = area.top + (y + 0.5) / height * area.height
    ndc = np.array([2.0 * column / view.frame_width - 1.0, 1.0 - 2.0 * row / view.frame_height])
    ends = np.array([[*ndc, -1.0, 1.0], [*ndc, 1.0, 1.0]]) @ inverse(view.projection).T
    near, far = ends[:, :3] / ends[:, 3:]
    direction = (far - near) / np.linalg.norm(far - near)
    origin = near - direction * (near[2] / direction[2])
    turn, shift = view.camera_to_world[:3, :3], view.camera_to_world[:3, 3]
    return turn @ origin + shift, turn @ direction
