"""What becomes of a made-up X-ray: a reason why it is thrown away, or its mask."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, label

EDGE = 0.3
"""Normalised soft tissue at which a pixel counts as wholly covered. On true layers a cover of x / EDGE is 2.5 % of the body's
area off the true mask, the least of the ramps tried; half of it is where intersection over union is best (0.98)."""

FLOOR = 0.03
"""Normalised soft tissue up to which a pixel is background: rests of noise."""

LEAST_AREA = 0.02
"""Share of the frame that a body covers at least."""

CRUMB = 0.02
"""Largest second piece that is swept away instead of counting as a broken body, share of the first."""

LEAST_EXTENT = 0.7
"""Longer side of the body's box at least, share of the frame: what is learned fills 0.89."""

LEAST_BONE = 0.25
"""Normalised bone that the brightest hundredth of the body reaches at least."""

REASONS = ("empty", "pieces", "cut", "small", "boneless")
"""Why pictures are thrown away: no body, more than one, at the frame's border, too small, without bones."""


def screen(xray: NDArray[np.floating]) -> str:
    """Why a made-up X-ray is no good: one of `REASONS`, or ``""``.

    Args:
        xray: (2, S, S), bone and soft tissue in the normalised domain.
    """
    bone, soft = xray
    body, pieces = _body(soft)
    if body.sum() < LEAST_AREA * soft.size:
        return "empty"
    if pieces > CRUMB * body.sum():
        return "pieces"
    if any(line.any() for line in (body[0], body[-1], body[:, 0], body[:, -1])):
        return "cut"
    extent = max(int(np.ptp(np.flatnonzero(body.any(axis=axis)))) + 1 for axis in (0, 1))
    if extent < LEAST_EXTENT * len(soft):
        return "small"
    return "boneless" if np.percentile(bone[body], 99) < LEAST_BONE else ""


def mask_of(soft: NDArray[np.floating]) -> NDArray[np.uint8]:
    """The mask of a made-up X-ray, as the paper makes it: its segmented soft-tissue picture.

    Args:
        soft: (S, S), soft tissue in the normalised domain.

    Returns:
        uint8 (S, S), 255 = the largest piece of the body, grey at its edge.
    """
    cover = np.where(soft > FLOOR, np.clip(soft / EDGE, 0, 1), 0)
    # The grey of the edge, and nothing further off.
    cover = np.where(binary_dilation(_body(soft)[0], iterations=1), cover, 0)
    return np.rint(cover * 255).astype(np.uint8)


def _body(soft: NDArray[np.floating]) -> tuple[NDArray[np.bool_], int]:
    """The largest piece of soft tissue, and the pixels of the next largest."""
    pieces, count = label(soft > EDGE / 2, structure=np.ones((3, 3)))
    sizes = np.bincount(pieces.ravel(), minlength=count + 1)
    # Number 0 is the background.
    sizes[0] = 0
    order = np.sort(sizes)
    return (pieces == sizes.argmax()) & (pieces > 0), int(order[-2]) if count > 1 else 0
