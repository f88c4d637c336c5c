"""What every measurement notes beside its figures, and where it is kept."""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "measurements"


def machine() -> dict[str, Any]:
    """Processor, cores, load, versions: what one must know to compare two runs."""
    import torch
    from maskel_core.version import __version__

    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "system": platform.system(),
        "load_average_at_start": None if load is None else round(load, 2),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "maskel": __version__,
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
    }


def processor() -> str:
    """The processor's name as the system tells it."""
    try:
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def timed(work: Callable[[], object], runs: int, warm: int) -> list[float]:
    """Seconds of each of ``runs`` calls, after ``warm`` that do not count."""
    seconds = []
    for index in range(warm + runs):
        started = time.perf_counter()
        work()
        if index >= warm:
            seconds.append(time.perf_counter() - started)
    return seconds


def summary(seconds: Sequence[float], digits: int = 5) -> dict[str, Any]:
    """Median, 95th percentile and extremes, in seconds."""
    return {
        "runs": len(seconds),
        "median_s": round(statistics.median(seconds), digits),
        "p95_s": round(float(np.percentile(seconds, 95)), digits),
        "min_s": round(min(seconds), digits),
        "max_s": round(max(seconds), digits),
    }


def figure(size: int, arms_out: bool = False) -> np.ndarray:
    """A standing figure, arms at the sides or stretched out: uint8 (size, size), 255 = body."""
    from PIL import Image, ImageDraw

    image = Image.new("L", (size * 4, size * 4))
    draw = ImageDraw.Draw(image)
    unit = size * 4 / 100

    def limb(points: list[tuple[float, float]], width: float) -> None:
        scaled = [(x * unit, y * unit) for x, y in points]
        draw.line(scaled, fill=255, width=round(width * unit), joint="curve")
        for x, y in scaled:
            radius = width * unit / 2
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)

    draw.ellipse((45 * unit, 5 * unit, 55 * unit, 18 * unit), fill=255)
    limb([(50, 16), (50, 24)], 5)
    limb([(50, 28), (50, 44)], 17)
    for side in (-1, 1):
        hand = (
            [(50 + side * 25, 26), (50 + side * 43, 26)]
            if arms_out
            else [(50 + side * 13, 40), (50 + side * 15, 54)]
        )
        limb([(50 + side * 8, 25), *hand], 4.5)
        limb([(50 + side * 4, 47), (50 + side * 5, 70), (50 + side * 6, 92)], 7)
    return np.array(image.resize((size, size), Image.Resampling.BOX))


def memory_of(pid: int) -> float:
    """Peak resident memory of a process so far, MiB."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text("utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return round(int(line.split()[1]) / 1024, 1)
    except OSError:
        pass
    import psutil

    info = psutil.Process(pid).memory_info()
    return round(getattr(info, "peak_wset", info.rss) / 1024**2, 1)


def interleaved(works: dict[str, Callable[[], object]], runs: int, warm: int) -> dict[str, list[float]]:
    """Seconds of each work, one of each in turn, so that what else the machine does falls on all alike."""
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for index in range(warm + runs):
        for name, work in works.items():
            started = time.perf_counter()
            work()
            if index >= warm:
                seconds[name].append(time.perf_counter() - started)
    return seconds


def keep(name: str, result: dict[str, Any], folder: Path = FOLDER) -> Path:
    """Write a measurement as JSON and print it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    text = json.dumps(result, indent=2) + "\n"
    path.write_text(text, "utf-8")
    print(text, end="")
    return path


def held_out(data: Path, samples: int, split: str = "val") -> tuple[Any, list[int]]:
    """A split of a folder of shards, and the numbers of samples with bone, evenly spaced over it."""
    from maskel_core.data.dataset import SampleStore

    store = SampleStore.open(data, split, cache=False)
    count = min(samples, len(store))
    picks = [i * len(store) // count for i in range(count)]
    return store, [i for i in picks if (store.layers[i, 0] > 0).any()]
