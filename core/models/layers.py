"""Building blocks that the models share: position embeddings, transformer blocks, residual convolution blocks."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def sincos_position_embedding(dim: int, grid: int) -> Tensor:
    """Two-dimensional sine-cosine position embedding of a square grid.

    Args:
        dim: Embedding width, a multiple of 4: half of it codes the row, half the column.
        grid: Cells per side.

    Returns:
        float32 (grid * grid, dim), rows first, values in [-1, 1].

    Source: Vaswani et al. 2017, section 3.5, one axis each for rows and columns.
    """
    if dim % 4:
        raise ValueError(f"dim must be a multiple of 4, got {dim}")
    frequency = torch.exp(-math.log(10000.0) * torch.arange(dim // 4, dtype=torch.float32) / (dim // 4))
    angle = torch.arange(grid, dtype=torch.float32)[:, None] * frequency
    axis = torch.cat([angle.sin(), angle.cos()], dim=1)
    rows = axis[:, None, :].expand(grid, grid, -1)
    columns = axis[None, :, :].expand(grid, grid, -1)
    return torch.cat([rows, columns], dim=2).reshape(grid * grid, dim).contiguous()


def group_count(channels: int, largest: int = 8) -> int:
    """The largest divisor of ``channels`` that is at most ``largest``, for GroupNorm."""
    return next(n for n in range(min(largest, channels), 0, -1) if channels % n == 0)


def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """softmax(Q K^T / sqrt(d)) V over (..., N, d).

    The plain form where a CPU trains: with its backward it takes half the time of the fused kernel for 256 tokens. Without
    gradients the fused kernel takes less: measured half in bfloat16, nine tenths in float32.
    """
    if query.device.type != "cpu" or not torch.is_grad_enabled():
        return F.scaled_dot_product_attention(query, key, value)
    scores = (query * query.shape[-1] ** -0.5) @ key.transpose(-2, -1)
    return torch.softmax(scores, dim=-1).to(value.dtype) @ value


class TransformerBlock(nn.Module):
    """Pre-norm self-attention and MLP, (B, N, dim) to (B, N, dim). Source: Dosovitskiy et al. 2021."""

    def __init__(self, dim: int, heads: int, mlp_ratio: float = 4.0) -> None:
        super().__init__()
        if dim % heads:
            raise ValueError(f"dim {dim} is not a multiple of heads {heads}")
        self.heads = heads
        hidden = int(dim * mlp_ratio)
        self.norm_attention = nn.LayerNorm(dim)
        self.query_key_value = nn.Linear(dim, 3 * dim)
        self.project = nn.Linear(dim, dim)
        self.norm_mlp = nn.LayerNorm(dim)
        self.mlp = nn.Sequential(nn.Linear(dim, hidden), nn.GELU(), nn.Linear(hidden, dim))

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, N, dim) to (B, N, dim)."""
        batch, count, dim = tokens.shape
        packed = self.query_key_value(self.norm_attention(tokens))
        query, key, value = packed.view(batch, count, 3, self.heads, dim // self.heads).permute(2, 0, 3, 1, 4)
        attended = attend(query, key, value)
        tokens = tokens + self.project(attended.transpose(1, 2).reshape(batch, count, dim))
        return tokens + self.mlp(self.norm_mlp(tokens))


class ResidualBlock(nn.Module):
    """Norm, SiLU, 3x3 convolution, twice, with a shortcut: (B, in, H, W) to (B, out, H, W).

    Args:
        channels_in: Channels in.
        channels_out: Channels out.
        light: Leave out the first SiLU and the second norm: on a CPU these cost more than the convolutions.
        norm: With ``light``, whether to keep the first norm.
    """

    def __init__(self, channels_in: int, channels_out: int, light: bool = False, norm: bool = True) -> None:
        super().__init__()
        self.light = light
        self.norm1 = nn.GroupNorm(group_count(channels_in), channels_in) if norm else nn.Identity()
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, padding=1)
        self.norm2 = nn.Identity() if light else nn.GroupNorm(group_count(channels_out), channels_out)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, padding=1)
        self.shortcut = (
            nn.Identity() if channels_in == channels_out else nn.Conv2d(channels_in, channels_out, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) to (B, out, H, W)."""
        hidden = self.norm1(x)
        hidden = self.conv1(hidden if self.light else F.silu(hidden))
        hidden = self.conv2(F.silu(self.norm2(hidden)))
        return self.shortcut(x) + hidden


class Upsample(nn.Module):
    """1x1 convolution, then nearest-neighbour doubling: (B, in, H, W) to (B, out, 2H, 2W)."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels_in, channels_out, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) to (B, out, 2H, 2W)."""
        return F.interpolate(self.conv(x), scale_factor=2.0, mode="nearest")


def pixel_shuffle(x: Tensor, factor: int) -> Tensor:
    """(B, C * factor**2, H, W) to (B, C, H * factor, W * factor), fast and kept channels-last.

    The channel order is (row, column, C), not `torch.nn.functional.pixel_shuffle`'s (C, row, column).
    """
    batch, channels, height, width = x.shape
    inner = channels // factor**2
    pixels = x.permute(0, 2, 3, 1).reshape(batch, height, width, factor, factor, inner)
    pixels = pixels.permute(0, 1, 3, 2, 4, 5).reshape(batch, height * factor, width * factor, inner)
    return pixels.permute(0, 3, 1, 2)


def pixel_unshuffle(x: Tensor, factor: int) -> Tensor:
    """(B, C, H, W) to (B, C * factor**2, H / factor, W / factor); inverse of `pixel_shuffle`."""
    batch, channels, height, width = x.shape
    pixels = x.permute(0, 2, 3, 1).reshape(batch, height // factor, factor, width // factor, factor, channels)
    pixels = pixels.permute(0, 1, 3, 2, 4, 5).reshape(batch, height // factor, width // factor, -1)
    return pixels.permute(0, 3, 1, 2)


class AttentionBlock(nn.Module):
    """Single-head self-attention over the pixels of a small map, with a shortcut: (B, C, H, W) to the same."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(group_count(channels, 32), channels)
        self.query_key_value = nn.Conv2d(channels, 3 * channels, 1)
        self.project = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C, H, W)."""
        batch, channels, height, width = x.shape
        packed = self.query_key_value(self.norm(x)).flatten(2).transpose(1, 2).unsqueeze(1)
        query, key, value = packed.chunk(3, dim=3)
        attended = attend(query, key, value)[:, 0]
        return x + self.project(attended.transpose(1, 2).reshape(batch, channels, height, width))
