"""Styles: tone curves from the two line-integral layers to a grey picture, no model involved.

Typical line integrals at 40 keV: 0.3 a rib, 1 to 2 the shaft of a thigh bone, 3 and more the skull's rim; 1 to 2 the flesh of a
limb, 4 to 7 that of a trunk.
"""

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
    veil = 0.17 * (1 - np.exp(-0.35 * soft))
    return veil + (1 - veil) * 0.97 * (1 - np.exp(-0.6 * bone)) ** 0.8


def _radiograph(bone: Layer, soft: Layer) -> Layer:
    """A film's response, with the beam hardened so far that soft tissue does not blacken out the bones."""
    return 1 - np.exp(-(0.14 * soft + 0.40 * bone))


def _bone(bone: Layer, soft: Layer) -> Layer:
    """Bone alone."""
    return (1 - np.exp(-0.6 * bone)) ** 0.75


def _inverted(bone: Layer, soft: Layer) -> Layer:
    """The radiograph's negative, dark bones on a light body; the outside stays 0."""
    return (1 - _radiograph(bone, soft)) * 0.97 + 0.03


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
) -> NDArray[np.uint8]:
    """A grey picture of the two layers.

    The layers are line integrals of a whole body, cut to the mask, so pixels that the mask covers in part hold a part
    of the integral. The curve is taken of what a full pixel would hold and then weighted by the mask.

    Args:
        style: One of `STYLES`.
        bone: float32 (H, W), bone line integral, >= 0, 0 outside.
        soft: float32 (H, W), soft-tissue line integral, >= 0, 0 outside.
        mask: uint8 (H, W), 255 = body.

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
        grey = CURVES[style](bone[band] / whole, soft[band] / whole)
        picture[band] = np.rint(np.clip(grey, darkest, 1) * cover * 255)
    return picture
