"""Masks as artists' characters have them: edges that are a little wrong, hard or soft."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from maskel_core.devices import send
from torch import Tensor


def disturb_edge(mask: Tensor, probability: float, random: np.random.Generator) -> Tensor:
    """Grow, shrink, harden or roughen the edge of some masks, drawn one after the other.

    Args:
        mask: float32 (B, 1, S, S) in [0, 1].
        probability: Chance of each sample to be changed.
        random: Source of the choices.

    Returns:
        A new tensor of the same shape; changed masks differ by about a pixel along the edge.
    """
    out = mask.clone()
    for index in range(len(mask)):
        if random.random() < probability:
            kind = int(random.integers(4))
            out[index] = _disturbed(mask[index : index + 1], kind, random)[0]
    return out


def disturb_edges(mask: Tensor, probability: float, random: np.random.Generator) -> Tensor:
    """As `disturb_edge`, all masks of a kind at once: the same chances, other draws."""
    out = mask.clone()
    changed = random.random(len(mask)) < probability
    kinds = random.integers(4, size=len(mask))
    for kind in range(4):
        rows = send(torch.from_numpy(np.flatnonzero(changed & (kinds == kind))), mask.device)
        if len(rows):
            out.index_copy_(0, rows, _disturbed(mask.index_select(0, rows), kind, random))
    return out


def _disturbed(masks: Tensor, kind: int, random: np.random.Generator) -> Tensor:
    """Masks (N, 1, S, S) grown (0), shrunk (1), hardened (2) or roughened (3)."""
    if kind == 0:
        return F.max_pool2d(masks, 3, 1, 1)
    if kind == 1:
        return -F.max_pool2d(-masks, 3, 1, 1)
    if kind == 2:
        return (masks >= 0.5).float()
    # Bounded, so that no island stands off the outline.
    cells = (len(masks), 1, masks.shape[2] // 4, masks.shape[3] // 4)
    coarse = send(torch.from_numpy(random.normal(0, 0.35, cells).clip(-0.6, 0.6)).float(), masks.device)
    noise = F.interpolate(coarse, size=masks.shape[2:], mode="bilinear", align_corners=False)
    return ((F.avg_pool2d(masks, 5, 1, 2) + noise * 0.6 - 0.5) * 4 + 0.5).clamp(0, 1)
