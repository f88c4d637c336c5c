"""Where a picture stands at one frame, as matrices of a unit square, which location, rotation and scale can follow. No bpy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..placement.frame import DEPTHS, Frame


def square(frame: Frame, where: str = DEPTHS[0]) -> NDArray[np.float64]:
    """(4, 4) from a unit square in the plane z = 0 around the origin to the world; z is scaled by the depth.

    Args:
        frame: What the picture is registered to.
        where: One of `DEPTHS`.

    """
    depth = frame.depth(where)
    corners = frame.corners(depth)
    place = np.eye(4)
    place[:3, 3] = corners.mean(axis=0)
    width, height = corners[1, 0] - corners[0, 0], corners[3, 1] - corners[0, 1]
    return frame.view.camera_to_world @ place @ np.diag([width, height, depth, 1.0])


def fit(width: int, height: int) -> NDArray[np.float64]:
    """(4, 4) from what an image Empty of size 1 draws, the picture's longer side one unit long, to a unit square.

    Args:
        width: Of the picture, in pixels.
        height: Of the picture, in pixels.

    """
    longer = max(width, height)
    return np.diag([longer / width, longer / height, 1.0, 1.0])


def nearer(frame: Frame, share: float, where: str = DEPTHS[0]) -> NDArray[np.float64]:
    """(4, 4) from a unit square to one that looks the same, nearer by a share of the depth; in the first one's space."""
    corners = frame.corners(frame.depth(where))
    middle = corners.mean(axis=0)
    width, height = corners[1, 0] - corners[0, 0], corners[3, 1] - corners[0, 1]
    shrink = 0.0 if frame.view.is_orthographic else share
    made = np.diag([1.0 - shrink, 1.0 - shrink, 1.0, 1.0])
    made[:3, 3] = [-shrink * middle[0] / width, -shrink * middle[1] / height, share]
    return made
