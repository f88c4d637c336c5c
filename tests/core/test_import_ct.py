"""CT volumes: attenuation, and projections against closed forms and our own projector of meshes."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh
from maskel_core.anatomy.asset import default_anatomy
from maskel_core.data.importing import ct as module
from maskel_core.data.importing.ct import (
    Scan,
    cropped,
    framed_camera,
    load_scan,
    parse_views,
    project_scan,
    surface,
)
from maskel_core.data.importing.hounsfield import HounsfieldCurve, water
from maskel_core.data.importing.naming import Item
from maskel_core.data.importing.nifti import Volume, read_volume
from maskel_core.errors import MaskelError
from maskel_core.projection.attenuation import attenuation
from maskel_core.projection.camera import Camera
from maskel_core.projection.rasterise import signed_thickness

from tests.core.importable import body_volume, centred, nifti

CURVE = HounsfieldCurve.at()
FLESH = float(np.interp(0.0, *CURVE.soft))
BONE = float(np.interp(1000.0, *CURVE.bone))
RIGHT_ANGLE = math.pi / 2


def scan_of(inside, shape, spacing, units=0.0, turn=None, oversample=3) -> Scan:
    """A scan of what ``inside(points)`` says, in metres; voxels at its edge are body where most of them is."""
    world = centred(shape, spacing, turn)
    grids = [(np.arange(n * oversample) + 0.5) / oversample - 0.5 for n in shape]
    points = np.stack(np.meshgrid(*grids, indexing="ij"), -1) @ world[:3, :3].T + world[:3, 3]
    fine = inside(points).reshape(shape[0], oversample, shape[1], oversample, shape[2], oversample)
    body = fine.mean((1, 3, 5)) > 0.5
    stored = np.where(body, units, -1000.0).astype(np.float32)
    return cropped(Scan(Volume(Path("made"), stored, 1.0, 0.0, world), body, None, {}))


def ball(points: np.ndarray, radius: float = 0.1) -> np.ndarray:
    return np.linalg.norm(points, axis=-1) < radius


def pixel_grid(size: int, height: float) -> tuple[torch.Tensor, torch.Tensor]:
    step = (torch.arange(size) - (size - 1) / 2) * height / size
    return step[None, :].expand(size, size), step[:, None].expand(size, size)


def lopsided(points: np.ndarray, back: bool = False) -> np.ndarray:
    """A unit ball made into a bent, tapered body (..., 3) in metres, or back."""
    x, y, z = np.moveaxis(points, -1, 0)
    if back:
        z = z / 0.28
        wide = 0.12 * (1 + 0.4 * z)
        return np.stack([(x - 0.06 * z**2) / wide, (y + 0.03 * z) / (0.7 * wide), z], -1)
    wide = 0.12 * (1 + 0.4 * z)
    return np.stack([x * wide + 0.06 * z**2, y * 0.7 * wide - 0.03 * z, 0.28 * z], -1)


def relative(got, want) -> float:
    got, want = torch.as_tensor(got), torch.as_tensor(want)
    return float((got - want).abs().sum() / want.sum())


def test_water_is_nists() -> None:
    assert water(40.0) == pytest.approx(26.78, rel=1e-3)
    assert water(70.0) == pytest.approx(19.4, rel=0.01)


def test_reference_tissues_come_back_at_their_hounsfield_units() -> None:
    anatomy = default_anatomy()
    names = anatomy.names["tissues"]
    seen, wanted = (attenuation(anatomy, e).double().numpy() for e in (70.0, 40.0))
    units = 1000 * (seen / water(70.0) - 1)
    body = np.ones(1, bool)

    def layers(tissue):
        return CURVE.layers(units[[names.index(tissue)]], body)[:, 0]

    for tissue in ("lung", "fat", "muscle", "brain"):
        assert layers(tissue) == pytest.approx([0, wanted[names.index(tissue)]], rel=0.005)
    # Not corners of the curve: a mixture of marrow and cortical bone must find them by itself.
    assert layers("spongiosa") == pytest.approx([wanted[names.index("spongiosa")], 0], rel=0.01)
    assert layers("tooth") == pytest.approx([wanted[names.index("tooth")], 0], rel=0.04)
    assert layers("cartilage")[0] == 0
    assert units[names.index("cortical")] == pytest.approx(1524, rel=0.03)


def test_bones_by_mask_take_soft_spongiosa_and_leave_contrast_medium() -> None:
    units = np.array([120.0, 120.0, -40.0, 350.0])
    body, bones = np.ones(4, bool), np.array([True, False, True, False])
    bone, soft = CURVE.layers(units, body, bones)
    assert (bone > 0).tolist() == [True, False, False, False]
    assert (soft > 0).tolist() == [False, True, True, True]
    assert not CURVE.layers(units, ~body).any()


def test_a_threshold_or_energy_out_of_reach_is_refused() -> None:
    for arguments, code in (({"threshold": 2000.0}, "bad_threshold"), ({"energy": 5.0}, "bad_energy")):
        with pytest.raises(MaskelError) as refused:
            HounsfieldCurve.at(**arguments)
        assert refused.value.code == code


@pytest.mark.parametrize("yaw", [0.0, 0.6, RIGHT_ANGLE])
def test_sphere_from_infinity(yaw: float) -> None:
    scan = scan_of(ball, (56, 50, 44), (0.004, 0.0045, 0.005))
    view = project_scan(scan, [Camera(yaw=yaw, height=0.24)], 32, CURVE)[0]
    x, y = pixel_grid(32, 0.24)
    want = 2 * FLESH * (0.1**2 - x**2 - y**2).clamp(min=0).sqrt()
    inner = x**2 + y**2 < 0.085**2
    assert relative(view.soft[inner], want[inner]) < 0.01
    assert view.soft.sum() == pytest.approx(float(want.sum()), rel=0.01)
    assert view.mask.sum() * 0.0075**2 == pytest.approx(math.pi * 0.1**2, rel=0.02)
    assert not view.bone.any()


def test_sphere_from_a_source_nearby() -> None:
    scan = scan_of(ball, (52, 52, 52), (0.004, 0.004, 0.004))
    camera = Camera(height=0.3, distance=0.5)
    view = project_scan(scan, [camera], 32, CURVE)[0]
    x, y = pixel_grid(32, 0.3)
    tilt2 = (x**2 + y**2) / 0.5**2
    closest2 = 0.5**2 * tilt2 / (1 + tilt2)
    want = 2 * FLESH * (0.1**2 - closest2).clamp(min=0).sqrt()
    inner = closest2 < 0.085**2
    assert relative(view.soft[inner], want[inner]) < 0.01
    assert view.soft.sum() == pytest.approx(float(want.sum()), rel=0.01)


def test_cylinder_of_bone_in_a_cylinder_of_flesh() -> None:
    def flesh(points):
        return (np.hypot(points[..., 0], points[..., 1]) < 0.09) & (np.abs(points[..., 2]) < 0.1)

    scan = scan_of(flesh, (94, 94, 12), (0.002, 0.002, 0.02))
    shaft = scan_of(
        lambda p: flesh(p) & (np.hypot(p[..., 0], p[..., 1]) < 0.04), (94, 94, 12), (0.002, 0.002, 0.02)
    )
    bone = np.zeros(scan.body.shape, bool)
    low = np.rint((shaft.volume.world[:3, 3] - scan.volume.world[:3, 3]) / scan.volume.spacing).astype(int)
    bone[tuple(slice(a, a + n) for a, n in zip(low, shaft.body.shape, strict=True))] = shaft.body
    scan.volume.stored[bone] = 1000
    views = project_scan(scan, [Camera(yaw=a, height=0.25) for a in (0.0, 0.7)], 40, CURVE)
    x, y = pixel_grid(40, 0.25)
    inside = (y.abs() < 0.09) & (x.abs() < 0.075)
    thick = [2 * (r**2 - x**2).clamp(min=0).sqrt() for r in (0.04, 0.09)]
    for view in views:
        core = inside & (x.abs() < 0.034)
        assert relative(view.bone[core], (BONE * thick[0])[core]) < 0.012
        want = FLESH * (thick[1] - thick[0])
        assert relative(view.soft[core], want[core]) < 0.012
        beside = inside & (x.abs() > 0.046)
        assert relative(view.soft[beside], want[beside]) < 0.012
        assert not view.bone[np.abs(x.numpy()) > 0.05].any()


def test_every_view_sees_the_same_mass() -> None:
    units, body = body_volume((48, 40, 60))
    world = centred(body.shape, (0.005, 0.006, 0.016))
    scan = cropped(Scan(Volume(Path("made"), units.astype(np.int16), 1.0, 0.0, world), body, None, {}))
    points = surface(scan)
    cameras = [framed_camera(points, yaw, None) for yaw in (0.0, 0.5, RIGHT_ANGLE)]
    views = project_scan(scan, cameras, 96, CURVE)
    layers = CURVE.layers(units, body)
    # At the rim half a voxel's flesh lies outside the mask and is cut off: here 1.5 %, of a scanner's voxels a tenth of that.
    for layer, (name, loss) in enumerate((("bone", 0.01), ("soft", 0.02))):
        wanted = float(layers[layer].sum()) * 0.005 * 0.006 * 0.016
        for camera, view in zip(cameras, views, strict=True):
            assert getattr(view, name).sum() * (camera.height / 96) ** 2 == pytest.approx(wanted, rel=loss)


def test_slabs_and_averaged_voxels_change_nothing(monkeypatch) -> None:
    units, body = body_volume((56, 48, 48))
    world = centred(body.shape, (0.0045, 0.005, 0.02))
    scan = Scan(Volume(Path("made"), units.astype(np.int16), 1.0, 0.0, world), body, None, {})
    camera = framed_camera(surface(scan), 0.4, 3.0)
    whole = project_scan(scan, [camera], 75, CURVE)[0]
    monkeypatch.setattr(module, "_SLAB_VOXELS", 48 * 48 * 5)
    parts = project_scan(scan, [camera], 75, CURVE)[0]
    assert np.array_equal(whole.mask, parts.mask)
    assert parts.bone == pytest.approx(whole.bone, abs=1e-5)
    assert parts.soft == pytest.approx(whole.soft, abs=1e-5)
    small = project_scan(scan, [camera], 25, CURVE)[0]
    mean = whole.soft.reshape(25, 3, 25, 3).mean((1, 3))
    assert small.soft.sum() == pytest.approx(mean.sum(), rel=0.02)
    assert relative(small.soft, mean) < 0.06


def test_as_our_own_projector_sees_the_same_closed_mesh() -> None:
    """A bent, tapered body as a mesh and as voxels, by the same perspective camera."""
    camera = Camera(yaw=0.8, height=0.8, distance=1.6, target=(0.0, 0.0, -0.05))
    size = 40
    mesh = trimesh.creation.icosphere(4)
    corners = lopsided(np.asarray(mesh.vertices))
    fine = (2 * size, 2 * size)
    flat = camera.project(torch.tensor(corners, dtype=torch.float32), fine)
    thick = signed_thickness(flat, torch.tensor(np.asarray(mesh.faces)), fine, perspective=True)[0]
    path = thick * camera.ray_stretch(fine, thick.dtype, thick.device)
    want = FLESH * torch.nn.functional.avg_pool2d(path[None], 2)[0]

    def inside(points):
        return np.linalg.norm(lopsided(points, back=True), axis=-1) < 1

    scan = scan_of(inside, (60, 48, 80), (0.006, 0.006, 0.008), oversample=2)
    got = project_scan(scan, [camera], size, CURVE)[0]
    assert relative(got.soft, want) < 0.04
    assert got.soft.sum() == pytest.approx(float(want.sum()), rel=0.02)
    covered = torch.nn.functional.avg_pool2d((thick > 1e-6).float()[None], 2)[0]
    assert got.mask.sum() == pytest.approx(float(covered.sum()), rel=0.03)
    assert np.abs(got.mask - covered.numpy()).sum() < 0.05 * float(covered.sum())


@pytest.mark.parametrize(
    "turn",
    [
        np.eye(3),
        np.diag([-1.0, 1, 1]),
        np.array([[0, 0, 1.0], [1, 0, 0], [0, 1, 0]]),
        np.array([[0, -1.0, 0], [0, 0, -1], [1, 0, 0]]),
    ],
)
def test_any_order_of_axes_gives_the_same_picture(tmp_path, turn) -> None:
    """The person's right arm is out, the nose is forward, the head is up: told by the affine alone."""

    def body(points):  # right, anterior, superior, millimetres
        trunk = (points[..., 0] / 100) ** 2 + (points[..., 1] / 60) ** 2 < 1
        trunk &= (points[..., 2] > -150) & (points[..., 2] < 100)
        arm = (points[..., 0] > 0) & (points[..., 0] < 190) & (np.abs(points[..., 2] - 60) < 20)
        arm &= np.abs(points[..., 1]) < 20
        nose = (points[..., 1] > 0) & (points[..., 1] < 110) & (np.abs(points[..., 2] - 140) < 40)
        nose &= np.abs(points[..., 0]) < 30
        return trunk | arm | nose

    lengths = np.array([440.0, 280.0, 400.0]) @ np.abs(turn)
    spacing = (10.0, 10.0, 10.0)
    shape = tuple(int(n) for n in np.ceil(lengths / spacing))
    affine = centred(shape, spacing, turn)
    points = (
        np.stack(np.meshgrid(*[np.arange(n) for n in shape], indexing="ij"), -1) @ affine[:3, :3].T
        + affine[:3, 3]
    )
    inside = body(points)
    files = {
        "ct": nifti(tmp_path / "p.nii.gz", np.where(inside, 0, -1000), affine),
        "body": nifti(tmp_path / "p.body.nii.gz", inside, affine, np.uint8),
    }
    scan = load_scan(Item("p", "ct", files))
    front, left = (
        project_scan(scan, [Camera(yaw=yaw, height=0.5)], 50, CURVE)[0].mask for yaw in (0.0, RIGHT_ANGLE)
    )
    # Seen from the front the right arm is on the left of the picture, 6 cm above the middle.
    assert front[19, 10] > 0.9 and front[19, 39] < 0.1
    assert front[9, 25] > 0.9 and front[42, 25] < 0.1
    # Seen from the person's left the front is on the left of the picture.
    assert left[12, 16] > 0.9 and left[12, 33] < 0.1


