"""How long the model takes for one mask, beside a fixed piece of work that anyone can run.

    python benchmarks/pipeline.py [--size 512] [--threads 2] [--runs 20]

Writes docs/measurements/pipeline.json.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import report

LIMIT_S = 0.5


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--model", type=Path, help="folder of another model than the one that ships")
    parser.add_argument("--out", type=Path, default=report.FOLDER)
    options = parser.parse_args()

    facts = report.machine()
    import torch
    from maskel_core.runtime import open_pipeline

    pipeline = open_pipeline(options.model, options.device, options.threads)
    mask = report.figure(options.size)
    work = report.summary(report.timed(lambda: pipeline(mask), options.runs, warm=3))
    reference = report.summary(report.timed(convolutions(options.device), options.runs, warm=3))
    result = {
        "what": f"one {options.size} x {options.size} mask through the warm pipeline, style dxa",
        "command": f"python benchmarks/pipeline.py --size {options.size} --threads {options.threads}",
        "model": pipeline.model_id,
        "parameters": sum(parameter.numel() for parameter in pipeline.model.parameters()),
        "device": str(pipeline.device),
        "threads": torch.get_num_threads(),
        "pipeline": work,
        "reference": {"what": "eight 3 x 3 convolutions, 64 channels, 128 x 128, float32", **reference},
        "times_the_reference": round(work["median_s"] / reference["median_s"], 2),
        "limit_s": LIMIT_S,
        "met": work["median_s"] <= LIMIT_S,
        "machine": facts,
    }
    report.keep("pipeline", result, options.out)
    return 0 if result["met"] else 1


def convolutions(device: str):
    """The reference: work whose amount never changes, so that two machines or two days can be compared."""
    import torch

    generator = torch.Generator().manual_seed(0)
    picture = torch.randn(1, 64, 128, 128, generator=generator).to(device)
    kernel = (torch.randn(64, 64, 3, 3, generator=generator) / 24).to(device)

    @torch.inference_mode()
    def run() -> None:
        value = picture
        for _ in range(8):
            value = torch.nn.functional.conv2d(value, kernel, padding=1).relu_()
        value.sum().item()

    return run


if __name__ == "__main__":
    sys.exit(main())
