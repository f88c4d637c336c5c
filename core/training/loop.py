"""The loop that all stages share: order, learning rate, averages, checkpoints, log, sheets."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from maskel_core.data.dataset import Batch
from maskel_core.devices import has_fast_bfloat16
from maskel_core.errors import MaskelError
from maskel_core.training import distributed
from maskel_core.training.checkpoint import (
    WeightAverage,
    load_checkpoint,
    pack_optimizer,
    save_checkpoint,
    unpack_optimizer,
)
from maskel_core.training.config import StageConfig, TrainingConfig
from maskel_core.training.interrupt import Interrupts, TrainingInterrupted
from maskel_core.training.progress import Pace, StageDisplay
from maskel_core.training.review import Review
from maskel_core.training.sources import Source
from maskel_core.training.tracking import Tracker
from torch import nn

LOG_STEPS = 20
"""Steps between two lines of the log."""


class Stage(Protocol):
    """What the loop needs of a stage: modules and optimisers to save, and a step."""

    modules: dict[str, nn.Module]
    optimizers: dict[str, torch.optim.Optimizer]
    values: dict[str, Any]

    def step(
        self, batch: Batch, generator: torch.Generator, progress: float, autocast: Any
    ) -> dict[str, torch.Tensor]:
        """One training step; returns scalars by name, the loss among them."""
        ...


def learning_rate_share(config: StageConfig, step: int, progress: float) -> float:
    """Learning rate over its peak: linear rise, then a cosine down to ``final_share`` at ``progress`` 1."""
    rise = min(1.0, (step + 1) / max(config.warmup_steps, 1))
    fall = config.final_share + (1 - config.final_share) * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))
    return rise * fall


def make_autocast(precision: str, device: torch.device) -> Callable[[], Any]:
    """A factory of autocast contexts.

    Args:
        precision: ``"float32"``, ``"bfloat16"``, or ``"auto"``: bfloat16 where the hardware multiplies it fast, on GPUs that
            have it and on CPUs with instructions for it (AMX, AVX-512 BF16).
        device: Where the model lies.

    Raises:
        MaskelError: ``bad_config`` for another word, and for bfloat16 on a GPU without it.
    """
    if device.type == "cuda":
        fast = there = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        fast, there = device.type == "cpu" and has_fast_bfloat16(), True
    if precision not in ("auto", "float32", "bfloat16") or (precision == "bfloat16" and not there):
        raise MaskelError(
            "bad_config", f"The precision {precision!r} is not there on {device}.", "Use auto or float32."
        )
    if precision == "float32" or (precision == "auto" and not fast):
        return contextlib.nullcontext
    return lambda: torch.autocast(device.type, dtype=torch.bfloat16)


def to_device(batch: Batch, device: torch.device) -> Batch:
    """The batch with its tensors on ``device``."""
    names = ("mask", "integrals", "joints", "known", "view", "known_layers")
    return Batch(*(getattr(batch, name).to(device) for name in names))


class Readings:
    """Figures of steps as numbers. A GPU is not waited for: its figures come one step later, when it has long been there.

    Args:
        device: Where the figures are.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._waiting: tuple[list[str], torch.Tensor, torch.cuda.Event] | None = None

    def exchange(self, figures: dict[str, torch.Tensor]) -> dict[str, float]:
        """Take a step's scalars and give those that are there, on a GPU of the step before; of the first none."""
        values = torch.stack([value.float() for value in figures.values()])
        if self.device.type != "cuda":
            return dict(zip(figures, values.tolist(), strict=True))
        host = torch.empty(len(values), pin_memory=True).copy_(values, non_blocking=True)
        event = torch.cuda.Event()
        event.record()
        before, self._waiting = self._waiting, (list(figures), host, event)
        if before is None:
            return {}
        names, host, event = before
        event.synchronize()
        return dict(zip(names, host.tolist(), strict=True))


