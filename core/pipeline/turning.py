"""Which way a mask leans, told exactly: mirrored masks have mirrored answers to the bit, but for those that lean neither way."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from maskel_core.anatomy.joints import MIRRORED
from numpy.typing import NDArray

Pixels = TypeVar("Pixels", bound=np.generic)


def leans_left(mask: NDArray[np.uint8]) -> bool:
    """Whether the third moment of a mask's columns about their centroid is negative; mirroring changes its sign.

    The sum is one of whole numbers: rounding would let the two of a pair that hardly leans go different ways.

    Args:
        mask: uint8 (H, W).
    """
    profile = mask.sum(axis=0, dtype=np.int64)
    columns = np.flatnonzero(profile)
    if not len(columns):
        return False
    place = 2 * columns - (mask.shape[1] - 1)
    # Python's own integers do not overflow: an 8K mask's moments have more than 64 bits.
    weights, places = profile[columns].tolist(), place.tolist()
    m0, m1, m2, m3 = (sum(w * x**n for w, x in zip(weights, places, strict=True)) for n in range(4))
    return m0 * m0 * m3 - 3 * m0 * m1 * m2 + 2 * m1**3 < 0


def mirrored(picture: NDArray[Pixels]) -> NDArray[Pixels]:
    """A picture (..., W) with its columns in reverse order, contiguous."""
    return np.ascontiguousarray(picture[..., ::-1])


def mirrored_joints(places: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """Joints (J, 2), x and y in pixels, in the mirror image of a picture ``width`` pixels wide: sides change names."""
    return places[list(MIRRORED)] * [-1, 1] + [width - 1, 0]
