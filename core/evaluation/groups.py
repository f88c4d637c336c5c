"""What the figures are split by: from where, who, how posed, how dressed."""

from __future__ import annotations

import math
from typing import Any

GROUPS = {
    "view": "View",
    "age": "Age",
    "pose": "Pose",
    "clothing": "Clothing",
    "form": "Form",
    "camera": "Camera",
}
"""What the figures are split by, and its heading."""

PLAIN_POSES = ("standing", "a_pose")
"""Poses of the bodies that others test with: standing straight, arms beside the body."""


def view_of(yaw: float | None) -> str:
    """``front``, ``side``, ``back`` or ``oblique`` from a camera's yaw in radians, 0 = frontal, within 25 degrees.

    ``unknown`` without a yaw.
    """
    if yaw is None:
        return "unknown"
    degrees = abs(math.degrees(math.remainder(yaw, 2 * math.pi)))
    if degrees <= 25:
        return "front"
    if degrees >= 155:
        return "back"
    return "side" if abs(degrees - 90) <= 25 else "oblique"


def clothing_of(meta: dict[str, Any]) -> str:
    """``bare``, or the outfit's name, or ``dressed`` where only its parts are known."""
    outfit = str(meta.get("outfit") or "none")
    if outfit != "none":
        return outfit
    return "dressed" if meta.get("clothing") else "bare"


def groups_of(meta: dict[str, Any]) -> dict[str, str]:
    """The groups of `GROUPS` that a sample belongs to."""
    body, camera = meta.get("body", {}), meta.get("camera", {})
    return {
        "view": view_of(camera.get("yaw")),
        "age": str(body.get("age_group", "unknown")),
        "pose": str(meta.get("pose_class", "")),
        "clothing": clothing_of(meta),
        "form": "stylised" if body.get("stylised") else "natural",
        "camera": "orthographic" if camera.get("distance") is None else "perspective",
    }


def is_plain(record: dict[str, Any]) -> bool:
    """Whether a sample is a natural body that stands straight and wears nothing, as a body scan is."""
    return record["clothing"] == "bare" and record["form"] == "natural" and record["pose"] in PLAIN_POSES
