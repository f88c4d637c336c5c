"""Train the close look of a model: ``python -m maskel_core.training.close_look MODEL DATA``."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from maskel_core.anatomy.joints import MIRRORED
from maskel_core.data.dataset import SampleStore
from maskel_core.errors import MaskelError
from maskel_core.models.close_look import CloseLook
from maskel_core.models.store import damaged, write_checksums
from maskel_core.models.vq_masked_autoencoder import LayerScaling
from maskel_core.pipeline import MaskelPipeline, XrayRequest
from maskel_core.pipeline.close_look import (
    CLOSE_LOOK,
    REACH,
    WINDOW,
    HeadWindow,
    head_maps,
    in_frame,
    load_close_look,
    save_close_look,
)
from maskel_core.pipeline.contracts import Prediction, Prepared, looks_of
from maskel_core.pipeline.edges import is_gain
from maskel_core.pipeline.turning import mirrored
from maskel_core.training.losses import blur
from maskel_core.training.muon import Muon
from numpy.typing import NDArray
from rich.progress import track
from torch import Tensor

SLACK = 8
"""Pixels by which a window is shifted at most while training."""

HIGH_PASS = 10 / WINDOW
"""Blur of the high-passed maps, share of a window: about 2 % of a standing body's picture."""

MATRICES_APART = ("enter.", "place.0.", "leave.2.")
"""First and last layers, which Muon leaves to AdamW."""


@dataclass
class HeadWindows:
    """Heads as a model answers them, and as they are.

    Attributes:
        maps: float16 (N, 7, W, W): what `head_maps` gives, then true bone and soft tissue in the normalised domain; W is
            `WINDOW` and twice `SLACK`.
        told: float32 (N, 3 J + 3), as of `HeadWindow.told`.
    """

    maps: NDArray[np.float16]
    told: NDArray[np.float32]


def collect_windows(pipeline: MaskelPipeline, store: SampleStore, rows: list[int]) -> HeadWindows:
    """Windows of samples that have bone, by every look the pipeline takes; their close look has no part in it.

    Raises:
        MaskelError: ``model_damaged`` where the model names no joints or does not say how sure it is.
    """
    maps, told = [], []
    closer, pipeline.close_look = pipeline.close_look, None
    try:
        for row in track(rows, "heads", disable=len(rows) < 100):
            mask, layers = np.ascontiguousarray(store.masks[row]), store.layers[row].astype(np.float32)
            if not (layers[0] > 0).any() or not np.isfinite(layers).all():
                continue
            prepared = pipeline.prepare(XrayRequest(mask, joints=True, uncertainty=True))
            (prediction,) = pipeline.predict([prepared])
            shown = layers * (mask > 0)
            truth = torch.from_numpy(mirrored(shown) if prepared.turned else shown)
            for look in looks_of(prepared, prediction):
                window = _window(*look, truth, pipeline.model.scaling)
                if window is None:
                    raise damaged(Path(pipeline.model_id), "it names no joints, or not how sure it is")
                maps.append(window[0])
                told.append(window[1])
    finally:
        pipeline.close_look = closer
    return HeadWindows(np.stack(maps), np.stack(told))


@torch.inference_mode()
def _window(
    prepared: Prepared, prediction: Prediction, truth: Tensor, scaling: LayerScaling
) -> tuple[NDArray[np.float16], NDArray[np.float32]] | None:
    """One look's head: maps and what is told, see `HeadWindows`; None where the model says too little."""
    if prediction.joints is None or prediction.spread is None:
        return None
    box, size = prepared.box, WINDOW + 2 * SLACK
    joints = in_frame(prediction.joints, box.size)
    window = HeadWindow.around(joints)
    seen = head_maps(prepared.frame, prediction.xray, prediction.spread, window, size)
    # The truth is cut from the picture itself: on the way through a frame it would lose edges.
    inside = window.scaled(box.points_backward(window.centre[None])[0], box.side / box.size)
    true = scaling.normalise(inside.cut(truth, size).clamp_min(0)[None])[0]
    return torch.cat([seen, true]).numpy().astype(np.float16), window.told(joints)


