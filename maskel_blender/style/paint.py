"""The picture on the plane: style, choice of layers and a colour for each become RGBA."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .curves import Layer, bands, brightness
from .layers import Layers

Colour = tuple[float, float, float]
WHITE: Colour = (1.0, 1.0, 1.0)

SHOWN = ("BOTH", "BONE", "SOFT")
"""Choices of layers."""


def paint(
    layers: Layers,
    style: str,
    shown: str = SHOWN[0],
    bone_colour: Colour = WHITE,
    soft_colour: Colour = WHITE,
) -> NDArray[np.uint8]:
    """RGBA picture with straight alpha; with white colours and both layers its colour is the style's own grey.

    Args:
        layers: What is shown.
        style: Key of `curves.CURVES`.
        shown: One of `SHOWN`.
        bone_colour: Display colour of bone, 0..1.
        soft_colour: Display colour of soft tissue, 0..1.

    Returns:
        (H, W, 4) uint8; alpha is the silhouette.

    """
    picture = np.zeros((*layers.mask.shape, 4), np.uint8)
    body = np.flatnonzero(layers.mask.max(axis=0))
    columns = slice(int(body[0]), int(body[-1]) + 1) if len(body) else slice(0, 0)
    for rows in bands(len(layers.mask)):
        if layers.mask[rows].any():
            bone, soft = layers.integrals(rows, columns)
            colour = _colour(style, bone, soft, shown, bone_colour, soft_colour)
            picture[rows, columns, :3] = np.rint(np.clip(colour, 0, 1) * 255)
    picture[..., :3][layers.mask == 0] = 0
    picture[..., 3] = layers.mask
    return picture


def _colour(
    style: str, bone: Layer, soft: Layer, shown: str, bone_colour: Colour, soft_colour: Colour
) -> NDArray[np.floating]:
    """(H, W, 1 or 3), 0..1."""
    nothing = np.zeros_like(bone)
    if shown == "BONE":
        soft = nothing
    elif shown == "SOFT":
        bone = nothing
    grey = brightness(style, bone, soft)[..., None]
    if bone_colour == soft_colour == WHITE:
        return grey
    bone_tint, soft_tint = np.array(bone_colour, np.float32), np.array(soft_colour, np.float32)
    without_bone = brightness(style, nothing, soft)[..., None]
    if style == "inverted":
        # bone darkens here: white bone stays black ink, a hue colours the ink
        ink = bone_tint - bone_tint.min()
        return soft_tint * grey + ink * np.maximum(without_bone - grey, 0)
    veil = np.minimum(without_bone, grey)
    return soft_tint * veil + bone_tint * (grey - veil)
