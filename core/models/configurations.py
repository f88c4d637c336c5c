"""Named sizes of the models."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from maskel_core.models.diffusion_xray import DiffusionXray
from maskel_core.models.discriminator import PatchDiscriminator
from maskel_core.models.mask_transformer import MaskTransformer
from maskel_core.models.masked_autoencoder import MaskedAutoencoder
from maskel_core.models.plain_unet import PlainUNet
from maskel_core.models.super_resolver import XraySuperResolver
from maskel_core.models.vq_masked_autoencoder import VQMaskedAutoencoder
from maskel_core.models.xray_generator import XrayGenerator

Generator = VQMaskedAutoencoder | MaskTransformer | PlainUNet | DiffusionXray
"""Anything that makes an X-ray of a mask."""

Augmenter = XrayGenerator | XraySuperResolver
"""What makes further X-rays to learn from."""


@dataclass(frozen=True)
class Configuration:
    """Arguments of the models that belong together.

    Attributes:
        autoencoder: Of `MaskedAutoencoder`.
        generator: Of the class that ``kind`` names.
        discriminator: Of `PatchDiscriminator`.
        kind: ``"maskel"`` (`VQMaskedAutoencoder`), ``"transformer"`` (`MaskTransformer`), ``"unet"`` (`PlainUNet`),
            ``"diffusion"`` (`DiffusionXray`), ``"xrays"`` (`XrayGenerator`) or ``"super-resolver"`` (`XraySuperResolver`).
    """

    autoencoder: dict[str, Any] = field(default_factory=dict)
    generator: dict[str, Any] = field(default_factory=dict)
    discriminator: dict[str, Any] = field(default_factory=dict)
    kind: str = "maskel"

    def make_autoencoder(self, **changes: Any) -> MaskedAutoencoder:
        """Stage 1, with fresh weights."""
        return MaskedAutoencoder(**{**self.autoencoder, **changes})

    def make_generator(self, **changes: Any) -> Generator | Augmenter:
        """What makes X-rays, of masks or of less, with fresh weights."""
        kinds: dict[str, type[Generator | Augmenter]] = {
            "maskel": VQMaskedAutoencoder,
            "transformer": MaskTransformer,
            "unet": PlainUNet,
            "diffusion": DiffusionXray,
            "xrays": XrayGenerator,
            "super-resolver": XraySuperResolver,
        }
        model = kinds[self.kind]
        return model(**{**self.generator, **changes})

    def make_discriminator(self) -> PatchDiscriminator:
        """The discriminator, with fresh weights."""
        return PatchDiscriminator(**self.discriminator)


_PAPER_ENCODER = {
    "sample_size": 256, "patch_size": 16, "dim": 512, "depth": 8, "heads": 8, "mlp_ratio": 4.0, "latent_dim": 256,
}  # fmt: skip
_SMALL_ENCODER = {
    "sample_size": 256, "patch_size": 16, "dim": 256, "depth": 6, "heads": 4, "mlp_ratio": 4.0, "latent_dim": 64,
}  # fmt: skip
_TINY_ENCODER = {
    "sample_size": 64, "patch_size": 16, "dim": 32, "depth": 2, "heads": 4, "mlp_ratio": 2.0, "latent_dim": 8,
}  # fmt: skip

_BASE_2 = {
    "sample_size": 512, "base_size": 256, "dim": 256, "depth": 6, "heads": 4, "decoder_channels": (256, 128, 64, 32, 16),
    "decoder_blocks": 1, "fine_channels": 32, "heat_feedback": True, "convolved": True,
    "looks": 2,
}  # fmt: skip
_BASE_JUDGE = {"base_channels": 24, "layers": 3}

CONFIGURATIONS: dict[str, Configuration] = {
    # The sizes of the paper: mask alone in, everything through the codebook.
    "maskel-256": Configuration(
        autoencoder={**_PAPER_ENCODER, "decoder_dim": 512, "decoder_depth": 4},
        generator={
            **_PAPER_ENCODER,
            "codebook_size": 1024,
            "decoder_channels": (512, 256, 256, 128, 128),
            "decoder_blocks": 2,
            "decoder_attention": True,
            "light": False,
            "mask_channels_in": 1,
            "bypass": False,
            "skips": False,
            "guidance": False,
        },
        discriminator={"base_channels": 64, "layers": 3},
    ),
    # What ships: a quarter of the width, with the mask's outline handed through to the output.
    "maskel-small-256": Configuration(
        autoencoder={**_SMALL_ENCODER, "decoder_dim": 192, "decoder_depth": 2},
        generator={**_SMALL_ENCODER, "codebook_size": 512},
        discriminator={"base_channels": 16, "layers": 3},
    ),
    # Tokens of 16 x 16 places, no codebook, detail to 512 x 512, bones drawn between joints already found.
    "maskel-base": Configuration(
        generator={
            "sample_size": 512,
            "base_size": 256,
            "dim": 256,
            "depth": 10,
            "heads": 4,
            "decoder_channels": (256, 192, 128, 64),
            "fine_channels": 48,
            "heat_feedback": True,
            "looks": 2,
        },
        discriminator=_BASE_JUDGE,
        kind="transformer",
    ),
    # What may follow it: convolved tokens, fewer blocks, a decoder that ends at full size; learns twice as fast (docs/model.md).
    "maskel-base-2": Configuration(generator=_BASE_2, discriminator=_BASE_JUDGE, kind="transformer"),
    "maskel-base-2-wide": Configuration(
        generator={**_BASE_2, "depth": 8, "decoder_channels": (256, 160, 96, 48, 24), "fine_channels": 40},
        discriminator=_BASE_JUDGE,
        kind="transformer",
    ),
    "unet-256": Configuration(generator={"widths": (16, 32, 64, 128, 256, 768)}, kind="unet"),
    # A peer: Isola et al. 2017, the U-Net against a discriminator of patches.
    "pix2pix-256": Configuration(
        generator={"widths": (16, 32, 64, 128, 256, 768)},
        discriminator={"base_channels": 32, "layers": 3},
        kind="unet",
    ),
    # A peer: the mask as a condition of diffusers' U-Net, 25 steps.
    "diffusion-128": Configuration(
        generator={"sample_size": 128, "widths": (32, 64, 128, 192), "steps": 25}, kind="diffusion"
    ),
    # The paper's augmentation: X-rays of 64 x 64 from noise, enlarged to 256 x 256.
    "augment-64": Configuration(
        generator={"sample_size": 64, "patch": 2, "widths": (64, 96, 128), "steps": 20}, kind="xrays"
    ),
    "augment-256": Configuration(
        generator={"sample_size": 256, "factor": 4, "widths": (48, 64, 96), "steps": 4}, kind="super-resolver"
    ),
    # Small enough to learn in minutes, for ablations.
    "unet-128": Configuration(
        generator={"sample_size": 128, "widths": (16, 32, 64, 128, 256), "joint_size": 64}, kind="unet"
    ),
    # Stage 1 alone, small: what the evaluation's Fréchet distance sees with. 16 x 16 tokens.
    "xray-features": Configuration(
        autoencoder={
            "sample_size": 128,
            "patch_size": 8,
            "dim": 128,
            "depth": 4,
            "heads": 4,
            "latent_dim": 64,
            "decoder_dim": 96,
            "decoder_depth": 2,
            "hidden_share": 0.5,
        }
    ),
    # For tests.
    "tiny": Configuration(
        autoencoder={**_TINY_ENCODER, "decoder_dim": 32, "decoder_depth": 1},
        generator={
            **_TINY_ENCODER,
            "codebook_size": 16,
            "decoder_channels": (16, 12, 8),
            "decoder_blocks": 1,
            "joint_size": 16,
        },
        discriminator={"base_channels": 8, "layers": 2},
    ),
    "tiny-base": Configuration(
        generator={
            "sample_size": 128,
            "base_size": 64,
            "dim": 32,
            "depth": 2,
            "mlp_ratio": 2.0,
            "latent_dim": 8,
            "decoder_channels": (16, 12, 8, 8),
            "patch_size": 16,
            "decoder_blocks": 1,
            "fine_channels": 8,
            "joint_size": 16,
        },
        discriminator={"base_channels": 8, "layers": 2},
        kind="transformer",
    ),
    "tiny-diffusion": Configuration(
        generator={"sample_size": 32, "widths": (8, 16), "steps": 5}, kind="diffusion"
    ),
    "tiny-augment-64": Configuration(
        generator={"sample_size": 16, "patch": 2, "widths": (8, 16), "steps": 3}, kind="xrays"
    ),
    "tiny-augment-256": Configuration(
        generator={"sample_size": 64, "factor": 4, "widths": (8, 16), "steps": 2}, kind="super-resolver"
    ),
    "tiny-unet": Configuration(
        generator={"sample_size": 64, "widths": (8, 8, 12, 16), "joint_size": 16}, kind="unet"
    ),
}
