"""Masks as artists' characters have them: edges that are a little wrong, hard or soft."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor


def disturb_edge(mask: Tensor, probability: float, random: np.random.Generator) -> Tensor:
    """Grow, shrink, harden or roughen the edge of some masks.

    Args:
        mask: float32 (B, 1, S, S) in [0, 1].
        probability: Chance of each sample to be changed.
        random: Source of the choices.

    Returns:
        A new tensor of the same shape; changed masks differ by about a pixel along the edge.
    """
    out = mask.clone()
    for index in range(len(mask)):
        if random.random() >= probability:
            continue
        one = mask[index : index + 1]
        kind = random.integers(4)
        if kind == 0:
            one = F.max_pool2d(one, 3, 1, 1)
        elif kind == 1:
            one = -F.max_pool2d(-one, 3, 1, 1)
        elif kind == 2:
            one = (one >= 0.5).float()
        else:
            # Bounded, so that no island stands off the outline.
            drawn = random.normal(0, 0.35, (1, 1, one.shape[2] // 4, one.shape[3] // 4)).clip(-0.6, 0.6)
            coarse = torch.from_numpy(drawn)
            noise = F.interpolate(coarse.float(), size=one.shape[2:], mode="bilinear", align_corners=False)
            one = ((F.avg_pool2d(one, 5, 1, 2) + noise * 0.6 - 0.5) * 4 + 0.5).clamp(0, 1)
        out[index] = one[0]
    return out
