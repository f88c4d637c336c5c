"""Small X-rays to large ones: the super-resolver of the paper's augmentation."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from diffusers.configuration_utils import register_to_config
from maskel_core.models.base import ConfiguredModel
from maskel_core.models.layers import group_count, pixel_shuffle, pixel_unshuffle
from maskel_core.models.vq_masked_autoencoder import LayerScaling
from torch import Tensor

BLUR_NOISE = 0.06
"""Largest noise on the small picture while learning, on the scale of -1 to 1."""


class XraySuperResolver(ConfiguredModel):
    """diffusers' UNet2DModel on the chain of `ResidualShiftScheduler`, given the small picture.

    The network works at the small picture's size on blocks of ``factor`` x ``factor`` pixels (as Shi et al. 2016, sub-pixel
    convolution); it predicts what the sharp picture has over the enlarged one. Sources: Yue, Wang and Loy 2023 (ResShift), Ho et
    al. 2022 (cascaded diffusion: noise on the small picture while learning, so that made ones are as good as true ones).

    Args:
        sample_size: Pixels per side of the large picture.
        factor: Enlargement.
        widths: Channels of the levels, fine to coarse.
        steps: Steps of the chain.
        kappa: Noise at the chain's start. Details that the small picture lacks are about a tenth of the range; four steps
            a factor of three apart, from 0.5 down, have them in their middle.
        power: Spacing of the steps, see `ResidualShiftScheduler`.
        bone_scale: Bone line integral that is 1 in the normalised domain.
        soft_scale: Soft-tissue line integral that is 1 in the normalised domain.
        gamma: Exponent of the normalised domain.
        margin: Free border round the body's box in the frames it learned, share of the box's longer side.
    """

    @register_to_config
    def __init__(
        self,
        sample_size: int = 256,
        factor: int = 4,
        widths: tuple[int, ...] = (48, 64, 96),
        steps: int = 4,
        kappa: float = 0.5,
        power: float = 1.0,
        bone_scale: float = 1.0,
        soft_scale: float = 1.0,
        gamma: float = 0.5,
        margin: float = 0.06,
    ) -> None:
        # Imported here: it takes a second, and other models do without.
        from diffusers import UNet2DModel
        from maskel_core.models.residual_shift import ResidualShiftScheduler

        super().__init__()
        levels, channels = len(widths), 2 * factor**2
        self.network: Any = UNet2DModel(
            sample_size=sample_size // factor,
            in_channels=channels + 2,
            out_channels=channels,
            layers_per_block=1,
            block_out_channels=tuple(widths),
            down_block_types=("DownBlock2D",) * levels,
            up_block_types=("UpBlock2D",) * levels,
            norm_num_groups=group_count(widths[0]),
            add_attention=False,
        )
        self.scheduler: Any = ResidualShiftScheduler(steps, kappa, power=power)

    @property
    def scaling(self) -> LayerScaling:
        """The map between line integrals and what the model makes."""
        return LayerScaling(self.config.bone_scale, self.config.soft_scale, self.config.gamma)

    def shrink(self, integrals: Tensor) -> Tensor:
        """Line integrals or shares (B, C, S, S) at the small picture's size, as letterboxing makes it."""
        small = self.config.sample_size // self.config.factor
        return F.interpolate(integrals, size=(small, small), mode="bilinear", antialias=True)

    def enlarge(self, small: Tensor) -> Tensor:
        """The chain's other end: (B, 2, s, s) to (B, 2, S, S), bilinear."""
        size = (self.config.sample_size,) * 2
        return F.interpolate(small, size=size, mode="bilinear", align_corners=False)

    def predict(self, sample: Tensor, times: Tensor, small: Tensor, coarse: Tensor) -> Tensor:
        """The sharp picture as the network sees it at times 1 to T; all on the scale of -1 to 1, float32."""
        seen = pixel_unshuffle(self.scheduler.scale_model_input(sample, times), self.config.factor)
        blocks = torch.cat([seen, small], dim=1).contiguous(memory_format=torch.channels_last)
        found = self.network(blocks, times).sample
        return coarse + pixel_shuffle(found, self.config.factor).float()

    def loss(self, small: Tensor, xray: Tensor, generator: torch.Generator) -> Tensor:
        """Mean squared error of the sharp picture at random times.

        Args:
            small: (B, 2, s, s), normalised.
            xray: (B, 2, S, S), normalised, what ``small`` was made of.
            generator: CPU generator of times and noise.
        """
        clean, given = xray * 2 - 1, small * 2 - 1
        amount = BLUR_NOISE * torch.rand(len(given), 1, 1, 1, generator=generator)
        given = given + (amount * torch.randn(given.shape, generator=generator)).to(given.device)
        coarse = self.enlarge(given)
        noise = torch.randn(clean.shape, generator=generator).to(clean.device)
        times = torch.randint(1, self.config.steps + 1, (len(clean),), generator=generator).to(clean.device)
        noisy = self.scheduler.add_noise(clean, coarse, noise, times)
        return F.mse_loss(self.predict(noisy, times, given, coarse), clean)

    @torch.no_grad()
    def forward(self, small: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Small X-rays (B, 2, s, s), normalised, to large ones (B, 2, S, S), normalised, >= 0.

        Noise comes from ``generator``, a CPU generator, the same every time where none is given.
        """
        generator = generator or torch.Generator().manual_seed(0)
        given = small * 2 - 1
        coarse = self.enlarge(given)

        def draw() -> Tensor:
            return torch.randn(coarse.shape, generator=generator).to(coarse.device)

        x = self.scheduler.start(coarse, draw())
        for time in self.scheduler.timesteps.to(x.device):
            sharp = self.predict(x, time.expand(len(x)), given, coarse)
            x = self.scheduler.step(sharp, time, x, draw() if time > 1 else None).prev_sample
        return ((x + 1) / 2).clamp_min(0)
