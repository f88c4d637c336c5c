"""Where a picture belongs: its camera at one moment and the character's depths. Kept with each result, as text. No bpy."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..silhouette.raster import Region
from ..silhouette.view import CameraView

DEPTHS = ("FRONT", "MIDDLE", "BEHIND")


@dataclass(frozen=True)
class Frame:
    """A camera's view of a character.

    Args:
        view: The camera.
        nearest: Distance of the character's nearest point before the camera plane in metres.
        farthest: Distance of its farthest point.
    """

    view: CameraView
    nearest: float
    farthest: float

    def depth(self, where: str = DEPTHS[0]) -> float:
        """Distance before the camera plane in metres; the picture, registered to the frustum, looks the same at any.

        Args:
            where: ``FRONT`` just before the character's nearest point, so that the picture covers it; ``MIDDLE`` halfway through
                it; ``BEHIND`` just behind its farthest point.

        """
        margin = 0.01 * max(self.farthest - self.nearest, 0.01 * abs(self.nearest), 1e-3)
        depth = {
            "FRONT": self.nearest - margin,
            "MIDDLE": (self.nearest + self.farthest) / 2,
            "BEHIND": self.farthest + margin,
        }[where]
        least = self.view.clip_start
        return depth if depth > least * 1.001 else least * 1.001 + 1e-6

    def corners(self, depth: float) -> NDArray[np.float64]:
        """(4, 3) in camera space: bottom left, bottom right, top right, top left of the picture at a depth."""
        return self.view.corners_at(depth)

    def to_json(self) -> str:
        """As text, without loss."""
        view = self.view
        area = view.region
        return json.dumps(
            {
                "camera": view.camera,
                "frame": [view.frame_width, view.frame_height],
                "region": [area.left, area.top, area.right, area.bottom],
                "cropped": view.cropped,
                "projection": view.projection.ravel().tolist(),
                "camera_to_world": view.camera_to_world.ravel().tolist(),
                "clip_start": view.clip_start,
                "depths": [self.nearest, self.farthest],
            }
        )

    @classmethod
    def from_json(cls, text: str) -> Frame:
        """Inverse of `to_json`.

        Raises:
            ValueError: If it is something else.

        """
        try:
            values = json.loads(text)
            view = CameraView(
                camera=str(values["camera"]),
                frame_width=int(values["frame"][0]),
                frame_height=int(values["frame"][1]),
                region=Region(*(int(value) for value in values["region"])),
                cropped=bool(values["cropped"]),
                projection=np.array(values["projection"], np.float64).reshape(4, 4),
                camera_to_world=np.array(values["camera_to_world"], np.float64).reshape(4, 4),
                clip_start=float(values["clip_start"]),
            )
            nearest, farthest = (float(value) for value in values["depths"])
        except (KeyError, TypeError, IndexError) as error:
            raise ValueError(f"no frame: {error}") from None
        return cls(view, nearest, farthest)