def draw(heads: HeadWindows, batch: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """A batch, each window shifted and every second one mirrored: float32 (B, 7, `WINDOW`, `WINDOW`) and (B, 3 J + 3)."""
    maps, told = [], []
    for row in rng.integers(len(heads.maps), size=batch):
        right, down = rng.integers(0, 2 * SLACK + 1, size=2)
        window = heads.maps[row, :, down : down + WINDOW, right : right + WINDOW]
        places = heads.told[row].copy()
        joints = places[:-3].reshape(3, -1)
        joints[:2] -= (np.array([[right], [down]]) - SLACK) / REACH
        if rng.random() < 0.5:
            window = window[:, :, ::-1]
            joints[:] = joints[:, list(MIRRORED)] * [[-1], [1], [1]]
            places[-2] *= -1
        maps.append(np.ascontiguousarray(window))
        told.append(places)
    return torch.from_numpy(np.stack(maps)).float(), torch.from_numpy(np.stack(told))


def close_loss(made: Tensor, truth: Tensor, mask: Tensor, scaling: LayerScaling) -> Tensor:
    """L1 in the normalised domain, and what the report's correlations of bone lose, each window for itself.

    Args:
        made: (B, 2, S, S), normalised domain.
        truth: The same.
        mask: (B, 1, S, S), 0 to 1.
        scaling: Between the normalised domain and line integrals.

    Returns:
        Scalar: L1 over the mask, half the squared error of the slopes and half that of the maps less their blur, these two
        as shares of the truth's own squares, of windows with bone in them, 3 at most.
    """
    inside = (mask > 0.5).float()
    near = ((made - truth).abs() * inside).sum((1, 2, 3)) / inside.sum((1, 2, 3)).clamp_min(1)
    bone, true = (scaling.restore(it)[:, :1] * inside for it in (made.clamp_min(0), truth))
    wrong = held = made.new_zeros(len(made))
    for axis in (2, 3):
        ours, theirs, area = (
            it.narrow(axis, 2, it.shape[axis] - 2) - it.narrow(axis, 0, it.shape[axis] - 2)
            for it in (bone, true, inside)
        )
        # At the body's edge the cut makes a slope that is nobody's.
        within = area == 0
        wrong = wrong + ((ours - theirs).square() * within).sum((1, 2, 3))
        held = held + (theirs.square() * within).sum((1, 2, 3))
    fine, true_fine = (it - blur(it, HIGH_PASS) for it in (bone, true))
    missed = ((fine - true_fine).square() * inside).sum((1, 2, 3))
    whole = (true_fine.square() * inside).sum((1, 2, 3))
    counts = (held > 1e-2).float()
    shares = [(wrong / held.clamp_min(1e-3)).clamp(max=3), (missed / whole.clamp_min(1e-3)).clamp(max=3)]
    return near.mean() + sum(0.5 * (it * counts).sum() / counts.sum().clamp_min(1) for it in shares)


def fit_network(
    network: CloseLook,
    heads: HeadWindows,
    scaling: LayerScaling,
    steps: int,
    batch: int = 12,
    rate: float = 2e-3,
    seed: int = 0,
) -> CloseLook:
    """Train in place; returns the network with averaged weights, in eval mode.

    Args:
        network: Fresh, or what to go on from.
        heads: To learn from.
        scaling: Of the model whose answers they are.
        steps: Of ``batch`` windows; the rate falls to a fiftieth over the last seven tenths of them.
        batch: Windows of a step.
        rate: Highest learning rate.
        seed: Of what is drawn.
    """
    network.train().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    named = list(network.named_parameters())
    hidden = [p for name, p in named if p.ndim > 1 and not name.startswith(MATRICES_APART)]
    chosen = {id(p) for p in hidden}
    optimizer = Muon(hidden, [p for _, p in named if id(p) not in chosen], lr=rate, weight_decay=0.01)
    average = {name: value.clone() for name, value in network.state_dict().items()}
    rng = np.random.default_rng(seed)
    for step in track(range(steps), "close look", disable=steps < 100):
        share = step / steps
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1.0, (step + 1) / 50) * min(1.0, max(0.02, (1 - share) / 0.7))
        maps, told = draw(heads, batch, rng)
        seen, truth = maps[:, :5], maps[:, 5:]
        loss = close_loss(seen[:, 1:3] + network(seen, told), truth, seen[:, :1], scaling)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        keep = min(0.998, (1 + step) / (10 + step))
        with torch.no_grad():
            for name, value in network.state_dict().items():
                average[name].lerp_(value, 1 - keep)
    network.load_state_dict(average)
    return network.eval()


def train_close_look(
    folder: Path | str,
    data: Path | str,
    count: int,
    steps: int,
    rate: float = 2e-3,
    seed: int = 0,
    resume: bool = False,
    gain: float | None = None,
) -> CloseLook:
    """Train on the answers to training masks, write `CLOSE_LOOK` into the model's folder and renew its checksums.

    Args:
        folder: Of a `MaskTransformer`.
        data: Folder of shards with a split ``train``.
        count: Training masks, evenly spaced over the split.
        steps: As for `fit_network`.
        rate: As for `fit_network`.
        seed: As for `fit_network`.
        resume: Go on from what the folder has.
        gain: Of `CloseLook`, as benchmarks/close_look.py measures it; None keeps what it is, 0 in fresh weights.

    Raises:
        MaskelError: ``model_missing``, ``model_damaged``, ``data_missing``, ``data_damaged``, ``bad_gain``.
    """
    folder = Path(folder)
    if gain is not None and not is_gain(gain):
        raise MaskelError("bad_gain", f"Detail cannot be lifted by {gain:g}.", "Choose a number from 0.")
    pipeline = MaskelPipeline.from_pretrained(folder)
    network = (load_close_look(folder) if resume else None) or _fresh(seed)
    store = SampleStore.open(data, "train")
    heads = collect_windows(pipeline, store, store.spaced(count))
    network = fit_network(network, heads, pipeline.model.scaling, steps, rate=rate, seed=seed)
    if gain is not None:
        network.gain.fill_(gain)
    save_close_look(network, folder)
    write_checksums(folder)
    return network


def _fresh(seed: int) -> CloseLook:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return CloseLook()


def main(arguments: list[str] | None = None) -> None:
    """Command line of this module."""
    parser = argparse.ArgumentParser(description="Train the close look of a model.")
    parser.add_argument("model", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--samples", type=int, default=4000)
    parser.add_argument("--steps", type=int, default=2400)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--gain", type=float, help="detail to lift afterwards")
    parser.add_argument("--resume", action="store_true", help="go on from what the model's folder has")
    given = parser.parse_args(arguments)
    train_close_look(
        given.model,
        given.data,
        given.samples,
        given.steps,
        given.rate,
        given.seed,
        given.resume,
        given.gain,
    )
    print(given.model / CLOSE_LOOK)


if __name__ == "__main__":
    main()
