"""Does pre-training on made-up X-rays help? The same steps with and without it, with all true pairs and with a few.

    python benchmarks/augmentation.py --data DATA --made SET --work RUNS [--steps 600] [--limit 1000] [--threads 1]

Every run takes the same number of steps of the same model, hence the same work: on true pairs alone; or the first third on
made-up pairs and the rest on true ones, started from the former's weights. With few true pairs a third run spends the first
third on them and starts again, so that what the new start does is not taken for what the made-up pairs do. Measured on persons
of the test split. What was stopped goes on. Writes docs/measurements/augmentation.json.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

CONFIG = Path(__file__).with_suffix(".toml")
PRE_TRAINED = 1 / 3
"""Share of the steps spent on what comes first."""


def trained(out: Path, data: Path, steps: int, options: argparse.Namespace, **changes: Any) -> dict[str, Any]:
    """Train in a folder of its own, or take what an earlier call left there; the model's folder and what it cost."""
    from maskel_core.training.run import train

    noted = out / "cost.json"
    if not noted.exists():
        out.mkdir(parents=True, exist_ok=True)
        text = CONFIG.read_text("utf-8").replace("max_steps = 600", f"max_steps = {steps}")
        config = out / "config.toml"
        config.write_text(text, "utf-8")
        started = time.process_time()
        going_on = (out / "run" / "log.jsonl").exists()
        train(config, out / "run", going_on, data=str(data), threads=options.threads, **changes)
        cost = {"steps": steps, "processor_seconds": round(time.process_time() - started, 1)}
        if going_on:
            cost["processor_seconds_of"] = "the last part, the run was stopped"
        noted.write_text(json.dumps(cost), "utf-8")
    return {"model": out / "run" / "generator", **json.loads(noted.read_text("utf-8"))}


def measured(model: Path, data: Path, count: int) -> list[dict[str, float]]:
    """Figures of test samples, at the model's own size."""
    import torch
    from maskel_core.data.dataset import SampleStore
    from maskel_core.evaluation.metrics import crispness, high_pass, pearson
    from maskel_core.models.store import load_model
    from maskel_core.training.stages import cut, true_xray

    network = load_model(model)
    store = SampleStore.open(data, "test", count, cache=False)
    rows = []
    for first in range(0, len(store), 16):
        batch = store.batch(range(first, min(first + 16, len(store))), network.config.sample_size, 0.04)
        with torch.inference_mode():
            made = network(batch.mask, joints=False).xray
        scaling = network.scaling
        truth, xray = true_xray(batch, scaling), cut(made, batch.mask, scaling.gamma)
        bone, true_bone = (scaling.restore(x)[:, 0].numpy() for x in (xray, truth))
        for index in range(len(xray)):
            inside = batch.mask[index, 0].numpy() >= 0.5
            pair = bone[index], true_bone[index]
            smooth = [high_pass(x)[inside] for x in pair]
            rows.append(
                {
                    "high_pass_correlation": pearson(*smooth),
                    "bone_correlation": pearson(*(x[inside] for x in pair)),
                    "l1": float((xray[index] - truth[index]).abs().mean() / batch.mask[index].mean()),
                    "crispness": crispness(pair[0], inside) / max(crispness(pair[1], inside), 1e-9),
                }
            )
    return rows


def gain(ours: list[dict[str, float]], theirs: list[dict[str, float]]) -> dict[str, Any]:
    """Mean difference of each figure over the same samples, with its standard error."""
    found = {}
    for key in ours[0]:
        difference = [a[key] - b[key] for a, b in zip(ours, theirs, strict=True)]
        error = np.std(difference, ddof=1) / np.sqrt(len(difference))
        found[key] = {"gain": round(float(np.mean(difference)), 4), "standard_error": round(float(error), 4)}
    return found


def arms(options: argparse.Namespace, limit: int | None) -> dict[str, Any]:
    """The runs with ``limit`` true pairs, None = all of them."""
    first = round(options.steps * PRE_TRAINED)
    folder = options.work / ("all" if limit is None else str(limit))
    few = {"limit": limit or 0}
    before = {"made-up pairs first": trained(options.work / "made", options.made, first, options)}
    if limit is not None:
        before["true pairs first"] = trained(folder / "first", options.data, first, options, **few)
    runs = {"true pairs alone": trained(folder / "alone", options.data, options.steps, options, **few)}
    for name, start in before.items():
        place, model = folder / name.replace(" ", "-"), str(start["model"])
        rest = options.steps - first
        runs[name] = trained(place, options.data, rest, options, **few, warm_start=model)
    found: dict[str, Any] = {}
    rows = {name: measured(run["model"], options.data, options.samples) for name, run in runs.items()}
    for name, run in runs.items():
        spent = [before[name], run] if name in before else [run]
        found[name] = {
            "steps": [part["steps"] for part in spent],
            "processor_seconds": round(sum(part["processor_seconds"] for part in spent), 1),
            "samples": len(rows[name]),
            **{key: round(float(np.mean([row[key] for row in rows[name]])), 4) for key in rows[name][0]},
        }
    for name in before:
        found[f"gain of {name}"] = gain(rows[name], rows["true pairs alone"])
    return found


def main() -> int:
    import report
    import torch

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of true shards")
    parser.add_argument("--made", type=Path, required=True, help="folder of `maskel augment sample`")
    parser.add_argument("--work", type=Path, required=True, help="folder of the runs")
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--limit", type=int, default=1000, help="true pairs of the second comparison")
    parser.add_argument("--samples", type=int, default=400, help="test samples")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=report.FOLDER)
    options = parser.parse_args()
    facts = report.machine()
    torch.set_num_threads(options.threads)
    manifest = json.loads((options.made / "manifest.json").read_text("utf-8"))
    result = {
        "what": "a U-Net at 128 pixels after the same steps, with and without pre-training on made-up X-rays",
        "command": "python benchmarks/augmentation.py " + " ".join(sys.argv[1:]),
        "machine": facts,
        "made_up_pairs": {key: manifest[key] for key in ("count", "candidates", "rejected")},
        f"{options.limit} true pairs": arms(options, options.limit),
        "all true pairs": arms(options, None),
    }
    report.keep("augmentation", result, options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
