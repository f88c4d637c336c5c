"""Start a model from another one's weights."""

from __future__ import annotations

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
    folder = Path(source)
    if not folder.exists() and (SHIPPED / str(source)).exists():
        folder = SHIPPED / str(source)
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
