"""Joints in pixels of a picture and as rays in the world. No bpy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..client.request import Joint
from ..silhouette.rays import pixel_ray
from ..silhouette.view import CameraView


@dataclass(frozen=True)
class SeenJoint:
    """Where a joint is seen; it lies somewhere on the ray.

    Args:
        x: Column in the X-ray, pixel centres at integers.
        y: Row, 0 at the top.
        confidence: 0..1.
        origin: Where the ray leaves the camera plane, world space, metres.
        direction: Along the ray, away from the camera, world space, length 1.
    """

    x: float
    y: float
    confidence: float
    origin: tuple[float, float, float]
    direction: tuple[float, float, float]


def see(joints: Mapping[str, Joint], view: CameraView, width: int, height: int) -> dict[str, SeenJoint]:
    """Add the rays.

    Args:
        joints: In pixels of the X-ray.
        view: The camera.
        width: Columns of the X-ray.
        height: Its rows.

    """
    seen = {}
    for name, joint in joints.items():
        origin, direction = pixel_ray(view, joint.x, joint.y, width, height)
        seen[name] = SeenJoint(
            joint.x, joint.y, joint.confidence, tuple(origin.tolist()), tuple(direction.tolist())
        )
    return seen
