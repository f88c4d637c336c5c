"""What the server adds to the model: round trip of one mask less the pipeline's own time, and its memory.

    python benchmarks/server.py [--size 512] [--threads 2] [--runs 50]

Starts ``maskel serve`` as its own process. Writes docs/measurements/server.json.
"""

from __future__ import annotations

import argparse
import http.client
import io
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import report
from PIL import Image

OVERHEAD_LIMIT_S = 0.020
MEMORY_LIMIT = 1.5 * 1024**3
BOUNDARY = "maskel-benchmark"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--model", type=Path, help="folder of another model than the one that ships")
    parser.add_argument("--out", type=Path, default=report.FOLDER)
    options = parser.parse_args()

    facts = report.machine()
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        server = start(Path(folder), options)
        try:
            ready = json.loads(server.stdout.readline())
            answering = time.perf_counter() - started
            host = ready["url"].removeprefix("http://")
            wait_until_loaded(host)
            loaded = time.perf_counter() - started
            token = (Path(folder) / "token").read_text("utf-8").strip()
            png = measure(host, token, form(report.figure(options.size), {}), options.runs)
            layers = measure(
                host,
                token,
                form(report.figure(options.size), {"format": "json", "joints": "true"}),
                options.runs,
            )
            memory = report.memory_of(server.pid)
            # Large masks are where memory peaks, so they are asked for last.
            measure(host, token, form(report.figure(2048), {"format": "json"}), 2)
            memory_large = report.memory_of(server.pid)
        finally:
            server.stdin.close()
            server.wait(30)
    overhead = png["overhead"]["median_s"]
    result = {
        "what": f"one {options.size} x {options.size} mask to a running server and back, over loopback HTTP",
        "command": f"python benchmarks/server.py --size {options.size} --threads {options.threads}",
        "threads": options.threads,
        "answers_after_s": round(answering, 2),
        "model_ready_after_s": round(loaded, 2),
        "png": png,
        "json_with_layers_and_joints": layers,
        "overhead_limit_s": OVERHEAD_LIMIT_S,
        "peak_memory_mib": memory,
        "peak_memory_after_2048_mib": memory_large,
        "memory_limit_mib": round(MEMORY_LIMIT / 1024**2),
        "met": overhead <= OVERHEAD_LIMIT_S and memory_large * 1024**2 <= MEMORY_LIMIT,
        "machine": facts,
    }
    report.keep("server", result, options.out)
    return 0 if result["met"] else 1


def start(folder: Path, options: argparse.Namespace, *more: str) -> subprocess.Popen:
    """A server process that ends when its stdin is closed; ``more`` are further arguments."""
    command = [
        sys.executable,
        "-c",
        "from maskel_core.cli import main; main()",
        "serve",
        "--exit-with-parent",
    ]
    command += ["--token-file", str(folder / "token"), "--publish", str(folder / "server.json")]
    command += ["--threads", str(options.threads), "--device", options.device]
    command += [] if options.model is None else ["--model", str(options.model)]
    command += more
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )


def wait_until_loaded(host: str) -> None:
    """Poll health until the model is there."""
    while True:
        connection = http.client.HTTPConnection(host, timeout=30)
        connection.request("GET", "/v1/health")
        health = json.load(connection.getresponse())
        connection.close()
        if health["status"] == "ready":
            return
        if health["status"] == "failed":
            raise SystemExit(f"the model could not be loaded: {health['error']['message']}")
        time.sleep(0.05)


def measure(host: str, token: str, body: bytes, runs: int) -> dict:
    """Round trips and what of each was not the pipeline, by the time the server itself reports."""
    trips, pipeline, overhead = [], [], []
    connection = http.client.HTTPConnection(host, timeout=60)
    headers = {
        "Authorization": f"Bearer {token}",
        "Content-Type": f"multipart/form-data; boundary={BOUNDARY}",
    }
    for index in range(runs + 2):
        started = time.perf_counter()
        connection.request("POST", "/v1/xray", body=body, headers=headers)
        response = connection.getresponse()
        data = response.read()
        trip = time.perf_counter() - started
        if response.status != 200:
            raise SystemExit(f"the server answered {response.status}: {data[:300]!r}")
        seconds = response.headers.get("X-MaSkel-Seconds")
        inner = float(seconds) if seconds is not None else float(json.loads(data)["seconds"])
        if index >= 2:
            trips.append(trip)
            pipeline.append(inner)
            overhead.append(trip - inner)
    connection.close()
    return {
        "round_trip": report.summary(trips),
        "pipeline": report.summary(pipeline),
        "overhead": report.summary(overhead),
    }


def form(mask, fields: dict[str, str]) -> bytes:
    """The multipart body of a request."""
    buffer = io.BytesIO()
    Image.fromarray(mask).save(buffer, "PNG")
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="mask"; filename="mask.png"\r\n\r\n'
    return "".join(parts).encode() + head.encode() + buffer.getvalue() + f"\r\n--{BOUNDARY}--\r\n".encode()


if __name__ == "__main__":
    sys.exit(main())
