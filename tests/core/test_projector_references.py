"""The projector against closed forms, a ray tracer and gVirtualXray."""

from __future__ import annotations

import math
import os
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh
from maskel_core.anatomy.asset import ASSET_PATH, read_anatomy
from maskel_core.errors import MaskelError
from maskel_core.projection import Camera, signed_thickness

from benchmarks.projector import cast_lengths, gvxr_lengths, pixel_rays

SIZE = 192


def ours(mesh: trimesh.Trimesh, camera: Camera, size: int = SIZE) -> np.ndarray:
    """Thickness by the projector, metres, (size, size)."""
    square = (size, size)
    flat = camera.project(torch.tensor(np.asarray(mesh.vertices), dtype=torch.float32), square)
    faces = torch.tensor(np.asarray(mesh.faces))
    depth = signed_thickness(flat, faces, square, perspective=camera.distance is not None)[0]
    return (depth * camera.ray_stretch(square, depth.dtype, depth.device)).numpy()


def difference(got: np.ndarray, want: np.ndarray) -> float:
    """Relative L1 over the picture."""
    return float(np.abs(got - want).sum() / np.abs(want).sum())


def sphere_chords(origin: np.ndarray, direction: np.ndarray, radius: float) -> np.ndarray:
    middle = (origin * direction).sum(1)
    return 2 * np.sqrt(np.clip(radius**2 - ((origin**2).sum(1) - middle**2), 0, None))


def cylinder_chords(origin: np.ndarray, direction: np.ndarray, radius: float, half: float) -> np.ndarray:
    flat = (direction[:, :2] ** 2).sum(1)
    middle = (origin[:, :2] * direction[:, :2]).sum(1)
    root = np.sqrt(np.clip(middle**2 - flat * ((origin[:, :2] ** 2).sum(1) - radius**2), 0, None))
    low, high = (-middle - root) / flat, (-middle + root) / flat
    ends = np.sort(np.stack([-half - origin[:, 2], half - origin[:, 2]]) / direction[:, 2], axis=0)
    return np.clip(np.minimum(high, ends[1]) - np.maximum(low, ends[0]), 0, None) * (root > 0)


def torus_chords(origin: np.ndarray, direction: np.ndarray, major: float, minor: float) -> np.ndarray:
    """Alternating sum of the real roots of the quartic of each ray."""
    middle = (origin * direction).sum(1)
    origin = origin - middle[:, None] * direction
    square = (origin**2).sum(1) + major**2 - minor**2
    out = np.zeros(len(origin))
    for i in np.flatnonzero((origin**2).sum(1) < (major + minor) ** 2):
        (ox, oy, _), (dx, dy, _) = origin[i], direction[i]
        across = 4 * major**2
        roots = np.roots(
            [
                1.0,
                0.0,
                2 * square[i] - across * (dx * dx + dy * dy),
                -2 * across * (ox * dx + oy * dy),
                square[i] ** 2 - across * (ox * ox + oy * oy),
            ]
        )
        real = np.sort(roots[np.abs(roots.imag) < 1e-9].real)
        out[i] = (real[1::2] - real[::2]).sum() if len(real) % 2 == 0 else 0.0
    return out


VIEWS = {
    "orthographic": Camera(yaw=0.7, pitch=0.35, roll=0.2, height=0.32),
    "perspective": Camera(yaw=0.7, pitch=0.35, roll=0.2, height=0.32, distance=0.6),
}


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("shape", ["sphere", "cylinder", "torus"])
def test_closed_forms_to_half_a_percent(shape: str, view: str) -> None:
    camera = VIEWS[view]
    origin, direction = pixel_rays(camera, SIZE)
    if shape == "sphere":
        mesh, want = trimesh.creation.icosphere(6, 0.1), sphere_chords(origin, direction, 0.1)
    elif shape == "cylinder":
        mesh = trimesh.creation.cylinder(0.05, 0.2, sections=512)
        want = cylinder_chords(origin, direction, 0.05, 0.1)
    else:
        mesh = trimesh.creation.torus(0.09, 0.03, major_sections=384, minor_sections=192)
        want = torus_chords(origin, direction, 0.09, 0.03)
    got = ours(mesh, camera)
    assert difference(got, want.reshape(SIZE, SIZE)) < 0.005
    assert got.min() > -1e-5


@pytest.fixture(scope="module")
def surfaces() -> dict[str, trimesh.Trimesh]:
    """Outer surfaces of a long bone and of the skull, centred, from the asset."""
    path = Path(os.environ.get("MASKEL_ANATOMY", ASSET_PATH))
    try:
        anatomy = read_anatomy(path)
    except MaskelError as error:
        pytest.skip(f"no readable anatomy: {error.message}")
    found = {}
    vertices, faces = anatomy["bone.vertices"], anatomy["bone.faces"]
    pieces = anatomy["bone.face_piece"]
    for name in ("femur_r", "skull", "hip_bone_r"):
        bone = anatomy.names["bones"].index(name)
        piece = int((anatomy["piece.bone"] == bone).nonzero()[0])
        mesh = trimesh.Trimesh(vertices.numpy(), faces[pieces == piece].numpy(), process=False)
        mesh.remove_unreferenced_vertices()
        mesh.vertices -= mesh.bounds.mean(0)
        found[name] = mesh
    return found


def bone_camera(mesh: trimesh.Trimesh, distance: float | None) -> Camera:
    return Camera(
        yaw=0.5, pitch=0.2, height=float(np.ptp(mesh.bounds, axis=0).max()) * 1.2, distance=distance
    )


@pytest.mark.parametrize("distance", [None, 1.5])
@pytest.mark.parametrize("name", ["femur_r", "skull", "hip_bone_r"])
def test_bones_as_the_ray_tracer_finds_them(surfaces, name: str, distance: float | None) -> None:
    pytest.importorskip("embreex")
    mesh = surfaces[name]
    camera = bone_camera(mesh, distance)
    want, paired = cast_lengths(mesh, camera, SIZE)
    assert paired.mean() > 0.999
    assert want.sum() > 0
    assert difference(ours(mesh, camera)[paired], want[paired]) < 0.01


@pytest.fixture(scope="module")
def gvxr():
    pytest.importorskip("gvxrPython3")
    from gvxrPython3 import gvxr

    try:
        gvxr.createWindow(-1, 0, "EGL")
        if gvxr.getOpenGlRenderer() in ("", None):
            pytest.skip("no EGL")
    except Exception as error:
        pytest.skip(f"gVirtualXray finds no EGL: {error}")
    yield gvxr
    gvxr.destroyWindow(-1)


@pytest.mark.slow
@pytest.mark.parametrize("distance", [None, 1.5])
@pytest.mark.parametrize("name", ["femur_r", "skull"])
def test_bones_as_gvirtualxray_projects_them(surfaces, gvxr, name: str, distance: float | None) -> None:
    mesh = surfaces[name]
    camera = bone_camera(mesh, distance)
    got, want = ours(mesh, camera), gvxr_lengths(gvxr, mesh, camera, SIZE)
    assert math.isfinite(float(want.sum()))
    assert difference(got, want) < 0.01
