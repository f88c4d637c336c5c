"""Compares pictures of the screen with approved ones, coarsely: fonts, drivers and shading differ a little between machines."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

BLOCK = 10
"""Pixels of the screen to one of the approved picture."""

MEAN, WORST = 6.0, 80.0
"""Grey levels that may differ: over the picture, and at one place."""


def coarse(picture: Path) -> NDArray[np.uint8]:
    """A grey picture a tenth as large: (H / 10, W / 10) uint8."""
    with Image.open(picture) as image:
        width, height = image.width // BLOCK, image.height // BLOCK
        small = image.convert("L").resize((width, height), Image.Resampling.BOX)
    return np.asarray(small, np.uint8)


def approve(picture: Path, approved: Path) -> None:
    """Take a picture as what is to be seen from now on."""
    approved.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(coarse(picture)).save(approved, optimize=True)


def difference(picture: Path, approved: Path) -> tuple[float, float]:
    """Mean and largest difference in grey levels."""
    with Image.open(approved) as image:
        wanted = np.asarray(image, float)
    seen = coarse(picture).astype(float)
    assert seen.shape == wanted.shape, f"{seen.shape} instead of {wanted.shape}"
    apart = np.abs(seen - wanted)
    return float(apart.mean()), float(apart.max())
