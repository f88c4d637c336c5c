"""Convolutional decoder from a latent map to an X-ray, and the mask pyramid whose levels it can use."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import torch
import torch.nn.functional as F
from maskel_core.models.layers import (
    AttentionBlock,
    ResidualBlock,
    Upsample,
    group_count,
    pixel_shuffle,
    pixel_unshuffle,
)
from torch import Tensor, nn

HEAD_CHANNELS = 64
"""Channels of the output layer when it works at less than full size."""


class MaskPyramid(nn.Module):
    """Convolutional features of the mask at each of the decoder's sizes.

    Args:
        channels: Channels of the mask features.
        widths: Channels of the levels, coarse to fine.
        factor: Size of the image over the finest level's.
    """

    def __init__(self, channels: int, widths: tuple[int, ...], factor: int) -> None:
        super().__init__()
        self.factor = factor
        fine_first = widths[::-1]
        self.stem = nn.Conv2d(channels * factor**2, fine_first[0], 3, padding=1)
        self.blocks = nn.ModuleList(
            ResidualBlock(width, width, light=True, norm=index > 1) if index else nn.SiLU()
            for index, width in enumerate(fine_first)
        )
        self.downs = nn.ModuleList(
            nn.Conv2d(fine, coarse, 2, stride=2) for fine, coarse in itertools.pairwise(fine_first)
        )

    def forward(self, features: Tensor) -> list[Tensor]:
        """(B, channels, S, S) to one map a level, coarse to fine."""
        x = self.stem(pixel_unshuffle(features, self.factor))
        levels = []
        for index, block in enumerate(self.blocks):
            if index:
                x = self.downs[index - 1](x)
            x = block(x)
            levels.append(x)
        return levels[::-1]


class XrayDecoder(nn.Module):
    """Residual blocks at doubling sizes, then bone and soft tissue.

    Args:
        channels_in: Channels of the latent map.
        widths: Channels of the levels, coarse to fine.
        blocks: Residual blocks a level.
        grid: Pixels per side of the latent map.
        sample_size: Pixels per side of the image.
        attention: Attention at the coarsest level.
        light: Residual blocks with one norm.
        skips: Expect the mask pyramid.
        guidance: Expect the mask for the output layer.
    """

    def __init__(
        self,
        channels_in: int,
        widths: tuple[int, ...],
        blocks: int,
        grid: int,
        sample_size: int,
        attention: bool,
        light: bool,
        skips: bool,
        guidance: bool,
    ) -> None:
        super().__init__()
        self.factor = sample_size // (grid << (len(widths) - 1))
        if self.factor < 1 or grid * self.factor << (len(widths) - 1) != sample_size:
            raise ValueError(f"{len(widths)} levels do not lead from {grid} to {sample_size} pixels")
        self.start = nn.Conv2d(channels_in, widths[0], 3, padding=1)
        self.attention = AttentionBlock(widths[0]) if attention else nn.Identity()
        self.levels = nn.ModuleList(
            nn.Sequential(
                *(
                    ResidualBlock(width, width, light=light, norm=not light or index < len(widths) - 2)
                    for _ in range(blocks if not light or index < len(widths) - 1 else 1)
                )
            )
            for index, width in enumerate(widths)
        )
        self.ups = nn.ModuleList(Upsample(coarse, fine) for coarse, fine in itertools.pairwise(widths))
        self.joins = nn.ModuleList(nn.Conv2d(width, width, 1) for width in widths) if skips else None
        last = widths[-1]
        head = HEAD_CHANNELS if self.factor > 1 else last
        self.norm = nn.Identity() if light else nn.GroupNorm(group_count(last), last)
        self.head = nn.Conv2d(last + (self.factor**2 if guidance else 0), head, 3, padding=1)
        self.out = nn.Conv2d(head, 2 * self.factor**2, 3, padding=1)
        # Starts near an empty picture: softplus(-0.2 * 8) / 8 is about 0.02.
        nn.init.constant_(self.out.bias if self.out.bias is not None else torch.zeros(2), -0.2)

    def forward(
        self,
        latent: Tensor,
        pyramid: list[Tensor] | None,
        mask: Tensor | None,
        tap: Callable[[int, Tensor], Tensor] | None = None,
    ) -> tuple[Tensor, list[Tensor]]:
        """Decode a latent map.

        Args:
            latent: (B, channels_in, grid, grid).
            pyramid: Mask features of each level, coarse to fine, or None.
            mask: (B, 1, S, S) for the output layer, or None.
            tap: Given each level's number and features, but the last's; the next level works on what it returns.

        Returns:
            (B, 2, S, S) before the softplus, and every level's features, coarse to fine.
        """
        x, states = self.lead(latent, pyramid, tap)
        picture, features = self.last(x, None if pyramid is None else pyramid[-1], mask)
        return picture, [*states, features]

    def lead(
        self,
        latent: Tensor,
        pyramid: list[Tensor] | None,
        tap: Callable[[int, Tensor], Tensor] | None = None,
    ) -> tuple[Tensor, list[Tensor]]:
        """All levels but the last: what the last one works on, and every level's features."""
        x = self.attention(self.start(latent))
        states = []
        for index in range(len(self.levels) - 1):
            x = self._level(index, x, None if pyramid is None else pyramid[index])
            states.append(x)
            x = x if tap is None else tap(index, x)
        return x, states

    def last(self, x: Tensor, beside: Tensor | None, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        """The last level of the whole or of a part of it; light ones have no norm there, so that a part is as in the whole.

        Args:
            x: What `lead` gives.
            beside: The pyramid's finest level, or None.
            mask: As of `forward`.

        Returns:
            The picture before the softplus, and the level's features.
        """
        features = self._level(len(self.levels) - 1, x, beside)
        x = self.norm(features)
        if mask is not None:
            # The outline at full size, folded into channels: a convolution at full size would cost the most.
            x = torch.cat([x, pixel_unshuffle(mask, self.factor).to(x.dtype)], dim=1)
        return pixel_shuffle(self.out(F.silu(self.head(x))), self.factor), features

    def _level(self, index: int, x: Tensor, beside: Tensor | None) -> Tensor:
        if index:
            x = self.ups[index - 1](x)
        if beside is not None and self.joins is not None:
            x = x + self.joins[index](beside)
        features: Tensor = self.levels[index](x)
        return features
