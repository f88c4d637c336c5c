"""Tone curves: the same as the server's (`core/pipeline/styles.py`), so that a style is switched without asking it again."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

Layer = NDArray[np.floating]

DARKEST = 8 / 255
"""Darkest grey inside the body, so that it never looks like the outside, which is 0."""

BAND = 256
"""Rows that are toned at once: the temporaries of a whole 8K frame would need most of a gigabyte."""


def _dxa(bone: Layer, soft: Layer) -> Layer:
    veil = 0.17 * (1 - np.exp(-0.35 * soft))
    return veil + (1 - veil) * 0.97 * (1 - np.exp(-0.6 * bone)) ** 0.8


def _radiograph(bone: Layer, soft: Layer) -> Layer:
    return 1 - np.exp(-(0.14 * soft + 0.40 * bone))


def _bone(bone: Layer, soft: Layer) -> Layer:
    return (1 - np.exp(-0.6 * bone)) ** 0.75


def _inverted(bone: Layer, soft: Layer) -> Layer:
    return (1 - _radiograph(bone, soft)) * 0.97 + 0.03


CURVES: dict[str, Callable[[Layer, Layer], Layer]] = {
    "dxa": _dxa,
    "radiograph": _radiograph,
    "bone": _bone,
    "inverted": _inverted,
}


def brightness(style: str, bone: Layer, soft: Layer) -> Layer:
    """Grey of fully covered pixels.

    Args:
        style: Key of `CURVES`.
        bone: (H, W) float32, line integral >= 0.
        soft: (H, W) float32, line integral >= 0.

    Returns:
        (H, W) float32, 0..1.

    """
    return np.clip(CURVES[style](bone, soft), 0.0 if style == "bone" else DARKEST, 1.0)


def bands(rows: int) -> Iterator[slice]:
    """Slices that cover a picture."""
    return (slice(top, top + BAND) for top in range(0, rows, BAND))


def tone(style: str, bone: Layer, soft: Layer, mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The server's picture of two layers.

    A pixel that the mask covers in part holds a part of the integral: the curve is taken of what a full pixel would hold, and
    weighted by the mask.

    Args:
        style: Key of `CURVES`.
        bone: (H, W) float32, line integral, 0 outside.
        soft: (H, W) float32, line integral, 0 outside.
        mask: (H, W) uint8, 255 = body.

    Returns:
        (H, W) uint8, 0 outside the body.

    """
    picture = np.empty(mask.shape, np.uint8)
    for band in bands(len(mask)):
        cover = mask[band].astype(np.float32) / 255
        whole = np.maximum(cover, 1 / 255)
        picture[band] = np.rint(brightness(style, bone[band] / whole, soft[band] / whole) * cover * 255)
    return picture
