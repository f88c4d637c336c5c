"""What a second look is worth, and where it should look.

    python benchmarks/looks.py --data DATA [--model DIR] [--samples 160]

Answers in the samples' pixels; samples are those of the ``val`` split, which nothing learned from. Joint errors are shares of
the body's height, under the better naming of its sides. Writes docs/measurements/looks.json.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path
from unittest.mock import patch

import numpy as np
import report
from maskel_core.data.dataset import SampleStore
from maskel_core.evaluation.groups import groups_of
from maskel_core.evaluation.joints import body_length, joint_summary, seen_joints, sides_open
from maskel_core.evaluation.truth import Truth
from maskel_core.pipeline import DEFAULT_MODEL, MaskelPipeline

Move = tuple[float, float, float]

FIGURES = ("high_pass_correlation", "slope_correlation", "crispness", "bone_pearson", "soft_psnr")
MOVES = {
    "right, down, 5 % farther": (0.01, 0.01, 1.05),
    "5 % farther": (0.0, 0.0, 1.05),
    "a token right and down": (0.03, 0.03, 1.0),
    "left, down, 2 % nearer": (-0.02, 0.02, 0.98),
}
"""Where the second frame looks (`Letterbox.moved`); the last is what ships."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of shards with a val split")
    parser.add_argument("--model", type=Path, default=DEFAULT_MODEL)
    parser.add_argument("--samples", type=int, default=160)
    parser.add_argument("--out", type=Path, default=report.FOLDER)
    options = parser.parse_args()
    store, picks = report.held_out(options.data, options.samples)
    told = [groups_of(store.metas[i]) for i in picks]
    groups = {
        "all": [True] * len(picks),
        "frontal": [one["view"] == "front" for one in told],
        "bare": [one["clothing"] == "bare" for one in told],
        "dressed": [one["clothing"] != "bare" for one in told],
    }
    result = {
        "what": f"{len(picks)} held-out samples, looked at once and twice",
        "command": "python benchmarks/looks.py --data DATA",
        "model": options.model.name,
        "samples": {name: sum(chosen) for name, chosen in groups.items()},
        "one look": measure(options.model, store, picks, groups, None),
        "two looks": {
            name: measure(options.model, store, picks, groups, move) for name, move in MOVES.items()
        },
        "machine": report.machine(),
    }
    report.keep("looks", result, options.out)
    return 0


def measure(
    folder: Path, store: SampleStore, picks: list[int], groups: dict[str, list[bool]], move: Move | None
) -> dict[str, dict[str, float]]:
    """Means of `FIGURES`, and of the joints' errors, by group; and the median of the seconds a picture takes."""
    pipeline = MaskelPipeline.from_pretrained(folder, looks=1 if move is None else 2)
    scales = tuple(pipeline.model.scaling.scale.flatten().tolist())
    figures, errors, seconds = [], [], []
    with patch("maskel_core.pipeline.pipeline.MOVE", move):
        for pick in picks:
            mask, layers = np.ascontiguousarray(store.masks[pick]), store.layers[pick].astype(np.float32)
            begun = time.perf_counter()
            out = pipeline(mask, joints=True)
            seconds.append(time.perf_counter() - begun)
            truth = Truth(layers[0], layers[1], mask, (scales[0], scales[1]))
            compared = truth.compare(out.bone, out.soft)
            figures.append([compared[name] for name in FIGURES])
            joints = seen_joints(store.joints[pick], mask.shape)
            places = np.array([(joint.x, joint.y) for joint in out.joints.values()])
            errors.append(sides_open(places, joints, body_length(layers[1], mask)))
    rows, found = np.array(figures), np.array(errors)
    made = {
        name: {
            **dict(zip(FIGURES, np.nanmean(rows[chosen], axis=0).round(4).tolist(), strict=True)),
            **{key: round(value, 5) for key, value in joint_summary(found[chosen].ravel()).items()},
        }
        for name, chosen in groups.items()
        if any(chosen)
    }
    return {**made, "seconds": {"median": round(statistics.median(seconds), 3)}}


if __name__ == "__main__":
    sys.exit(main())
