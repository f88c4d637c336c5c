"""Learn what a model's answers for people are like: ``python -m maskel_core.training.familiarity MODEL DATA``."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from maskel_core.data.dataset import SampleStore
from maskel_core.models import MaskTransformer
from maskel_core.models.store import damaged, load_model, write_checksums
from maskel_core.pipeline.execution import autocast, choose_precision, narrowed
from maskel_core.pipeline.familiarity import FAMILIARITY, Familiarity, traits
from torch import Tensor


def fit_familiarity(
    folder: Path | str, data: Path | str, train: int = 1600, held_out: int = 400, batch: int = 8
) -> Familiarity:
    """Fit to the masks of a data set, write `FAMILIARITY` into the model's folder and renew its checksums.

    Args:
        folder: Of a `MaskTransformer`.
        data: Folder of shards with splits ``train`` and ``val``.
        train: Training masks, evenly spaced over the split.
        held_out: Masks of other bodies, which set the scale.
        batch: Masks at a time.

    Raises:
        MaskelError: ``model_missing``, ``model_damaged``, ``data_missing``, ``data_damaged``.
    """
    folder = Path(folder)
    model = load_model(folder)
    if not isinstance(model, MaskTransformer):
        raise damaged(folder, f"a {type(model).__name__} does not say where joints lie and how sure it is")
    found = Familiarity.fit(
        answers(model, data, "train", train, batch), answers(model, data, "val", held_out, batch)
    )
    found.save(folder)
    write_checksums(folder)
    return found


@torch.inference_mode()
def answers(model: MaskTransformer, data: Path | str, split: str, count: int, batch: int) -> Tensor:
    """Traits of the answers to masks of a split: float32 (at most ``count``, D)."""
    model = model.eval().to(memory_format=torch.channels_last)  # type: ignore[call-arg]
    device = torch.device("cpu")
    precision = choose_precision("auto", model, device)
    running = narrowed(model, precision)
    store = SampleStore.open(data, split)
    chosen = store.spaced(count)
    found = []
    for start in range(0, len(chosen), batch):
        rows = chosen[start : start + batch]
        masks = store.batch(rows, model.config.sample_size, model.config.margin).mask
        with autocast(device, precision):
            made = running(masks)
        seen = traits(made, masks)
        assert seen is not None
        found.append(seen)
    return torch.cat(found)


def main(arguments: list[str] | None = None) -> None:
    """Command line of this module."""
    parser = argparse.ArgumentParser(description="Fit what a model's answers for people are like.")
    parser.add_argument("model", type=Path)
    parser.add_argument("data", type=Path)
    given = parser.parse_args(arguments)
    fit_familiarity(given.model, given.data)
    print(given.model / FAMILIARITY)


if __name__ == "__main__":
    main()
