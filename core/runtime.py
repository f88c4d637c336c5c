"""Open the pipeline for a program: which model, which device, how many threads."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from maskel_core.errors import MaskelError

if TYPE_CHECKING:
    from maskel_core.pipeline import MaskelPipeline


def open_pipeline(
    model: Path | None = None,
    device: str = "auto",
    threads: int | None = None,
    precision: str = "auto",
    looks: int | None = None,
) -> MaskelPipeline:
    """Load a pipeline onto a device.

    Args:
        model: Folder of a model; None for the one that ships.
        device: ``auto`` (CUDA, then MPS, then CPU), ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
        threads: CPU threads for torch, process-wide; None leaves torch's choice.
        precision: ``auto`` (the fastest without visible loss), ``float32``, ``bfloat16`` or ``float16``.
        looks: How often a picture is looked at, 1 (twice as fast) or 2; None = as the model says.

    Raises:
        MaskelError: ``bad_device``, and what ``MaskelPipeline.from_pretrained`` raises.
    """
    import torch

    target = choose_device(device)
    from maskel_core.pipeline import MaskelPipeline

    if threads is not None:
        torch.set_num_threads(threads)
    return MaskelPipeline.from_pretrained(model, target, precision, looks)


def choose_device(name: str) -> str:
    """The torch device for a name as users write it; ``auto`` takes the fastest there is.

    Raises:
        MaskelError: ``bad_device`` for an unknown name or one this machine does not have.
    """
    import torch

    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if name == "auto":
        return "cuda" if cuda else "mps" if mps else "cpu"
    kind, _, index = name.partition(":")
    there = {"cpu": not index, "mps": mps and not index, "cuda": cuda}.get(kind, False)
    if kind == "cuda" and there and index:
        there = index.isdigit() and int(index) < torch.cuda.device_count()
    if not there:
        raise MaskelError(
            "bad_device", f"The device {name!r} is not there.", "Use --device auto or --device cpu."
        )
    return name
