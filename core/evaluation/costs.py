"""What an answer costs: parameters, training, and what storing in half precision changes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from maskel_core.data.dataset import SampleStore
from maskel_core.models.store import load_model
from maskel_core.pipeline import MaskelPipeline
from maskel_core.pipeline.letterbox import Letterbox
from maskel_core.training.tracking import LOG, last_figures


def parameters_of(pipeline: MaskelPipeline) -> int:
    """Number of parameters of a pipeline's model and of its close look."""
    networks = [network for network in (pipeline.model, pipeline.close_look) if network is not None]
    return sum(value.numel() for network in networks for value in network.parameters())


def training_budget(folder: Path | str | None) -> dict[str, float]:
    """``minutes`` and ``samples_seen`` of all stages of the run that a model lies in; empty where there is no log.

    Args:
        folder: ``RUN/generator``; the log is ``RUN/log.jsonl``.
    """
    if folder is None or not (last := last_figures(Path(folder).resolve().parent / LOG)):
        return {}
    return {
        "minutes": sum(record["seconds"] for record in last.values()) / 60,
        "samples_seen": round(sum(record["rate"] * record["seconds"] for record in last.values())),
    }


def storage_loss(
    pipeline: MaskelPipeline, original: Path | str, store: SampleStore, count: int = 24
) -> dict[str, float]:
    """How far a model's normalised X-rays are from those of the weights it was exported from.

    Args:
        pipeline: The model as it ships.
        original: Folder of the float32 model.
        store: Samples whose masks are used.
        count: How many of them, evenly spaced.

    Returns:
        ``largest`` and ``mean`` change inside the body, 1 = the dense integral, and ``samples``.

    Raises:
        MaskelError: ``model_missing``, ``model_damaged``.
    """
    theirs, ours = load_model(original), pipeline.model
    config = ours.config
    picks = np.linspace(0, len(store) - 1, min(count, len(store))).round().astype(int)
    largest, total, pixels = 0.0, 0.0, 0
    for index in picks:
        mask = np.ascontiguousarray(store.masks[index])
        box = Letterbox.around(mask, config.sample_size, config.margin)
        frame = box.forward(torch.from_numpy(mask)[None]).clamp(0, 1)[None]
        with torch.inference_mode():
            change = (ours(frame, joints=False).xray - theirs(frame, joints=False).xray).abs()
        inside = change[:, :, frame[0, 0] > 0.5]
        largest = max(largest, float(inside.max()))
        total, pixels = total + float(inside.double().sum()), pixels + inside.numel()
    return {"largest": largest, "mean": total / max(pixels, 1), "samples": len(picks)}
