"""PatchGAN discriminator: says of each patch of an X-ray whether it looks like a projected one."""

from __future__ import annotations

from diffusers.configuration_utils import register_to_config
from maskel_core.models.base import ConfiguredModel
from maskel_core.models.layers import group_count
from torch import Tensor, nn


class PatchDiscriminator(ConfiguredModel):
    """Strided convolutions to one score per patch. Source: Isola et al. 2017.

    Args:
        channels: X-ray channels plus condition channels (the mask).
        base_channels: Filters of the first layer; doubled at each of the next.
        layers: Strided layers; the score map is about S / 2**layers wide.
    """

    @register_to_config
    def __init__(self, channels: int = 3, base_channels: int = 32, layers: int = 3) -> None:
        super().__init__()
        widths = [base_channels * min(2**i, 8) for i in range(layers + 1)]
        steps: list[nn.Module] = [nn.Conv2d(channels, widths[0], 4, 2, 1), nn.LeakyReLU(0.2)]
        for i in range(1, layers + 1):
            stride = 2 if i < layers else 1
            steps += [
                nn.Conv2d(widths[i - 1], widths[i], 4, stride, 1),
                nn.GroupNorm(group_count(widths[i]), widths[i]),
                nn.LeakyReLU(0.2),
            ]
        steps.append(nn.Conv2d(widths[layers], 1, 4, 1, 1))
        self.network = nn.Sequential(*steps)

    def forward(self, xray: Tensor) -> Tensor:
        """(B, channels, S, S) to scores (B, 1, h, w), unbounded; high = looks real."""
        return self.network(xray)
