"""What a camera sees, as plain numbers: sizes, projection, pose. No bpy."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .matrices import inverse
from .raster import Region

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class CameraView:
    """A planar camera at one moment.

    Args:
        camera: Name of the camera object.
        frame_width: Full frame in pixels, resolution percentage included.
        frame_height: Full frame in pixels.
        region: The pixels that are rendered (the render border, or the whole frame), row 0 at the top.
        cropped: Whether the picture is cut to `region`; else it is the full frame, empty outside the region.
        projection: (4, 4) float64, camera space to clip space.
        camera_to_world: (4, 4) float64, rigid or mirrored, without scale.
        clip_start: Near plane in metres before the camera.
        clip_end: Far plane in metres before the camera.
    """

    camera: str
    frame_width: int
    frame_height: int
    region: Region
    cropped: bool
    projection: FloatArray
    camera_to_world: FloatArray
    clip_start: float
    clip_end: float = math.inf

    @property
    def is_orthographic(self) -> bool:
        """Whether all lines of sight are parallel."""
        return bool(self.projection[3, 3] != 0.0)

    @property
    def picture(self) -> Region:
        """The pixels of the picture within the full frame."""
        return self.region if self.cropped else Region(0, 0, self.frame_width, self.frame_height)

    def to_clip(self, object_to_world: FloatArray) -> FloatArray:
        """(4, 4) matrix from an object's space to clip space."""
        return self.projection @ inverse(self.camera_to_world) @ object_to_world

    def depth_row(self, object_to_world: FloatArray) -> FloatArray:
        """(4,) row whose product with a homogeneous point is the point's distance before the camera plane, in metres."""
        return -(inverse(self.camera_to_world) @ object_to_world)[2]

    def corners_at(self, depth: float) -> FloatArray:
        """Corners of the picture on the plane at a depth.

        Args:
            depth: Distance before the camera plane in metres, positive.

        Returns:
            (4, 3) float64 in camera space: bottom left, bottom right, top right, top left of the picture.

        """
        area = self.picture
        left, right = (2.0 * c / self.frame_width - 1.0 for c in (area.left, area.right))
        top, bottom = (1.0 - 2.0 * r / self.frame_height for r in (area.top, area.bottom))
        ndc_z = self.projection @ np.array([0.0, 0.0, -depth, 1.0])
        z = ndc_z[2] / ndc_z[3]
        ndc = np.array(
            [[left, bottom, z, 1.0], [right, bottom, z, 1.0], [right, top, z, 1.0], [left, top, z, 1.0]]
        )
        points = ndc @ inverse(self.projection).T
        return points[:, :3] / points[:, 3:]
