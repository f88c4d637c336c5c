"""Edges: the body's, past which values are carried so that resampling mixes nothing in; and those that resampling has blurred."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

SHARPENING = 0.5
"""Strength of `sharpen` that brings true X-rays nearest to themselves after the way into a frame and back (docs/model.md)."""


def sharpen(maps: Tensor, strength: float = SHARPENING) -> Tensor:
    """Undo the blur of interpolation: what a model learns from is resampled into frames, and its answers are resampled back.

    Args:
        maps: float (C, H, W) >= 0.
        strength: Times a pixel's difference from the mean of its neighbours (2 beside, 1 across the corner) that is added.

    Returns:
        The same shape, >= 0; constant areas and slopes stay as they are.
    """
    padded = F.pad(maps[None], (1, 1, 1, 1), mode="replicate")[0]
    rows = padded[:, :-2] + 2 * padded[:, 1:-1] + padded[:, 2:]
    around = rows[..., :-2] + 2 * rows[..., 1:-1] + rows[..., 2:] - 4 * maps
    return (maps * (1 + strength)).sub_(around, alpha=strength / 12).clamp_min_(0)


BEYOND = 3
"""Pixels of the frame by which values are carried past the body's edge; more than the near blur of `lift_detail` reaches."""

NEAR, FAR = 1.0, 3.0
"""Standard deviations, pixels of the frame, between which `lift_detail` works: finer detail of an answer is hardly true."""


def lift_detail(maps: Tensor, strength: float, known: Tensor) -> Tensor:
    """Give detail between `NEAR` and `FAR` back the contrast that a model leaves out where it is not sure of a place.

    A difference of Gaussians is added, and what falls below 0 beside bones is cut: the measured bands of answers and of true
    X-rays, and what this does to the sum of bone, are in docs/model.md.

    Args:
        maps: float (C, S, S) >= 0, S a multiple of 4; 0 where not known.
        strength: Times the band that is added, >= 0.
        known: bool (S, S), where values mean something, see `reach_of`; the others take no part, so that no body ends in a rim.

    Returns:
        The same shape, >= 0; a new tensor.
    """
    near = _convolved(maps, _gaussian(NEAR, 2))
    # A quarter of the size does for the wide blur: what pooling and enlarging blur counts towards it.
    own = (FAR**2 - 15 / 12 - 16 / 6) / 16
    wide = _gaussian(own**0.5, 3)
    small, share = (_convolved(F.avg_pool2d(it, 4), wide) for it in (maps, known.to(maps.dtype)[None]))
    far = F.interpolate(
        (small / share.clamp_min(0.01))[None], size=maps.shape[1:], mode="bilinear", align_corners=False
    )[0]
    return near.sub_(far).mul_(strength).add_(maps).clamp_min_(0)


def is_gain(value: object) -> bool:
    """Whether `lift_detail` can work with it: a number from 0, not endless."""
    return isinstance(value, (int, float)) and 0 <= value < float("inf")


def _gaussian(sigma: float, reach: int) -> Tensor:
    """2 reach + 1 weights that sum to 1."""
    steps = torch.arange(-reach, reach + 1, dtype=torch.float32)
    return torch.softmax(-steps.square() / (2 * sigma**2), dim=0)


def _convolved(maps: Tensor, weights: Tensor) -> Tensor:
    """(C, H, W) convolved with symmetrical weights down and across; the edge counts as repeated outwards."""
    reach = len(weights) // 2
    shares = weights[reach:].tolist()
    # Measured: sums of shifted maps take a tenth of the time of a convolution of one channel.
    for axis in (1, 2):
        sides = (0, 0, reach, reach) if axis == 1 else (reach, reach, 0, 0)
        padded, size = F.pad(maps[None], sides, mode="replicate")[0], maps.shape[axis]
        total = padded.narrow(axis, reach, size) * shares[0]
        for step, share in enumerate(shares[1:], start=1):
            total.add_(padded.narrow(axis, reach - step, size), alpha=share)
            total.add_(padded.narrow(axis, reach + step, size), alpha=share)
        maps = total
    return maps


def reach_of(frame: Tensor, pixels: int = BEYOND) -> Tensor:
    """Bool (S, S): where `extend_beyond` leaves a value, for a frame (1, S, S)."""
    known = _trusted(frame)
    for _ in range(pixels):
        known = widened(known)
    return known


def _trusted(frame: Tensor) -> Tensor:
    """Bool (S, S): pixels of a frame (1, S, S) whose values are the model's own."""
    solid = frame[0] >= 0.5
    # Parts thinner than a pixel of the frame have no solid pixel near: there the model's value is all there is.
    return solid | ((frame[0] > 0.02) & ~widened(solid))


def extend_beyond(integrals: Tensor, frame: Tensor, pixels: int = BEYOND) -> Tensor:
    """Carry the layers a few pixels past the body's edge.

    The model's values mean something only inside the mask; enlarging them must not mix in what lies outside.

    Args:
        integrals: float (2, S, S), values of fully covered pixels.
        frame: float (1, S, S), mask at the model's size, 0 to 1.
        pixels: How far.

    Returns:
        float (2, S, S), changed only where the mask is under one half.
    """
    known = _trusted(frame)
    width = frame.shape[2] + 2
    around = torch.tensor([dy * width + dx for dy in (-1, 0, 1) for dx in (-1, 0, 1)])[:, None]
    values = F.pad(integrals * known, (1, 1, 1, 1)).flatten(1)
    filled = F.pad(known, (1, 1, 1, 1)).flatten()
    # Only the pixels next to known ones are touched: averages of whole frames would take half as long as the model.
    for _ in range(pixels):
        wider = widened(known)
        rows, columns = (wider & ~known).nonzero(as_tuple=True)
        ring = (rows + 1) * width + columns + 1
        near = ring + around
        values[:, ring] = values[:, near].sum(dim=1) / filled[near].sum(dim=0)
        filled[ring] = True
        known = wider
    return values.view(len(integrals), -1, width)[:, 1:-1, 1:-1]


def widened(area: Tensor) -> Tensor:
    """Bool (H, W), True where a pixel or one of its eight neighbours is."""
    tall = area.clone()
    tall[1:] |= area[:-1]
    tall[:-1] |= area[1:]
    wide = tall.clone()
    wide[:, 1:] |= tall[:, :-1]
    wide[:, :-1] |= tall[:, 1:]
    return wide
