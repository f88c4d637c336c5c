"""Whole-body X-rays out of noise: the small pictures of the paper's augmentation."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from diffusers.configuration_utils import register_to_config
from maskel_core.models.base import ConfiguredModel
from maskel_core.models.layers import group_count, pixel_shuffle, pixel_unshuffle
from maskel_core.models.vq_masked_autoencoder import LayerScaling
from torch import Tensor


class XrayGenerator(ConfiguredModel):
    """diffusers' UNet2DModel that makes small X-rays without a condition.

    The network works on blocks of ``patch`` x ``patch`` pixels, which is half the time of a first level of its own for every
    pixel. Sources: Ho et al. 2020 (DDPM), Salimans and Ho 2022 (the network predicts the velocity), Song et al. 2021 (DDIM),
    Lin et al. 2024 (the last step is noise alone, the steps are counted from there).

    Args:
        sample_size: Pixels per side.
        patch: Pixels per side of a block.
        widths: Channels of the levels, fine to coarse; the coarsest has attention.
        steps: Steps from noise to X-ray.
        bone_scale: Bone line integral that is 1 in the normalised domain.
        soft_scale: Soft-tissue line integral that is 1 in the normalised domain.
        gamma: Exponent of the normalised domain.
        margin: Free border round the body's box in the frames it learned, share of the box's longer side.
    """

    @register_to_config
    def __init__(
        self,
        sample_size: int = 64,
        patch: int = 2,
        widths: tuple[int, ...] = (64, 96, 128),
        steps: int = 20,
        bone_scale: float = 1.0,
        soft_scale: float = 1.0,
        gamma: float = 0.5,
        margin: float = 0.06,
    ) -> None:
        # Imported here: it takes a second, and other models do without.
        from diffusers import DDIMScheduler, UNet2DModel

        super().__init__()
        plain, channels = len(widths) - 1, 2 * patch**2
        self.network: Any = UNet2DModel(
            sample_size=sample_size // patch,
            in_channels=channels,
            out_channels=channels,
            layers_per_block=1,
            block_out_channels=tuple(widths),
            down_block_types=("DownBlock2D",) * plain + ("AttnDownBlock2D",),
            up_block_types=("AttnUpBlock2D",) + ("UpBlock2D",) * plain,
            norm_num_groups=group_count(widths[0]),
            attention_head_dim=min(32, widths[-1]),
        )
        self.scheduler: Any = DDIMScheduler(
            beta_schedule="squaredcos_cap_v2",
            prediction_type="v_prediction",
            clip_sample=False,
            rescale_betas_zero_snr=True,
            timestep_spacing="trailing",
        )

    @property
    def scaling(self) -> LayerScaling:
        """The map between line integrals and what the model makes."""
        return LayerScaling(self.config.bone_scale, self.config.soft_scale, self.config.gamma)

    def velocity(self, noisy: Tensor, times: Tensor) -> Tensor:
        """Velocity at noisy X-rays (B, 2, S, S), between -1 and 1 without their noise; float32 of the same shape."""
        blocks = pixel_unshuffle(noisy, self.config.patch).contiguous(memory_format=torch.channels_last)
        return pixel_shuffle(self.network(blocks, times).sample, self.config.patch).float()

    def loss(self, xray: Tensor, generator: torch.Generator) -> Tensor:
        """Mean squared error of the velocity at random times.

        Args:
            xray: (B, 2, S, S), normalised, 0 outside the body.
            generator: CPU generator of times and noise.
        """
        clean = xray * 2 - 1
        noise = torch.randn(clean.shape, generator=generator).to(clean.device)
        last = self.scheduler.config.num_train_timesteps
        times = torch.randint(0, last, (len(clean),), generator=generator).to(clean.device)
        noisy = self.scheduler.add_noise(clean, noise, times)
        return F.mse_loss(self.velocity(noisy, times), self.scheduler.get_velocity(clean, noise, times))

    @torch.no_grad()
    def forward(self, noise: Tensor, steps: int | None = None) -> Tensor:
        """Noise (B, 2, S, S), standard normal, to X-rays of the same shape, >= 0, in ``steps``; None = the model's."""
        x = noise
        self.scheduler.set_timesteps(steps or self.config.steps, device=noise.device)
        for time in self.scheduler.timesteps:
            x = self.scheduler.step(self.velocity(x, time), time, x).prev_sample
        return ((x + 1) / 2).clamp_min(0)
