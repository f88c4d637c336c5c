"""Vision-transformer encoder: an image to one embedding per patch, laid out as a map."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from maskel_core.models.layers import TransformerBlock, sincos_position_embedding
from torch import Tensor, nn


def tokens_to_map(tokens: Tensor, grid: int) -> Tensor:
    """(B, grid * grid, C), rows first, to (B, C, grid, grid): channel = feature, pixel = patch."""
    batch, count, channels = tokens.shape
    if count != grid * grid:
        raise ValueError(f"{count} tokens do not fill a {grid} x {grid} map")
    return tokens.transpose(1, 2).reshape(batch, channels, grid, grid)


def map_to_tokens(latent: Tensor) -> Tensor:
    """(B, C, H, W) to (B, H * W, C), rows first; inverse of `tokens_to_map`."""
    return latent.flatten(2).transpose(1, 2)


class PatchEncoder(nn.Module):
    """Patches, position embeddings, transformer blocks, a projection to the latent width.

    Args:
        channels: Channels of the image.
        sample_size: Pixels per side of the image.
        patch_size: Pixels per side of a patch; divides ``sample_size``.
        dim: Width of the tokens, a multiple of 4 and of ``heads``.
        depth: Number of transformer blocks.
        heads: Attention heads.
        mlp_ratio: Hidden width of the MLP over ``dim``.
        latent_dim: Width of the embedding handed on.
        hides: Whether patches can be hidden, which needs a mask token.
    """

    def __init__(
        self,
        channels: int,
        sample_size: int,
        patch_size: int,
        dim: int,
        depth: int,
        heads: int,
        mlp_ratio: float,
        latent_dim: int,
        hides: bool = False,
    ) -> None:
        super().__init__()
        if sample_size % patch_size:
            raise ValueError(f"patch_size {patch_size} does not divide sample_size {sample_size}")
        self.grid = sample_size // patch_size
        self.embed = nn.Conv2d(channels, dim, patch_size, stride=patch_size)
        # Sine-cosine start, trained on: a parameter, so that it is saved and moves between devices.
        self.position = nn.Parameter(sincos_position_embedding(dim, self.grid)[None])
        self.mask_token = nn.Parameter(torch.randn(1, 1, dim) * 0.02) if hides else None
        self.blocks = nn.ModuleList(TransformerBlock(dim, heads, mlp_ratio) for _ in range(depth))
        self.norm = nn.LayerNorm(dim)
        self.to_latent = nn.Linear(dim, latent_dim)

    def tokens(
        self,
        image: Tensor,
        hidden: Tensor | None = None,
        depth: int | None = None,
        condition: Tensor | None = None,
        beside: Tensor | None = None,
    ) -> list[Tensor]:
        """Tokens after the embedding and after every block.

        Args:
            image: (B, channels, S, S).
            hidden: bool (B, grid * grid), True where the patch is replaced by the mask token; None hides nothing.
            depth: Stop after so many blocks; None runs all.
            condition: (B, dim), added to every token; None adds nothing.
            beside: (B, grid * grid, dim), added token by token; None adds nothing.

        Returns:
            depth + 1 tensors (B, grid * grid, dim); the last one is not yet normalised.
        """
        x = self._embed(image)
        if hidden is not None:
            assert self.mask_token is not None, "this encoder hides nothing"
            x = torch.where(hidden[..., None], self.mask_token.to(x.dtype), x)
        x = x + self.position
        if condition is not None:
            x = x + condition[:, None]
        if beside is not None:
            x = x + beside
        states = [x]
        for block in self.blocks[:depth]:
            states.append(block(states[-1]))
        return states

    def _embed(self, image: Tensor) -> Tensor:
        """(B, channels, S, S) to (B, grid * grid, dim): the patch convolution, as a matrix product.

        oneDNN's bfloat16 convolution on CPUs with AMX gives wrong results for large kernels with 4 or 8 input channels
        (seen with torch 2.13: relative error 0.7 to 0.9); the matrix product of the same weights does not.
        """
        batch, channels = image.shape[:2]
        patch = self.embed.kernel_size[0]
        cut = image.reshape(batch, channels, self.grid, patch, self.grid, patch)
        patches = cut.permute(0, 2, 4, 1, 3, 5).reshape(
            batch, self.grid * self.grid, channels * patch * patch
        )
        return F.linear(patches, self.embed.weight.flatten(1), self.embed.bias)

    def forward(
        self,
        image: Tensor,
        hidden: Tensor | None = None,
        condition: Tensor | None = None,
        beside: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Encode an image; the arguments are those of `tokens`.

        Returns:
            tokens (B, dim, grid, grid) after the last norm, latent (B, latent_dim, grid, grid).
        """
        return self.embedding(self.tokens(image, hidden, condition=condition, beside=beside)[-1])

    def embedding(self, state: Tensor) -> tuple[Tensor, Tensor]:
        """The last block's tokens (B, grid * grid, dim) to the two maps that `forward` returns."""
        tokens = self.norm(state)
        return tokens_to_map(tokens, self.grid), tokens_to_map(self.to_latent(tokens), self.grid)
