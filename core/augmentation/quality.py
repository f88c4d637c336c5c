"""Are made-up X-rays like true ones, and are they new? Distances between sets, nearest neighbours, sheets to look at."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from maskel_core.augmentation.build import SMALL_FOLDER
from maskel_core.augmentation.fit import load_fit
from maskel_core.data.body_store import BodyStore
from maskel_core.data.dataset import SampleStore
from maskel_core.errors import MaskelError
from maskel_core.evaluation.frechet import feature_distance
from maskel_core.models import LayerScaling
from maskel_core.training.sheets import contact_sheet, grey
from torch import Tensor

COMPONENTS = 64
"""Principal components of the training pictures in which sets are compared."""


def components(pictures: Tensor, count: int = COMPONENTS) -> tuple[Tensor, Tensor]:
    """Mean (D,) and leading directions (D, count) of pictures (N, 2, S, S), by `torch.pca_lowrank` with a fixed seed."""
    flat = pictures.flatten(1)
    mean = flat.mean(dim=0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        _, _, directions = torch.pca_lowrank(flat - mean, q=min(count, len(flat) - 1), center=False)
    return mean, directions


def nearest(pictures: Tensor, others: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The nearest of ``others`` (M, 2, S, S) or their mirror images to each picture (N, 2, S, S).

    Returns:
        Root mean square differences float32 (N,), numbers int64 (N,), and bool (N,), whether it is the mirror image.
    """
    ours, theirs = pictures.flatten(1), others.flatten(1)
    mirrored = others.flip(3).flatten(1)
    squares = theirs.square().sum(dim=1)
    distances = torch.stack(
        [ours.square().sum(dim=1)[:, None] + squares - 2 * ours @ x.T for x in (theirs, mirrored)], dim=1
    )
    best, number = distances.flatten(1).min(dim=1)
    rms = (best.clamp_min(0) / ours.shape[1]).sqrt()
    return rms, number % len(others), number >= len(others)


def statistics(pictures: Tensor) -> dict[str, dict[str, float]]:
    """Mean and standard deviation over pictures (N, 2, S, S), normalised: what a body covers and how bright it is in there.

    ``area`` is the share of the frame, ``soft`` and ``bone`` are means inside, ``width`` is the box's width over its height.
    """
    body = pictures[:, 1] > 0.15
    area = body.float().mean(dim=(1, 2)).clamp_min(1e-6)
    inside = [(pictures[:, layer] * body).mean(dim=(1, 2)) / area for layer in range(2)]
    width = body.any(dim=1).sum(dim=1) / body.any(dim=2).sum(dim=1).clamp_min(1)
    found = {"area": area, "bone": inside[0], "soft": inside[1], "width": width}
    return {
        name: {"mean": round(float(x.mean()), 4), "sd": round(float(x.std()), 4)} for name, x in found.items()
    }


def compare(made: Tensor, held_out: Tensor, training: Tensor) -> dict[str, Any]:
    """Figures of made-up pictures beside those of true pictures of other persons, both against the training pictures.

    Args:
        made: (N, 2, S, S), normalised.
        held_out: (M, 2, S, S).
        training: (K, 2, S, S).

    Returns:
        ``frechet`` over `COMPONENTS` principal components, from equally many pictures; ``nearest``, medians and fifth
        percentiles of the distance to the nearest training picture; `statistics` of the three.
    """
    count = min(len(made), len(held_out))
    made, held_out = made[:count], held_out[:count]
    mean, directions = components(training)
    reference, ours, others = (
        ((x.flatten(1) - mean) @ directions).numpy() for x in (training, made, held_out)
    )
    found: dict[str, Any] = {
        "pictures": count,
        "training_pictures": len(training),
        "frechet": {
            "made": round(feature_distance(ours, reference), 3),
            "held_out": round(feature_distance(others, reference), 3),
        },
        "nearest": {},
        "statistics": {
            name: statistics(x)
            for name, x in (("made", made), ("held_out", held_out), ("training", training))
        },
    }
    for name, pictures in (("made", made), ("held_out", held_out)):
        distance = nearest(pictures, training)[0].numpy()
        found["nearest"][name] = {
            "median": round(float(np.median(distance)), 4),
            "p5": round(float(np.percentile(distance, 5)), 4),
            "least": round(float(distance.min()), 4),
        }
    return found


