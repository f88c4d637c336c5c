"""A codebook learned by moving averages, with a straight-through gradient."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass
class Quantized:
    """What quantising a latent gives.

    Attributes:
        latent: (B, C, H, W), codes in the forward pass, the input's gradient in the backward pass.
        indices: int64 (B, H, W), the code chosen at each place.
        loss: scalar, commitment (and codebook term when the codebook is trained by gradient).
        perplexity: scalar, exp of the entropy of the codes used in this batch: 1 to codebook size.
    """

    latent: Tensor
    indices: Tensor
    loss: Tensor
    perplexity: Tensor


class VectorQuantizer(nn.Module):
    """Replaces each latent vector by its nearest code.

    Source: van den Oord et al. 2017: loss = |sg(z) - e|^2 + beta |z - sg(e)|^2, beta on the encoder's side. With
    ``decay`` > 0 the first term is replaced by moving averages (its appendix A), and codes that nothing uses are
    moved onto latents of the batch.

    Args:
        codebook_size: Number of codes.
        dim: Width of a code.
        beta: Weight of the commitment term.
        decay: Decay of the moving averages; 0 trains the codebook by gradient.
        restart_below: Codes whose averaged use per batch falls under this are restarted.
    """

    usage: Tensor
    sums: Tensor
    started: Tensor

    def __init__(
        self,
        codebook_size: int,
        dim: int,
        beta: float = 0.25,
        decay: float = 0.99,
        restart_below: float = 0.05,
    ) -> None:
        super().__init__()
        self.beta, self.decay, self.restart_below = beta, decay, restart_below
        # Training in several processes sets this: from one process's latents to all of the batch, in its order.
        self.gather: Callable[[Tensor], Tensor] = torch.Tensor.detach
        self.codebook = nn.Parameter(torch.randn(codebook_size, dim), requires_grad=decay <= 0)
        self.register_buffer("usage", torch.ones(codebook_size))
        self.register_buffer("sums", self.codebook.detach().clone())
        self.register_buffer("started", torch.zeros(1))

    def nearest(self, vectors: Tensor) -> Tensor:
        """(N, C) to int64 (N,): index of the nearest code in the Euclidean sense."""
        codes = self.codebook
        return (codes.square().sum(1) - 2 * vectors @ codes.t()).argmin(dim=1)

    def forward(self, latent: Tensor, generator: torch.Generator | None = None) -> Quantized:
        """Quantise (B, C, H, W) float; in training mode also updates the moving averages.

        Args:
            latent: Latent map.
            generator: CPU generator for the choice of restarted codes; None uses the global one.
        """
        batch, channels, height, width = latent.shape
        latent = latent.float()
        flat = latent.permute(0, 2, 3, 1).reshape(-1, channels)
        gather = self.gather if self.training else torch.Tensor.detach
        whole = gather(latent).permute(0, 2, 3, 1).reshape(-1, channels)
        if self.training and not self.started.item():
            self._start(whole, generator)
        with torch.no_grad(), torch.autocast(latent.device.type, enabled=False):
            indices = self.nearest(flat)
            everywhere = gather(indices.view(batch, -1)).flatten()
            counts = torch.bincount(everywhere, minlength=len(self.codebook)).float()
        codes = F.embedding(indices, self.codebook)
        share = counts / counts.sum()
        perplexity = torch.exp(-(share * share.clamp_min(1e-10).log()).sum())
        loss = self.beta * F.mse_loss(flat, codes.detach())
        if self.decay <= 0:
            loss = loss + F.mse_loss(codes, flat.detach())
        passed = flat + (codes - flat).detach()
        if self.training and self.decay > 0:
            self._update(whole, everywhere, counts, generator)
        quantized = passed.view(batch, height, width, channels).permute(0, 3, 1, 2)
        return Quantized(quantized, indices.view(batch, height, width), loss, perplexity)

    @torch.no_grad()
    def _start(self, flat: Tensor, generator: torch.Generator | None) -> None:
        """Place the codes on latents of the first batch, so that they lie where the encoder's latents do."""
        picks = torch.randint(len(flat), (len(self.codebook),), generator=generator).to(flat.device)
        spread = flat.std() * 0.01
        noise = torch.randn(self.codebook.shape, generator=generator).to(flat.device)
        self.codebook.copy_(flat[picks] + noise * spread)
        self.sums.copy_(self.codebook)
        self.started.fill_(1.0)

    @torch.no_grad()
    def _update(
        self, flat: Tensor, indices: Tensor, counts: Tensor, generator: torch.Generator | None
    ) -> None:
        batch_sums = torch.zeros_like(self.sums).index_add_(0, indices, flat)
        self.usage.lerp_(counts, 1 - self.decay)
        self.sums.lerp_(batch_sums, 1 - self.decay)
        dead = self.usage < self.restart_below
        number = int(dead.sum())
        if number:
            picks = torch.randint(len(flat), (number,), generator=generator).to(flat.device)
            self.sums[dead] = flat[picks]
            self.usage[dead] = 1.0
        self.codebook.copy_(self.sums / self.usage.clamp_min(1e-5)[:, None])
