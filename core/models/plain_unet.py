"""A plain U-Net of about the shipped model's size, the reference that the evaluation compares with."""

from __future__ import annotations

import itertools

import torch
import torch.nn.functional as F
from diffusers.configuration_utils import register_to_config
from maskel_core.models.base import ConfiguredModel
from maskel_core.models.joint_head import JointHead
from maskel_core.models.layers import Upsample, group_count
from maskel_core.models.mask_features import mask_features
from maskel_core.models.vq_masked_autoencoder import LayerScaling, XrayPrediction
from torch import Tensor, nn


def _stage(channels_in: int, channels_out: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, 3, padding=1),
        nn.GroupNorm(group_count(channels_out), channels_out),
        nn.SiLU(),
        nn.Conv2d(channels_out, channels_out, 3, padding=1),
        nn.SiLU(),
    )


class PlainUNet(ConfiguredModel):
    """Mask to X-ray by convolutions and skips alone. Source: Ronneberger et al. 2015.

    Args:
        sample_size: Pixels per side.
        widths: Channels of the levels, fine to coarse, halving in size each.
        joints: Number of joints of the joint head; 0 = no head.
        joint_size: Pixels per side of the level that the joint head reads.
        bone_scale: Bone line integral that is 1 in the normalised domain.
        soft_scale: Soft-tissue line integral that is 1 in the normalised domain.
        gamma: Exponent of the normalised domain.
        margin: Margin round the body's box in letterboxing, share of the box's longer side.
    """

    @register_to_config
    def __init__(
        self,
        sample_size: int = 256,
        widths: tuple[int, ...] = (16, 32, 64, 128, 256, 320),
        joints: int = 27,
        joint_size: int = 64,
        bone_scale: float = 1.0,
        soft_scale: float = 1.0,
        gamma: float = 0.5,
        margin: float = 0.04,
    ) -> None:
        super().__init__()
        widths = tuple(widths)
        self.downs = nn.ModuleList(
            _stage(fine, coarse) for fine, coarse in zip((4, *widths[:-1]), widths, strict=True)
        )
        self.ups = nn.ModuleList(Upsample(coarse, fine) for fine, coarse in itertools.pairwise(widths))
        self.merges = nn.ModuleList(_stage(2 * fine, fine) for fine in widths[:-1])
        self.out = nn.Conv2d(widths[0], 2, 1)
        nn.init.constant_(self.out.bias if self.out.bias is not None else torch.zeros(2), -0.2)
        self.joint_level = (sample_size // joint_size).bit_length() - 1 if joints else 0
        self.joint_head = JointHead(widths[self.joint_level], joints) if joints else None

    @property
    def scaling(self) -> LayerScaling:
        """The map between line integrals and what the model predicts."""
        return LayerScaling(self.config.bone_scale, self.config.soft_scale, self.config.gamma)

    def forward(
        self, mask: Tensor, joints: bool = True, generator: torch.Generator | None = None
    ) -> XrayPrediction:
        """Mask (B, 1, S, S), float 0 outside to 1 inside, to an X-ray; ``generator`` is not used."""
        x = mask_features(mask).contiguous(memory_format=torch.channels_last)
        skips = []
        for index, stage in enumerate(self.downs):
            x = stage(F.avg_pool2d(x, 2) if index else x)
            skips.append(x)
        states: dict[int, Tensor] = {len(skips) - 1: x}
        for level in range(len(self.ups) - 1, -1, -1):
            x = self.merges[level](torch.cat([self.ups[level](x), skips[level]], dim=1))
            states[level] = x
        found = self.joint_head(states[self.joint_level]) if joints and self.joint_head is not None else None
        return XrayPrediction(F.softplus(self.out(x).float(), beta=8.0), joints=found)
