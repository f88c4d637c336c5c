"""Thickness against closed forms, and cameras against geometry."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import trimesh
from maskel_core.projection import Camera, signed_thickness


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
