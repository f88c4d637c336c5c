"""What a model makes of samples it does not train on: figures for the log and a sheet to look at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from maskel_core.data.dataset import Batch
from maskel_core.evaluation.metrics import crispness, high_pass, pearson
from maskel_core.models import LayerScaling, MaskedAutoencoder
from maskel_core.training.sheets import contact_sheet, grey
from maskel_core.training.stages import cut, fill_unknown, true_xray
from PIL import Image
from torch import nn

SHEET_ROWS = 8
REVIEW_SAMPLES = 48


@dataclass
class Review:
    """A look at a model: named figures, and one sheet of its pictures."""

    figures: dict[str, float]
    sheet: Image.Image


def review_autoencoder(model: nn.Module, batch: Batch, scaling: LayerScaling) -> Review:
    """Stage 1 with a quarter of the patches hidden, the same ones every time; columns: truth and answer of each layer."""
    xray = true_xray(batch, scaling)
    assert isinstance(model, MaskedAutoencoder)
    hidden = model.random_hidden(len(xray), torch.Generator().manual_seed(0)).to(xray.device)
    rebuilt = torch.cat([model(x, h) for x, h in zip(xray.split(8), hidden.split(8), strict=True)])
    rows = [
        [_tile(xray[i, 0]), _tile(rebuilt[i, 0]), _tile(xray[i, 1]), _tile(rebuilt[i, 1])]
        for i in range(min(SHEET_ROWS, len(xray)))
    ]
    truth = fill_unknown(xray, rebuilt, batch.known_layers)
    return Review({"l1": float((rebuilt - truth).abs().mean() / batch.mask.mean())}, contact_sheet(rows))


def review_generator(model: nn.Module, batch: Batch) -> Review:
    """Anything that makes X-rays of masks; columns: mask, truth and answer of each layer.

    ``joint_median`` is a share of the frame, which is a few per cent longer than the body that the report divides by.
    """
    scaling: LayerScaling = model.scaling  # type: ignore[assignment]
    truth = true_xray(batch, scaling)
    made = [model(part) for part in batch.mask.split(8)]
    xray = cut(torch.cat([m.xray for m in made]), batch.mask, scaling.gamma)
    rows = [
        [
            _tile(batch.mask[i, 0]),
            _tile(truth[i, 0]),
            _tile(xray[i, 0]),
            _tile(truth[i, 1]),
            _tile(xray[i, 1]),
        ]
        for i in range(min(SHEET_ROWS, len(xray)))
    ]
    inside = batch.mask[:, 0] > 0.5
    pairs = [(xray[i, 0][inside[i]], truth[i, 0][inside[i]]) for i in range(len(xray)) if inside[i].any()]
    correlation = [float(torch.corrcoef(torch.stack(pair))[0, 1]) for pair in pairs]
    figures = {
        "l1": float((xray - fill_unknown(truth, xray, batch.known_layers)).abs().mean() / batch.mask.mean()),
        "bone_correlation": float(np.nanmean(correlation)),
        **_sharpness(scaling.restore(xray)[:, 0], scaling.restore(truth)[:, 0], inside),
    }
    if made[0].joints is not None:
        position = torch.cat([m.joints.position for m in made])
        distance = (position - batch.joints).norm(dim=2)[batch.known]
        figures["joint_median"] = float(distance.median()) if len(distance) else float("nan")
    return Review(figures, contact_sheet(rows))


def _sharpness(bone: torch.Tensor, truth: torch.Tensor, inside: torch.Tensor) -> dict[str, float]:
    """Means over samples (B, S, S) of what the report calls high-pass correlation and crispness."""
    fine, crisp = [], []
    for a, b, i in zip(bone.cpu().numpy(), truth.cpu().numpy(), inside.cpu().numpy(), strict=True):
        if not i.any():
            continue
        fine.append(pearson(high_pass(a)[i], high_pass(b)[i]))
        # As in the report, a sample without bone has no crispness.
        if (true := crispness(b, i)) > 0:
            crisp.append(crispness(a, i) / true)
    found = {"high_pass_correlation": fine, "crispness": crisp}
    return {name: float(np.mean(values)) if values else float("nan") for name, values in found.items()}


def _tile(values: torch.Tensor) -> np.ndarray:
    return grey(values.float().cpu().numpy())
