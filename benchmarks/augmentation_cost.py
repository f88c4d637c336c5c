"""What learning from and making a picture costs the two models of the diffusion augmentation: processor time on one thread.

    python benchmarks/augmentation_cost.py [--runs 3]

Weights are fresh, pictures are noise: neither changes the time. Writes docs/measurements/augmentation_cost.json.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

LEARNED, MADE = {"augment-64": 16, "augment-256": 4}, 32
"""Pictures a batch."""


def least(work: Callable[[], object], runs: int) -> float:
    """Processor seconds of the fastest of some calls."""
    seconds = []
    for _ in range(runs):
        started = time.process_time()
        work()
        seconds.append(time.process_time() - started)
    return min(seconds)


def cost(name: str, runs: int) -> dict[str, Any]:
    """Milliseconds a picture of one configuration."""
    import torch
    from maskel_core.data.dataset import Batch
    from maskel_core.models import CONFIGURATIONS
    from maskel_core.training.augmenter_stages import AugmenterStage
    from maskel_core.training.config import load_config
    from maskel_core.training.loop import make_autocast

    torch.manual_seed(0)
    model = CONFIGURATIONS[name].make_generator().to(memory_format=torch.channels_last)
    size = model.config.sample_size
    given = model.config.sample_size // getattr(model.config, "factor", 1)
    autocast = make_autocast("auto", torch.device("cpu"))
    settings = load_config(name).generator
    assert settings is not None
    stage, generator = AugmenterStage(model, settings), torch.Generator().manual_seed(0)
    pictures = torch.rand(LEARNED[name], 2, size, size)
    batch = Batch(pictures[:, :1], pictures, *(torch.zeros(1),) * (len(Batch.__dataclass_fields__) - 2))
    learn = least(lambda: stage.step(batch, generator, 0.0, autocast), runs + 1) / LEARNED[name]
    model.eval()
    with torch.inference_mode(), autocast():
        make = least(lambda: model(torch.rand(MADE, 2, given, given)), runs) / MADE
    return {
        "parameters": sum(p.numel() for p in model.parameters()),
        "steps": model.config.steps,
        "learn_ms": round(1000 * learn, 1),
        "make_ms": round(1000 * make, 1),
        "batches": {"learn": LEARNED[name], "make": MADE},
    }


def main() -> int:
    # Threads that wait for work would count as work.
    os.environ["OMP_NUM_THREADS"] = "1"
    import report
    import torch

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--out", type=Path, default=report.FOLDER)
    options = parser.parse_args()
    facts = report.machine()
    torch.set_num_threads(1)
    rows = {name: cost(name, options.runs) for name in LEARNED}
    result = {
        "what": "processor time of a picture, one thread",
        "command": "python benchmarks/augmentation_cost.py " + " ".join(sys.argv[1:]),
        "machine": facts,
        "models": rows,
        "minutes_of_a_core_for_10000_pairs": round(sum(r["make_ms"] for r in rows.values()) * 10 / 60, 1),
    }
    report.keep("augmentation_cost", result, options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
