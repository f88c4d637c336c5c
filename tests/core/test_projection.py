"""Thickness against closed forms, and cameras against geometry."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import trimesh
from maskel_core.projection import Camera, rasterise, signed_thickness


def thickness(mesh: trimesh.Trimesh, camera: Camera, size: int = 256) -> torch.Tensor:
    points = torch.tensor(np.asarray(mesh.vertices), dtype=torch.float32)
    square = (size, size)
    flat = camera.project(points, square)
    faces = torch.tensor(np.asarray(mesh.faces))
    depth = signed_thickness(flat, faces, square, perspective=camera.distance is not None)[0]
    return depth * camera.ray_stretch(square, depth.dtype, depth.device)


def pixel_grid(size: int, height: float) -> tuple[torch.Tensor, torch.Tensor]:
    step = (torch.arange(size) - (size - 1) / 2) * height / size
    return step[None, :].expand(size, size), step[:, None].expand(size, size)


@pytest.mark.parametrize("yaw", [0.0, 0.4, 2.0])
def test_sphere_chords(yaw: float) -> None:
    sphere = trimesh.creation.icosphere(6, 0.1)
    got = thickness(sphere, Camera(height=0.25, yaw=yaw, pitch=0.3))
    x, y = pixel_grid(256, 0.25)
    want = 2 * (0.1**2 - x**2 - y**2).clamp(min=0).sqrt()
    assert (got - want).abs().sum() / want.sum() < 0.005


def test_cylinder_chords_from_the_side() -> None:
    cylinder = trimesh.creation.cylinder(0.05, 0.3, sections=256)
    got = thickness(cylinder, Camera(height=0.4, yaw=0.7))
    x, y = pixel_grid(256, 0.4)
    want = 2 * (0.05**2 - x**2).clamp(min=0).sqrt() * (y.abs() < 0.15)
    assert (got - want).abs().sum() / want.sum() < 0.012


def test_torus_volume() -> None:
    torus = trimesh.creation.torus(0.1, 0.03, major_sections=256, minor_sections=128)
    got = thickness(torus, Camera(height=0.3, pitch=0.9, yaw=0.2), 512)
    volume = float(got.sum()) * (0.3 / 512) ** 2
    assert volume == pytest.approx(2 * math.pi**2 * 0.1 * 0.03**2, rel=0.005)


def test_perspective_sphere_chord_through_the_centre_and_off_axis() -> None:
    sphere = trimesh.creation.icosphere(6, 0.1)
    camera = Camera(height=0.5, distance=0.8)
    got = thickness(sphere, camera)
    x, y = pixel_grid(256, 0.5)
    tilt2 = (x**2 + y**2) / 0.8**2
    closest2 = 0.8**2 * tilt2 / (1 + tilt2)
    want = 2 * (0.1**2 - closest2).clamp(min=0).sqrt()
    assert (got - want).abs().sum() / want.sum() < 0.006


def test_no_pixel_leaks_between_neighbouring_triangles() -> None:
    torch.manual_seed(0)
    for _ in range(5):
        ball = trimesh.creation.icosphere(4, 0.1)
        ball.vertices += np.random.default_rng(1).normal(0, 0.002, ball.vertices.shape)
        got = thickness(ball, Camera(height=0.24, yaw=float(torch.rand(()) * 6), distance=50.0), 200)
        assert got.min() > -1e-4
        assert got.max() < 0.22


def test_weights_make_channels() -> None:
    box = trimesh.creation.box((0.1, 0.1, 0.1))
    points = Camera(height=0.3).project(torch.tensor(np.asarray(box.vertices), dtype=torch.float32), (64, 64))
    weights = torch.tensor([[2.0, -1.0]]).expand(len(box.faces), 2)
    layers = signed_thickness(
        points, torch.tensor(np.asarray(box.faces)), (64, 64), perspective=False, weights=weights
    )
    assert layers[0, 32, 32] == pytest.approx(0.2, rel=1e-4)
    assert torch.allclose(layers[1] * -2, layers[0], atol=1e-6)


def test_what_lies_outside_the_picture_is_cut_off_not_wrapped() -> None:
    box = trimesh.creation.box((1.0, 0.1, 0.1))
    got = thickness(box, Camera(height=0.3), 64)
    assert got.shape == (64, 64)
    assert torch.all(got[32] > 0.09)


def test_parts_of_the_table_add_up_to_the_whole(monkeypatch) -> None:
    ball = trimesh.creation.icosphere(3, 0.1)
    camera = Camera(height=0.3, yaw=0.3, distance=1.0)
    whole = thickness(ball, camera, 128)
    monkeypatch.setattr(rasterise, "_CHUNK", 50)
    assert torch.equal(thickness(ball, camera, 128), whole)


def test_corners_on_pixel_centres_and_flat_triangles_count_once() -> None:
    # Edges run through pixel centres, and four of the sides are seen edge-on.
    box = trimesh.creation.box((0.5, 0.5, 0.5))
    got = thickness(box, Camera(height=1.0), 17)
    assert set(got.unique().tolist()) == {0.0, 0.5}
    assert int((got > 0).sum()) in (64, 72, 81)


def test_leaks_are_none_at_any_angle_of_slivers() -> None:
    needle = trimesh.creation.cylinder(0.05, 0.2, sections=2000)
    for yaw in (0.0, 0.3, math.pi / 2):
        for distance in (None, 0.5):
            got = thickness(needle, Camera(height=0.22, yaw=yaw, pitch=0.4, distance=distance), 300)
            assert got.min() > -2e-5
            assert got.max() < 0.22


def test_nothing_to_draw_gives_an_empty_picture() -> None:
    points = torch.tensor([[5.0, 5.0, 1.0], [5.2, 5.0, 1.0], [5.0, 5.2, 1.0]])
    for faces in (torch.zeros(0, 3, dtype=torch.int64), torch.tensor([[0, 0, 0]])):
        got = signed_thickness(points, faces, (9, 9), perspective=False)
        assert got.shape == (1, 9, 9)
        assert not got.any()


def test_front_view_has_the_left_hand_on_the_right_of_the_picture() -> None:
    points = torch.tensor([[0.5, 0.0, 0.0], [0.0, 0.0, 0.5], [0.0, -0.5, 0.0]])
    left, up, nose = Camera(height=2.0).project(points, (101, 101))
    assert left[0] == pytest.approx(75.25, abs=1e-3)
    assert up[1] == pytest.approx(24.75, abs=1e-3)
    assert nose[2] < 0


def test_roll_turns_the_picture_counter_clockwise() -> None:
    top = torch.tensor([[0.0, 0.0, 0.5]])
    turned = Camera(height=2.0, roll=math.pi / 2).project(top, (101, 101))[0]
    assert turned[0] < 50
    assert turned[1] == pytest.approx(50, abs=1e-3)
