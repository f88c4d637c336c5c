"""Start a model from another one's weights."""

from __future__ import annotations

import json
import math
from pathlib import Path

from maskel_core.errors import MaskelError
from maskel_core.models.store import load_model
from torch import nn

SHIPPED = Path(__file__).parent.parent / "weights"


def take_weights(model: nn.Module, source: Path | str) -> tuple[int, int]:
    """Copy the weights that have the same name and shape; the rest keeps its start.

    Args:
        model: Changed in place.
        source: Folder of a model, or the name of one that ships.

    Returns:
        Parameters taken over and parameters in all.

    Raises:
        MaskelError: ``model_missing``, ``model_damaged``; ``bad_config`` when nothing fits.
    """
    folder = find_model(source)
    theirs, ours = load_model(folder).state_dict(), model.state_dict()
    fitting = {
        name: value for name, value in theirs.items() if name in ours and ours[name].shape == value.shape
    }
    if not fitting:
        raise MaskelError(
            "bad_config", f"No weight of {folder.name} fits the model.", "Name a model of its kind."
        )
    model.load_state_dict({**ours, **fitting})
    return sum(v.numel() for v in fitting.values()), sum(v.numel() for v in ours.values())


def find_model(source: Path | str) -> Path:
    """The folder itself, or that of the model of this name that ships."""
    folder = Path(source)
    if not folder.exists() and (SHIPPED / str(source)).exists():
        folder = SHIPPED / str(source)
    return folder


def start_scales(scales: tuple[float, float], source: Path | str) -> tuple[float, float]:
    """Line integrals that are 1 to the model: those of the model it starts from, as its weights mean them, else the data's.

    Args:
        scales: The data's; NaN for a layer that is nowhere known.
        source: Model to start from, as for `take_weights`; empty = none.

    Returns:
        Scales of bone and soft tissue; 1 where neither says any.
    """
    config = find_model(source) / "config.json" if source else None
    theirs = json.loads(config.read_text(encoding="utf-8")) if config is not None and config.is_file() else {}
    bone, soft = (
        float(theirs.get(name, 1.0 if math.isnan(own) else own))
        for name, own in zip(("bone_scale", "soft_scale"), scales, strict=True)
    )
    return bone, soft
