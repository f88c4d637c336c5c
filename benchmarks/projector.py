"""Our projector against gVirtualXray: the same closed meshes, the same run, time and difference.

    python benchmarks/projector.py [--runs 5] [--anatomy FILE]

Needs gVirtualXray (``pip install gvxr``) and EGL. Writes docs/measurements/projector.json.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

SIZES = (256, 512, 1024)
ENERGY_MEV = 0.04
HEIGHT, DISTANCE = 2.0, 5.0


def gvxr_scene(gvxr, mesh, camera, size: int) -> None:
    """Set source, detector and mesh up as the camera sees them; the detector stands behind the mesh."""
    right, down, forward = camera.axes().numpy()
    target = np.asarray(camera.target)
    reach = float(np.linalg.norm(mesh.vertices - target, axis=1).max()) * 1.1
    source, detector = target - camera.distance * forward, target + reach * forward
    pixel = camera.height / size * (camera.distance + reach) / camera.distance
    gvxr.usePointSource()
    gvxr.setSourcePosition(*source.tolist(), "m")
    gvxr.setMonoChromatic(ENERGY_MEV, "MeV", 1000)
    gvxr.setDetectorPosition(*detector.tolist(), "m")
    gvxr.setDetectorUpVector(*(-down).tolist())
    gvxr.setDetectorRightVector(*right.tolist())
    gvxr.setDetectorNumberOfPixels(size, size)
    gvxr.setDetectorPixelSize(pixel, pixel, "m")
    gvxr.removePolygonMeshesFromSceneGraph()
    gvxr.makeTriangularMesh(
        "mesh",
        np.asarray(mesh.vertices, dtype=np.float32).ravel().tolist(),
        np.asarray(mesh.faces, dtype=np.int32).ravel().tolist(),
        "m",
    )
    gvxr.addPolygonMeshAsInnerSurface("mesh")


def gvxr_lengths(gvxr, mesh, camera, size: int) -> np.ndarray:
    """Path lengths by gVirtualXray in metres, float64 (size, size), row 0 at the top."""
    gvxr_scene(gvxr, mesh, camera, size)
    # One call: its L-buffer in centimetres, no attenuation in between.
    return np.asarray(gvxr.computeLBuffer("mesh"), dtype=np.float64) / 100


def main() -> int:
    import report
    import torch
    import trimesh
    from gvxrPython3 import gvxr
    from maskel_core.anatomy.asset import ASSET_PATH, read_anatomy
    from maskel_core.anatomy.figure import sample_figure
    from maskel_core.projection import Camera, signed_thickness

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--anatomy", type=Path, default=ASSET_PATH)
    parser.add_argument("--out", type=Path, default=report.FOLDER)
    options = parser.parse_args()

    facts = report.machine()
    torch.set_num_threads(1)
    anatomy = read_anatomy(options.anatomy)
    figure = sample_figure(anatomy, np.random.default_rng(1), np.random.default_rng(2))
    mesh = trimesh.Trimesh(figure.bones.numpy(), anatomy["bone.faces"].numpy(), process=False)
    centre = mesh.bounds.mean(0).tolist()
    camera = Camera(yaw=0.3, target=tuple(centre), height=HEIGHT, distance=DISTANCE)
    gvxr.createWindow(-1, 0, "EGL")
    rows = {}
    for size in SIZES:
        square = (size, size)

        def ours(square=square):
            flat = camera.project(figure.bones, square)
            depth = signed_thickness(flat, anatomy["bone.faces"], square, perspective=True)[0]
            return depth * camera.ray_stretch(square, depth.dtype, depth.device)

        want = gvxr_lengths(gvxr, mesh, camera, size)
        got = ours().double().numpy()
        mine = report.summary(report.timed(ours, options.runs, warm=1))
        peer = report.summary(report.timed(gvxr.computeXRayImage, options.runs, warm=1))
        rows[str(size)] = {
            "ours": mine,
            "gvxr": peer,
            "times_gvxr": round(mine["median_s"] / peer["median_s"], 3),
            "relative_l1": round(float(np.abs(got - want).sum() / np.abs(want).sum()), 5),
        }
    report.keep(
        "projector",
        {
            "what": "all bone surfaces of one figure, one channel of path lengths, perspective, one thread",
            "command": "python benchmarks/projector.py",
            "triangles": len(mesh.faces),
            "opengl": gvxr.getOpenGlRenderer() if hasattr(gvxr, "getOpenGlRenderer") else None,
            "sizes": rows,
            "machine": facts,
        },
        options.out,
    )
    return 0 if all(row["relative_l1"] <= 0.01 for row in rows.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
