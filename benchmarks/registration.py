"""Registration of the X-ray plane, measured: is it where the character is, in the render?

For each camera the whole way is gone (silhouette, plane), then two renders by Cycles are compared: the plane alone (its
alpha), and, independently of our rasteriser, the character alone with an opaque material. Without MASKEL_SERVER or
MASKEL_COMMAND the silhouette itself stands in for the X-ray: registration does not depend on what the picture shows.

    .venv-bpy-4.5/bin/python benchmarks/registration.py
    blender -b --factory-startup --python benchmarks/registration.py
    python benchmarks/registration.py --table        # docs/measurements/registration.md from registration.json, any Python

Each run adds its Blender version to docs/measurements/registration.json. Exit status 1 if a camera is below the limit.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY))

LIMIT = 0.995
RESULTS = REPOSITORY / "docs" / "measurements" / "registration.json"


def measure() -> dict[str, dict[str, float | list[int]]]:
    """IoU and number of differing pixels by camera name."""
    import bpy
    import numpy as np

    import maskel_blender
    from benchmarks import blender_scene as bench
    from maskel_blender import workflow
    from maskel_blender.client.request import XrayAnswer

    has_server = bool(os.environ.get("MASKEL_SERVER") or os.environ.get("MASKEL_COMMAND"))
    results: dict[str, dict[str, float | list[int]]] = {}
    for case in bench.CAMERAS:
        scene = bench.empty_scene()
        maskel_blender.register()
        try:
            body, _ = bench.figure(scene)
            camera = bench.add_camera(scene)
            bench.set_resolution(scene, *case.resolution)
            case.set_up(scene, camera)
            if has_server:
                bpy.ops.maskel.generate()
                plane = next(item for item in scene.objects if item.get("maskel_role"))
            else:
                prepared = workflow.prepare(bpy.context, body.name, [body])
                plane = workflow.place(prepared, XrayAnswer(prepared.request.mask_png, "", "", 0.0))
            character = bench.cycles_silhouette(scene, hidden=[plane]) >= 0.5
            body.hide_render = True
            shown = bench.cycles_alpha(scene, samples=8) >= 0.5
        finally:
            maskel_blender.unregister()
        results[case.name] = {
            "iou": round(bench.iou(character, shown), 6),
            "pixels": int(np.count_nonzero(character)),
            "differing": int(np.count_nonzero(character != shown)),
            "size": list(character.shape[::-1]),
        }
        print(f"{bpy.app.version_string:12} {case.name:42} {results[case.name]}", flush=True)
    return results


def write_table() -> Path:
    """The results as Markdown."""
    values = json.loads(RESULTS.read_text(encoding="utf-8"))
    versions = sorted(values)
    names = list(values[versions[0]])
    lines = [
        "# Registration of the X-ray plane",
        "",
        "IoU of the plane's outline (alpha of a Cycles render of the plane alone) with the character's silhouette (an",
        f"independent Cycles render); at least {LIMIT} is wanted. Made by `benchmarks/registration.py`, see there.",
        "",
        "| camera | picture | " + " | ".join(f"Blender {version}" for version in versions) + " |",
        "|---|---|" + "---|" * len(versions),
    ]
    for name in names:
        size = values[versions[0]][name]["size"]
        cells = " | ".join(f"{values[version][name]['iou']:.4f}" for version in versions)
        lines.append(f"| {name} | {size[0]} x {size[1]} | {cells} |")
    worst = " | ".join(f"**{min(v['iou'] for v in values[version].values()):.4f}**" for version in versions)
    lines += [f"| **lowest** | | {worst} |", ""]
    path = RESULTS.with_suffix(".md")
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def main() -> int:
    """Measure in this Blender, or write the table."""
    if "--table" in sys.argv:
        print(write_table())
        return 0
    import bpy

    results = measure()
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    values = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    values[bpy.app.version_string.split()[0]] = results
    RESULTS.write_text(json.dumps(values, indent=1, sort_keys=False) + "\n", encoding="utf-8")
    write_table()
    worst = min(float(value["iou"]) for value in results.values())  # type: ignore[arg-type]
    print(f"lowest IoU of {len(results)} cameras: {worst:.4f}")
    return 0 if worst >= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
