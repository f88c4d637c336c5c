"""Filling the holes of a mask, in numpy alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_HALF = 128


def fill_holes(mask: NDArray[np.uint8], largest: float = 1.0) -> NDArray[np.uint8]:
    """Fill what is enclosed by the body.

    A hole is a 4-connected set of pixels that does not touch the picture's edge and is enclosed either by fully covered pixels
    (then its grey rim is filled with it) or by pixels covered at least by half.

    Args:
        mask: (H, W) uint8, 255 = body.
        largest: Holes of more than this share of the body's area (pixels covered at least by half) stay open.

    Returns:
        (H, W) uint8, a copy; holes are 255, all else is as it was.

    """
    filled = mask.copy()
    limit = largest * np.count_nonzero(mask >= _HALF) if largest < 1.0 else np.inf
    # fully covered walls come first: they give the holes without the grey rims that the second pass would leave
    for outside in (mask < 255, mask < _HALF):
        for rows, starts, ends in _holes(outside, limit):
            _paint(filled, rows, starts, ends)
    return filled


def _holes(
    open_pixels: NDArray[np.bool_], limit: float
) -> list[tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]]:
    """Runs (rows, starts, ends) of all holes of at most `limit` pixels; one entry, or none."""
    height, width = open_pixels.shape
    # a frame of open pixels joins all that touches the edge into one component, which holds run 0
    framed = np.ones((height + 2, width + 2), np.int8)
    framed[1:-1, 1:-1] = open_pixels
    change = np.diff(framed, axis=1, prepend=0, append=0)
    rows, starts = np.nonzero(change == 1)
    ends = np.nonzero(change == -1)[1]
    label = _components(*_touching(rows, starts, ends, width + 3), len(rows))
    area = np.bincount(label, weights=ends - starts, minlength=len(rows))
    chosen = (label != label[0]) & (area[label] <= limit)
    if not chosen.any():
        return []
    return [(rows[chosen] - 1, starts[chosen] - 1, ends[chosen] - 1)]


def _touching(
    rows: NDArray[np.intp], starts: NDArray[np.intp], ends: NDArray[np.intp], stride: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Pairs of runs that share a column in neighbouring rows."""
    # one increasing number line for all rows lets two sorted searches find the overlaps of every run with the next row
    first = np.searchsorted(rows * stride + ends, (rows + 1) * stride + starts, side="right")
    last = np.searchsorted(rows * stride + starts, (rows + 1) * stride + ends, side="left")
    count = np.maximum(last - first, 0)
    above = np.repeat(np.arange(len(rows)), count)
    below = np.arange(len(above)) + np.repeat(first - (np.cumsum(count) - count), count)
    return above, below


def _components(a: NDArray[np.intp], b: NDArray[np.intp], count: int) -> NDArray[np.intp]:
    """Label of each of `count` nodes, the smallest node of its component, given the edges a-b."""
    label = np.arange(count)
    while True:
        low, high = np.minimum(label[a], label[b]), np.maximum(label[a], label[b])
        apart = low < high
        if not apart.any():
            return label
        # hook roots to smaller roots, then let every node point at its root
        np.minimum.at(label, high[apart], low[apart])
        while not np.array_equal(shorter := label[label], label):
            label = shorter


def _paint(
    image: NDArray[np.uint8], rows: NDArray[np.intp], starts: NDArray[np.intp], ends: NDArray[np.intp]
) -> None:
    """Set the pixels of half-open runs to 255."""
    width = image.shape[1]
    steps = np.zeros(image.size + 1, np.int32)
    np.add.at(steps, rows * width + starts, 1)
    np.add.at(steps, rows * width + ends, -1)
    image.ravel()[np.cumsum(steps[:-1]) > 0] = 255