def review(
    run: Path | str,
    samples: Path | str,
    data: Path | str,
    out: Path | str,
    limit: int = 800,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Compare a made-up set with the set its models learned from; write ``review.json`` and two sheets.

    ``sheet-64.png``: above made-up pictures, below the training pictures nearest to them; ``sheet-256.png``: the same
    enlarged, with masks.

    Args:
        run: Folder of the fit.
        samples: Folder of the made-up set.
        data: Folder of shards that the fit learned from.
        out: Folder to write.
        limit: Made-up and held-out pictures compared at most.
        progress: Called with training pictures read and their number.

    Raises:
        MaskelError: ``model_missing``, ``bad_fit``, ``data_missing``, ``cannot_write``.
    """
    small, large = load_fit(run)
    size, scaling, out = int(small.config.sample_size), small.scaling, Path(out)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MaskelError(
            "cannot_write", f"{out} cannot be written: {error.strerror or error}.", "Choose another folder."
        ) from error
    made = SampleStore.open(Path(samples) / SMALL_FOLDER, "train", limit, cache=False)
    pictures = scaling.normalise(torch.from_numpy(np.asarray(made.layers, dtype=np.float32)))
    margin = float(small.config.margin)
    bodies = BodyStore.of(SampleStore.open(data, "train"))
    report = progress or (lambda _done, _all: None)
    indices, training = _whole_bodies(bodies, size, margin, report)
    known = _normalised(training, scaling)
    held_out = _whole_bodies(BodyStore.of(SampleStore.open(data, "val")), size, margin)[1]
    others = _normalised(held_out, scaling)
    figures = {"size": size, **compare(pictures, others, known)}
    manifest = json.loads((Path(samples) / "manifest.json").read_text("utf-8"))
    figures["set"] = {key: manifest[key] for key in ("count", "candidates", "rejected")}
    shown = min(6, len(pictures))
    _, number, turned = nearest(pictures[:shown], known)
    near = torch.stack([known[n].flip(2) if t else known[n] for n, t in zip(number, turned, strict=True)])
    twice = [F.interpolate(x, scale_factor=2.0, mode="nearest") for x in (pictures[:shown], near)]
    _sheet([[x[:, 0], x[:, 1]] for x in twice], out / "sheet-64.png")
    enlarged = SampleStore.open(samples, "train", shown, cache=False)
    wide = scaling.normalise(torch.from_numpy(np.asarray(enlarged.layers, dtype=np.float32)))
    true = []
    for n, t in zip(number, turned, strict=True):
        frame = bodies.frame(indices[int(n)], int(large.config.sample_size), margin)
        assert frame is not None
        true.append(frame.flip(2) if t else frame)
    near = _normalised(torch.stack(true), scaling)
    masks = torch.from_numpy(np.asarray(enlarged.masks, dtype=np.float32)) / 255
    _sheet([[wide[:, 0], wide[:, 1], masks], [near[:, 0], near[:, 1]]], out / "sheet-256.png")
    (out / "review.json").write_text(json.dumps(figures, indent=2) + "\n", "utf-8")
    return figures


def _whole_bodies(
    store: BodyStore, size: int, margin: float, report: Callable[[int, int], None] | None = None
) -> tuple[list[int], Tensor]:
    """Numbers and frames (N, 2, size, size) of the bodies that are whole."""
    indices, found = [], []
    for index in range(len(store)):
        if report is not None:
            report(index, len(store))
        frame = store.frame(index, size, margin)
        if frame is not None:
            indices.append(index)
            found.append(frame)
    return indices, torch.stack(found)


def _normalised(frames: Tensor, scaling: LayerScaling) -> Tensor:
    return scaling.normalise(frames.float())


def _sheet(groups: list[list[Tensor]], path: Path) -> None:
    """Each tensor (N, H, W) one row of a sheet."""
    rows = [[grey(tile.numpy()) for tile in row] for group in groups for row in group]
    contact_sheet(rows).save(path)
