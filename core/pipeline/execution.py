"""How a model is run on a device: number format, memory layout, autocast."""

from __future__ import annotations

import contextlib
import copy
from contextlib import AbstractContextManager
from typing import TypeVar

import torch
from maskel_core.devices import has_fast_bfloat16
from maskel_core.errors import MaskelError
from maskel_core.models import MaskTransformer, PlainUNet
from torch import nn

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
"""Number formats that a pipeline can be asked for by name, beside ``auto``."""

Model = TypeVar("Model", bound=nn.Module)


def choose_precision(name: str, model: nn.Module, device: torch.device) -> torch.dtype:
    """The number format in which a model's matrices and convolutions are run.

    Args:
        name: A key of `PRECISIONS`, or ``auto``: the fastest whose cost is not seen: 0.2 grey levels of 255 on average.
        model: The model; a codebook or many diffusion steps turn small errors into large ones, so ``auto`` is float32 there.
        device: Where it runs.

    Raises:
        MaskelError: ``bad_precision``.
    """
    if name != "auto":
        if name not in PRECISIONS:
            known = ", ".join(("auto", *PRECISIONS))
            raise MaskelError("bad_precision", f"There is no precision {name!r}.", f"Choose one of {known}.")
        return PRECISIONS[name]
    if not isinstance(model, (MaskTransformer, PlainUNet)):
        return torch.float32
    # Measured on an H200: a mask takes 11.6 ms in float32 and 11.0 in bfloat16, sixteen 14 and 18; calls take the time, not sums.
    return torch.bfloat16 if device.type == "cpu" and has_fast_bfloat16() else torch.float32


BATCH_LIMITS = {"cpu": 8, "cuda": 16, "mps": 4}
"""Most masks that are run together on each kind of device.

Measured on a CPU, one thread: a mask takes 6 % less time in a batch of two, 13 % less in one of four, 14 % less in one of eight.
On an H200 sixteen take 20 % longer than one. Not measured on MPS.
"""


def batch_limit(device: torch.device) -> int:
    """Most masks that are run together on a device; a device that is not known takes one at a time."""
    return BATCH_LIMITS.get(device.type, 1)


def narrowed(model: Model, dtype: torch.dtype) -> Model:
    """The model with the weights of its convolutions and linear layers in another format, for use under `autocast`.

    Narrowed once, not in every picture; the answers are the same bits. All else is shared with the model, which is left as it is.

    Args:
        model: In float32.
        dtype: float32 gives the model itself.
    """
    if dtype == torch.float32:
        return model
    kept: dict[int, nn.Parameter] = {id(parameter): parameter for parameter in model.parameters()}
    for module in model.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            for parameter in module.parameters(recurse=False):
                kept[id(parameter)] = nn.Parameter(parameter.detach().to(dtype), requires_grad=False)
    return copy.deepcopy(model, kept)  # type: ignore[arg-type]


def autocast(device: torch.device, dtype: torch.dtype) -> AbstractContextManager[object]:
    """The context in which a `narrowed` model runs."""
    if dtype == torch.float32:
        return contextlib.nullcontext()
    return torch.autocast(device.type, dtype=dtype)
