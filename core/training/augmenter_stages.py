"""How the two models of the diffusion augmentation learn: batches of bodies, one term, pictures to look at."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from maskel_core.data.body_frames import BodyFrames
from maskel_core.data.dataset import Batch, SampleStore
from maskel_core.models import Augmenter, XrayGenerator, XraySuperResolver
from maskel_core.training.config import StageConfig, TrainingConfig
from maskel_core.training.sheets import contact_sheet, grey
from maskel_core.training.sources import batch_indices
from maskel_core.training.stages import make_optimizer
from torch import Tensor, nn

SHOWN = 8
"""Pictures on a sheet."""

REVIEWED = 16
"""Held-out bodies that a review measures."""

Review = Callable[[nn.Module, int], dict[str, float]]


class BodySource:
    """Batches of bodies from a fixed set, epoch by epoch in changing order, mirrored at random.

    Args:
        frames: The set.
        seed: Of the order.
        batch: Samples a batch.
        flip: Probability of a mirror image.
    """

    def __init__(self, frames: BodyFrames, seed: int, batch: int, flip: float) -> None:
        self.frames, self.seed, self.count, self.flip = frames, seed, batch, flip

    def batch(self, step: int, size: int, random: np.random.Generator) -> Batch:
        """The batch of a step."""
        indices = batch_indices(self.seed, step, self.count, len(self.frames))
        return self.frames.batch(indices, size, random.random(len(indices)) < self.flip)

    def close(self) -> None:
        """Nothing to end."""


def augmenter_loss(model: nn.Module, integrals: Tensor, generator: torch.Generator) -> Tensor:
    """The loss of either model on line integrals (B, 2, S, S) of bodies."""
    if isinstance(model, XraySuperResolver):
        small = model.scaling.normalise(model.shrink(integrals))
        return model.loss(small, model.scaling.normalise(integrals), generator)
    assert isinstance(model, XrayGenerator)
    return model.loss(model.scaling.normalise(integrals), generator)


class AugmenterStage:
    """One step of an unconditional generator or a super-resolver.

    Args:
        model: What learns.
        config: Its learning rate and clipping.
    """

    def __init__(self, model: Augmenter, config: StageConfig) -> None:
        self.model, self.config = model, config
        self.optimizers: dict[str, torch.optim.Optimizer] = {"optimizer": make_optimizer(model, config)}
        self.modules: dict[str, nn.Module] = {"model": model}
        self.values: dict[str, Any] = {}

    def step(
        self, batch: Batch, generator: torch.Generator, progress: float, autocast: Any
    ) -> dict[str, float]:
        """One training step; returns the loss."""
        with autocast():
            loss = augmenter_loss(self.model, batch.integrals, generator)
        optimizer = self.optimizers["optimizer"]
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip)
        if torch.isfinite(norm):
            optimizer.step()
        return {"loss": loss.item(), "norm": float(norm)}


def make_augmenter(
    model: Augmenter, store: SampleStore, review_store: SampleStore, config: TrainingConfig, out: Path
) -> tuple[AugmenterStage, BodySource, Review]:
    """What the loop needs to train one of the two models.

    Args:
        model: On its device.
        store: Training samples.
        review_store: Samples of other persons.
        config: The run.
        out: Its folder.
    """
    assert config.generator is not None
    stage = AugmenterStage(model, config.generator)
    frames = BodyFrames(store, config.margin)
    source = BodySource(frames, config.seed, config.generator.batch, config.augmentation.flip)
    size = int(model.config.sample_size)
    held_out = BodyFrames(review_store, config.margin).all(size, range(min(len(review_store), REVIEWED)))

    def review(averaged: nn.Module, step: int) -> dict[str, float]:
        integrals = held_out.float().to(next(averaged.parameters()).device)
        losses = [
            augmenter_loss(averaged, integrals, torch.Generator().manual_seed(number)).item()
            for number in range(4)
        ]
        rows, figures = _show(averaged, integrals)
        (out / "sheets").mkdir(exist_ok=True)
        contact_sheet(rows).save(out / "sheets" / f"generator-{step:06d}.png")
        return {"loss": float(np.mean(losses)), **figures}

    return stage, source, review


def _show(model: nn.Module, integrals: Tensor) -> tuple[list[list[np.ndarray]], dict[str, float]]:
    """Rows of a sheet, and how close enlarged pictures come to the truth inside the body."""
    if isinstance(model, XrayGenerator):
        noise = torch.randn((SHOWN, 2, *integrals.shape[2:]), generator=torch.Generator().manual_seed(0))
        made = model(noise.to(integrals.device))
        return [[_tile(x[layer]) for x in made] for layer in range(2)], {}
    assert isinstance(model, XraySuperResolver)
    truth = model.scaling.normalise(integrals)
    small = model.scaling.normalise(model.shrink(integrals))
    made, plain = model(small), model.enlarge(small)
    body = (truth[:, 1:] > 0).float().mean().clamp_min(1e-3)
    rows = [
        [_tile(x[i, layer]) for layer in range(2) for x in (plain, made, truth)]
        for i in range(min(SHOWN, len(truth)))
    ]
    return rows, {
        "l1": float(F.l1_loss(made, truth) / body),
        "l1_enlarged": float(F.l1_loss(plain, truth) / body),
    }


def _tile(values: Tensor) -> np.ndarray:
    return grey(values.float().cpu().numpy())
