"""The loop that both stages share: order, learning rate, averages, checkpoints, log, sheets."""

from __future__ import annotations

import contextlib
import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from maskel_core.data.dataset import Batch
from maskel_core.training.checkpoint import (
    WeightAverage,
    load_checkpoint,
    pack_optimizer,
    save_checkpoint,
    unpack_optimizer,
)
from maskel_core.training.config import StageConfig, TrainingConfig
from maskel_core.training.sources import Source
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from torch import nn


class Stage(Protocol):
    """What the loop needs of a stage: modules and optimisers to save, and a step."""

    modules: dict[str, nn.Module]
    optimizers: dict[str, torch.optim.Optimizer]
    values: dict[str, Any]

    def step(
        self, batch: Batch, generator: torch.Generator, progress: float, autocast: Any
    ) -> dict[str, float]:
        """One training step."""
        ...


def learning_rate_share(config: StageConfig, step: int, progress: float) -> float:
    """Learning rate over its peak: linear rise, then a cosine down to ``final_share`` at ``progress`` 1."""
    rise = min(1.0, (step + 1) / max(config.warmup_steps, 1))
    fall = config.final_share + (1 - config.final_share) * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))
    return rise * fall


def choose_device(name: str) -> torch.device:
    """``"auto"``: CUDA, else MPS, else the CPU."""
    if name != "auto":
        return torch.device(name)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def make_autocast(precision: str, device: torch.device) -> Callable[[], Any]:
    """A factory of autocast contexts; auto = bfloat16 on CUDA and on CPUs with instructions for it (AMX, AVX-512 BF16)."""
    if precision == "auto":
        checks = [getattr(torch.cpu, f"_is_{name}_supported", None) for name in ("amx_tile", "avx512_bf16")]
        fast = device.type == "cuda" or (device.type == "cpu" and any(check() for check in checks if check))
        precision = "bfloat16" if fast else "float32"
    if precision == "float32":
        return contextlib.nullcontext
    return lambda: torch.autocast(device.type, dtype=torch.bfloat16)


def to_device(batch: Batch, device: torch.device) -> Batch:
    """The batch with its tensors on ``device``."""
    names = ("mask", "integrals", "joints", "known", "view", "known_layers")
    return Batch(*(getattr(batch, name).to(device) for name in names))


