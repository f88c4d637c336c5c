"""A peer: image-to-image diffusion, the mask as a condition beside the noisy X-ray."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from diffusers.configuration_utils import register_to_config
from maskel_core.models.base import ConfiguredModel
from maskel_core.models.layers import group_count
from maskel_core.models.vq_masked_autoencoder import LayerScaling, XrayPrediction
from torch import Tensor


class DiffusionXray(ConfiguredModel):
    """diffusers' UNet2DModel that removes noise from an X-ray, given its mask. No joints.

    Sources: Saharia et al. 2022 (Palette: the condition as further channels), Salimans and Ho 2022 (the network predicts
    the velocity), Song et al. 2021 (DDIM).

    Args:
        sample_size: Pixels per side.
        widths: Channels of the levels, fine to coarse; the coarsest has attention.
        steps: Steps from noise to X-ray.
        bone_scale: Bone line integral that is 1 in the normalised domain.
        soft_scale: Soft-tissue line integral that is 1 in the normalised domain.
        gamma: Exponent of the normalised domain.
        margin: Margin round the body's box in letterboxing, share of the box's longer side.
    """

    @register_to_config
    def __init__(
        self,
        sample_size: int = 128,
        widths: tuple[int, ...] = (32, 64, 128, 192),
        steps: int = 25,
        bone_scale: float = 1.0,
        soft_scale: float = 1.0,
        gamma: float = 0.5,
        margin: float = 0.04,
    ) -> None:
        # Imported here: they bring scipy.stats and two thirds of a second to every process that only makes X-rays.
        from diffusers import DDIMScheduler, UNet2DModel

        super().__init__()
        plain = len(widths) - 1
        self.network: Any = UNet2DModel(
            sample_size=sample_size,
            in_channels=3,
            out_channels=2,
            layers_per_block=1,
            block_out_channels=tuple(widths),
            down_block_types=("DownBlock2D",) * plain + ("AttnDownBlock2D",),
            up_block_types=("AttnUpBlock2D",) + ("UpBlock2D",) * plain,
            norm_num_groups=group_count(widths[0]),
        )
        self.scheduler: Any = DDIMScheduler(
            beta_schedule="squaredcos_cap_v2", prediction_type="v_prediction", clip_sample=False
        )

    @property
    def scaling(self) -> LayerScaling:
        """The map between line integrals and what the model predicts."""
        return LayerScaling(self.config.bone_scale, self.config.soft_scale, self.config.gamma)

    def loss(self, xray: Tensor, mask: Tensor, generator: torch.Generator) -> Tensor:
        """Mean squared error of the velocity at random times.

        Args:
            xray: (B, 2, S, S), normalised, 0 outside the mask.
            mask: (B, 1, S, S), 0 to 1.
            generator: CPU generator of times and noise.
        """
        clean = xray * 2 - 1
        noise = torch.randn(clean.shape, generator=generator).to(clean.device)
        last = self.scheduler.config.num_train_timesteps
        times = torch.randint(0, last, (len(clean),), generator=generator).to(clean.device)
        noisy = self.scheduler.add_noise(clean, noise, times)
        wanted = self.scheduler.get_velocity(clean, noise, times)
        made = self.network(torch.cat([noisy, mask * 2 - 1], dim=1), times).sample
        return F.mse_loss(made.float(), wanted)

    @torch.no_grad()
    def forward(
        self, mask: Tensor, joints: bool = True, generator: torch.Generator | None = None
    ) -> XrayPrediction:
        """Mask (B, 1, S, S), 0 to 1, to an X-ray, from noise that is the same every time unless ``generator`` is given."""
        generator = generator or torch.Generator().manual_seed(0)
        shape = (len(mask), 2, *mask.shape[2:])
        x = torch.randn(shape, generator=generator).to(mask.device)
        self.scheduler.set_timesteps(self.config.steps, device=mask.device)
        for time in self.scheduler.timesteps:
            velocity = self.network(torch.cat([x, mask * 2 - 1], dim=1), time).sample.float()
            x = self.scheduler.step(velocity, time, x).prev_sample
        return XrayPrediction(((x + 1) / 2).clamp_min(0))
