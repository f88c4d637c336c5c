"""Pictures to look at while a model learns."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def grey(values: NDArray[np.floating], white: float = 1.0) -> NDArray[np.uint8]:
    """(H, W) to uint8, 0 black, ``white`` and above white."""
    return (np.clip(np.asarray(values, dtype=np.float32) / white, 0, 1) * 255).astype(np.uint8)


def contact_sheet(rows: list[list[NDArray[np.uint8]]], gap: int = 4) -> Image.Image:
    """Tiles uint8 (H, W) of one size in rows, separated by mid-grey lines."""
    height, width = rows[0][0].shape
    columns = max(len(row) for row in rows)
    sheet = np.full((len(rows) * (height + gap) - gap, columns * (width + gap) - gap), 96, dtype=np.uint8)
    for i, row in enumerate(rows):
        for j, tile in enumerate(row):
            sheet[
                i * (height + gap) : i * (height + gap) + height,
                j * (width + gap) : j * (width + gap) + width,
            ] = tile
    return Image.fromarray(sheet)
