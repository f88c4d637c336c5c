"""Ways to run the model on a CPU: time, agreement with plain float32, first picture, memory, what they need.

    python benchmarks/execution.py [--model DIR | --random maskel-base] [--data DIR] [--threads 1] [--runs 8] [--compile]

With a model in float32 (a run's folder ``generator``) it also says what storage in float16 costs.
ONNX Runtime and OpenVINO count when they are installed. ``--compile`` adds torch.compile, which needs a C++ compiler and a
minute. Masks are those of test shards in ``--data``, else a drawn figure. Writes docs/measurements/execution.json.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import report
import torch
from inference import random_model
from maskel_core.models import LayerScaling
from maskel_core.models.store import load_model
from maskel_core.pipeline import DEFAULT_MODEL, Letterbox, render_style
from maskel_core.pipeline.execution import autocast, narrowed
from torch import Tensor, nn

Way = Callable[[Tensor], Tensor]
"""A letterboxed mask (1, 1, S, S) to the X-ray (1, 2, S, S) in the normalised domain."""

FILES = {"onnxruntime": "model.onnx", "openvino": "model.xml"}


class Plain(nn.Module):
    """The model with tensors in and tensors out, as exporters want it."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, mask: Tensor) -> Tensor:
        return self.model(mask, joints=False).xray


def ways(compiled: bool) -> dict[str, Callable[[nn.Module, Path, int], Way]]:
    """What makes each way ready, by name."""
    found: dict[str, Callable[[nn.Module, Path, int], Way]] = {
        "torch float32": lambda model, *_: torch_way(model, torch.float32),
        "torch float32, rows": lambda model, *_: torch_way(
            model.to(memory_format=torch.contiguous_format), torch.float32
        ),
        "torch float32, stored float16": lambda model, *_: torch_way(rounded(model), torch.float32),
        "torch bfloat16": lambda model, *_: torch_way(model, torch.bfloat16),
        "torch bfloat16, cast every time": lambda model, *_: torch_way(model, torch.bfloat16, kept=False),
        "torch float16": lambda model, *_: torch_way(model, torch.float16),
    }
    if compiled:
        found["compile float32"] = lambda model, *_: torch_way(model, torch.float32, compiled=True)
        found["compile bfloat16"] = lambda model, *_: torch_way(model, torch.bfloat16, compiled=True)
    if importlib.util.find_spec("onnxruntime") and importlib.util.find_spec("onnxscript"):
        found["onnxruntime float32"] = onnx_way
    if importlib.util.find_spec("openvino"):
        found["openvino float32"] = lambda *args: openvino_way(*args, precision="f32")
        found["openvino bfloat16"] = lambda *args: openvino_way(*args, precision="bf16")
    return found


def rounded(model: nn.Module) -> nn.Module:
    """The model as `export_model` would store it: its matrices through float16, its vectors as they are."""
    for name, value in model.named_parameters():
        if value.dim() > 1 and not name.startswith("quantizer."):
            value.data = value.data.half().float()
    return model


def torch_way(model: nn.Module, dtype: torch.dtype, kept: bool = True, compiled: bool = False) -> Way:
    plain: Callable[[Tensor], Tensor] = Plain(narrowed(model, dtype) if kept else model)
    if compiled:
        plain = torch.compile(plain)

    def run(mask: Tensor) -> Tensor:
        with torch.inference_mode(), autocast(torch.device("cpu"), dtype):
            return plain(mask)

    return run


def onnx_way(model: nn.Module, folder: Path, threads: int) -> Way:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(
        folder / FILES["onnxruntime"], options, providers=["CPUExecutionProvider"]
    )
    return lambda mask: torch.from_numpy(session.run(None, {"mask": mask.numpy()})[0])


def openvino_way(model: nn.Module, folder: Path, threads: int, precision: str) -> Way:
    import openvino

    settings = {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1}
    request = openvino.compile_model(folder / FILES["openvino"], "CPU", settings).create_infer_request()
    return lambda mask: torch.from_numpy(request.infer([mask.numpy()])[0].copy())


