"""Styles: tone curves from the two line-integral layers to a grey picture, no model involved."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from maskel_core.errors import MaskelError
from numpy.typing import NDArray

Layer = NDArray[np.floating]
Curve = Callable[[Layer, Layer], Layer]

DARKEST = 8 / 255
"""Darkest grey inside the body, so that it never looks like the outside, which is 0."""


def _dxa(bone: Layer, soft: Layer) -> Layer:
    """Bone mineral bright, soft tissue a faint veil."""
    veil = 0.20 * (1 - np.exp(-1.6 * soft))
    return veil + (1 - veil) * 0.95 * (1 - np.exp(-2.0 * bone)) ** 0.85


def _radiograph(bone: Layer, soft: Layer) -> Layer:
    """What a film shows: one minus the transmitted share of the beam."""
    return 1 - np.exp(-(1.1 * soft + 1.5 * bone))


def _bone(bone: Layer, soft: Layer) -> Layer:
    """Bone alone."""
    return (1 - np.exp(-2.0 * bone)) ** 0.8


def _inverted(bone: Layer, soft: Layer) -> Layer:
    """The radiograph's negative, dark bones on a light body; the outside stays 0."""
    return np.exp(-(0.9 * soft + 1.5 * bone)) * 0.97 + 0.03


CURVES: dict[str, Curve] = {"dxa": _dxa, "radiograph": _radiograph, "bone": _bone, "inverted": _inverted}

_BAND = 256
"""Rows that are toned at once."""

STYLES = tuple(CURVES)
"""Names of the styles; the first is the default."""


def check_style(style: str) -> None:
    """Raise MaskelError ``bad_style`` for an unknown style."""
    if style not in CURVES:
        raise MaskelError("bad_style", f"There is no style {style!r}.", f"Choose one of {', '.join(STYLES)}.")


def render_style(
    style: str,
    bone: NDArray[np.float32],
    soft: NDArray[np.float32],
    mask: NDArray[np.uint8],
    scales: tuple[float, float],
) -> NDArray[np.uint8]:
    """A grey picture of the two layers.

    The layers are line integrals of a whole body, cut to the mask, so pixels that the mask covers in part hold a part
    of the integral. The curve is taken of what a full pixel would hold and then weighted by the mask.

    Args:
        style: One of `STYLES`.
        bone: float32 (H, W), bone line integral, >= 0, 0 outside.
        soft: float32 (H, W), soft-tissue line integral, >= 0, 0 outside.
        mask: uint8 (H, W), 255 = body.
        scales: Line integrals of bone and soft tissue that count as dense.

    Returns:
        uint8 (H, W), 0 outside the body.

    Raises:
        MaskelError: ``bad_style``.
    """
    check_style(style)
    picture = np.empty(mask.shape, np.uint8)
    darkest = DARKEST if style != "bone" else 0.0
    # Band by band: the curve's temporaries of a whole 8K frame would need most of a gigabyte.
    for top in range(0, len(mask), _BAND):
        band = slice(top, top + _BAND)
        cover = mask[band].astype(np.float32) / 255
        whole = np.maximum(cover, 1 / 255)
        grey = CURVES[style](bone[band] / (whole * scales[0]), soft[band] / (whole * scales[1]))
        picture[band] = np.rint(np.clip(grey, darkest, 1) * cover * 255)
    return picture
