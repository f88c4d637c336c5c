"""A server under load: many clients over loopback, what they are answered, how long they wait, what it costs in memory.

    python benchmarks/load.py [--clients 64] [--seconds 300] [--rounds 1] [--threads 2]

Starts ``maskel serve`` as its own process, and another with the bare pipeline, which is measured at several batch sizes before
and after each round of load: what else the machine does falls on both. The clients are in this process. Writes
docs/measurements/load.json.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import numpy as np
import psutil
import report

import server as single

SHARE_AIM = 0.90
GROWTH_AIM = 0.05
SIZE = 512
BATCHES = (1, 2, 4, 8)
WARM_SHARE = 0.2


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--model", type=Path, help="folder of another model than the one that ships")
    parser.add_argument(
        "--rounds", type=int, default=1, help="parts of the load, the bare pipeline between them"
    )
    parser.add_argument("--queue-size", type=int, help="waiting requests; default: the server's")
    parser.add_argument("--bare", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, default=report.FOLDER)
    options = parser.parse_args()
    if options.bare:
        return bare(options)
    if options.queue_size is not None:
        os.environ["MASKEL_SERVE_QUEUE_SIZE"] = str(options.queue_size)

    facts = report.machine()
    with tempfile.TemporaryDirectory() as folder:
        load, turns = measure(options, Path(folder))
    rates = {str(size): [turn[str(size)]["per_s"] for turn in turns] for size in BATCHES}
    # Each round's own neighbours, because a shared machine is not as fast now as it was.
    speeds = {
        size: float(np.mean([(a + b) / 2 for a, b in itertools.pairwise(rate)]))
        for size, rate in rates.items()
    }
    best = max(speeds, key=speeds.__getitem__)
    share = load["throughput_per_s"] / speeds[best]
    result = {
        "what": f"{options.clients} clients for {options.seconds:g} s, each sends the next {SIZE} x {SIZE} mask when it has "
        "its answer, and waits as long as a refusal says",
        "command": f"python benchmarks/load.py --clients {options.clients} --seconds {options.seconds:g} "
        f"--rounds {options.rounds} --threads {options.threads}",
        "device": options.device,
        "threads": options.threads,
        **load,
        "bare_pipeline_per_s": {size: round(speed, 2) for size, speed in speeds.items()},
        "bare_pipeline_turns_per_s": {size: [round(one, 2) for one in rate] for size, rate in rates.items()},
        "bare_pipeline_cpu_s_each": {
            str(size): round(float(np.mean([turn[str(size)]["cpu_s_each"] for turn in turns])), 4)
            for size in BATCHES
        },
        "best_batch": int(best),
        "share_of_bare_pipeline": round(share, 3),
        "share_aim": SHARE_AIM,
        "growth_aim": GROWTH_AIM,
        "aims": {
            "nothing but answers and refusals with a retry time": load["other"] == {},
            "throughput": share >= SHARE_AIM,
            "memory": load["memory"]["growth"] < GROWTH_AIM,
        },
        "machine": facts,
    }
    result["met"] = all(result["aims"].values())
    report.keep("load", result, options.out)
    return 0 if result["met"] else 1


def silhouettes() -> list[np.ndarray]:
    """Masks no two of which are alike, so that nothing could be answered from memory: uint8 (512, 512)."""
    figure = report.figure(SIZE)
    shapes = []
    for number in range(16):
        # Leaner and broader, higher and lower, some mirrored.
        width = round(SIZE * (0.8 + 0.025 * number))
        columns = np.linspace(0, SIZE - 1, width).round().astype(int)
        shape = np.zeros((SIZE, SIZE), np.uint8)
        part = figure[:, columns][:, :SIZE]
        left = max(0, (SIZE - part.shape[1]) // 2)
        shape[:, left : left + part.shape[1]] = part
        shapes.append(np.roll(shape, number - 8, axis=0)[:, :: -1 if number % 3 == 0 else 1].copy())
    return shapes


def bare(options: argparse.Namespace) -> int:
    """The pipeline alone, warm: for each line of stdin so many seconds of it, then a line of JSON, its speed by batch size."""
    from maskel_core.pipeline import XrayRequest
    from maskel_core.runtime import open_pipeline

    pipeline = open_pipeline(options.model, options.device, options.threads)
    requests = [XrayRequest(mask) for mask in silhouettes()]
    for size in BATCHES:
        pipeline.batch(requests[:size], size)
    for line in sys.stdin:
        spent, cpu, made = Counter[int](), Counter[int](), Counter[int]()
        deadline = time.perf_counter() + float(line)
        while time.perf_counter() < deadline:
            for size in BATCHES:
                started, used = time.perf_counter(), time.process_time()
                pipeline.batch(requests[:8], size)
                spent[size] += time.perf_counter() - started
                cpu[size] += time.process_time() - used
                made[size] += 8
        found = {n: {"per_s": made[n] / spent[n], "cpu_s_each": cpu[n] / made[n]} for n in BATCHES}
        print(json.dumps(found), flush=True)
    return 0


class Tally:
    """What the clients were answered."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.done = self.refused = 0
        self.seconds = 0.0
        self.other: Counter[str] = Counter()
        self.waits: list[float] = []
        self.attempts: list[float] = []

    def add(self, status: int, retry: str | None, attempt: float, since: float) -> None:
        """Count one answer; ``since`` is when its mask was first sent."""
        with self.lock:
            if status == 200:
                self.done += 1
                self.attempts.append(attempt)
                self.waits.append(time.perf_counter() - since)
            elif status == 429 and retry is not None:
                self.refused += 1
            else:
                self.other[str(status)] += 1


