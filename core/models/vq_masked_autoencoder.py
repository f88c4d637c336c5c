"""Stage 2: from a body mask, through a vector-quantised latent, to an X-ray."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from diffusers.configuration_utils import register_to_config
from maskel_core.models.base import ConfiguredModel
from maskel_core.models.decoder import MaskPyramid, XrayDecoder
from maskel_core.models.joint_head import JointHead, JointMaps
from maskel_core.models.mask_features import mask_features
from maskel_core.models.patch_encoder import PatchEncoder
from maskel_core.models.vector_quantizer import Quantized, VectorQuantizer
from torch import Tensor


@dataclass
class XrayPrediction:
    """What stage 2 makes of a batch of masks.

    Attributes:
        xray: (B, 2, S, S) bone and soft tissue in the normalised domain, >= 0, not yet cut to the mask.
        latent: (B, latent_dim, g, g) before quantisation; None for models without one.
        quantized: The quantised latent with its loss; None for models without one.
        joints: Joint maps; None when the model has no joint head.
        spread: (B, 2, S, S), expected absolute error of ``xray``; None for models that do not say.
        window: (B, 2, w, w), part of the finer X-ray, when the model was asked for a part beside the coarse whole.
    """

    xray: Tensor
    latent: Tensor | None = None
    quantized: Quantized | None = None
    joints: JointMaps | None = None
    spread: Tensor | None = None
    window: Tensor | None = None


class LayerScaling:
    """Line integrals to the normalised domain and back: x = (integral / scale) ** gamma.

    Args:
        bone_scale: Bone line integral that becomes 1.
        soft_scale: Soft-tissue line integral that becomes 1.
        gamma: Exponent; below 1 it gives faint bones such as ribs more weight in the losses.
    """

    def __init__(self, bone_scale: float, soft_scale: float, gamma: float) -> None:
        self.scale = torch.tensor([bone_scale, soft_scale], dtype=torch.float32).view(1, 2, 1, 1)
        self.gamma = gamma

    def normalise(self, integrals: Tensor) -> Tensor:
        """Line integrals (B, 2, H, W) >= 0 to the normalised domain."""
        return (integrals.float() / self.scale.to(integrals.device)).clamp_min(0).pow(self.gamma)

    def restore(self, xray: Tensor) -> Tensor:
        """Normalised (B, 2, H, W) >= 0 to line integrals; inverse of `normalise`."""
        return xray.float().clamp_min(0).pow(1 / self.gamma) * self.scale.to(xray.device)

    def restore_(self, xray: Tensor) -> Tensor:
        """As `restore` for one float32 picture (2, H, W), which is overwritten: whole pictures may be large."""
        return xray.clamp_min_(0).pow_(1 / self.gamma).mul_(self.scale[0].to(xray.device))


class VQMaskedAutoencoder(ConfiguredModel):
    """Mask encoder, vector-quantised codebook, convolutional decoder. Source: Xi et al. 2024 (arXiv 2404.09000).

    Args:
        sample_size: Pixels per side.
        patch_size: Pixels per side of a patch.
        dim: Encoder width.
        depth: Encoder blocks.
        heads: Attention heads.
        mlp_ratio: MLP width over ``dim``.
        latent_dim: Width of the latent and of a code; equal to stage 1's.
        codebook_size: Number of codes.
        commitment_weight: beta of the commitment term.
        codebook_decay: Decay of the codebook's moving averages; 0 trains it by gradient.
        decoder_channels: Channels of the decoder's levels, coarse (one pixel a patch) to fine, doubling in size each.
            When the last is coarser than the image, a pixel shuffle does the rest.
        decoder_blocks: Residual blocks a level.
        decoder_attention: Attention at the coarsest level.
        light: Residual blocks with one norm.
        mask_channels_in: 4 = `mask_features`; 1 = the mask alone.
        bypass: Hand the encoder's continuous tokens to the decoder beside the codes.
        skips: A convolutional pyramid of the mask whose levels join the decoder's.
        guidance: Join the mask, at full size, to the output layer.
        joints: Number of joints of the joint head; 0 = no head.
        joint_size: Pixels per side of the decoder level that the joint head reads.
        bone_scale: Bone line integral that is 1 in the normalised domain.
        soft_scale: Soft-tissue line integral that is 1 in the normalised domain.
        gamma: Exponent of the normalised domain, see `LayerScaling`.
        margin: Margin round the body's box in letterboxing, share of the box's longer side.
    """

    @register_to_config
    def __init__(
        self,
        sample_size: int = 256,
        patch_size: int = 16,
        dim: int = 256,
        depth: int = 6,
        heads: int = 4,
        mlp_ratio: float = 4.0,
        latent_dim: int = 64,
        codebook_size: int = 512,
        commitment_weight: float = 0.25,
        codebook_decay: float = 0.99,
        decoder_channels: tuple[int, ...] = (256, 128, 64, 32),
        decoder_blocks: int = 2,
        decoder_attention: bool = False,
        light: bool = True,
        mask_channels_in: int = 4,
        bypass: bool = True,
        skips: bool = True,
        guidance: bool = True,
        joints: int = 27,
        joint_size: int = 64,
        bone_scale: float = 1.0,
        soft_scale: float = 1.0,
        gamma: float = 0.5,
        margin: float = 0.04,
    ) -> None:
        super().__init__()
        self.encoder = PatchEncoder(
            mask_channels_in, sample_size, patch_size, dim, depth, heads, mlp_ratio, latent_dim
        )
        self.quantizer = VectorQuantizer(codebook_size, latent_dim, commitment_weight, codebook_decay)
        widths = tuple(decoder_channels)
        self.pyramid = (
            MaskPyramid(mask_channels_in, widths, sample_size // self.encoder.grid // 2 ** (len(widths) - 1))
            if skips
            else None
        )
        self.decoder = XrayDecoder(
            latent_dim + (dim if bypass else 0),
            widths,
            decoder_blocks,
            self.encoder.grid,
            sample_size,
            attention=decoder_attention,
            light=light,
            skips=skips,
            guidance=guidance,
        )
        self.joint_head: JointHead | None = None
        if joints:
            level = (joint_size // self.encoder.grid).bit_length() - 1
            if self.encoder.grid << level != joint_size or level >= len(widths):
                raise ValueError(f"no decoder level is {joint_size} pixels wide")
            self.joint_level = level
            self.joint_head = JointHead(widths[level], joints)

    @property
    def scaling(self) -> LayerScaling:
        """The map between line integrals and what the model predicts."""
        return LayerScaling(self.config.bone_scale, self.config.soft_scale, self.config.gamma)

    def forward(
        self, mask: Tensor, joints: bool = True, generator: torch.Generator | None = None
    ) -> XrayPrediction:
        """Mask (B, 1, S, S), float 0 outside to 1 inside, to an X-ray.

        Args:
            mask: Letterboxed mask.
            joints: Also run the joint head.
            generator: For the codebook's restarts in training.
        """
        features = mask_features(mask)
        seen = features if self.config.mask_channels_in > 1 else mask
        # Measured: channels-last is several times faster with bfloat16 on a CPU.
        seen = seen.contiguous(memory_format=torch.channels_last)
        tokens, latent = self.encoder(seen)
        quantized = self.quantizer(latent, generator)
        start = (
            torch.cat([quantized.latent.to(tokens.dtype), tokens], 1)
            if self.config.bypass
            else quantized.latent
        )
        levels = self.pyramid(seen) if self.pyramid is not None else None
        xray, states = self.decoder(start, levels, mask if self.config.guidance else None)
        found = self.joint_head(states[self.joint_level]) if joints and self.joint_head is not None else None
        return XrayPrediction(F.softplus(xray.float(), beta=8.0), latent.float(), quantized, found)
