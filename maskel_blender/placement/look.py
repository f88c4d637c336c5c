"""How a result is shown, as plain values. No bpy."""

from __future__ import annotations

from dataclasses import dataclass

from ..style.paint import SHOWN, WHITE, Colour
from .frame import DEPTHS

PLACEMENTS = ("PLANE", "EMPTY", "BACKGROUND")


@dataclass(frozen=True)
class Look:
    """Everything that can be changed of a result without the server.

    Args:
        placement: ``PLANE`` (rendered too), ``EMPTY`` (reference image, viewport only) or ``BACKGROUND`` (of the camera).
        depth: One of `frame.DEPTHS`; of a background, whether it lies before the scene or behind it.
        over: Drawn over meshes in the viewport, at whatever depth.
        opacity: 0..1.
        only_camera: Visible only while the scene's camera is the result's.
        shown: Which layers: ``BOTH``, ``BONE`` or ``SOFT``.
        bone_colour: Display colour 0..1.
        soft_colour: Display colour 0..1.
    """

    placement: str = PLACEMENTS[0]
    depth: str = DEPTHS[0]
    over: bool = False
    opacity: float = 1.0
    only_camera: bool = False
    shown: str = SHOWN[0]
    bone_colour: Colour = WHITE
    soft_colour: Colour = WHITE


DEFAULT_LOOK = Look()
