"""Where the cameras of the rigging set stand."""

import math

import numpy as np
import pytest

from maskel_blender.silhouette.framing import YAWS, character_axes, stands
from maskel_blender.silhouette.sides import Facing, side_seen

FRONT, UP = np.array([0.0, -1.0, 0.0]), np.array([0.0, 0.0, 1.0])


def facing(front, up=UP):
    front = np.array(front, float) / np.linalg.norm(front)
    return Facing(np.cross(up, front), np.array(up, float), front)


def figure(scale=1.0):
    rng = np.random.default_rng(0)
    return (rng.uniform(-1, 1, (200, 3)) * [0.5, 0.2, 0.9] + [3.0, -2.0, 0.9]) * scale


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e4])
@pytest.mark.parametrize("frame", [(1920, 1080), (600, 900), (512, 512)])
def test_all_points_are_in_every_picture(scale, frame):
    points = figure(scale)
    found = stands(points, YAWS, FRONT, UP, frame, 0.05)
    assert len({stand.scale for stand in found.values()}) == 1
    fills = []
    for stand in found.values():
        np.testing.assert_allclose(stand.to_world[:3, :3] @ stand.to_world[:3, :3].T, np.eye(3), atol=1e-12)
        assert np.linalg.det(stand.to_world) > 0
        local = (points - stand.to_world[:3, 3]) @ stand.to_world[:3, :3]
        assert (-local[:, 2] > stand.clip_start).all()
        assert (-local[:, 2] < stand.clip_end).all()
        half = np.array(frame) / max(frame) * stand.scale / 2
        share = np.abs(local[:, :2]).max(axis=0) / half
        fills.append(share.max())
        assert share.max() <= 1 / 1.1 + 1e-9
    assert max(fills) == pytest.approx(1 / 1.1)


def test_each_view_sees_its_side():
    found = stands(figure(), YAWS, FRONT, UP, (1, 1), 0.0)
    seen = {view: side_seen(facing(FRONT), stand.to_world[:3, 2]) for view, stand in found.items()}
    assert {view: seen[view] for view in ("FRONT", "BACK", "LEFT", "RIGHT")} == {
        "FRONT": "front", "BACK": "back", "LEFT": "left", "RIGHT": "right"
    }  # fmt: skip
    # the front camera has the character's left on its right
    np.testing.assert_allclose(found["FRONT"].to_world[:3, 0], [1, 0, 0], atol=1e-12)


def test_a_point_alone():
    found = stands(np.array([[1.0, 2.0, 3.0]]), ["LEFT"], FRONT, UP, (4, 3), 0.0)
    assert found["LEFT"].scale > 0


def test_axes():
    own = np.array([0.0, -1.0, 0.0])
    front, up = character_axes(None, own)
    np.testing.assert_allclose((front, up), (FRONT, UP))
    # an import that lies on its side in its own space
    np.testing.assert_allclose(character_axes(None, np.array([0, 0, -1.0]))[0], FRONT)
    # a slight twist of the trunk is not followed, a clear one is
    slight, clear = math.radians(8), math.radians(40)
    axes = character_axes(facing((math.sin(slight), -math.cos(slight), 0)), own)
    np.testing.assert_allclose(axes[0], FRONT, atol=1e-9)
    turned = np.array([math.sin(clear), -math.cos(clear), 0.0])
    np.testing.assert_allclose(character_axes(facing(turned), own)[0], turned, atol=1e-9)
    # it looks along its object's +X
    np.testing.assert_allclose(character_axes(facing((1, 0.05, 0)), own)[0], [1, 0, 0], atol=1e-9)
    # it lies on its back
    front, up = character_axes(facing((0, 0, 1), (0, 1, 0)), own)
    np.testing.assert_allclose((front, up), ([0, 0, 1], [0, 1, 0]))
    # leaning forward, it is seen level
    lean = facing((0, -1, -0.4), np.array([0, -0.4, 1]) / math.hypot(0.4, 1))
    np.testing.assert_allclose(character_axes(lean, own), (FRONT, UP), atol=1e-9)
