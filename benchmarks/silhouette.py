"""Speed and agreement of the silhouette, with Cycles beside it.

A figure of at least 100,000 triangles, deformed by an armature, in a frame of 1024 x 1024. Timed from the operator's first
step (finding the character) to the mask, warm, median of the repeats.

    .venv-bpy-4.5/bin/python benchmarks/silhouette.py
    blender -b --factory-startup --python benchmarks/silhouette.py

Each run adds its Blender version to docs/measurements/silhouette.json and writes silhouette.md. Exit status 1 if a limit is
missed.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY))

RESULTS = REPOSITORY / "docs" / "measurements" / "silhouette.json"
REPEATS = 5
LIMITS = {"hard_seconds": 0.25, "smooth_seconds": 1.0}
LEAST_IOU = 0.998


def median_seconds(call: Callable[[], object], repeats: int = REPEATS) -> float:
    """Median of warm calls."""
    call()
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        call()
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def measure() -> dict[str, float | int]:
    """Triangles, seconds and agreement with Cycles."""
    import bpy

    from benchmarks import blender_scene as bench
    from maskel_blender import targets
    from maskel_blender.silhouette.camera import find_camera
    from maskel_blender.silhouette.capture import Silhouette, capture
    from maskel_blender.silhouette.evaluate import collect, in_render_mode

    scene = bench.empty_scene()
    body, _ = bench.figure(scene, levels=0, render_levels=4)
    subdivide_to(body, 100_000, scene, in_render_mode, collect)
    bench.set_resolution(scene, 1024, 1024)
    camera = bench.add_camera(scene, location=(0.0, -4.0, 1.1))
    camera.data.lens = 70.0

    def take(samples: int) -> Silhouette:
        _, objects = targets.resolve(bpy.context, "ACTIVE")
        return capture(scene, objects, find_camera(scene), samples)

    triangles = count_triangles(scene, body, in_render_mode, collect)
    result: dict[str, float | int] = {
        "triangles": triangles,
        "hard_seconds": round(median_seconds(lambda: take(1)), 3),
        "smooth_seconds": round(median_seconds(lambda: take(5)), 3),
        "cycles_seconds": round(median_seconds(lambda: bench.cycles_silhouette(scene)), 3),
    }
    reference = bench.cycles_silhouette(scene) >= 0.5
    result["hard_iou"] = round(bench.iou(take(1).mask >= 128, reference), 5)
    result["smooth_iou"] = round(bench.iou(take(5).mask >= 128, reference), 5)
    return result


def count_triangles(scene, body, in_render_mode, collect) -> int:
    """Triangles that a render has."""
    found: list[int] = []
    in_render_mode(
        scene, [body], body, lambda graph: found.append(sum(len(part.triangles) for part in collect(graph)))
    )
    return found[0]


def subdivide_to(body, wanted: int, scene, in_render_mode, collect) -> None:
    """Raise the render level of the subdivision until there are enough triangles, then thin them out to the number wanted."""
    subdivision = body.modifiers["Subdivision"]
    while (count := count_triangles(scene, body, in_render_mode, collect)) < wanted:
        subdivision.render_levels += 1
    # a mesh of its own, so that the time is the silhouette's, not the subdivision's
    import bpy
    import numpy as np

    kept: list = []
    in_render_mode(scene, [body], body, lambda graph: kept.extend(collect(graph)))
    mesh = bpy.data.meshes.new("Figure, dense")
    mesh.from_pydata(kept[0].vertices.tolist(), [], kept[0].triangles.tolist())
    armature = body.parent
    for modifier in list(body.modifiers):
        body.modifiers.remove(modifier)
    body.data = mesh
    if count > wanted * 1.05:
        thin = body.modifiers.new("Decimate", "DECIMATE")
        thin.ratio = (wanted + 500) / count
        in_render_mode(scene, [body], body, lambda graph: kept.extend(collect(graph)))
        body.modifiers.remove(thin)
        mesh.clear_geometry()
        mesh.from_pydata(kept[1].vertices.tolist(), [], kept[1].triangles.tolist())
    heights = np.empty(len(mesh.vertices) * 3, np.float32)
    mesh.vertices.foreach_get("co", heights)
    body.vertex_groups.clear()
    above = np.flatnonzero(heights[2::3] > 1.2)
    body.vertex_groups.new(name="upper").add(above.tolist(), 0.5, "REPLACE")
    body.vertex_groups.new(name="lower").add(list(range(len(mesh.vertices))), 0.5, "REPLACE")
    body.modifiers.new("Armature", "ARMATURE").object = armature


def write_table(values: dict[str, dict[str, float | int]]) -> None:
    """The results as Markdown."""
    lines = [
        "# Silhouette: speed and agreement",
        "",
        "1024 x 1024, a figure deformed by an armature, headless, warm median of 5 in seconds, from the operator's first step",
        f"to the mask; wanted: hard edges {LIMITS['hard_seconds']} s, smooth edges {LIMITS['smooth_seconds']} s, IoU {LEAST_IOU}",
        "with a Cycles render with the material overridden. Made by `benchmarks/silhouette.py`, see there.",
        "",
        "| Blender | triangles | hard edges | smooth edges | Cycles, 1 sample | IoU hard | IoU smooth |",
        "|---|---|---|---|---|---|---|",
    ]
    keys = ("triangles", "hard_seconds", "smooth_seconds", "cycles_seconds", "hard_iou", "smooth_iou")
    lines += [
        f"| {version} | " + " | ".join(str(values[version][key]) for key in keys) + " |"
        for version in sorted(values)
    ]
    RESULTS.with_suffix(".md").write_text("\n".join([*lines, ""]), encoding="utf-8")


def main() -> int:
    """Measure in this Blender."""
    import bpy

    result = measure()
    print(result)
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    values = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    values[bpy.app.version_string.split()[0]] = result
    RESULTS.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
    write_table(values)
    fast = all(result[key] <= limit for key, limit in LIMITS.items())
    return 0 if fast and min(result["hard_iou"], result["smooth_iou"]) >= LEAST_IOU else 1


if __name__ == "__main__":
    sys.exit(main())
