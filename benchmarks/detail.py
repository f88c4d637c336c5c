"""How much detail an answer leaves out, by its size, and what giving some of it back does to the figures.

    python benchmarks/detail.py --data DATA [--model DIR] [--samples 160]

Bands are differences of Gaussians of the bone layer in frames, inside the body; samples are those of the ``val`` split, which
nothing learned from. ``sharpened`` is the way of models without a ``detail_gain``. Writes docs/measurements/detail.json.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from pathlib import Path
from typing import Any

import numpy as np
import report
import torch
from maskel_core.data.dataset import SampleStore
from maskel_core.evaluation.groups import groups_of
from maskel_core.evaluation.metrics import crispness, high_pass, pearson, slope_correlation
from maskel_core.pipeline import DEFAULT_MODEL, Letterbox, MaskelPipeline
from maskel_core.pipeline.edges import extend_beyond, lift_detail, reach_of
from scipy.ndimage import gaussian_filter

SIGMAS = (0.0, 0.6, 1.0, 1.6, 2.5, 4.0, 6.5, 10.0)
GAINS = (0.25, 0.5, 0.7, 0.85, 1.0, 1.25)
FIGURES = ("high_pass_correlation", "slope_correlation", "crispness", "pearson")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of shards with a val split")
    parser.add_argument("--model", type=Path, default=DEFAULT_MODEL)
    parser.add_argument("--samples", type=int, default=160)
    parser.add_argument("--out", type=Path, default=report.FOLDER)
    options = parser.parse_args()
    store, picks = report.held_out(options.data, options.samples)
    frontal = np.array([groups_of(store.metas[i])["view"] == "front" for i in picks])
    result = {
        "what": f"{len(picks)} held-out samples, {int(frontal.sum())} of them frontal: bone layer of answers beside the true one",
        "command": "python benchmarks/detail.py --data DATA",
        "model": options.model.name,
        "bands": bands(options.model, store, picks),
        "gains": {
            str(gain): {
                "all": dict(zip(FIGURES, rows.mean(axis=0).round(4).tolist(), strict=True)),
                **(
                    {"frontal": dict(zip(FIGURES, rows[frontal].mean(axis=0).round(4).tolist(), strict=True))}
                    if frontal.any()
                    else {}
                ),
            }
            for gain in ("sharpened", *GAINS)
            for rows in [figures(options.model, store, picks, 0.0 if gain == "sharpened" else float(gain))]
        },
        "machine": report.machine(),
    }
    report.keep("detail", result, options.out)
    return 0


def opened(folder: Path, gain: float) -> MaskelPipeline:
    """The pipeline of a model with another gain than its own, which looks once."""
    pipeline = MaskelPipeline.from_pretrained(folder)
    pipeline.model.register_to_config(detail_gain=gain)
    return MaskelPipeline(pipeline.model, folder.name, looks=1)


def figures(folder: Path, store: SampleStore, picks: list[int], gain: float) -> np.ndarray:
    """(N, 4) `FIGURES` of whole answers in the samples' pixels."""
    pipeline, rows = opened(folder, gain), []
    for pick in picks:
        mask, truth = store.masks[pick], store.layers[pick, 0].astype(np.float32)
        made, inside = pipeline(mask, joints=False).bone, mask >= 128
        rows.append(
            (
                pearson(high_pass(made)[inside], high_pass(truth)[inside]),
                slope_correlation(made, truth, inside),
                crispness(made, inside) / crispness(truth, inside),
                pearson(made[inside], truth[inside]),
            )
        )
    return np.array(rows)


def bands(folder: Path, store: SampleStore, picks: list[int]) -> list[dict[str, Any]]:
    """By band: Gaussians, strength in the truth over that in answers, before and after they are lifted, and correlation."""
    model: Any = MaskelPipeline.from_pretrained(folder).model
    size, margin, scaling = model.config.sample_size, model.config.margin, model.scaling
    gain = float(model.config.detail_gain)
    sums = np.zeros((len(SIGMAS) - 1, 4))
    for pick in picks:
        mask = store.masks[pick]
        box = Letterbox.around(mask, size, margin)
        frame = box.forward(torch.from_numpy(mask)[None]).clamp(0, 1)
        truth = box.forward(torch.from_numpy(store.layers[pick].astype(np.float32)))
        with torch.inference_mode():
            made = scaling.restore(model(frame[None]).xray.float())[0]
        # Without the outline, which both have from the mask.
        truth = extend_beyond(truth / frame.clamp_min(0.5), frame)
        made = extend_beyond(made, frame)
        inside = gaussian_filter((frame[0] >= 0.5).float().numpy(), 2) > 0.98
        lifted = lift_detail(made[:1], gain, reach_of(frame))
        three = (split(maps[0].numpy()) for maps in (made, truth, lifted))
        for row, *band in zip(sums, *three, strict=True):
            a, b, c = (values[inside] for values in band)
            if a.size:
                row += (a * a).mean(), (b * b).mean(), (a * b).mean(), (c * c).mean()
    return [
        {
            "from_pixels": near,
            "to_pixels": far,
            "truth_over_answer": round(float((theirs / ours) ** 0.5), 3),
            "truth_over_lifted": round(float((theirs / after) ** 0.5), 3),
            "correlation": round(float(both / (ours * theirs) ** 0.5), 3),
        }
        for (near, far), (ours, theirs, both, after) in zip(itertools.pairwise(SIGMAS), sums, strict=True)
    ]


def split(values: np.ndarray) -> list[np.ndarray]:
    """Differences of Gaussians of neighbouring `SIGMAS`."""
    blurred = [gaussian_filter(values, sigma) if sigma else values for sigma in SIGMAS]
    return [near - far for near, far in itertools.pairwise(blurred)]


if __name__ == "__main__":
    sys.exit(main())