def test_units_of_length_are_the_files(tmp_path) -> None:
    units, _ = body_volume()
    path = nifti(tmp_path / "p.nii", units, np.diag([0.008, 0.008, 0.008, 1]), xyzt_units=1)
    assert read_volume(path).spacing == pytest.approx([0.008] * 3)


def test_body_is_found_without_its_table_and_lungs_are_filled(tmp_path) -> None:
    i, j, k = np.meshgrid(*[np.arange(n) for n in (48, 48, 30)], indexing="ij")
    body = (i - 24) ** 2 + (j - 22) ** 2 < 16**2
    lung = ((i - 24) ** 2 + (j - 22) ** 2 < 7**2) & (k > 10)  # open to the outside at the top
    units = np.where(body, 30.0, -1000.0)
    units[lung] = -850
    units[:, 44, :] = -50.0  # a sheet that lies apart
    units[20:28, 38, :] = 10.0  # one that touches the skin
    units[(np.hypot(i - 24, j - 30) < 3) & body] = 600
    files = {"ct": nifti(tmp_path / "p.nii.gz", units)}
    with pytest.raises(MaskelError) as refused:
        load_scan(Item("p", "ct", files))
    assert refused.value.code == "mask_missing"
    scan = load_scan(Item("p", "ct", files), segment=True)
    assert scan.body.sum() == pytest.approx(body.sum(), rel=0.04)
    assert scan.body.all(axis=2).sum() > 0.9 * body[:, :, 0].sum()


def test_a_source_in_the_body_is_refused() -> None:
    points = torch.rand(100, 3, dtype=torch.float64)
    with pytest.raises(MaskelError) as refused:
        framed_camera(points, 0.0, 0.5)
    assert refused.value.code == "bad_distance"
    camera = framed_camera(points, 0.3, 4.0)
    seen = camera.project(points, (100, 100))[:, :2]
    assert float((seen.amax(0) - seen.amin(0)).max()) == pytest.approx(92, abs=1.5)
    assert float(seen.amin()) >= 3 and float(seen.amax()) <= 96


def test_views_by_name_and_degrees() -> None:
    assert parse_views("front, LEFT,30,-30,front") == (0.0, 90.0, 30.0, -30.0)
    for wrong in ("up", "nan"):
        with pytest.raises(MaskelError) as refused:
            parse_views(wrong)
        assert refused.value.code == "bad_views"
