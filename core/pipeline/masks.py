"""Which masks are accepted, and a mask at another size."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from maskel_core.errors import MaskelError
from maskel_core.pipeline.letterbox import shrink
from numpy.typing import NDArray

MAX_PIXELS = 7680 * 4320
"""Most pixels of a mask and of an image: one 8K frame."""

MAX_SIDE = 16384
"""Most pixels along a side of a mask: the letterbox is as high as it is wide."""


def check_mask(mask: Any) -> None:
    """Raise MaskelError for a mask that is none, too large, empty or full."""
    if not isinstance(mask, np.ndarray) or mask.ndim != 2 or mask.dtype != np.uint8 or 0 in mask.shape:
        shape = f"{mask.dtype} {mask.shape}" if isinstance(mask, np.ndarray) else type(mask).__name__
        raise MaskelError(
            "bad_mask", f"The mask is {shape}, not uint8 (height, width).", "Send a grey picture, 255 = body."
        )
    if mask.size > MAX_PIXELS:
        raise MaskelError(
            "too_many_pixels",
            f"The mask has {mask.size:,} pixels; at most {MAX_PIXELS:,} are accepted.",
            "Render the mask at a lower resolution.",
        )
    if max(mask.shape) > MAX_SIDE:
        raise MaskelError(
            "too_many_pixels",
            f"The mask has a side of {max(mask.shape):,} pixels; at most {MAX_SIDE:,} are accepted.",
            "Cut away the background, or render the mask at a lower resolution.",
        )
    body = int(np.count_nonzero(mask >= 128))
    if body == 0:
        raise MaskelError(
            "empty_mask",
            "The mask holds no body.",
            "Aim the camera at the character and check that it is visible.",
        )
    if body == mask.size:
        raise MaskelError(
            "full_mask", "The mask is body from edge to edge.", "Leave some background round the character."
        )


def resize_mask(mask: NDArray[np.uint8], size: int | None) -> NDArray[np.uint8]:
    """The mask with its longer side at ``size`` pixels.

    Raises:
        MaskelError: ``bad_size``, ``too_many_pixels``.
    """
    if size is None:
        # A copy of a read-only one: torch warns of those.
        return np.require(mask, requirements=("C", "W"))
    if isinstance(size, bool) or not isinstance(size, (int, np.integer)) or not 16 <= size <= MAX_SIDE:
        raise MaskelError(
            "bad_size", f"The size {size!r} is not possible.", f"Choose 16 to {MAX_SIDE} pixels."
        )
    height, width = mask.shape
    factor = size / max(height, width)
    height, width = max(1, round(height * factor)), max(1, round(width * factor))
    if height * width > MAX_PIXELS:
        raise MaskelError(
            "too_many_pixels",
            f"An answer of {width} x {height} pixels is too large.",
            "Choose a smaller size.",
        )
    resized = shrink(
        torch.from_numpy(np.require(mask, requirements=("C", "W"))).float()[None], height, width
    )[0]
    return resized.round().clamp(0, 255).to(torch.uint8).numpy()
