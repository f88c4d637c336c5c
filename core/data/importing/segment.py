"""Bodies found in pictures and volumes that come without a mask: a threshold, the largest part, its holes filled."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

BODY_HU = -300.0
"""Hounsfield units between air and tissue."""


def largest_part(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The largest connected part, by faces, of bool (...); all False where nothing is True."""
    parts, count = ndimage.label(inside)
    if count < 2:
        return inside
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    kept: NDArray[np.bool_] = parts == int(sizes.argmax())
    return kept


def body_in_picture(soft: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Mask of a soft-tissue picture (H, W) >= 0: Otsu's threshold, the largest part, holes filled; uint8, 255 = body.

    The threshold is that of the square root, which tells air from limbs and not limbs from the trunk. All 0 where the picture is
    constant. Source: Otsu 1979 (scikit-image).
    """
    from skimage.filters import threshold_otsu

    if soft.min() == soft.max():
        return np.zeros(soft.shape, np.uint8)
    root = np.sqrt(soft)
    inside = largest_part(root > threshold_otsu(root))
    filled: Any = ndimage.binary_fill_holes(inside)
    return (filled * 255).astype(np.uint8)


def body_in_volume(dense: NDArray[np.bool_], upright: int) -> NDArray[np.bool_]:
    """Mask of a volume: thin things opened away, the largest part, its holes filled slice by slice.

    Lungs are open to the outside through the windpipe, so holes are those of each cross-section; the opening takes the
    table's sheets and sheets of cloth off the skin.

    Args:
        dense: bool (I, J, K), above `BODY_HU`.
        upright: Axis along the body.
    """
    core = largest_part(ndimage.binary_erosion(dense, border_value=1))
    body = ndimage.binary_dilation(core) & dense
    slices = np.moveaxis(body, upright, 0)
    for number in range(len(slices)):
        if slices[number].any():
            slices[number] = ndimage.binary_fill_holes(slices[number])
    return body
