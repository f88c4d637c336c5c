"""The file a result shows, painted from what is kept of it; on any thread. No bpy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..client.png import encode_png
from ..style.layers import Layers
from ..style.paint import Colour, paint
from .frame import Frame
from .look import Look
from .picture import in_full_frame


@dataclass(frozen=True)
class Toning:
    """All that a picture's pixels depend on besides what it is painted from.

    Args:
        style: Key of `style.curves.CURVES`.
        shown: Which layers, see `Look`.
        bone_colour: Display colour 0..1.
        soft_colour: Display colour 0..1.
        whole: Whether the part of the frame that was rendered is laid into the whole of it, as a camera background needs.
    """

    style: str
    shown: str
    bone_colour: Colour
    soft_colour: Colour
    whole: bool = False


@dataclass(frozen=True)
class Painted:
    """A PNG file with the toning it was painted in."""

    toning: Toning
    png: bytes


def toning_of(style: str, look: Look, frame: Frame) -> Toning:
    """How a result is to be painted."""
    whole = look.placement == "BACKGROUND" and frame.view.cropped
    return Toning(style, look.shown, look.bone_colour, look.soft_colour, whole)


def paint_png(source: Layers | NDArray[np.uint8], toning: Toning, frame: Frame) -> Painted:
    """Paint.

    Args:
        source: Layers, or an RGBA picture (h, w, 4) uint8, which has its style already.
        toning: How.
        frame: Where it belongs.

    """
    if isinstance(source, Layers):
        pixels = paint(source, toning.style, toning.shown, toning.bone_colour, toning.soft_colour)
    else:
        pixels = source
    if toning.whole:
        view = frame.view
        pixels = in_full_frame(pixels, view.region, view.frame_width, view.frame_height)
    return Painted(toning, encode_png(pixels, level=1))