def export(model: nn.Module, mask: Tensor, folder: Path, names: list[str]) -> None:
    """Write the files that the ways of these names load."""
    program = torch.export.export(Plain(model), (mask,))
    if any(name.startswith("onnxruntime") for name in names):
        with contextlib.redirect_stdout(sys.stderr):
            torch.onnx.export(program, (mask,), dynamo=True, input_names=["mask"]).save(
                folder / FILES["onnxruntime"]
            )
    if any(name.startswith("openvino") for name in names):
        import openvino

        openvino.save_model(
            openvino.convert_model(program), folder / FILES["openvino"], compress_to_fp16=False
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, help="folder of another model than the one that ships")
    parser.add_argument("--random", help="a configuration with random weights instead of a model")
    parser.add_argument("--data", type=Path, help="folder of shards with a test split")
    parser.add_argument("--masks", type=int, default=8)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--runs", type=int, default=8)
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--out", type=Path, default=report.FOLDER)
    parser.add_argument("--fresh", nargs=2, metavar=("WAY", "FOLDER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.fresh is not None:
        fresh(options)
        return 0

    facts = report.machine()
    with tempfile.TemporaryDirectory() as scratch:
        if options.random:
            options.model = Path(scratch) / options.random
            random_model(options.random, options.model)
        options.model = options.model or DEFAULT_MODEL
        model: Any = opened(options.model)
        masks = frames(model, options)
        makers = ways(options.compile)
        export(model, masks[0], Path(scratch), list(makers))
        costs = {name: started_fresh(name, Path(scratch), options) for name in makers}
        runs = {
            name: make(opened(options.model), Path(scratch), options.threads) for name, make in makers.items()
        }
        agreement = {
            name: compare(run, runs["torch float32"], masks, model.scaling) for name, run in runs.items()
        }
        turn = iter(range(10**9))
        works = {
            name: lambda run=run: run(masks[next(turn) // len(runs) % len(masks)])
            for name, run in runs.items()
        }
        times = report.interleaved(works, options.runs, warm=1)
    middle = {name: statistics.median(seconds) for name, seconds in times.items()}
    least = {name: min(seconds) for name, seconds in times.items()}
    result = {
        "what": "the model alone, one letterboxed mask, in every way of running it that this machine has",
        "command": "python benchmarks/execution.py" + (" --compile" if options.compile else ""),
        "model": options.model.name,
        "threads": options.threads,
        "ways": {
            name: {
                **report.summary(times[name]),
                "share_of_float32": {
                    "median": round(middle[name] / middle["torch float32"], 2),
                    "min": round(least[name] / least["torch float32"], 2),
                },
                **agreement[name],
                **costs[name],
                "package_mib": package_size(name.split()[0]),
            }
            for name in runs
        },
        "machine": facts,
    }
    report.keep("execution", result, options.out)
    return 0


def opened(folder: Path) -> nn.Module:
    return load_model(folder).to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def frames(model: nn.Module, options: argparse.Namespace) -> list[Tensor]:
    """Letterboxed masks (1, 1, S, S) as the pipeline makes them."""
    if options.data is None:
        masks = [report.figure(512)]
    else:
        from maskel_core.data.dataset import SampleStore

        store = SampleStore.open(options.data, "test", cache=False)
        masks = [store.masks[i * len(store) // options.masks] for i in range(options.masks)]
    size, margin = model.config.sample_size, model.config.margin
    boxes = [Letterbox.around(mask, size, margin) for mask in masks]
    return [
        box.forward(torch.from_numpy(mask)[None]).clamp(0, 1)[None]
        for box, mask in zip(boxes, masks, strict=True)
    ]


def compare(run: Way, reference: Way, masks: list[Tensor], scaling: LayerScaling) -> dict[str, float]:
    """How far a way is from float32 inside the masks.

    Returns:
        Largest and 99.9th percentile difference of the layers in the normalised domain; least correlation of the bone layer less
        its blur; largest difference of the picture in style dxa, in grey levels, and the share of pixels off by more than one.
    """
    apart, fine, grey = [], [], []
    for mask in masks:
        inside = mask[0, 0] > 0
        theirs, ours = reference(mask).float(), run(mask).float()
        apart.append((ours - theirs).abs()[0, :, inside].flatten())
        cover = (mask[0, 0] * 255).round().to(torch.uint8).numpy()
        pictures = [
            render_style("dxa", *(scaling.restore(xray)[0] * mask[0, 0]).numpy(), cover).astype(int)
            for xray in (ours, theirs)
        ]
        grey.append(np.abs(pictures[0] - pictures[1])[cover > 0])
        high = [
            (layer - nn.functional.avg_pool2d(layer, 9, 1, 4, count_include_pad=False))[0, 0, inside]
            for layer in (ours[:, :1], theirs[:, :1])
        ]
        fine.append(float(torch.corrcoef(torch.stack(high))[0, 1]))
    every = torch.cat(apart)
    most = every.kthvalue(max(1, int(0.999 * every.numel()))).values
    return {
        "largest_difference": round(float(every.max()), 6),
        "p999_difference": round(float(most), 6),
        "high_pass_correlation": round(min(fine), 6),
        "largest_grey_difference": int(np.concatenate(grey).max()),
        "share_off_by_more_than_1": round(float((np.concatenate(grey) > 1).mean()), 6),
    }


def started_fresh(name: str, folder: Path, options: argparse.Namespace) -> dict[str, float]:
    """Seconds to make a way ready and to run it once in a fresh process, and the peak memory of that process."""
    command = [sys.executable, __file__, "--fresh", name, str(folder), "--model", str(options.model)]
    command += ["--threads", str(options.threads), "--compile"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def fresh(options: argparse.Namespace) -> None:
    model: Any = opened(options.model)
    options.data = None
    mask = frames(model, options)[0]
    started = time.perf_counter()
    ways(True)[options.fresh[0]](model, Path(options.fresh[1]), options.threads)(mask)
    seconds = round(time.perf_counter() - started, 3)
    print(json.dumps({"first_s": seconds, "peak_memory_mib": report.memory_of(os.getpid())}))


def package_size(name: str) -> float:
    """MiB of the files of the package that a way needs beside torch."""
    if name in ("torch", "compile"):
        return 0.0
    files = importlib.metadata.files(name) or []
    return round(sum(file.size or 0 for file in files) / 1024**2, 1)


if __name__ == "__main__":
    sys.exit(main())
