"""Throughput of a batch against the bare model's, in the same run: 100 cameras around a character at 512 x 512.

    .venv-bpy-4.5/bin/python benchmarks/batch.py [--cameras 100] [--block 20] [--rounds 2] [--size 512]
    blender -b --factory-startup --python benchmarks/batch.py

Bare: the same masks, taken beforehand, sent to the same server with two requests in flight; nothing is written. Batch:
silhouettes, requests, files and manifest, as `--command maskel --camera all` makes them. The two take turns, a block of cameras
each, so that what else the machine does falls on both; the share is the median over the blocks. `busy` is how much of the time
the model had work, which tells waiting from sharing the processor, `cpu_s_each` the processor time Blender's own process spends
on an item. The server is found as the add-on finds it (MASKEL_COMMAND;
else .venv's maskel). Writes docs/measurements/batch.json; exit status 1 if the limit is missed.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY))

import bpy  # noqa: E402

LEAST_SHARE = 0.9
RESULTS = REPOSITORY / "docs" / "measurements" / "batch.json"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cameras", type=int, default=100)
    parser.add_argument("--block", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--out", type=Path, default=RESULTS)
    own = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:]
    options = parser.parse_args([] if "--python" in sys.argv and "--" not in sys.argv else own)
    if not os.environ.get("MASKEL_SERVER"):
        program = REPOSITORY / ".venv" / ("Scripts/maskel.exe" if os.name == "nt" else "bin/maskel")
        os.environ.setdefault("MASKEL_COMMAND", str(program))

    from maskel_blender import api
    from maskel_blender.preferences import job_options
    from maskel_blender.session import SESSION

    names, triangles = build_scene(options.cameras, options.size)
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    try:
        api.server(120.0)
        masks, silhouettes = take_silhouettes(names)
        server = job_options(bpy.context)
        bare(masks[:4], server, SESSION.backend)
        blocks = []
        for start in [*range(0, len(names), options.block)] * options.rounds:
            part = slice(start, start + options.block)
            spent = [time.process_time()]
            bare_s, bare_model_s = bare(masks[part], server, SESSION.backend)
            spent.append(time.process_time())
            with tempfile.TemporaryDirectory() as folder:
                batch_s, batch_model_s = batch(names[part], Path(folder))
            spent.append(time.process_time())
            blocks.append(
                {
                    "share": bare_s / batch_s,
                    "bare_s": bare_s,
                    "batch_s": batch_s,
                    "bare_busy": bare_model_s / bare_s,
                    "batch_busy": batch_model_s / batch_s,
                    "bare_cpu_s": (spent[1] - spent[0]) / len(masks[part]),
                    "batch_cpu_s": (spent[2] - spent[1]) / len(masks[part]),
                }
            )
            print(json.dumps({key: round(value, 4) for key, value in blocks[-1].items()}), flush=True)
    finally:
        SESSION.backend.stop()
    middle = {key: statistics.median(block[key] for block in blocks) for key in blocks[0]}
    share = middle["share"]
    result = {
        "what": f"throughput of a batch, {options.cameras} cameras at {options.size} pixels, as a share of the bare model's",
        "command": f"python benchmarks/batch.py --cameras {options.cameras} --size {options.size}",
        "triangles": triangles,
        "silhouette_s": round(silhouettes / len(names), 4),
        "bare_per_second": round(options.block / middle["bare_s"], 2),
        "batch_per_second": round(options.block / middle["batch_s"], 2),
        "bare_busy": round(middle["bare_busy"], 3),
        "batch_busy": round(middle["batch_busy"], 3),
        "blocks": len(blocks),
        "bare_cpu_s_each": round(middle["bare_cpu_s"], 4),
        "batch_cpu_s_each": round(middle["batch_cpu_s"], 4),
        "share": round(share, 3),
        "least_share": LEAST_SHARE,
        "met": share >= LEAST_SHARE,
        "machine": {
            "blender": bpy.app.version_string,
            "cores": os.cpu_count(),
            "load_average_at_start": None if load is None else round(load, 2),
            "date": time.strftime("%Y-%m-%d", time.gmtime()),
        },
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(result, indent=2) + "\n", "utf-8")
    print(json.dumps(result, indent=2))
    return 0 if result["met"] else 1


def build_scene(cameras: int, size: int) -> tuple[list[str], int]:
    """A figure, and cameras in rings around it; their names, and the figure's triangles."""
    from benchmarks import blender_scene as bench
    from maskel_blender.silhouette.evaluate import collect, in_render_mode

    scene = bench.empty_scene()
    body, _ = bench.figure(scene, render_levels=3)
    bench.set_resolution(scene, size, size)
    names = []
    for index in range(cameras):
        turn = 2.0 * math.pi * index / cameras
        place = (4.5 * math.sin(turn), -4.5 * math.cos(turn), 1.0 + 0.4 * (index % 3))
        names.append(bench.add_camera(scene, f"Camera {index:03d}", place).name)
    counts: list[int] = []
    in_render_mode(
        scene,
        [body],
        scene.camera,
        lambda graph: counts.append(sum(len(part.triangles) for part in collect(graph))),
    )
    return names, counts[0]


def take_silhouettes(names: list[str]) -> tuple[list, float]:
    """Requests with the masks of all cameras, and the seconds they took."""
    from maskel_blender.batch import characters, ends
    from maskel_blender.batch.plan import Settings
    from maskel_blender.silhouette.sharing import sharing_meshes

    context = bpy.context
    who = characters.active(context)
    began = time.perf_counter()
    with sharing_meshes():
        requests = [ends.prepare(context, who, name, Settings()).request for name in names]
    return requests, time.perf_counter() - began


def bare(requests: list, server, backend) -> tuple[float, float]:
    """Wall time of the requests alone, and the time the model says it took."""
    from maskel_blender.batch.flight import Flight
    from maskel_blender.client.request import new_job

    flight: Flight[None] = Flight(server, backend)
    answers = []
    began = time.perf_counter()
    for request in requests:
        if flight.full:
            answers.append(flight.land().answer)
        # under a name of its own: the server would send the kept answer of the last round
        flight.send(replace(request, job=new_job()), None)
    while flight:
        answers.append(flight.land().answer)
    seconds = time.perf_counter() - began
    if None in answers:
        raise SystemExit("a bare request failed")
    return seconds, sum(answer.seconds for answer in answers)


def batch(names: list[str], folder: Path) -> tuple[float, float]:
    """Wall time of the whole way to the files, and the time the model says it took."""
    from maskel_blender import api

    began = time.perf_counter()
    report = api.batch(api.plan(names, output=folder), manifest=folder / "manifest.json")
    if report.done != len(names):
        raise SystemExit(f"{report.failed} failed")
    seconds = time.perf_counter() - began
    return seconds, sum(item["inference"] for item in report.manifest["items"])


if __name__ == "__main__":
    sys.exit(main())
