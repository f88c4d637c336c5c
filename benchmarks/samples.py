"""How fast paired samples are made, and whether memory stays flat.

    python benchmarks/samples.py [--sizes 256 1024] [--workers 1 2] [--samples 48]

Processor time is what one core spends on a pair, whatever else the machine does; pairs a second by the clock hold for the load
noted beside them. Writes docs/measurements/samples.json.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

GOALS = {256: 15.0, 1024: 4.0}
"""Pairs a second by two single-threaded processes."""

FLAT = 0.5
"""Growth of memory that still counts as flat, KiB a sample: 50 MiB over 100,000 samples."""


def spent(size: int, count: int) -> dict[str, float]:
    """Processor time of a pair in seconds, as a whole and by part."""
    import numpy as np
    import torch
    from maskel_core.anatomy.asset import default_anatomy
    from maskel_core.anatomy.figure import sample_figure
    from maskel_core.data.sample import make_sample, sample_camera
    from maskel_core.data.shards import ShardWriter
    from maskel_core.projection.xray import project_figure

    torch.set_num_threads(1)
    anatomy = default_anatomy()
    parts = {"figure": 0.0, "camera": 0.0, "projection": 0.0, "whole sample": 0.0, "writing": 0.0}
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
        make_sample(anatomy, 1, 0, size)
        writer = ShardWriter(Path(folder) / "train-00000.tar")
        for index in range(count):
            rng = np.random.default_rng(index)
            marks = [time.process_time()]
            figure = sample_figure(anatomy, rng, rng)
            marks.append(time.process_time())
            camera = sample_camera(rng, figure)
            marks.append(time.process_time())
            project_figure(anatomy, figure, camera, size)
            marks.append(time.process_time())
            sample = make_sample(anatomy, 1, index, size)
            marks.append(time.process_time())
            writer.add(sample)
            marks.append(time.process_time())
            for name, start, stop in zip(parts, marks, marks[1:], strict=False):
                parts[name] += (stop - start) / count
        writer.close()
    return {name: round(value, 5) for name, value in parts.items()}


def memory(size: int, count: int) -> dict[str, float]:
    """Resident memory over a chain of samples: the line through its second half, extended to 100,000 samples."""
    import numpy as np
    import psutil
    import torch
    from maskel_core.anatomy.asset import default_anatomy
    from maskel_core.data.sample import make_sample

    anatomy, process = default_anatomy(), psutil.Process()
    seen = []
    with torch.inference_mode():
        for index in range(count):
            make_sample(anatomy, 2, index, size)
            seen.append(process.memory_info().rss / 1024)
    half = np.asarray(seen[count // 2 :])
    slope = float(np.polyfit(np.arange(len(half)), half, 1)[0])
    return {
        "samples": count,
        "size": size,
        "at_half_mib": round(seen[count // 2] / 1024, 1),
        "at_end_mib": round(seen[-1] / 1024, 1),
        "growth_kib_per_sample": round(slope, 3),
        "growth_over_100000_mib": round(slope * 100_000 / 1024, 1),
    }


def built(size: int, workers: int, count: int) -> float:
    """Pairs a second by the clock of a whole build, the start of its processes aside."""
    from maskel_core.data.build import build_shards

    marks: list[tuple[float, int]] = []
    with tempfile.TemporaryDirectory() as folder:
        chunk = max(1, count // (4 * workers))
        build_shards(
            count,
            size,
            3,
            Path(folder),
            workers,
            lambda done, _: marks.append((time.perf_counter(), done)),
            chunk=chunk,
        )
    # Processes start before the first chunk ends: count from there.
    (start, first), (stop, last) = marks[min(workers, len(marks) - 2)], marks[-1]
    return round((last - first) / (stop - start), 2)


def main() -> int:
    # numpy's library reads this when it is loaded; its threads that wait for work would count as work.
    os.environ["OMP_NUM_THREADS"] = "1"
    import report
    import torch

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[256, 1024])
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--samples", type=int, default=48)
    parser.add_argument("--memory-samples", type=int, default=400)
    parser.add_argument("--out", type=Path, default=report.FOLDER)
    options = parser.parse_args()

    facts = report.machine()
    torch.set_num_threads(1)
    rows = []
    for size in options.sizes:
        count = max(8, options.samples // max(1, size // 256))
        seconds = spent(size, count)
        pair = seconds["whole sample"] + seconds["writing"]
        by_processor = round(2 / pair, 2)
        rows.append(
            {
                "size": size,
                "processor_seconds": seconds,
                "pairs_a_second_two_cores_by_processor_time": by_processor,
                "pairs_a_second_by_the_clock": {str(n): built(size, n, count) for n in options.workers},
                "goal": GOALS.get(size),
                "met": size not in GOALS or by_processor >= GOALS[size],
            }
        )
    grown = memory(options.sizes[0], options.memory_samples)
    result = {
        "what": "paired samples (figure, projection, encoding, writing), single-threaded processes",
        "command": "python benchmarks/samples.py " + " ".join(sys.argv[1:]),
        "machine": facts,
        "rows": rows,
        "memory": grown,
    }
    report.keep("samples", result, options.out)
    flat = grown["growth_kib_per_sample"] <= FLAT
    return 0 if flat and all(row["met"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