def run_stage(
    name: str,
    stage: Stage,
    source: Source,
    config: TrainingConfig,
    stage_config: StageConfig,
    out: Path,
    resume: bool,
    review: Callable[[nn.Module, int], dict[str, float]],
    sizes: tuple[int, int],
    stop_after: int | None = None,
) -> nn.Module | None:
    """Train one stage to its end.

    Args:
        name: Name of the stage, for files and the progress bar.
        stage: What learns.
        source: Of the batches.
        config: The run.
        stage_config: The stage's part of it.
        out: Folder of the run.
        resume: Go on from the newest checkpoint of this stage.
        review: Called with the averaged model and the step every ``sheet_seconds``; its figures go into the log.
        sizes: Pixels per side of the frame before and after ``fine_start``.
        stop_after: Stop after so many steps of this call and leave a checkpoint, as a kill would.

    Returns:
        The model with its averaged weights, in eval mode; None when ``stop_after`` ended the call early.
    """
    model, device = stage.modules["model"], choose_device(config.device)
    average = WeightAverage(model, stage_config.ema)
    autocast = make_autocast(config.precision, device)
    peaks = {key: [g["lr"] for g in optimizer.param_groups] for key, optimizer in stage.optimizers.items()}
    folder, step, elapsed = out / "checkpoints" / name, 0, 0.0
    if resume and (saved := load_checkpoint(folder)) is not None:
        step, elapsed = _restore(stage, average, *saved)
    finished = _progress(stage_config, step, elapsed) >= 1
    clock = last_save = last_sheet = time.perf_counter()
    done = 0
    recent: dict[str, float] = {}
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
    )
    with Progress(*columns) as bar, (out / "log.jsonl").open("a", encoding="utf-8") as log:
        task = bar.add_task(name, total=1.0, completed=_progress(stage_config, step, elapsed))  # type: ignore[arg-type]
        while not finished:
            progress = _progress(stage_config, step, elapsed)
            share = learning_rate_share(stage_config, step, progress)
            for key, optimizer in stage.optimizers.items():
                for group, peak in zip(optimizer.param_groups, peaks[key], strict=True):
                    group["lr"] = peak * share
            random = np.random.default_rng([config.seed, 2, step])
            generator = torch.Generator().manual_seed(int(random.integers(2**62)))
            size = sizes[progress >= stage_config.fine_start]
            batch = to_device(source.batch(step, size, random), device)
            model.train()
            figures = stage.step(batch, generator, progress, autocast)
            average.update(model)
            step, done = step + 1, done + 1
            now = time.perf_counter()
            elapsed, clock = elapsed + now - clock, now
            for key, value in figures.items():
                recent[key] = value if key not in recent else 0.95 * recent[key] + 0.05 * value
            finished = _progress(stage_config, step, elapsed) >= 1
            stopping = stop_after is not None and done >= stop_after
            if step % 20 == 0 or finished:
                rate = stage_config.batch * step / max(elapsed, 1e-9)
                _write(
                    log,
                    {"stage": name, "step": step, "seconds": elapsed, "rate": rate, "lr": share, **recent},
                )
                text = f"{name} step {step} loss {recent['loss']:.4f} {rate:.1f}/s"
                bar.update(task, completed=_progress(stage_config, step, elapsed), description=text)
            if finished or stopping or now - last_save > config.checkpoint_seconds:
                _save(folder, step, elapsed, stage, average)
                last_save = now
            if finished or now - last_sheet > config.sheet_seconds:
                figures = _with_average(model, average, step, review)
                _write(log, {"stage": name, "step": step, "seconds": elapsed, "review": figures})
                last_sheet = clock = time.perf_counter()
            if stopping and not finished:
                return None
    model.load_state_dict(average.state)
    return model.eval()


def _progress(config: StageConfig, step: int, elapsed: float) -> float:
    by_time = elapsed / config.max_seconds if config.max_seconds > 0 else 0.0
    return max(step / config.max_steps, by_time)


def _with_average(
    model: nn.Module, average: WeightAverage, step: int, call: Callable[[nn.Module, int], dict[str, float]]
) -> dict[str, float]:
    kept = {name: value.detach().clone() for name, value in model.state_dict().items()}
    model.load_state_dict(average.state)
    model.eval()
    with torch.inference_mode():
        result = call(model, step)
    model.load_state_dict(kept)
    return result


def _save(folder: Path, step: int, elapsed: float, stage: Stage, average: WeightAverage) -> None:
    parts = {name: dict(module.state_dict()) for name, module in stage.modules.items()}
    parts["average"] = average.state
    groups: dict[str, Any] = {}
    for name, optimizer in stage.optimizers.items():
        parts[name], groups[name] = pack_optimizer(optimizer)
    values = {
        "elapsed": elapsed,
        "average_steps": average.steps,
        "optimizers": groups,
        "values": stage.values,
    }
    save_checkpoint(folder, step, parts, values)


def _restore(
    stage: Stage, average: WeightAverage, parts: dict[str, dict[str, torch.Tensor]], values: dict[str, Any]
) -> tuple[int, float]:
    for name, module in stage.modules.items():
        module.load_state_dict(parts[name])
    for name, value in parts["average"].items():
        average.state[name].copy_(value)
    average.steps = values["average_steps"]
    for name, optimizer in stage.optimizers.items():
        unpack_optimizer(optimizer, parts.get(name, {}), values["optimizers"][name])
    stage.values.update(values["values"])
    return values["step"], values["elapsed"]


def _write(log: Any, record: dict[str, Any]) -> None:
    rounded = {k: round(v, 6) if isinstance(v, float) else v for k, v in record.items()}
    log.write(json.dumps(rounded) + "\n")
    log.flush()
