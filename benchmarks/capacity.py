"""How many artists or frames an hour a number of cores serves: CPU time of an X-ray, and 1,000 simulated artists.

    python benchmarks/capacity.py [--size 512] [--runs 30] [--hours 8]

CPU time, not time on the wall: it is nearly the same when the machine has other work. Starts ``maskel serve`` as its own
process. Writes docs/measurements/capacity.json.
"""

from __future__ import annotations

import argparse
import heapq
import http.client
import importlib.util
import json
import math
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import report

import server as server_benchmark

ARTISTS = 1000
CORES = (1, 2, 3, 4, 6, 8)


@dataclass(frozen=True)
class Artists:
    """What artists ask for; all gaps are exponential.

    Attributes:
        count: How many work at once.
        pictures_an_hour: X-rays that each asks for and waits for.
        shots_a_day: Shots that each sends as a batch in 8 hours.
        frames: Frames of a shot.
    """

    count: int = ARTISTS
    pictures_an_hour: float = 12.0
    shots_a_day: float = 1.0
    frames: int = 100

    @property
    def jobs_a_second(self) -> float:
        """Mean rate."""
        return self.count * (self.pictures_an_hour / 3600 + self.shots_a_day * self.frames / 8 / 3600)


def arrivals(artists: Artists, seconds: float, rng: np.random.Generator) -> list[tuple[float, int]]:
    """(time, rank) of every job, in order; rank 0 is waited for, rank 1 is of a batch.

    Many independent sources with exponential gaps are one Poisson process.
    """
    jobs = [(time, 0) for time in poisson(artists.count * artists.pictures_an_hour / 3600, seconds, rng)]
    for start in poisson(artists.count * artists.shots_a_day / 8 / 3600, seconds, rng):
        jobs += [(start, 1)] * artists.frames
    return sorted(jobs)


def poisson(rate: float, seconds: float, rng: np.random.Generator) -> list[float]:
    """Times of a Poisson process of ``rate`` a second."""
    if rate <= 0:
        return []
    return sorted(rng.uniform(0, seconds, rng.poisson(rate * seconds)).tolist())


def simulate(
    jobs: list[tuple[float, int]], replicas: int, service: float, spread: float, rng: np.random.Generator
) -> tuple[dict[int, np.ndarray], float]:
    """Seconds each job waits before a replica begins it, and the share of time that the replicas work.

    Args:
        jobs: From `arrivals`.
        replicas: Cores that run one job each; the lowest rank goes first, in order within one.
        service: Mean seconds of a job.
        spread: Standard deviation of the logarithm of that; below 0 for exponential times.
        rng: Random numbers.

    Returns:
        Waits by rank, and the utilisation.
    """
    draws = (
        rng.exponential(service, len(jobs))
        if spread < 0
        else service * np.exp(spread * rng.standard_normal(len(jobs)) - spread**2 / 2)
    )
    free = [0.0] * replicas
    waiting: list[tuple[int, float, int]] = []
    waits: dict[int, list[float]] = {0: [], 1: []}
    next_job = 0
    while next_job < len(jobs) or waiting:
        now = free[0]
        if not waiting:
            now = max(now, jobs[next_job][0])
        while next_job < len(jobs) and jobs[next_job][0] <= now:
            heapq.heappush(waiting, (jobs[next_job][1], jobs[next_job][0], next_job))
            next_job += 1
        rank, came, index = heapq.heappop(waiting)
        waits[rank].append(now - came)
        heapq.heapreplace(free, now + draws[index])
    return {rank: np.array(values) for rank, values in waits.items()}, float(
        draws.sum() / max(free) / replicas
    )


def percentiles(values: np.ndarray) -> dict[str, float]:
    """Median, 95 %, 99 %, largest, in seconds."""
    if not len(values):
        return {}
    marks = np.percentile(values, (50, 95, 99))
    return {
        **{f"p{mark}_s": round(float(value), 3) for mark, value in zip((50, 95, 99), marks, strict=True)},
        "max_s": round(float(values.max()), 3),
    }


def day(artists: Artists, service: float, hours: float, seed: int = 2026) -> dict:
    """Waits of one day's work for each number of cores that keeps up; a core is a replica."""
    rng = np.random.default_rng(seed)
    jobs = arrivals(artists, hours * 3600, rng)
    rows = {}
    for replicas in CORES:
        if artists.jobs_a_second * service >= 0.97 * replicas:
            rows[str(replicas)] = {"keeps_up": False}
            continue
        waits, used = simulate(jobs, replicas, service, 0.2, rng)
        rows[str(replicas)] = {
            "keeps_up": True,
            "utilisation": round(used, 3),
            "waited_for": percentiles(waits[0]),
            "frames_of_batches": percentiles(waits[1]),
        }
    return {
        "artists": artists.count,
        "pictures_an_hour_each": artists.pictures_an_hour,
        "shots_a_day_each": artists.shots_a_day,
        "frames_a_shot": artists.frames,
        "jobs_a_second": round(artists.jobs_a_second, 2),
        "cores": rows,
    }


