"""Stage 1: the masked autoencoder that learns an embedding of X-rays."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from diffusers.configuration_utils import register_to_config
from maskel_core.models.base import ConfiguredModel
from maskel_core.models.layers import TransformerBlock, sincos_position_embedding
from maskel_core.models.patch_encoder import PatchEncoder, map_to_tokens
from torch import Tensor, nn


class MaskedAutoencoder(ConfiguredModel):
    """Hides a share of an X-ray's patches and rebuilds the whole X-ray.

    Hidden patches are replaced by a mask token, so the latent keeps its place in the image; stage 2 aligns its own
    latent with this one. Source: Xi et al. 2024 (arXiv 2404.09000); He et al. 2022.

    Args:
        channels: X-ray channels: bone, soft tissue.
        sample_size: Pixels per side.
        patch_size: Pixels per side of a patch.
        dim: Encoder width.
        depth: Encoder blocks.
        heads: Attention heads.
        mlp_ratio: MLP width over ``dim``.
        latent_dim: Width of the embedding.
        decoder_dim: Decoder width.
        decoder_depth: Decoder blocks.
        hidden_share: Share of the patches hidden in training, 0 to 1.
        bone_scale: Bone line integral that is 1 in the normalised domain it was trained in.
        soft_scale: Soft-tissue line integral that is 1 there.
        gamma: Exponent of that domain.
        margin: Margin round the body's box in letterboxing, share of the box's longer side.
    """

    @register_to_config
    def __init__(
        self,
        channels: int = 2,
        sample_size: int = 256,
        patch_size: int = 16,
        dim: int = 256,
        depth: int = 6,
        heads: int = 8,
        mlp_ratio: float = 4.0,
        latent_dim: int = 64,
        decoder_dim: int = 192,
        decoder_depth: int = 2,
        hidden_share: float = 0.25,
        bone_scale: float = 1.0,
        soft_scale: float = 1.0,
        gamma: float = 0.5,
        margin: float = 0.04,
    ) -> None:
        super().__init__()
        self.encoder = PatchEncoder(
            channels, sample_size, patch_size, dim, depth, heads, mlp_ratio, latent_dim, hides=True
        )
        grid = self.encoder.grid
        self.decoder_embed = nn.Linear(latent_dim, decoder_dim)
        self.decoder_position = nn.Parameter(sincos_position_embedding(decoder_dim, grid)[None])
        self.decoder_blocks = nn.ModuleList(
            TransformerBlock(decoder_dim, heads, mlp_ratio) for _ in range(decoder_depth)
        )
        self.decoder_norm = nn.LayerNorm(decoder_dim)
        self.decoder_out = nn.Linear(decoder_dim, channels * patch_size**2)
        # An almost empty picture at the start: most of a frame is empty.
        nn.init.normal_(self.decoder_out.weight, std=0.01)
        nn.init.zeros_(self.decoder_out.bias)

    def random_hidden(self, batch: int, generator: torch.Generator | None = None) -> Tensor:
        """Bool (batch, patches): exactly ``round(hidden_share * patches)`` True in each row, drawn on the CPU."""
        patches = self.encoder.grid**2
        count = round(self.config.hidden_share * patches)
        order = torch.rand(batch, patches, generator=generator).argsort(dim=1)
        return order < count

    def encode(self, xray: Tensor, hidden: Tensor | None = None) -> Tensor:
        """Normalised X-ray (B, channels, S, S) to its embedding (B, latent_dim, S / patch, S / patch)."""
        return self.encoder(xray, hidden)[1]

    def features(
        self, xray: Tensor, layers: tuple[int, ...], embed: bool
    ) -> tuple[list[Tensor], Tensor | None]:
        """What the perceptual loss compares, and the embedding.

        Args:
            xray: (B, channels, S, S), normalised.
            layers: Block numbers, 1 to depth, whose layer-normalised outputs are returned.
            embed: Run the rest of the encoder for the embedding.

        Returns:
            list of (B, patches, dim), embedding (B, latent_dim, grid, grid) or None.
        """
        states = self.encoder.tokens(xray, depth=None if embed else max(layers))
        picked = [F.layer_norm(states[i], states[i].shape[-1:]) for i in layers]
        return picked, self.encoder.embedding(states[-1])[1] if embed else None

    def decode(self, latent: Tensor) -> Tensor:
        """Embedding (B, latent_dim, grid, grid) to an X-ray (B, channels, S, S)."""
        tokens = self.decoder_embed(map_to_tokens(latent)) + self.decoder_position
        for block in self.decoder_blocks:
            tokens = block(tokens)
        pixels = self.decoder_out(self.decoder_norm(tokens))
        grid, patch = self.encoder.grid, self.config.patch_size
        pixels = pixels.view(-1, grid, grid, self.config.channels, patch, patch)
        return pixels.permute(0, 3, 1, 4, 2, 5).reshape(-1, self.config.channels, grid * patch, grid * patch)

    def forward(self, xray: Tensor, hidden: Tensor | None = None) -> Tensor:
        """Normalised X-ray (B, channels, S, S) to its reconstruction, same shape.

        Args:
            xray: The X-ray, 0 outside the body, about 0 to 1.
            hidden: bool (B, patches) from `random_hidden`, or None to hide nothing.
        """
        return self.decode(self.encode(xray, hidden))
