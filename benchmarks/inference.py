"""A mask to the PNG of its X-ray: time beside the plain U-Net and the paper's model, first picture, memory.

    python benchmarks/inference.py [--model DIR | --random maskel-base] [--threads 2] [--runs 20]

The peers have random weights, which take as long as trained ones: the plain U-Net; ``maskel-256``, the paper's encoder with
this project's decoder; and the model of arXiv 2404.09000 at the size of its code (see `paper_model`). All take turns; ours
also with a figure whose arms are stretched out, of which less can be left out. First picture and memory are those of fresh
``maskel xray`` processes, one a size. Writes docs/measurements/inference.json.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import report

LIMITS_S = {256: 0.12, 512: 0.35, 1024: 1.0}
FIRST_LIMIT_S = 5.0
MEMORY_LIMIT_MIB = 1.2 * 1024

ARMS_OUT = "arms out"
"""Row of our model's time for a figure that fills its frame both ways."""

ONE_LOOK = "one look"
"""Row of our model's time where pictures are looked at once."""

FRESH = """
import os, sys
from maskel_core.cli import app
app(standalone_mode=False)
sys.path.insert(0, {folder!r})
import report
print(report.memory_of(os.getpid()))
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=list(LIMITS_S))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--model", type=Path, help="folder of another model than the one that ships")
    parser.add_argument("--random", help="a configuration with random weights instead of a model")
    parser.add_argument("--out", type=Path, default=report.FOLDER)
    options = parser.parse_args()

    facts = report.machine()
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.model
        if options.random:
            folder = Path(scratch) / options.random
            random_model(options.random, folder)
        fresh = {size: first_picture(size, folder, options, Path(scratch)) for size in options.sizes}
        result = {
            "what": "a mask to the PNG of its X-ray, style dxa; warm in one process, and the first in a fresh one",
            "command": "python benchmarks/inference.py"
            + (f" --random {options.random}" if options.random else ""),
            **measure(folder, options),
            "fresh": fresh,
            "first_picture_limit_s": FIRST_LIMIT_S,
            "memory_limit_mib": round(MEMORY_LIMIT_MIB),
            "machine": facts,
        }
    result["met"] = (
        all(row["met"] for row in result["sizes"].values())
        and all(row["seconds"] <= FIRST_LIMIT_S for row in fresh.values())
        and all(row["peak_memory_mib"] <= MEMORY_LIMIT_MIB for row in fresh.values())
    )
    report.keep("inference", result, options.out)
    return 0 if result["met"] else 1


def measure(folder: Path | None, options: argparse.Namespace) -> dict:
    """Warm times of our model and of its peers, by turns."""
    import torch
    from maskel_core.images import encode_png
    from maskel_core.models import CONFIGURATIONS
    from maskel_core.pipeline import MaskelPipeline
    from maskel_core.runtime import open_pipeline

    torch.manual_seed(0)
    peers = {
        "plain U-Net": CONFIGURATIONS["unet-256"].make_generator(),
        "maskel-256": CONFIGURATIONS["maskel-256"].make_generator(),
        "the paper's": paper_model(),
    }
    ours = open_pipeline(folder, options.device, options.threads, options.precision)
    once = MaskelPipeline(
        ours.model, ours.model_id, device=options.device, precision=options.precision, looks=1
    )
    pipes = {ours.model_id: ours}
    for name, model in peers.items():
        pipes[name] = MaskelPipeline(model, name, device=options.device, precision=options.precision)
    sizes = {}
    for size in options.sizes:
        mask = report.figure(size)
        works = {
            name: lambda pipe=pipe, mask=mask: encode_png(pipe(mask).image) for name, pipe in pipes.items()
        }
        reaching = report.figure(size, arms_out=True)
        works[ARMS_OUT] = lambda mask=reaching: encode_png(ours(mask).image)
        works[ONE_LOOK] = lambda mask=mask: encode_png(once(mask).image)
        times = report.interleaved(works, options.runs, warm=2)
        middle = {name: statistics.median(seconds) for name, seconds in times.items()}
        row = {name: report.summary(seconds) for name, seconds in times.items()}
        for name in peers:
            row[f"times faster than {name}"] = round(middle[name] / middle[ours.model_id], 2)
        limit = LIMITS_S.get(size)
        slower = max(middle[ours.model_id], middle[ARMS_OUT])
        sizes[size] = {**row, "limit_s": limit, "met": limit is None or slower <= limit}
    return {
        "model": ours.model_id,
        "device": str(ours.device),
        "threads": torch.get_num_threads(),
        "models": {
            name: {
                "parameters": sum(parameter.numel() for parameter in pipe.model.parameters()),
                "native_size": pipe.native_size,
                "precision": str(pipe.precision).removeprefix("torch."),
            }
            for name, pipe in pipes.items()
        },
        "sizes": sizes,
    }


def paper_model() -> Any:
    """The paper's model at the size of its code: transformer encoder, codebook, VQGAN decoder.

    The decoder is diffusers' at the released code's sizes: 128 base channels, multipliers 1, 1, 2, 2, 4, attention at 16 x 16.
    The encoder has 13 blocks instead of the 8 that the paper names, so that it holds as many parameters as the code's.
    """
    from diffusers.models.autoencoders.vae import Decoder
    from maskel_core.models import CONFIGURATIONS
    from torch import nn

    class VqganDecoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.decoder = Decoder(
                in_channels=256,
                out_channels=2,
                up_block_types=("AttnUpDecoderBlock2D",) + ("UpDecoderBlock2D",) * 4,
                block_out_channels=(128, 128, 256, 256, 512),
                layers_per_block=2,
            )

        def forward(self, latent, *_):
            return self.decoder(latent), []

    model: Any = CONFIGURATIONS["maskel-256"].make_generator(depth=13, joints=0)
    model.decoder = VqganDecoder()
    return model


def first_picture(size: int, folder: Path | None, options: argparse.Namespace, scratch: Path) -> dict:
    """One ``maskel xray`` in a fresh process: seconds from its start to its end, and its peak memory."""
    from PIL import Image

    path = scratch / f"mask{size}.png"
    Image.fromarray(report.figure(size)).save(path)
    code = FRESH.format(folder=str(Path(__file__).parent))
    command = [sys.executable, "-c", code, "xray", str(path), "--out", str(scratch / "out")]
    command += ["--device", options.device, "--threads", str(options.threads)]
    command += ["--precision", options.precision]
    command += [] if folder is None else ["--model", str(folder)]
    started = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True)
    seconds = time.perf_counter() - started
    if done.returncode:
        raise SystemExit(done.stderr)
    return {"seconds": round(seconds, 2), "peak_memory_mib": json.loads(done.stdout.splitlines()[-1])}


def random_model(name: str, folder: Path) -> None:
    """Write a model of a configuration, its zeroed layers filled, so that no work can be left out."""
    import torch
    from maskel_core.models import CONFIGURATIONS
    from maskel_core.models.store import export_model

    torch.manual_seed(0)
    model = CONFIGURATIONS[name].make_generator()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.01)
    export_model(model, folder, configuration=name)


if __name__ == "__main__":
    sys.exit(main())
