"""What happens to a mask as a picture: its edge, its resolution, its faults.

Every function takes a mask, float32 (S, S) in [0, 1], a random source and a strength in [0, 1], and returns a new mask. Nothing
moves by more than its name says, so layers and joints stay as they are; for what moves them see ``framing``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

Mask = NDArray[np.float32]


def soft_edge(mask: Mask, random: np.random.Generator, strength: float) -> Mask:
    """A wider anti-aliased edge: a Gaussian filter as of a renderer, 0.4 to 1.4 pixels."""
    return ndimage.gaussian_filter(mask, 0.4 + strength * random.uniform(0.6, 1.0))


def hard_edge(mask: Mask, random: np.random.Generator, strength: float) -> Mask:
    """No anti-aliasing: a threshold, off a half by up to 0.3."""
    return (mask >= 0.5 + random.uniform(-0.3, 0.3) * strength).astype(np.float32)


def grow(mask: Mask, random: np.random.Generator, strength: float) -> Mask:
    """Up to one pixel wider on all sides."""
    wide = ndimage.grey_dilation(mask, footprint=ndimage.generate_binary_structure(2, 1))
    strength = strength * random.uniform(0.6, 1.0)
    return (1 - strength) * mask + strength * wide


def shrink(mask: Mask, random: np.random.Generator, strength: float) -> Mask:
    """Up to one pixel narrower on all sides."""
    narrow = ndimage.grey_erosion(mask, footprint=ndimage.generate_binary_structure(2, 1))
    strength = strength * random.uniform(0.6, 1.0)
    return (1 - strength) * mask + strength * narrow


def rough_edge(mask: Mask, random: np.random.Generator, strength: float) -> Mask:
    """An edge cut by hand or by a poor key: it wanders by up to three pixels of 256."""
    size = len(mask)
    # Bounded, so that no island stands off the outline.
    coarse = random.normal(size=(max(size // 6, 4),) * 2).clip(-2, 2)
    noise = ndimage.zoom(coarse, size / len(coarse), order=1, mode="nearest", grid_mode=True)[:size, :size]
    wide = 3.0 * size / 256
    blurred = ndimage.gaussian_filter(mask, wide)
    return np.clip((blurred - 0.5 + 0.22 * strength * noise) * 2.5 * wide + 0.5, 0, 1).astype(np.float32)


def low_resolution(mask: Mask, random: np.random.Generator, strength: float) -> Mask:
    """A character seen from afar: 100 down to 8 % of the frame's height, enlarged again, in blocks or smoothly."""
    size = len(mask)
    share = 0.08 ** (0.35 + 0.65 * strength) * random.uniform(1.0, 1.3)
    cells = max(8, round(size * min(share, 1.0)))
    edges = np.linspace(0, size, cells + 1)
    total = np.pad(mask.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    at = np.arange(size + 1)
    rows = np.stack([np.interp(edges, at, column) for column in total.T], 1)
    both = np.stack([np.interp(edges, at, row) for row in rows])
    small = np.diff(np.diff(both, axis=0), axis=1) / (size / cells) ** 2
    order = int(random.integers(2))
    place = (np.arange(size) + 0.5) * cells / size - 0.5
    grid = np.meshgrid(place, place, indexing="ij")
    return np.clip(ndimage.map_coordinates(small, grid, order=order, mode="nearest"), 0, 1).astype(np.float32)


_LUMINANCE = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ]
)
"""Quantisation of luminance, ITU-T T.81 annex K."""


def jpeg(mask: Mask, random: np.random.Generator, strength: float) -> Mask:
    """The ringing of a JPEG of quality 70 to 5: blocks of 8 by 8 in the cosine domain, quantised as in ITU-T T.81."""
    quality = 70 - 65 * strength * random.uniform(0.7, 1.0)
    factor = 50 / quality if quality < 50 else 2 - quality / 50
    size = len(mask)
    # Blocks begin anywhere: the picture was cut after it was stored.
    down, right = (int(n) for n in random.integers(8, size=2))
    full = -(-(size + 7) // 8) * 8
    edges = ((down, full - size - down), (right, full - size - right))
    padded = np.pad(mask, edges, mode="edge") * 255.0 - 128
    blocks = padded.reshape(full // 8, 8, full // 8, 8).swapaxes(1, 2)
    steps = np.maximum(1, _LUMINANCE * factor)
    coarse = np.rint(fft.dctn(blocks, axes=(2, 3), norm="ortho") / steps) * steps
    back = fft.idctn(coarse, axes=(2, 3), norm="ortho").swapaxes(1, 2).reshape(full, full)
    kept = back[down : down + size, right : right + size]
    return np.clip((kept + 128) / 255, 0, 1).astype(np.float32)


def _blobs(
    size: int, random: np.random.Generator, count: int, radius: float, spots: NDArray[np.integer]
) -> Mask:
    """Small uneven discs at random ones of the spots (N, 2), float32 (S, S)."""
    out = np.zeros((size, size), np.float32)
    if not len(spots):
        return out
    for row, column in spots[random.integers(len(spots), size=count)]:
        wide = radius * random.uniform(0.4, 1.0)
        turn, long = random.uniform(0, np.pi), random.uniform(1.0, 2.5)
        far = int(np.ceil(long * wide)) + 2
        top, left = max(row - far, 0), max(column - far, 0)
        window = out[top : row + far + 1, left : column + far + 1]
        y, x = np.ogrid[
            top - row : top - row + window.shape[0], left - column : left - column + window.shape[1]
        ]
        along = (np.cos(turn) * x + np.sin(turn) * y) / long
        across = np.cos(turn) * y - np.sin(turn) * x
        np.maximum(
            window, np.clip(wide - np.hypot(along, across) + 0.5, 0, 1), out=window, casting="same_kind"
        )
    return out


def holes(mask: Mask, random: np.random.Generator, strength: float) -> Mask:
    """Gaps inside: missing faces, materials with cut-outs."""
    count, radius = 1 + int(7 * strength), (0.004 + 0.012 * strength) * len(mask)
    return mask * (1 - _blobs(len(mask), random, count, radius, np.argwhere(mask > 0.5)))


def specks(mask: Mask, random: np.random.Generator, strength: float) -> Mask:
    """Crumbs outside: particles, stray objects, dust of a scan."""
    count, radius = 1 + int(9 * strength), (0.003 + 0.008 * strength) * len(mask)
    near = ndimage.binary_dilation(mask > 0.1, iterations=max(2, len(mask) // 12)) & (mask < 0.1)
    return np.maximum(mask, _blobs(len(mask), random, count, radius, np.argwhere(near)))
