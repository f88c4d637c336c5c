"""Where a picture stands at one frame, as location, rotation and scale of a unit square. No bpy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..silhouette.view import CameraView


@dataclass(frozen=True)
class FrameView:
    """What a picture is registered to.

    Args:
        view: The camera at that frame.
        nearest: Distance of the character's nearest point before the camera plane in metres.
        farthest: Distance of its farthest point.
    """

    view: CameraView
    nearest: float
    farthest: float

    @property
    def depth(self) -> float:
        """Just before the character's nearest point, in metres, yet within what the camera sees."""
        margin = 0.01 * max(self.farthest - self.nearest, 0.01 * abs(self.nearest), 1e-3)
        least = self.view.clip_start * 1.001 + 1e-6
        return max(self.nearest - margin, least)

    def matrix(self) -> NDArray[np.float64]:
        """(4, 4) from a unit square in the plane z = 0 around the origin to the world; z is scaled by the depth."""
        corners = self.view.corners_at(self.depth)
        middle = corners.mean(axis=0)
        place = np.eye(4)
        place[:3, 3] = middle
        width, height = corners[1, 0] - corners[0, 0], corners[3, 1] - corners[0, 1]
        return self.view.camera_to_world @ place @ np.diag([width, height, self.depth, 1.0])

    def nearer(self, share: float) -> NDArray[np.float64]:
        """(4, 4) from a unit square to one that looks the same, nearer by a share of the depth; in the first one's space."""
        corners = self.view.corners_at(self.depth)
        middle, width, height = (
            corners.mean(axis=0),
            corners[1, 0] - corners[0, 0],
            corners[3, 1] - corners[0, 1],
        )
        shrink = 0.0 if self.view.is_orthographic else share
        made = np.diag([1.0 - shrink, 1.0 - shrink, 1.0, 1.0])
        made[:3, 3] = [-shrink * middle[0] / width, -shrink * middle[1] / height, share]
        return made
