"""A sheet of the first samples, to look at before training: mask, bone layer, both layers as a radiograph."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from maskel_core.data.sample import Sample
from maskel_core.pipeline.styles import render_style
from numpy.typing import NDArray
from PIL import Image

SHOWN = 24
"""Samples on the sheet."""

TILE = 160
"""Pixels per side of a picture."""

_ACROSS = 2


def draw_row(sample: Sample) -> NDArray[np.uint8]:
    """Pictures of a sample side by side, uint8 (TILE, 3 * TILE); an unknown layer counts as none."""
    bone, soft = (np.nan_to_num(layer.astype(np.float32)) for layer in (sample.bone, sample.soft))
    pictures = [
        sample.mask,
        *(render_style(style, bone, soft, sample.mask) for style in ("bone", "radiograph")),
    ]
    small = [Image.fromarray(picture).resize((TILE, TILE), Image.Resampling.BOX) for picture in pictures]
    return np.hstack([np.asarray(picture) for picture in small])


def write_preview(rows: list[NDArray[np.uint8]], path: Path) -> None:
    """Write the rows of `draw_row` as a PNG, two samples beside each other."""
    blank = np.zeros_like(rows[0])
    filled = rows + [blank] * (-len(rows) % _ACROSS)
    lines = [np.hstack(filled[i : i + _ACROSS]) for i in range(0, len(filled), _ACROSS)]
    Image.fromarray(np.vstack(lines)).save(path)
