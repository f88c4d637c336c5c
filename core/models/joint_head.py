"""Joint positions from feature maps: heat maps, their centre of mass, and a confidence from their spread."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from maskel_core.models.layers import ResidualBlock
from torch import Tensor, nn


@dataclass
class JointMaps:
    """What the joint head says of a batch.

    Attributes:
        heat: (B, J, h, w), each map sums to 1.
        position: (B, J, 2) x, y as shares of the frame: pixel = share * S - 0.5.
        confidence: (B, J) in [0, 1]: how tightly the heat gathers round the position.
        logits: (B, J, h, w) whose softmax is ``heat``; None for maps made otherwise.
    """

    heat: Tensor
    position: Tensor
    confidence: Tensor
    logits: Tensor | None = None


PEAK_WINDOW = 9
"""Cells per side of the window round a heat map's peak in which a position is read."""


def heat_centres(size: int, device: torch.device | None = None) -> Tensor:
    """float32 (size,): centres of a heat map's cells as shares of the frame."""
    return (torch.arange(size, dtype=torch.float32, device=device) + 0.5) / size


def read_heat(heat: Tensor) -> JointMaps:
    """Centre of mass and spread of heat maps.

    Args:
        heat: (B, J, h, w), each map non-negative with sum 1.

    Returns:
        The maps with positions; confidence = exp(-(spread / 4 %)^2 / 2), spread = root mean squared distance of the
        heat from its centre as a share of the frame.
    """
    height, width = heat.shape[2:]
    columns, rows = heat_centres(width, heat.device), heat_centres(height, heat.device)
    over_x, over_y = heat.sum(dim=2), heat.sum(dim=3)
    x, y = (over_x * columns).sum(-1), (over_y * rows).sum(-1)
    variance = (over_x * (columns - x[..., None]).square()).sum(-1) + (
        over_y * (rows - y[..., None]).square()
    ).sum(-1)
    return JointMaps(heat, torch.stack([x, y], dim=-1), torch.exp(-variance / (2 * 0.04**2)))


def read_peak(heat: Tensor) -> Tensor:
    """Centre of mass of the heat near each map's peak: one of two possible places, never the middle between them.

    Args:
        heat: (B, J, h, w), each map non-negative with sum 1.

    Returns:
        (B, J, 2) x, y as shares of the frame.
    """
    height, width = heat.shape[2:]
    # The peak of the heat summed over 3 x 3 cells: a joint between four cells is no weaker than one on a cell.
    summed = F.avg_pool2d(heat, 3, 1, 1).flatten(2).argmax(dim=2)
    columns = torch.arange(width, device=heat.device)
    rows = torch.arange(height, device=heat.device)
    near_x = (columns - (summed % width)[..., None]).abs() <= PEAK_WINDOW // 2
    near_y = (rows - (summed // width)[..., None]).abs() <= PEAK_WINDOW // 2
    kept = heat * near_y[..., :, None] * near_x[..., None, :]
    return read_heat(kept / kept.sum(dim=(2, 3), keepdim=True).clamp_min(1e-9)).position


class JointHead(nn.Module):
    """A residual block and a 1x1 convolution to one heat map per joint.

    Args:
        channels: Channels of the feature map.
        joints: Number of joints.
    """

    def __init__(self, channels: int, joints: int) -> None:
        super().__init__()
        self.block = ResidualBlock(channels, channels, light=True, norm=False)
        self.out = nn.Conv2d(channels, joints, 1)

    def forward(self, features: Tensor) -> JointMaps:
        """(B, channels, h, w) to `JointMaps` of that resolution, in float32.

        In training mode positions are centres of mass, which have useful gradients; in eval mode those of `read_peak`.
        """
        logits = self.out(self.block(features)).float()
        maps = read_heat(torch.softmax(logits.flatten(2), dim=2).view_as(logits))
        maps.logits = logits
        if not self.training:
            maps.position = read_peak(maps.heat)
        return maps
