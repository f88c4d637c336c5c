"""What the close look at the head is worth, and how much detail to lift in it.

    python benchmarks/close_look.py --data DATA [--model DIR] [--split val] [--samples 160] [--gains 0,0.5,1]

Answers in the samples' pixels, with as many looks as the model takes, without and with the close look, of the same predictions.
Choose gains on ``val``, then measure the one that ships on ``test``. Writes docs/measurements/close_look.json.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import report
from maskel_core.evaluation.groups import groups_of
from maskel_core.evaluation.truth import Truth
from maskel_core.models.close_look import CloseLook
from maskel_core.pipeline import DEFAULT_MODEL, MaskelPipeline, XrayRequest
from maskel_core.pipeline.close_look import look_closer
from maskel_core.pipeline.contracts import Prediction, Prepared

FIGURES = (
    "high_pass_correlation",
    "slope_correlation",
    "crispness",
    "bone_pearson",
    "bone_psnr",
    "bone_ssim",
    "soft_psnr",
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of shards")
    parser.add_argument("--model", type=Path, default=DEFAULT_MODEL)
    parser.add_argument("--split", choices=("val", "test"), default="test")
    parser.add_argument("--samples", type=int, default=160)
    parser.add_argument("--gains", type=lambda text: [float(it) for it in text.split(",")], default=[])
    parser.add_argument("--out", type=Path, default=report.FOLDER)
    options = parser.parse_args()
    pipeline = MaskelPipeline.from_pretrained(options.model)
    network, pipeline.close_look = pipeline.close_look, None
    if network is None:
        parser.error(f"{options.model} has no close look")
    gains = options.gains or [float(network.gain)]
    store, picks = report.held_out(options.data, options.samples, options.split)
    told = [groups_of(store.metas[i]) for i in picks]
    groups = {
        "all": [True] * len(picks),
        "frontal": [one["view"] == "front" for one in told],
        "bare": [one["clothing"] == "bare" for one in told],
        "bare, frontal": [one["clothing"] == "bare" and one["view"] == "front" for one in told],
        "dressed": [one["clothing"] != "bare" for one in told],
        "hair alone": [one["clothing"] == "hair" for one in told],
    }
    scales = tuple(pipeline.model.scaling.scale.flatten().tolist())
    rows: dict[str, list[list[float]]] = {"without": [], **{f"gain {gain:g}": [] for gain in gains}}
    predicting, closer = [], []
    for pick in picks:
        mask, layers = np.ascontiguousarray(store.masks[pick]), store.layers[pick].astype(np.float32)
        truth = Truth(layers[0], layers[1], mask, (scales[0], scales[1]))
        prepared = pipeline.prepare(XrayRequest(mask, joints=True, uncertainty=True))
        begun = time.perf_counter()
        (prediction,) = pipeline.predict([prepared])
        predicting.append(time.perf_counter() - begun)
        answers = {"without": prediction}
        for gain in gains:
            network.gain.fill_(gain)
            begun = time.perf_counter()
            answers[f"gain {gain:g}"] = mended(pipeline, network, prepared, prediction)
            closer.append(time.perf_counter() - begun)
        for name, answer in answers.items():
            out = pipeline.finish(prepared, answer)
            compared = truth.compare(out.bone, out.soft)
            rows[name].append([compared[figure] for figure in FIGURES])
    result = {
        "what": f"{len(picks)} held-out samples ({options.split}), without and with the close look at the head",
        "command": f"python benchmarks/close_look.py --data DATA --split {options.split}",
        "model": options.model.name,
        "samples": {name: sum(chosen) for name, chosen in groups.items()},
        "looks": pipeline.looks,
        "figures": {name: by_group(np.array(made), groups) for name, made in rows.items()},
        "seconds": {
            "prediction": round(statistics.median(predicting), 4),
            "close look": round(statistics.median(closer), 4),
        },
        "machine": report.machine(),
    }
    report.keep("close_look", result, options.out)
    return 0


def mended(
    pipeline: MaskelPipeline, network: CloseLook, prepared: Prepared, prediction: Prediction
) -> Prediction:
    """The prediction with its head mended, and that of its second look."""
    assert prediction.spread is not None and prediction.joints is not None
    batch = prepared.frame[None], prediction.xray[None], prediction.spread[None], prediction.joints[None]
    xray = look_closer(network, pipeline.model.scaling, *batch)[0]
    again = prediction.again
    if prepared.again is not None and again is not None:
        again = mended(pipeline, network, prepared.again, again)
    return replace(prediction, xray=xray, again=again)


def by_group(rows: np.ndarray, groups: dict[str, list[bool]]) -> dict[str, dict[str, float]]:
    """Means of `FIGURES` by group."""
    return {
        name: dict(zip(FIGURES, np.nanmean(rows[chosen], axis=0).round(4).tolist(), strict=True))
        for name, chosen in groups.items()
        if any(chosen)
    }


if __name__ == "__main__":
    sys.exit(main())
