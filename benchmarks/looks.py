"""What a second look is worth, and which part of it: cutting off what is no body, or a frame of its own.

    python benchmarks/looks.py --data DATA [--model DIR] [--samples 160]

Answers in the samples' pixels; samples are those of the ``val`` split, which nothing learned from. Joint errors are shares of
the body's height, under the better naming of its sides. Writes docs/measurements/looks.json.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import numpy as np
import report
from maskel_core.data.dataset import SampleStore
from maskel_core.evaluation.groups import groups_of
from maskel_core.evaluation.joints import body_length, joint_summary, seen_joints, sides_open
from maskel_core.evaluation.truth import Truth
from maskel_core.pipeline import DEFAULT_MODEL, MaskelPipeline, second_look

FIGURES = ("high_pass_correlation", "slope_correlation", "crispness", "bone_pearson", "soft_psnr")
NO_COVER, SAME_FRAME = -1.0, (0.0, 0.0, 1.0)


@dataclass(frozen=True)
class Way:
    """A way to look.

    Attributes:
        looks: How often.
        cover: `second_look.COVER`.
        move: `second_look.MOVE`.
    """

    looks: int = 2
    cover: float = second_look.COVER
    move: tuple[float, float, float] = second_look.MOVE


WAYS = {
    "one look": Way(looks=1),
    "nothing cut off, another frame": Way(cover=NO_COVER),
    "cut off, the same place in the frame": Way(move=SAME_FRAME),
    "cut off, another frame": Way(),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of shards with a val split")
    parser.add_argument("--model", type=Path, default=DEFAULT_MODEL)
    parser.add_argument("--samples", type=int, default=160)
    parser.add_argument("--out", type=Path, default=report.FOLDER)
    options = parser.parse_args()
    store = SampleStore.open(options.data, "val", cache=False)
    count = min(options.samples, len(store))
    picks = [i * len(store) // count for i in range(count)]
    picks = [i for i in picks if (store.layers[i, 0] > 0).any()]
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
        "ways": {name: measure(options.model, store, picks, groups, way) for name, way in WAYS.items()},
        "machine": report.machine(),
    }
    report.keep("looks", result, options.out)
    return 0


def measure(
    folder: Path, store: SampleStore, picks: list[int], groups: dict[str, list[bool]], way: Way
) -> dict[str, dict[str, float]]:
    """Means of `FIGURES`, and of the joints' errors, by group; and the median of the seconds a picture takes."""
    pipeline = MaskelPipeline.from_pretrained(folder, looks=way.looks)
    scales = tuple(pipeline.model.scaling.scale.flatten().tolist())
    figures, errors, seconds = [], [], []
    with patch.multiple(second_look, COVER=way.cover, MOVE=way.move):
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