def measure(options: argparse.Namespace, folder: Path) -> tuple[dict, list[dict]]:
    """Rounds of load, and the bare pipeline's speeds before, between and after them."""
    command = [
        sys.executable,
        __file__,
        "--bare",
        "--threads",
        str(options.threads),
        "--device",
        options.device,
    ]
    command += [] if options.model is None else ["--model", str(options.model)]
    alone = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    server = single.start(folder, options)

    def turn() -> dict:
        alone.stdin.write(f"{max(5.0, options.seconds / options.rounds / 10)}\n")
        alone.stdin.flush()
        return json.loads(alone.stdout.readline())

    try:
        host = json.loads(server.stdout.readline())["url"].removeprefix("http://")
        single.wait_until_loaded(host)
        token = (folder / "token").read_text("utf-8").strip()
        tally, memory = Tally(), []
        # The baseline is a server that has met this load for a while, not one that has just started.
        burden(options, options.seconds * WARM_SHARE, host, token, Tally(), server.pid)
        turns = [turn()]
        used = time_of(server.pid)
        for _ in range(options.rounds):
            memory += burden(options, options.seconds / options.rounds, host, token, tally, server.pid)
            turns.append(turn())
        used = time_of(server.pid) - used
        alive = server.poll() is None
    finally:
        for process in (server, alone):
            process.stdin.close()
            with suppress(subprocess.TimeoutExpired):
                process.wait(60)
    third = max(1, len(memory) // 3)
    first, last = (float(np.median(part)) for part in (memory[:third], memory[-third:]))
    return {
        "answers": tally.done,
        "refused_429_with_retry_after": tally.refused,
        "other": dict(tally.other) | ({} if alive else {"the server had ended": 1}),
        "throughput_per_s": round(tally.done / tally.seconds, 2),
        "server_cpu_s_each": round(used / max(1, tally.done), 4),
        "wait_s": percentiles(tally.waits),
        "accepted_request_s": percentiles(tally.attempts),
        "memory": {
            "baseline_mib": round(first / 1024**2, 1),
            "end_mib": round(last / 1024**2, 1),
            "most_mib": round(max(memory) / 1024**2, 1),
            "growth": round(last / first - 1, 4),
        },
    }, turns


def burden(
    options: argparse.Namespace, seconds: float, host: str, token: str, tally: Tally, pid: int
) -> list[float]:
    """Let the clients ask for a while; the server's memory meanwhile, in bytes."""
    bodies, end = [single.form(mask, {}) for mask in silhouettes()], threading.Event()
    clients = [
        threading.Thread(target=client, args=(host, token, bodies, number, tally, end), daemon=True)
        for number in range(options.clients)
    ]
    started = time.perf_counter()
    for thread in clients:
        thread.start()
    memory = []
    while (left := started + seconds - time.perf_counter()) > 0:
        time.sleep(min(2.0, left))
        memory.append(psutil.Process(pid).memory_info().rss)
    end.set()
    for thread in clients:
        thread.join(120)
    # Until the last answer, because those that were in work at the end count as well.
    tally.seconds += time.perf_counter() - started
    return memory


def time_of(pid: int) -> float:
    """CPU seconds of a process so far."""
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


def client(
    host: str, token: str, bodies: list[bytes], number: int, tally: Tally, end: threading.Event
) -> None:
    """One artist: asks, waits when told to, asks again."""
    headers = {
        "Authorization": f"Bearer {token}",
        "Content-Type": f"multipart/form-data; boundary={single.BOUNDARY}",
    }
    connection = http.client.HTTPConnection(host, timeout=300)
    while not end.is_set():
        number += 1
        since = time.perf_counter()
        while not end.is_set():
            sent = time.perf_counter()
            try:
                connection.request("POST", "/v1/xray", body=bodies[number % len(bodies)], headers=headers)
                response = connection.getresponse()
                data = response.read()
                status, retry = response.status, response.headers.get("Retry-After")
                if status == 200 and data[:4] != b"\x89PNG":
                    status = 0
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                with tally.lock:
                    tally.other[type(error).__name__] += 1
                break
            tally.add(status, retry, time.perf_counter() - sent, since)
            if status != 429:
                break
            end.wait(float(retry or 1))
    connection.close()


def percentiles(seconds: list[float]) -> dict[str, float]:
    """Where the waits lie."""
    if not seconds:
        return {}
    found = {f"p{share}": round(float(np.percentile(seconds, share)), 3) for share in (50, 90, 99)}
    return {**found, "max": round(max(seconds), 3)}


if __name__ == "__main__":
    sys.exit(main())
