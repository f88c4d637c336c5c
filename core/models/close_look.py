"""The network of a close look: what an X-ray lacks in a window that lies upright round a head."""

from __future__ import annotations

import itertools

import torch
import torch.nn.functional as F
from torch import Tensor, nn

MAPS = 5
"""Maps it reads: mask, bone, soft tissue, and the expected errors of both."""

LEVELS = (1, 2, 4, 6)
"""Channels of the levels, times the width; the finest works on blocks of 2 x 2 pixels."""


class CloseLook(nn.Module):
    """A small U-Net that is told where the whole body's joints lie.

    Source of the shape: Ronneberger et al. 2015; residual blocks before the norms of He et al. 2016.

    Args:
        width: Channels of the finest level, a multiple of 8.
        places: Numbers that tell where the joints lie.

    Attributes:
        gain: float32 (), detail of bone to lift afterwards (`maskel_core.pipeline.edges.lift_detail`).
    """

    gain: Tensor

    def __init__(self, width: int = 32, places: int = 84) -> None:
        super().__init__()
        widths = [width * level for level in LEVELS]
        pairs = list(itertools.pairwise(widths))
        self.enter = nn.Conv2d(4 * MAPS + 2, width, 3, padding=1)
        self.encode = nn.ModuleList(_Block(channels) for channels in widths[:-1])
        self.down = nn.ModuleList(nn.Conv2d(fine, coarse, 2, stride=2) for fine, coarse in pairs)
        self.place = nn.Sequential(nn.Linear(places, 256), nn.SiLU(), nn.Linear(256, widths[-1]))
        self.up = nn.ModuleList(nn.Conv2d(coarse, 4 * fine, 1) for fine, coarse in pairs)
        # Blocks at the two coarsest levels cost three quarters of the weights and, once trained, change nothing.
        self.decode = nn.ModuleList(
            nn.Sequential(_Block(channels), _Block(channels)) for channels in widths[:-2]
        )
        self.decode.append(nn.Identity())
        self.fine = nn.Conv2d(width, 64, 3, padding=1)
        self.leave = nn.Sequential(
            nn.Conv2d(16 + MAPS, 24, 3, padding=1), nn.SiLU(), nn.Conv2d(24, 2, 3, padding=1)
        )
        self.register_buffer("gain", torch.zeros(()))
        # Fresh weights change nothing.
        for weights in self.leave[2].parameters():
            nn.init.zeros_(weights)

    def forward(self, maps: Tensor, places: Tensor) -> Tensor:
        """What to add to bone and soft tissue.

        Args:
            maps: float (B, `MAPS`, S, S), S a multiple of 16; layers and errors in the normalised domain, the mask 0 to 1.
            places: float (B, places), see `maskel_core.pipeline.close_look.HeadWindow.told`.

        Returns:
            float (B, 2, S, S), normalised domain.
        """
        across = torch.linspace(-1, 1, maps.shape[3] // 2, device=maps.device)
        where = torch.stack(torch.meshgrid(across, across, indexing="ij")).expand(len(maps), -1, -1, -1)
        x = self.enter(torch.cat([F.pixel_unshuffle(maps, 2), where], dim=1))
        kept = []
        for block, down in zip(self.encode, self.down, strict=True):
            x = block(x)
            kept.append(x)
            x = down(x)
        x = x + self.place(places)[:, :, None, None]
        for up, blocks, beside in zip(reversed(self.up), reversed(self.decode), reversed(kept), strict=True):
            x = blocks(F.pixel_shuffle(up(x), 2) + beside)
        x = F.silu(F.pixel_shuffle(self.fine(x), 2))
        made: Tensor = self.leave(torch.cat([x, maps], dim=1))
        return made


class _Block(nn.Module):
    """Norm, then SiLU and a 3 x 3 convolution twice, with a shortcut: (B, C, H, W) to the same."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(8, channels)
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        for weights in self.second.parameters():
            nn.init.zeros_(weights)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to the same."""
        found: Tensor = x + self.second(F.silu(self.first(F.silu(self.norm(x)))))
        return found
