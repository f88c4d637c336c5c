"""The picture on the plane: style, choice of layers and a colour for each become RGBA."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .curves import bands, brightness
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
    picture = np.empty((*layers.mask.shape, 4), np.uint8)
    bone_tint, soft_tint = np.array(bone_colour, np.float32), np.array(soft_colour, np.float32)
    for rows in bands(len(layers.mask)):
        bone, soft = layers.integrals(rows)
        nothing = np.zeros_like(bone)
        if shown == "BONE":
            soft = nothing
        elif shown == "SOFT":
            bone = nothing
        grey = brightness(style, bone, soft)[..., None]
        without_bone = brightness(style, nothing, soft)[..., None]
        if style == "inverted":
            # bone darkens here: white bone stays black ink, a hue colours the ink
            ink = bone_tint - bone_tint.min()
            colour = soft_tint * grey + ink * np.maximum(without_bone - grey, 0)
        else:
            veil = np.minimum(without_bone, grey)
            colour = soft_tint * veil + bone_tint * (grey - veil)
        picture[rows, :, :3] = np.rint(np.clip(colour, 0, 1) * 255)
    picture[..., 3] = layers.mask
    picture[..., :3][layers.mask == 0] = 0
    return picture
