"""What the model sees of a mask: the mask itself, signed distance to its outline, position in the frame."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

DISTANCE_SPAN = 0.125
"""Distance, as a share of the frame, at which the signed distance saturates at +-1."""


def distance_to(target: Tensor) -> Tensor:
    """Euclidean distance of every pixel to the nearest True pixel.

    Args:
        target: bool (B, H, W).

    Returns:
        float32 (B, H, W), pixels; where a picture has no True pixel, H + W.

    Source: separable exact transform: distance within the column by running maxima, then the minimum over the row of
    squared sums (Felzenszwalb and Huttenlocher 2012, without the envelope: a batched minimum is as fast here).
    """
    height, width = target.shape[1:]
    rows = torch.arange(height, dtype=torch.float32, device=target.device)[None, :, None]
    far = float(height + width)
    above = running_max(torch.where(target, rows, -far))
    below = -running_max(torch.where(target, -rows, 1 - height - far).flip(1)).flip(1)
    column = torch.minimum(rows - above, below - rows).clamp(max=far).square()
    steps = torch.arange(width, dtype=torch.float32, device=target.device)
    offset = (steps[:, None] - steps[None, :]).square()
    # A processor keeps one picture's table in its cache; an accelerator is slow by the call, not by the byte.
    parts = column.split(1 if column.device.type == "cpu" else 32)
    best = torch.cat([(part[:, :, None, :] + offset).amin(dim=3) for part in parts])
    return best.clamp(max=far * far).sqrt()


def running_max(values: Tensor) -> Tensor:
    """Largest value so far along the rows of (B, H, W).

    By doubled steps: `torch.cummax` has no form in ONNX, and none on MPS in older versions of torch.
    """
    step = 1
    while step < values.shape[1]:
        later = torch.maximum(values[:, step:], values[:, :-step])
        values = torch.cat([values[:, :step], later], dim=1)
        step *= 2
    return values


@torch.no_grad()
def mask_features(mask: Tensor) -> Tensor:
    """Input channels of the mask encoder.

    Args:
        mask: float (B, 1, S, S), 0 outside to 1 inside the body; S a multiple of 4.

    Returns:
        float32 (B, 4, S, S), each in [-1, 1]: mask, signed distance to the outline (positive inside, made at
        quarter size, saturating at `DISTANCE_SPAN` of the frame), column, row.
    """
    batch, _, height, width = mask.shape
    mask = mask.float()
    inside = F.avg_pool2d(mask, 4)[:, 0] >= 0.5
    signed = distance_to(~inside) - distance_to(inside)
    signed = (signed / (DISTANCE_SPAN * height / 4)).clamp(-1, 1)[:, None]
    signed = F.interpolate(signed, size=(height, width), mode="bilinear", align_corners=False)
    row = torch.linspace(-1, 1, height, device=mask.device)[None, None, :, None].expand(
        batch, 1, height, width
    )
    column = torch.linspace(-1, 1, width, device=mask.device)[None, None, None, :].expand(
        batch, 1, height, width
    )
    return torch.cat([mask * 2 - 1, signed, column, row], dim=1)
