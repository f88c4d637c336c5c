"""State of a stage on disk: safetensors and JSON, complete or absent."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

POINTER = "latest.json"


class WeightAverage:
    """Exponential moving average of a model's floating-point state.

    Args:
        model: The model to follow.
        decay: Largest decay; early steps use (1 + step) / (10 + step).
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay, self.steps = decay, 0
        self.state = {name: value.detach().clone() for name, value in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Move towards the model's present weights."""
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        self.steps += 1
        present = model.state_dict()
        moving = [name for name, value in present.items() if value.is_floating_point()]
        torch._foreach_lerp_(
            [self.state[name] for name in moving], [present[name] for name in moving], 1 - decay
        )
        for name in present.keys() - set(moving):
            self.state[name].copy_(present[name])


def pack_optimizer(optimizer: torch.optim.Optimizer) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """An optimiser's state as tensors ``INDEX.NAME`` and JSON-ready values."""
    state = optimizer.state_dict()
    tensors: dict[str, Tensor] = {}
    for index, slots in state["state"].items():
        for name, value in slots.items():
            tensors[f"{index}.{name}"] = value if isinstance(value, Tensor) else torch.tensor(float(value))
    return tensors, {"param_groups": state["param_groups"]}


def unpack_optimizer(
    optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor], values: dict[str, Any]
) -> None:
    """Inverse of `pack_optimizer`."""
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        index, name = key.split(".", 1)
        state.setdefault(int(index), {})[name] = value
    optimizer.load_state_dict({"state": state, "param_groups": values["param_groups"]})


def save_checkpoint(
    folder: Path, step: int, parts: dict[str, dict[str, Tensor]], values: dict[str, Any]
) -> None:
    """Write ``step-N/`` and then point to it, so that a kill at any moment leaves the old or the new one.

    Args:
        folder: Folder of the stage's checkpoints.
        step: Steps done.
        parts: Named groups of tensors, e.g. ``{"model": state_dict, "optimizer": ...}``.
        values: JSON-ready values.
    """
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"step-{step}"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    for name, tensors in parts.items():
        save_file(
            {key: value.detach().cpu().contiguous() for key, value in tensors.items()},
            target / f"{name}.safetensors",
        )
    (target / "state.json").write_text(json.dumps({"step": step, **values}), encoding="utf-8")
    scratch = folder / (POINTER + ".tmp")
    scratch.write_text(json.dumps({"folder": target.name}), encoding="utf-8")
    scratch.replace(folder / POINTER)
    for old in folder.glob("step-*"):
        if old != target:
            shutil.rmtree(old, ignore_errors=True)


def load_checkpoint(folder: Path) -> tuple[dict[str, dict[str, Tensor]], dict[str, Any]] | None:
    """The parts and values of the newest complete checkpoint; None when there is none."""
    pointer = folder / POINTER
    if not pointer.exists():
        return None
    source = folder / json.loads(pointer.read_text(encoding="utf-8"))["folder"]
    parts = {path.stem: load_file(path) for path in source.glob("*.safetensors")}
    return parts, json.loads((source / "state.json").read_text(encoding="utf-8"))
