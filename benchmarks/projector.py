"""Our projector against gVirtualXray and ray casting: the same meshes, the same run, time and difference.

    python benchmarks/projector.py [--sizes 256 512 1024] [--threads 1] [--runs 5]

Needs gVirtualXray (``pip install gvxr``), EGL and embreex. Writes docs/measurements/projector.json. Exit status 1 if a
picture departs from gVirtualXray's by more than 1 %, relative L1.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

LIMIT = 0.01
ENERGY, PHOTONS = 0.04, 1000
"""Of the beam, MeV and photons a pixel."""

ATTENUATION = 10.0
"""Of the material, 1/m."""

DISTANCES = {"parallel": None, "point source at 4 m": 4.0}


def place(gvxr, mesh, camera, size: int) -> None:
    """Source, detector and mesh in gVirtualXray as the camera sees them; the detector stands behind the mesh."""
    right, down, forward = camera.axes().numpy()
    target = np.asarray(camera.target)
    reach = float(np.linalg.norm(mesh.vertices - target, axis=1).max()) * 1.1
    pixel = camera.height / size
    if camera.distance is None:
        gvxr.useParallelBeam()
        source = target - 5 * forward
    else:
        gvxr.usePointSource()
        source = target - camera.distance * forward
        pixel *= (camera.distance + reach) / camera.distance
    gvxr.setSourcePosition(*source.tolist(), "m")
    gvxr.setMonoChromatic(ENERGY, "MeV", PHOTONS)
    gvxr.setDetectorPosition(*(target + reach * forward).tolist(), "m")
    gvxr.setDetectorUpVector(*(-down).tolist())
    gvxr.setDetectorRightVector(*right.tolist())
    gvxr.setDetectorNumberOfPixels(size, size)
    gvxr.setDetectorPixelSize(pixel, pixel, "m")
    gvxr.removePolygonMeshesFromSceneGraph()
    vertices = np.asarray(mesh.vertices, dtype=np.float32).ravel().tolist()
    gvxr.makeTriangularMesh("mesh", vertices, np.asarray(mesh.faces).ravel().tolist(), "m")
    gvxr.setLinearAttenuationCoefficient("mesh", ATTENUATION / 100, "cm-1")
    gvxr.addPolygonMeshAsInnerSurface("mesh")


def gvxr_lengths(gvxr, mesh, camera, size: int) -> np.ndarray:
    """Path lengths by gVirtualXray in metres, float64 (size, size), row 0 at the top."""
    place(gvxr, mesh, camera, size)
    energy = np.asarray(gvxr.computeXRayImage(), dtype=np.float64)
    # Its rows run from the bottom up.
    return -np.log(energy / (ENERGY * PHOTONS))[::-1] / ATTENUATION


def pixel_rays(camera, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Origin and unit direction of every pixel's ray in the world, each float64 (size * size, 3)."""
    right, down, forward = camera.axes().numpy()
    step = (np.arange(size) - (size - 1) / 2) * camera.height / size
    plane = np.asarray(camera.target) + step[None, :, None] * right + step[:, None, None] * down
    plane = plane.reshape(-1, 3)
    if camera.distance is None:
        return plane - 4 * forward, np.broadcast_to(forward, plane.shape).copy()
    source = np.asarray(camera.target) - camera.distance * forward
    direction = plane - source
    unit = direction / np.linalg.norm(direction, axis=1, keepdims=True)
    return np.broadcast_to(source, plane.shape).copy(), unit


def cast_lengths(mesh, camera, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Path lengths by ray casting in metres, float64 (size, size), and whether each ray's hits pair up, bool.

    A ray that grazes an edge, or meets two surfaces closer than the tracer's step, loses a hit and has no length.
    """
    from trimesh.ray.ray_pyembree import RayMeshIntersector

    origin, direction = pixel_rays(camera, size)
    tracer = RayMeshIntersector(mesh, scale_to_box=False)
    triangles, ray, points = tracer.intersects_id(
        origin, direction, multiple_hits=True, max_hits=200, return_locations=True
    )
    along = ((points - origin[ray]) * direction[ray]).sum(1)
    leaving = np.sign((mesh.face_normals[triangles] * direction[ray]).sum(1))
    lengths = np.bincount(ray, along * leaving, minlength=len(origin))
    paired = np.bincount(ray, leaving, minlength=len(origin)) == 0
    return lengths.reshape(size, size), paired.reshape(size, size)


def departure(got: np.ndarray, want: np.ndarray) -> float:
    """Relative L1."""
    return float(np.abs(got - want).sum() / np.abs(want).sum())


def main() -> int:
    import report
    import torch
    import trimesh
    from gvxrPython3 import gvxr
    from maskel_core.anatomy.asset import ASSET_PATH, read_anatomy
    from maskel_core.anatomy.figure import sample_figure
    from maskel_core.projection import Camera, signed_thickness

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[256, 512, 1024])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--anatomy", type=Path, default=ASSET_PATH)
    parser.add_argument("--out", type=Path, default=report.FOLDER)
    options = parser.parse_args()

    facts = report.machine()
    torch.set_num_threads(options.threads)
    anatomy = read_anatomy(options.anatomy)
    figure = sample_figure(anatomy, np.random.default_rng(1), np.random.default_rng(2))
    bones = [int((anatomy["piece.bone"] == b).nonzero()[0]) for b in anatomy["piece.bone"].unique()]
    chosen = torch.isin(anatomy["bone.face_piece"], torch.tensor(bones))
    faces = anatomy["bone.faces"][chosen].contiguous()
    mesh = trimesh.Trimesh(figure.bones.double().numpy(), faces.numpy(), process=False)
    gvxr.createWindow(-1, 0, "EGL")
    rows = []
    for size in options.sizes:
        for beam, distance in DISTANCES.items():
            square = (size, size)
            target = tuple(mesh.bounds.mean(0).tolist())
            height = float(np.ptp(mesh.bounds, axis=0).max()) * 1.15
            camera = Camera(yaw=0.3, target=target, height=height, distance=distance)

            def ours(square=square, camera=camera) -> np.ndarray:
                flat = camera.project(figure.bones, square)
                depth = signed_thickness(flat, faces, square, perspective=camera.distance is not None)[0]
                return (depth * camera.ray_stretch(square, depth.dtype, depth.device)).double().numpy()

            got, peer = ours(), gvxr_lengths(gvxr, mesh, camera, size)
            cast, paired = cast_lengths(mesh, camera, size)
            mine = report.summary(report.timed(ours, options.runs, warm=1))
            theirs = report.summary(report.timed(gvxr.computeXRayImage, options.runs, warm=1))
            rows.append(
                {
                    "size": size,
                    "beam": beam,
                    "l1_against_gvirtualxray": round(departure(got, peer), 5),
                    "l1_against_ray_casting": round(departure(got[paired], cast[paired]), 5),
                    "l1_of_gvirtualxray_against_ray_casting": round(departure(peer[paired], cast[paired]), 5),
                    "rays_cast_without_pair": round(float(1 - paired.mean()), 5),
                    "ours": mine,
                    "gvirtualxray": theirs,
                    "ratio": round(mine["median_s"] / theirs["median_s"], 2),
                }
            )
    result = {
        "what": f"thickness of the outer surfaces of all bones of one posed figure, {len(faces)} triangles",
        "command": "python benchmarks/projector.py " + " ".join(sys.argv[1:]),
        "threads": options.threads,
        "opengl": gvxr.getOpenGlRenderer(),
        "machine": facts,
        "rows": rows,
    }
    report.keep("projector", result, options.out)
    return 0 if all(row["l1_against_gvirtualxray"] <= LIMIT for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
