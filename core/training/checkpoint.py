"""State of a stage on disk: safetensors and JSON, complete or absent."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from maskel_core.errors import MaskelError
from maskel_core.models.manifest import file_digest
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

KEPT = 2
"""Checkpoints of a stage that stay: the newest, and the one before it should the newest be damaged."""


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
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        index, name = key.split(".", 1)
        parameter = parameters[int(index)]
        if value.shape == parameter.shape:
            # In memory as the parameter lies: fused kernels walk through both side by side without looking at strides.
            value = torch.empty_like(parameter, device=value.device, dtype=value.dtype).copy_(value)
        state.setdefault(int(index), {})[name] = value
    optimizer.load_state_dict({"state": state, "param_groups": values["param_groups"]})


def save_checkpoint(
    folder: Path, step: int, parts: dict[str, dict[str, Tensor]], values: dict[str, Any]
) -> None:
    """Write ``step-N/`` beside its name and rename it, so that a kill at any moment leaves whole checkpoints only.

    The newest `KEPT` stay.

    Args:
        folder: Folder of the stage's checkpoints.
        step: Steps done.
        parts: Named groups of tensors, e.g. ``{"model": state_dict, "optimizer": ...}``.
        values: JSON-ready values.
    """
    folder.mkdir(parents=True, exist_ok=True)
    scratch, target = folder / "unfinished", folder / f"step-{step}"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    digests = {}
    for name, tensors in parts.items():
        path = scratch / f"{name}.safetensors"
        save_file({key: value.detach().cpu().contiguous() for key, value in tensors.items()}, path)
        digests[name] = file_digest(path)
    state = {"step": step, **values, "digests": digests}
    (scratch / "state.json").write_text(json.dumps(state), encoding="utf-8")
    shutil.rmtree(target, ignore_errors=True)
    scratch.rename(target)
    found = _newest_first(folder)
    # Later ones are left from before a return to an older checkpoint.
    kept = [path for path in found if _step_of(path) <= step][:KEPT]
    for old in found:
        if old not in kept:
            shutil.rmtree(old, ignore_errors=True)


def load_checkpoint(folder: Path) -> tuple[dict[str, dict[str, Tensor]], dict[str, Any]] | None:
    """The parts and values of the newest whole checkpoint; None when there is none at all.

    Raises:
        MaskelError: ``checkpoint_damaged`` when there are some and none is whole.
    """
    found = _newest_first(folder)
    for source in found:
        try:
            return _read(source)
        except (OSError, ValueError, KeyError, SafetensorError):
            continue
    if found:
        raise MaskelError(
            "checkpoint_damaged",
            f"No checkpoint in {folder} can be read.",
            "Remove that folder to train this stage from its start.",
        )
    return None


def _newest_first(folder: Path) -> list[Path]:
    numbered = [path for path in folder.glob("step-*") if path.name[5:].isdigit()]
    return sorted(numbered, key=_step_of, reverse=True)


def _step_of(folder: Path) -> int:
    return int(folder.name[5:])


def _read(source: Path) -> tuple[dict[str, dict[str, Tensor]], dict[str, Any]]:
    values = json.loads((source / "state.json").read_text(encoding="utf-8"))
    parts = {}
    for name, digest in values.pop("digests").items():
        path = source / f"{name}.safetensors"
        if file_digest(path) != digest:
            raise ValueError(f"{path} is damaged")
        parts[name] = load_file(path)
    return parts, values


def save_model(model: nn.Module, folder: Path) -> None:
    """Write a diffusers model so that the folder, once there, is whole."""
    scratch = folder.with_name(folder.name + ".unfinished")
    shutil.rmtree(scratch, ignore_errors=True)
    model.save_pretrained(scratch)  # type: ignore[operator]
    shutil.rmtree(folder, ignore_errors=True)
    scratch.rename(folder)
