"""The two stages of the paper as steps on batches, and the same step for the reference without stage 1."""

from __future__ import annotations

import dataclasses
import math
from abc import ABC, abstractmethod
from typing import Any

import torch
import torch.nn.functional as F
from maskel_core.data.dataset import Batch
from maskel_core.devices import send
from maskel_core.errors import MaskelError
from maskel_core.models import (
    LayerScaling,
    MaskedAutoencoder,
    MaskTransformer,
    PatchDiscriminator,
    PlainUNet,
    VQMaskedAutoencoder,
    XrayPrediction,
)
from maskel_core.models.areas import Area, take_area
from maskel_core.training import losses as terms
from maskel_core.training.config import LossConfig, StageConfig
from maskel_core.training.distributed import count, descend, own_generator, own_rows
from maskel_core.training.muon import Muon
from torch import Tensor, nn

Figures = dict[str, Tensor]
"""Scalars without gradient by name: the loss, its terms, the gradient's norm; on the device, which is not waited for."""

ADAPT_EVERY = 16
"""Steps between two measurements of the adaptive adversarial weight, which costs a second backward pass."""


def make_optimizer(model: nn.Module, config: StageConfig, rate: float = 1.0) -> torch.optim.Optimizer:
    """The optimiser that the configuration names; weight decay on matrices and kernels only.

    What the configuration does not train is frozen.

    Raises:
        MaskelError: ``bad_config`` where it trains what the model has not.
    """
    if config.trains:
        names = [name for name, _ in model.named_parameters()]
        if unknown := [start for start in config.trains if not any(name.startswith(start) for name in names)]:
            raise MaskelError(
                "bad_config",
                f"The model has no parameters whose names begin with {unknown[0]!r}, which trains names.",
                f"They begin with {', '.join(sorted({name.split('.')[0] for name in names}))}.",
            )
        for name, parameter in model.named_parameters():
            if not name.startswith(config.trains):
                parameter.requires_grad_(False)
    trained = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    if config.optimizer == "muon":
        hidden = [
            p for name, p in trained if p.ndim > 1 and min(p.flatten(1).shape) > 8 and "view" not in name
        ]
        known = {id(p) for p in hidden}
        others = [p for _, p in trained if id(p) not in known]
        return Muon(hidden, others, config.learning_rate * rate, config.weight_decay)
    wide = [p for _, p in trained if p.ndim > 1]
    flat = [p for _, p in trained if p.ndim <= 1]
    groups = [{"params": wide, "weight_decay": config.weight_decay}, {"params": flat, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=config.learning_rate * rate, betas=(0.9, 0.95), fused=True)


def true_xray(batch: Batch, scaling: LayerScaling) -> Tensor:
    """The batch's line integrals in the normalised domain, cut to the mask, (B, 2, S, S)."""
    return scaling.normalise(batch.integrals) * (batch.mask > 0)


def halved(batch: Batch) -> Batch:
    """The batch at half its size: means of 2 x 2 pixels."""
    mask, integrals = F.avg_pool2d(batch.mask, 2), F.avg_pool2d(batch.integrals, 2)
    return dataclasses.replace(batch, mask=mask, integrals=integrals)


def cut(xray: Tensor, mask: Tensor, gamma: float) -> Tensor:
    """A predicted X-ray (B, 2, S, S) cut to a soft mask (B, 1, S, S): the integral times the mask, normalised."""
    return xray * mask.pow(gamma)


def fill_unknown(truth: Tensor, made: Tensor, known: Tensor) -> Tensor:
    """The truth (B, 2, S, S), with the detached prediction in place of layers that are not known, bool (B, 2).

    Differences and their gradients are 0 there, so that such a layer pulls on nothing.
    """
    return torch.where(known[:, :, None, None], truth, made.detach())


class AutoencoderStage:
    """Stage 1: rebuild the X-ray with a share of its patches hidden."""

    def __init__(self, model: MaskedAutoencoder, scaling: LayerScaling, config: StageConfig) -> None:
        self.model, self.scaling, self.config = model, scaling, config
        self.optimizers: dict[str, torch.optim.Optimizer] = {"optimizer": make_optimizer(model, config)}
        self.modules: dict[str, nn.Module] = {"model": model}
        self.values: dict[str, Any] = {}

    def step(self, batch: Batch, generator: torch.Generator, progress: float, autocast: Any) -> Figures:
        """One training step; returns the loss terms."""
        xray = true_xray(batch, self.scaling)
        hidden = send(own_rows(self.model.random_hidden(len(xray) * count(), generator)), xray.device)
        with autocast():
            rebuilt = self.model(xray.contiguous(memory_format=torch.channels_last), hidden)
        rebuilt = rebuilt.float()
        truth = fill_unknown(xray, rebuilt, batch.known_layers)
        found = terms.picture_losses(rebuilt, truth, batch.mask, 1.0)
        loss = found["l2"] + 0.5 * found["l1"] + 0.5 * found["edge"]
        norm = descend(loss, self.model, self.optimizers["optimizer"], self.config.clip)
        return {"loss": loss.detach(), "norm": norm, **{k: v.detach() for k, v in found.items()}}


class SingleLossStage(ABC):
    """A stage that goes down one term.

    Args:
        model: What learns.
        config: Its learning rate and clipping.
    """

    def __init__(self, model: Any, config: StageConfig) -> None:
        self.model, self.config = model, config
        self.optimizers: dict[str, torch.optim.Optimizer] = {"optimizer": make_optimizer(model, config)}
        self.modules: dict[str, nn.Module] = {"model": model}
        self.values: dict[str, Any] = {}

    @abstractmethod
    def loss(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """The term, a scalar, by this process's own draws."""

    def step(self, batch: Batch, generator: torch.Generator, progress: float, autocast: Any) -> Figures:
        """One training step; returns the loss."""
        with autocast():
            loss = self.loss(batch, own_generator(generator))
        norm = descend(loss, self.model, self.optimizers["optimizer"], self.config.clip)
        return {"loss": loss.detach(), "norm": norm}


class DiffusionStage(SingleLossStage):
    """The peer by diffusion: the velocity's error."""

    def loss(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """The error.

        Raises:
            MaskelError: ``layers_unknown``.
        """
        if not bool(batch.known_layers.all()):
            raise MaskelError(
                "layers_unknown",
                "A diffusion model cannot learn from samples without soft tissue.",
                "Train another kind of model, or leave these samples out.",
            )
        return self.model.loss(true_xray(batch, self.model.scaling), batch.mask, generator)


class GeneratorStage:
    """Stage 2: from the mask to the X-ray, aligned to the frozen stage 1, against a discriminator.

    Args:
        model: Mask to X-ray.
        autoencoder: Stage 1, frozen here; None drops the alignment and feature terms.
        discriminator: None drops the adversarial term.
        config: Learning rates.
        weights: Weights of the terms.
        view_share: Share of the samples whose view a model is told that takes it.

    Raises:
        MaskelError: ``bad_config``.
    """

    def __init__(
        self,
        model: VQMaskedAutoencoder | MaskTransformer | PlainUNet,
        autoencoder: MaskedAutoencoder | None,
        discriminator: PatchDiscriminator | None,
        config: StageConfig,
        weights: LossConfig,
        view_share: float = 0.5,
    ) -> None:
        self.view_share = view_share
        self.model, self.autoencoder, self.discriminator = model, autoencoder, discriminator
        self.config, self.weights, self.scaling = config, weights, model.scaling
        if autoencoder is not None:
            autoencoder.requires_grad_(False).eval()
        self.optimizers: dict[str, torch.optim.Optimizer] = {"optimizer": make_optimizer(model, config)}
        self.modules: dict[str, nn.Module] = {"model": model}
        if discriminator is not None:
            self.optimizers["discriminator_optimizer"] = make_optimizer(
                discriminator,
                dataclasses.replace(config, optimizer="adamw", trains=()),
                weights.discriminator_rate,
            )
            self.modules["discriminator"] = discriminator
            self._check_balance()
        self.values: dict[str, Any] = {"adversarial_weight": 0.0, "adversarial_steps": 0}

    def _check_balance(self) -> None:
        """The game is weighed by its pull on the layers that make pictures: they must learn."""
        if self.weights.adversarial_start >= 1:
            return
        fine = isinstance(self.model, MaskTransformer) and self.model.fine is not None
        fine = fine and self.config.fine_start < 1
        layers = {"fine.out": self.finest_layer} if fine else {}
        if not fine or self.weights.adversarial_start < self.config.fine_start:
            layers["out" if isinstance(self.model, PlainUNet) else "decoder.out"] = self.last_layer
        for name, layer in layers.items():
            if not layer.requires_grad:
                raise MaskelError(
                    "bad_config",
                    f"The adversarial term is weighed by its pull on {name}, which trains leaves out.",
                    f"Add {name} to trains, or set adversarial to 0.",
                )

    @property
    def last_layer(self) -> Tensor:
        """Weight of the layer whose gradients balance picture and adversarial terms."""
        if isinstance(self.model, PlainUNet):
            return self.model.out.weight
        return self.model.decoder.out.weight

    @property
    def finest_layer(self) -> Tensor:
        """That of the finer picture: through its enlargement the coarse one feels little of the game."""
        assert isinstance(self.model, MaskTransformer)
        assert self.model.fine is not None
        return self.model.fine.out.weight

    def _make(self, batch: Batch, window: Area | None, generator: torch.Generator) -> XrayPrediction:
        if not isinstance(self.model, MaskTransformer):
            return self.model(batch.mask, generator=generator)
        drawn = own_rows(torch.rand(len(batch.mask) * count(), generator=generator))
        told = send(drawn, batch.view.device) < self.view_share
        return self.model(batch.mask, view=batch.view * told, window=window)

    def _choose_window(self, size: int, generator: torch.Generator) -> Area | None:
        """As many pixels of a finer frame as the base has; columns near the middle, where bodies are."""
        base = int(getattr(self.model.config, "base_size", size))
        if size <= base:
            return None
        top, first, second = torch.rand(3, generator=generator).tolist()
        room = (size - base) // 4
        # A sixth of the windows at either end each: heads and feet would hardly be seen.
        top = min(max(1.5 * top - 0.25, 0.0), 1.0)
        return round(top * room) * 4, round((first + second) / 2 * room) * 4, base, base

    def _judge(
        self, xray: Tensor, truth: Tensor, mask: Tensor, contrasting: bool, pixels: float
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The weighted picture terms and each of them; ``pixels`` of this picture make one of the base's."""
        weights = self.weights
        # A window is a part of its frame, whose 2 % the report measures by.
        shared = xray, truth, mask, weights.bone_weight, 0.02 * pixels
        found = terms.picture_losses(*shared)
        # Differences between neighbours shrink with the pixels.
        found["edge"], found["contrast"] = found["edge"] * pixels, found["contrast"] * pixels
        names = ["l1", "l2", "edge", "high_pass"] + (["contrast"] if contrasting else [])
        if weights.integral_high_pass or weights.integral_slope:
            squared = terms.integral_losses(*shared, self.scaling.gamma)
            squared["integral_slope"] = squared["integral_slope"] * pixels**2
            found |= squared
            names += squared
        return torch.stack([getattr(weights, name) * found[name] for name in names]).sum(), found

    def step(self, batch: Batch, generator: torch.Generator, progress: float, autocast: Any) -> Figures:
        """One step of the generator and, once the game is on, one of the discriminator."""
        weights = self.weights
        playing = progress >= weights.adversarial_start
        contrasting = progress >= weights.contrast_start
        window = self._choose_window(batch.mask.shape[-1], generator)
        with autocast():
            made = self._make(batch, window, generator)
        part: tuple[Tensor, Tensor, Tensor] | None = None
        if window is not None and made.window is not None:
            finest = batch.mask.shape[-1]
            mask = take_area(batch.mask, window, finest)
            true = take_area(true_xray(batch, self.scaling), window, finest)
            fine_xray = cut(made.window, mask, self.scaling.gamma)
            part = fine_xray, fill_unknown(true, fine_xray, batch.known_layers), mask
            batch = halved(batch)
        xray = cut(made.xray, batch.mask, self.scaling.gamma)
        truth = fill_unknown(true_xray(batch, self.scaling), xray, batch.known_layers)
        picture, found = self._judge(xray, truth, batch.mask, contrasting, 1.0)
        if part is not None:
            fine, figures = self._judge(*part, contrasting, 2.0)
            picture = (picture + fine) / 2
            found |= {f"fine_{name}": figures[name] for name in ("l1", "contrast")}
        target: Tensor | None = None
        if self.autoencoder is not None:
            layers = tuple(weights.feature_layers)
            with autocast():
                with torch.no_grad():
                    wanted, target = self.autoencoder.features(truth, layers, embed=True)
                seen, _ = self.autoencoder.features(xray, layers, embed=False)
            found["feature"] = terms.feature_loss(seen, wanted)
            picture = picture + weights.feature * found["feature"]
        loss = picture
        if target is not None and made.latent is not None:
            found["alignment"] = terms.alignment_loss(made.latent, target)
            loss = loss + weights.alignment * found["alignment"]
        if made.quantized is not None:
            found["vq"], found["perplexity"] = made.quantized.loss, made.quantized.perplexity
            loss = loss + weights.vq * found["vq"]
        if made.joints is not None:
            found |= terms.joint_losses(made.joints, batch.joints, batch.known)
            loss = loss + weights.joint * found["joint"] + weights.heat * found["heat"]
        if made.spread is not None:
            # Where nothing is known no error is: its expectation is not to be learnt as 0.
            spread = made.spread * batch.known_layers[:, :, None, None]
            found["spread"] = terms.spread_loss(spread, xray, truth, batch.mask)
            loss = loss + weights.spread * found["spread"]
        playing = playing and self.discriminator is not None
        if playing:
            xray, truth, mask = part or (xray, truth, batch.mask)
            layer = self.last_layer if part is None else self.finest_layer
            found["adversarial"], weight = self._adversarial(xray, mask, picture, layer, autocast)
            loss = loss + weight * found["adversarial"]
        norm = descend(loss, self.model, self.optimizers["optimizer"], self.config.clip)
        if playing:
            found["discriminator"] = self.discriminator_step(xray.detach(), truth, mask, autocast)
        return {"loss": loss.detach(), "norm": norm, **{k: v.detach() for k, v in found.items()}}

    def _adversarial(
        self, xray: Tensor, mask: Tensor, picture: Tensor, layer: Tensor, autocast: Any
    ) -> tuple[Tensor, float]:
        assert self.discriminator is not None
        # The discriminator only judges here: its own gradients stay untouched.
        self.discriminator.requires_grad_(False)
        with autocast():
            scores = self.discriminator(torch.cat([xray, mask], dim=1))
        self.discriminator.requires_grad_(True)
        term = terms.generator_loss(scores)
        steps = self.values["adversarial_steps"]
        if steps % ADAPT_EVERY == 0:
            fresh = terms.adaptive_weight(picture, term, layer)
            old = self.values["adversarial_weight"]
            # One overflow must not stay in the weight: every later loss would be NaN and nothing be learned.
            if math.isfinite(fresh):
                self.values["adversarial_weight"] = fresh if steps == 0 else 0.7 * old + 0.3 * fresh
        self.values["adversarial_steps"] = steps + 1
        # Rises over 200 steps, while the discriminator learns its first lessons.
        rise = min(1.0, steps / 200)
        return term, rise * self.weights.adversarial * self.values["adversarial_weight"]

    def discriminator_step(self, made: Tensor, truth: Tensor, mask: Tensor, autocast: Any) -> Tensor:
        """One step of the discriminator on a detached X-ray; returns its loss, detached."""
        assert self.discriminator is not None
        with autocast():
            both = torch.cat([torch.cat([truth, mask], 1), torch.cat([made.detach(), mask], 1)])
            real, fake = self.discriminator(both).chunk(2)
        loss = terms.discriminator_loss(real, fake)
        optimizer = self.optimizers["discriminator_optimizer"]
        descend(loss, self.discriminator, optimizer, self.config.clip)
        return loss.detach()
