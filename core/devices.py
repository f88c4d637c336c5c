"""Numbers brought to a device without waiting for it, and what it multiplies fast.

A copy from plain memory waits until all that was asked of the device is done.
"""

from __future__ import annotations

import functools

import torch
from torch import Tensor


def send(values: Tensor, device: torch.device) -> Tensor:
    """A CPU tensor's values on ``device``, in order with what is asked of it next; the caller goes on at once.

    The values must not be changed afterwards where the device is the CPU itself, whose tensor this is.
    """
    if device.type != "cuda" or values.device.type != "cpu":
        return values.to(device)
    # The allocator of pinned memory keeps what a copy still reads.
    return values.pin_memory().to(device, non_blocking=True)


def constant(values: tuple[float, ...] | tuple[int, ...], device: torch.device) -> Tensor:
    """A one-dimensional tensor, int64 or float32, made once for each device; not to be changed."""
    # What is made while a model is exported belongs to the export.
    return torch.tensor(values, device=device) if torch.compiler.is_compiling() else _made(values, device)


@functools.lru_cache(maxsize=64)
def _made(values: tuple[float, ...] | tuple[int, ...], device: torch.device) -> Tensor:
    # Made in inference mode it could take no part in training ever after.
    with torch.inference_mode(False):
        return torch.tensor(values, device=device)


def has_fast_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16 in hardware: AMX or AVX-512 BF16."""
    # Private names: an older or newer torch without them runs in float32.
    checks = (getattr(torch.cpu, f"_is_{name}_supported", None) for name in ("amx_tile", "avx512_bf16"))
    return any(check() for check in checks if check is not None)


__all__ = ["constant", "has_fast_bfloat16", "send"]
