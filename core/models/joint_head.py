"""Joint positions from feature maps: heat maps, their centre of mass, and a confidence from their spread."""

from __future__ import annotations

from dataclasses import dataclass

import torch
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
        """(B, channels, h, w) to `JointMaps` of that resolution, in float32."""
        logits = self.out(self.block(features)).float()
        maps = read_heat(torch.softmax(logits.flatten(2), dim=2).view_as(logits))
        maps.logits = logits
        return maps