def pipeline_cpu(size: int, runs: int) -> float:
    """CPU seconds of one X-ray in the bare pipeline on one thread, median."""
    import torch
    from maskel_core.runtime import open_pipeline

    pipeline = open_pipeline(None, "cpu", 1)
    mask = report.figure(size)
    seconds = []
    with torch.inference_mode():
        for index in range(runs + 3):
            started = time.process_time()
            pipeline(mask, style="dxa", size=None, joints=True)
            if index >= 3:
                seconds.append(time.process_time() - started)
    return float(np.median(seconds))


def server_cpu(size: int, runs: int, *more: str) -> float:
    """CPU seconds of one request for JSON with layers and joints, over all processes of a server.

    Args:
        size: Pixels per side of the mask.
        runs: Requests, one after another.
        more: Further arguments of ``maskel serve``.
    """
    options = argparse.Namespace(threads=1, device="cpu", model=None)
    with tempfile.TemporaryDirectory() as folder:
        process = server_benchmark.start(Path(folder), options, *more)
        try:
            host = json.loads(process.stdout.readline())["url"].removeprefix("http://")
            server_benchmark.wait_until_loaded(host)
            token = (Path(folder) / "token").read_text("utf-8").strip()
            body = server_benchmark.form(report.figure(size), {"format": "json", "joints": "true"})
            ask(host, token, body, 3)
            before = family_cpu(process.pid)
            ask(host, token, body, runs)
            after = family_cpu(process.pid)
        finally:
            process.stdin.close()
            process.wait(60)
    return (after - before) / runs


def family_cpu(pid: int) -> float:
    """CPU seconds so far of a process and all that it started."""
    parent = psutil.Process(pid)
    times = [process.cpu_times() for process in (parent, *parent.children(recursive=True))]
    return sum(one.user + one.system for one in times)


def studio_cpu(size: int, runs: int) -> float | None:
    """CPU of a request to a studio of two replicas, with all that Ray does meanwhile; None without Ray."""
    if importlib.util.find_spec("ray") is None:
        return None
    return server_cpu(size, runs, "--ray", "--replicas", "2")


def ask(host: str, token: str, body: bytes, runs: int) -> None:
    """Send a request so many times over one connection."""
    connection = http.client.HTTPConnection(host, timeout=120)
    headers = {
        "Authorization": f"Bearer {token}",
        "Content-Type": f"multipart/form-data; boundary={server_benchmark.BOUNDARY}",
    }
    for _ in range(runs):
        connection.request("POST", "/v1/xray", body=body, headers=headers)
        response = connection.getresponse()
        response.read()
        if response.status != 200:
            raise SystemExit(f"the server answered {response.status}")
    connection.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--hours", type=float, default=8.0)
    parser.add_argument("--out", type=Path, default=report.FOLDER)
    options = parser.parse_args()

    facts = report.machine()
    model = pipeline_cpu(options.size, options.runs)
    whole = server_cpu(options.size, options.runs)
    studio = studio_cpu(options.size, options.runs)
    front = max(0.0, whole - model)
    # Many cores are a studio's; all that a request costs is put on the core that serves it.
    served = studio or whole
    usual = Artists()
    rush = Artists(pictures_an_hour=36.0, shots_a_day=3.0)
    result = {
        "what": f"CPU time of a {options.size} x {options.size} mask to JSON with layers and joints; simulated artists",
        "command": f"python benchmarks/capacity.py --size {options.size} --hours {options.hours:g}",
        "runs": options.runs,
        "pipeline_cpu_s": round(model, 4),
        "request_cpu_s": round(whole, 4),
        "front_share": round(front / whole, 3),
        "xrays_a_core_and_hour": math.floor(3600 / whole),
        "frames_an_hour": {str(cores): math.floor(0.8 * cores * 3600 / whole) for cores in (2, 8, 32)},
        "front_xrays_an_hour": math.floor(3600 / front) if front > 0 else None,
        "studio_request_cpu_s": None if studio is None else round(studio, 4),
        "gpu": "not measured",
        "arrivals": "Poisson; a shot's frames arrive together with the priority batch and never overtake a picture "
        "that somebody waits for; service time lognormal, 20 % spread, mean studio_request_cpu_s, "
        "or request_cpu_s where that was not measured",
        "usual": day(usual, served, options.hours),
        "rush": day(rush, served, options.hours),
        "machine": facts,
    }
    report.keep("capacity", result, options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
