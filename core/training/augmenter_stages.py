"""How the two models of the diffusion augmentation learn: one term, and pictures to look at."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from maskel_core.data.dataset import Batch
from maskel_core.models import XrayGenerator, XraySuperResolver
from maskel_core.training.review import Review
from maskel_core.training.sheets import contact_sheet, grey
from maskel_core.training.stages import SingleLossStage
from torch import Tensor, nn

SHOWN = 8
"""Pictures on a sheet."""

DRAWS = 4
"""Draws of noise at which a review measures the loss."""


def augmenter_loss(model: nn.Module, integrals: Tensor, generator: torch.Generator) -> Tensor:
    """The loss of either model on line integrals (B, 2, S, S) of bodies."""
    if isinstance(model, XraySuperResolver):
        small = model.scaling.normalise(model.shrink(integrals))
        return model.loss(small, model.scaling.normalise(integrals), generator)
    assert isinstance(model, XrayGenerator)
    return model.loss(model.scaling.normalise(integrals), generator)


class AugmenterStage(SingleLossStage):
    """One step of an unconditional generator or a super-resolver."""

    def loss(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """The model's own."""
        return augmenter_loss(self.model, batch.integrals, generator)


def review_augmenter(model: nn.Module, batch: Batch) -> Review:
    """The loss on held-out bodies, and a sheet: what comes out of noise, or what becomes of small pictures.

    The super-resolver's rows show bone and soft tissue, each enlarged plainly, by the model, and true; ``l1`` and
    ``l1_enlarged`` are how far the first two are from the third, over the body.
    """
    integrals = batch.integrals
    losses = [
        augmenter_loss(model, integrals, torch.Generator().manual_seed(number)).item()
        for number in range(DRAWS)
    ]
    figures = {"loss": float(np.mean(losses))}
    if isinstance(model, XrayGenerator):
        shape = (SHOWN, 2, *integrals.shape[2:])
        noise = torch.randn(shape, generator=torch.Generator().manual_seed(0))
        made = model(noise.to(integrals.device))
        return Review(figures, contact_sheet([[_tile(x[layer]) for x in made] for layer in range(2)]))
    assert isinstance(model, XraySuperResolver)
    truth = model.scaling.normalise(integrals)
    small = model.scaling.normalise(model.shrink(integrals))
    made, plain = model(small), model.enlarge(small)
    body = batch.mask.mean().clamp_min(1e-3)
    figures |= {"l1": float(F.l1_loss(made, truth) / body)}
    figures |= {"l1_enlarged": float(F.l1_loss(plain, truth) / body)}
    rows = [
        [_tile(x[i, layer]) for layer in range(2) for x in (plain, made, truth)]
        for i in range(min(SHOWN, len(truth)))
    ]
    return Review(figures, contact_sheet(rows))


def _tile(values: Tensor) -> np.ndarray:
    return grey(values.float().cpu().numpy())
