"""How steady the X-ray is from frame to frame, with the model that ships.

    python benchmarks/flicker.py [--blender .venv-bpy-4.5/bin/python] [--frames 16] [--size 512]

Blender makes the masks of three runs of frames: a still (the camera shifts by a tenth of a pixel a frame, which a rater would
call the same picture), a turntable (2 degrees a frame) and a walk (the figure bends and strides). All values are means over
the pixels in either body, of X-rays and masks scaled to 0..1:

    change       |X[t+1] - X[t]|                    how much the X-ray moves
    mask_change  |M[t+1] - M[t]| times the mean X   how much of that the mask's own edge explains
    excess       change - mask_change               change beyond that of the mask
    flicker      |X[t-1] - 2 X[t] + X[t+1]| / 2     what goes to and fro: steady motion cancels, flicker does not
    mask_flicker the same of the mask, times the mean X
    flicker_excess  flicker - mask_flicker

Writes docs/measurements/flicker.json.
"""

from __future__ import annotations

import argparse
import math
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPOSITORY), str(Path(__file__).resolve().parent)]


def make_masks(path: Path, frames: int, size: int) -> None:
    """Runs in Blender: (frames, size, size) uint8 masks of each run."""
    import bpy

    from benchmarks import blender_scene as bench
    from maskel_blender.silhouette.capture import capture

    runs: dict[str, np.ndarray] = {}
    for run in ("still", "turntable", "walk"):
        scene = bench.empty_scene()
        body, rig = bench.figure(scene, render_levels=3)
        camera = bench.add_camera(scene)
        camera.data.lens = 80.0 if run == "still" else 70.0
        bench.set_resolution(scene, size, size)
        metres_a_pixel = 4.5 * camera.data.sensor_width / camera.data.lens / size
        lower = rig.pose.bones["lower"]
        lower.rotation_mode = "XYZ"
        masks = []
        for frame in range(frames):
            if run == "still":
                camera.location.x = 0.1 * metres_a_pixel * frame
            elif run == "turntable":
                rig.rotation_euler.z = math.radians(2.0 * frame)
            else:
                phase = 2.0 * math.pi * frame / 24.0
                lower.rotation_euler.x = 0.35 * math.sin(phase)
                rig.pose.bones["upper"].rotation_euler = (0.1, 0.3 * math.cos(phase), 0.25 * math.sin(phase))
                rig.location.z = 0.02 * math.cos(2.0 * phase)
            bpy.context.view_layer.update()
            masks.append(capture(scene, [body], camera).mask)
        runs[run] = np.stack(masks)
    np.savez(path, **runs)


def steadiness(xrays: np.ndarray, masks: np.ndarray) -> dict[str, float]:
    """The values named above.

    Args:
        xrays: (T, H, W) float 0..1.
        masks: (T, H, W) float 0..1.
    """
    level = float(xrays[masks > 0.5].mean())

    def change(values: np.ndarray) -> float:
        inside = np.maximum(masks[1:], masks[:-1]) > 0.0
        return float(np.abs(np.diff(values, axis=0))[inside].mean())

    def flicker(values: np.ndarray) -> float:
        inside = np.maximum(np.maximum(masks[2:], masks[1:-1]), masks[:-2]) > 0.0
        return float(np.abs(np.diff(values, n=2, axis=0))[inside].mean() / 2.0)

    found = {
        "change": change(xrays),
        "mask_change": level * change(masks),
        "flicker": flicker(xrays),
        "mask_flicker": level * flicker(masks),
    }
    found["excess"] = found["change"] - found["mask_change"]
    found["flicker_excess"] = found["flicker"] - found["mask_flicker"]
    return {name: round(value, 5) for name, value in found.items()} | {"mean_level": round(level, 4)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--blender", default=str(REPOSITORY / ".venv-bpy-4.5" / "bin" / "python"))
    parser.add_argument("--frames", type=int, default=16)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--style", default="dxa")
    parser.add_argument("--masks", type=Path, help="only make the masks; for Blender's Python")
    parser.add_argument("--sheet", type=Path, help="also write the X-rays side by side as a PNG")
    options = parser.parse_args()
    if options.masks is not None:
        make_masks(options.masks, options.frames, options.size)
        return 0
    import report
    from maskel_core.pipeline import MaskelPipeline

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "masks.npz"
        command = [options.blender, __file__, "--masks", str(path)]
        command += ["--frames", str(options.frames), "--size", str(options.size)]
        subprocess.run(command, check=True, timeout=600, stdout=subprocess.DEVNULL)
        runs = dict(np.load(path))
    pipeline = MaskelPipeline.from_pretrained()
    result: dict[str, object] = {
        "what": f"steadiness over {options.frames} frames at {options.size} px, style {options.style}; see benchmarks/flicker.py",
        "command": f"python benchmarks/flicker.py --frames {options.frames} --size {options.size} --style {options.style}",
        "model": pipeline.model_id,
    }
    rows = []
    for run, masks in runs.items():
        xrays = np.stack([pipeline(mask, style=options.style).image for mask in masks])
        result[run] = steadiness(xrays / 255.0, masks / 255.0)
        print(run, result[run], flush=True)
        rows.append(np.concatenate(list(xrays[:8]), axis=1))
    if options.sheet is not None:
        from PIL import Image

        Image.fromarray(np.concatenate(rows)).save(options.sheet)
    result["machine"] = report.machine()
    report.keep("flicker", result, report.FOLDER)
    return 0


if __name__ == "__main__":
    sys.exit(main())