class StageRun:
    """One stage on its way: what is trained, what is saved, and how far it is.

    Args:
        name: Name of the stage, for files and the display.
        stage: What learns.
        source: Of the batches.
        config: The run.
        stage_config: The stage's part of it.
        out: Folder of the run.
        review: Called with the averaged model in eval mode every ``sheet_seconds``, in the main process.
        sizes: Pixels per side of the frame before and after ``fine_start``.
        device: Where the model lies.
    """

    def __init__(
        self,
        name: str,
        stage: Stage,
        source: Source,
        config: TrainingConfig,
        stage_config: StageConfig,
        out: Path,
        review: Callable[[nn.Module], Review],
        sizes: tuple[int, int],
        device: torch.device,
    ) -> None:
        self.name, self.stage, self.source, self.sizes, self.device = name, stage, source, sizes, device
        self.config, self.stage_config, self.out, self.review = config, stage_config, out, review
        self.folder = out / "checkpoints" / name
        self.model = stage.modules["model"]
        self.average = WeightAverage(self.model, stage_config.ema)
        self.autocast = make_autocast(config.precision, device)
        self.peaks = {k: [g["lr"] for g in o.param_groups] for k, o in stage.optimizers.items()}
        self.recent: dict[str, float] = {}
        self.readings = Readings(device)
        self.pace = Pace(stage_config)

    def run(self, resume: bool, stop_after: int | None = None) -> nn.Module | None:
        """Train to the stage's end.

        Args:
            resume: Go on from the newest checkpoint of this stage.
            stop_after: Stop after so many steps of this call and leave a checkpoint; for tests.

        Returns:
            The model with its averaged weights, in eval mode; None when ``stop_after`` ended the call early.

        Raises:
            TrainingInterrupted: On Ctrl-C, after saving.
            MaskelError: ``checkpoint_damaged``, ``checkpoint_unfit``.
        """
        if resume and (saved := load_checkpoint(self.folder)) is not None:
            self._restore(*saved)
        tracker = Tracker(self.out, self.name, self.pace.step, distributed.is_main())
        display = StageDisplay(self.name, self.pace, distributed.is_main())
        last = None if stop_after is None else self.pace.step + stop_after
        try:
            with display, Interrupts() as interrupts:
                if not self._loop(tracker, display, interrupts, last):
                    return None
        finally:
            tracker.close()
            self.source.close()
        self.model.load_state_dict(self.average.state)
        return self.model.eval()

    def _loop(
        self, tracker: Tracker, display: StageDisplay, interrupts: Interrupts, last: int | None
    ) -> bool:
        """Steps to the stage's end, True, or to step number ``last``, False."""
        pace = self.pace
        clock = last_save = last_sheet = time.perf_counter()
        saved = pace.step
        while pace.done < 1:
            figures = self.readings.exchange(self._step())
            now = time.perf_counter()
            # The main process's clock and wishes count, so that all do the same.
            elapsed, asked = distributed.agree(pace.elapsed + now - clock, interrupts.asked)
            pace.add(pace.step + 1, elapsed)
            clock = now
            for key, value in figures.items():
                # A figure that was not finite in one step is not carried on: the means begin anew.
                mean = self.recent.get(key, math.nan)
                self.recent[key] = 0.95 * mean + 0.05 * value if math.isfinite(mean) else value
            finished, stopping = pace.done >= 1, bool(asked) or pace.step == last
            display.update(self.recent.get("loss", math.nan), finished or stopping)
            if pace.step % LOG_STEPS == 0 or finished:
                self._log(tracker)
            if finished or (now - last_sheet > self.config.sheet_seconds and not stopping):
                self._show(tracker)
                last_sheet = clock = time.perf_counter()
            often = self.config.checkpoint_steps
            due = now - last_save > self.config.checkpoint_seconds or (often and pace.step - saved >= often)
            if finished or stopping or due:
                self._save()
                last_save, saved = now, pace.step
            if asked:
                raise TrainingInterrupted(self.name, pace.step)
            if stopping and not finished:
                return False
        return True

    def _step(self) -> dict[str, torch.Tensor]:
        """One step; the same one whenever and in however many processes it is made."""
        step, progress = self.pace.step, self.pace.done
        share = learning_rate_share(self.stage_config, step, progress)
        for key, optimizer in self.stage.optimizers.items():
            for group, peak in zip(optimizer.param_groups, self.peaks[key], strict=True):
                group["lr"] = peak * share
        # All that is drawn follows from the seed and the step: no state of a generator needs saving.
        random = np.random.default_rng([self.config.seed, 2, step])
        generator = torch.Generator().manual_seed(int(random.integers(2**62)))
        torch.manual_seed(int(random.integers(2**62)) + distributed.rank())
        size = self.sizes[progress >= self.stage_config.fine_start]
        batch = to_device(self.source.batch(step, size, random), self.device)
        self.model.train()
        figures = self.stage.step(batch, generator, progress, self.autocast)
        self.average.update(self.model)
        return figures

    def _log(self, tracker: Tracker) -> None:
        pace = self.pace
        values = distributed.mean(torch.tensor(list(self.recent.values()), device=self.device))
        recent = dict(zip(self.recent, values.tolist(), strict=True))
        share = learning_rate_share(self.stage_config, pace.step - 1, pace.done)
        rate = self.stage_config.batch * pace.step / max(pace.elapsed, 1e-9)
        figures = {"rate": rate, "lr": share, "learning_rate": self.stage_config.learning_rate * share}
        tracker.scalars(pace.step, pace.elapsed, {**figures, **self.source.figures(), **recent})

    def _show(self, tracker: Tracker) -> None:
        """Review the averaged model."""
        if not distributed.is_main():
            return
        kept = {name: value.detach().clone() for name, value in self.model.state_dict().items()}
        self.model.load_state_dict(self.average.state)
        self.model.eval()
        with torch.inference_mode():
            found = self.review(self.model)
        self.model.load_state_dict(kept)
        tracker.review(self.pace.step, self.pace.elapsed, found.figures, found.sheet)

    def _save(self) -> None:
        if not distributed.is_main():
            return
        parts = {name: dict(module.state_dict()) for name, module in self.stage.modules.items()}
        parts["average"] = self.average.state
        groups: dict[str, Any] = {}
        for name, optimizer in self.stage.optimizers.items():
            parts[name], groups[name] = pack_optimizer(optimizer)
        values = {
            "elapsed": self.pace.elapsed,
            "average_steps": self.average.steps,
            "optimizers": groups,
            "values": self.stage.values,
            "recent": self.recent,
        }
        save_checkpoint(self.folder, self.pace.step, parts, values)

    def _restore(self, parts: dict[str, dict[str, torch.Tensor]], values: dict[str, Any]) -> None:
        try:
            for name, module in self.stage.modules.items():
                module.load_state_dict(parts[name])
            for name, value in parts["average"].items():
                self.average.state[name].copy_(value)
            self.average.steps = values["average_steps"]
            for name, optimizer in self.stage.optimizers.items():
                unpack_optimizer(optimizer, parts.get(name, {}), values["optimizers"][name])
        except (KeyError, RuntimeError, ValueError) as error:
            raise MaskelError(
                "checkpoint_unfit",
                f"The checkpoint in {self.folder} is of another model: {str(error).splitlines()[0]}",
                "Resume with the configuration that made it, or name another folder.",
            ) from error
        self.stage.values.update(values["values"])
        self.recent = values["recent"]
        self.pace = Pace(self.stage_config, values["step"], values["elapsed"])
