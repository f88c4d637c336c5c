"""How long the pump holds up the window, and what the queue makes of the model's speed.

    MASKEL_COMMAND=.venv/bin/maskel .venv-bpy-4.5/bin/python benchmarks/job_queue.py [--cameras 24] [--size 512]

Timers do not fire in the bpy module, so the pump is called here as Blender's timer would: each call is one stall of the
window. The silhouette itself is measured on its own. Adds to docs/measurements/job_queue.json; status 1 if the limit is passed.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import statistics
import sys
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY))

LIMIT_SECONDS = 0.050
RESULTS = REPOSITORY / "docs" / "measurements" / "job_queue.json"


def measure(cameras: int, size: int) -> dict[str, object]:
    """Seconds of each tick without its silhouette, of the silhouettes, and of all of it."""
    import bpy

    import maskel_blender
    from benchmarks import blender_scene as bench
    from maskel_blender import workflow
    from maskel_blender.orders import make_order
    from maskel_blender.pump import PUMP
    from maskel_blender.session import SESSION

    scene = bench.empty_scene()
    maskel_blender.register()
    SESSION.cache.folder = None
    bench.figure(scene, render_levels=4)
    bench.set_resolution(scene, size, size)
    for number in range(cameras):
        turn = 2.0 * math.pi * number / cameras
        bench.add_camera(
            scene, f"Camera {number:03d}", (4.5 * math.sin(turn), -4.5 * math.cos(turn), 1.1 + 0.001 * number)
        )
    scene.maskel.views.source = "ALL"
    # warm: the server is up, the model loaded, Blender's own caches filled
    bpy.ops.maskel.generate()
    SESSION.cache.clear()
    silhouettes: list[float] = []
    capture = workflow.capture

    def timed(*arguments, **options):
        began = time.perf_counter()
        try:
            return capture(*arguments, **options)
        finally:
            silhouettes.append(time.perf_counter() - began)

    workflow.capture = timed
    order = make_order(bpy.context, camera=None, size=size)
    order.interactive = True
    seconds: list[float] = []
    busy: list[float] = []
    entries = order.entries
    began = time.perf_counter()
    PUMP.submit(order)
    inference: dict[int, float] = {}
    try:
        while order in PUMP.orders:
            taken = len(silhouettes)
            for entry in entries:
                if entry.answer is not None:
                    inference[entry.id] = entry.answer.seconds
            before, used = time.perf_counter(), time.thread_time()
            soon = PUMP.tick()
            if taken == len(silhouettes):
                busy.append(time.thread_time() - used)
            seconds.append(time.perf_counter() - before - sum(silhouettes[taken:]))
            if not soon:
                SESSION.queue.wait_change(0.01)
        wall = time.perf_counter() - began
        failed = [entry.error for entry in entries if entry.error is not None]
    finally:
        workflow.capture = capture
        maskel_blender.unregister()
    if failed:
        raise SystemExit(f"{len(failed)} failed: {failed[0]}")
    bare = statistics.median(inference.values()) if inference else 0.0
    return {
        "cameras": cameras,
        "size": size,
        "ticks": len(seconds),
        "stall_ms": {
            "median": round(1e3 * statistics.median(seconds), 2),
            "p99": round(1e3 * sorted(seconds)[int(0.99 * (len(seconds) - 1))], 2),
            "longest": round(1e3 * max(seconds), 2),
        },
        "processor_ms_longest": round(1e3 * max(busy), 2),
        "silhouette_ms": {
            "median": round(1e3 * statistics.median(silhouettes), 2),
            "longest": round(1e3 * max(silhouettes), 2),
        },
        "seconds": round(wall, 2),
        "x_rays_a_second": round(cameras / wall, 2),
        "bare_model_a_second": round(1.0 / bare, 2) if bare else None,
        "share_of_bare_model": round(bare * cameras / wall, 3),
        "server": "maskel" if os.environ.get("MASKEL_COMMAND") or os.environ.get("MASKEL_SERVER") else "none",
        "load_before": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cameras", type=int, default=24)
    parser.add_argument("--size", type=int, default=512)
    options = parser.parse_args()
    import bpy

    result = measure(options.cameras, options.size)
    print(json.dumps(result, indent=1))
    values = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    values[bpy.app.version_string.split()[0]] = result
    RESULTS.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
    return 0 if result["stall_ms"]["longest"] <= 1e3 * LIMIT_SECONDS else 1


if __name__ == "__main__":
    sys.exit(main())
