"""Warnings about silhouettes."""

import numpy as np
import pytest

from maskel_blender.silhouette.checks import check, cropped_edges, is_inside, longest_side


def body(top=20, bottom=380, left=100, right=200, shape=(400, 300)):
    mask = np.zeros(shape, np.uint8)
    mask[top:bottom, left:right] = 255
    return mask


def codes(mask, **options):
    found = check(mask, "Camera", **options)
    assert all(item.message and item.fix for item in found)
    return [item.code for item in found]


def test_a_good_silhouette_has_none():
    assert codes(body()) == []


@pytest.mark.parametrize(
    ("box", "edges"),
    [
        ({"top": 0}, ["top"]),
        ({"bottom": 400}, ["bottom"]),
        ({"left": 0, "right": 300}, ["left", "right"]),
        ({"top": 0, "bottom": 400, "left": 0}, ["top", "bottom", "left"]),
    ],
)
def test_cropped(box, edges):
    mask = body(**box)
    assert cropped_edges(mask) == edges
    (warning,) = check(mask, "Camera")
    assert warning.code == "body_cropped"
    assert all(edge in warning.message for edge in edges)


def test_tiny_counts_the_longer_side():
    assert longest_side(body(100, 140, 50, 250)) == 200
    assert codes(body(100, 140, 50, 250)) == []
    assert codes(body(100, 227, 100, 130)) == ["body_tiny"]
    assert codes(body(100, 228, 100, 130)) == []


def test_inside_wins_over_cut():
    assert codes(body(), inside=True, cut=True) == ["camera_inside"]
    assert codes(body(), cut=True) == ["body_cut"]


CUBE = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float)
FACES = np.array(
    [
        [0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1],
        [2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3],
    ]
)  # fmt: skip


def test_inside():
    for triangles in (FACES, FACES[:, ::-1], FACES[1:]):
        assert is_inside(np.array([0.3, -0.2, 0.1]), CUBE, triangles)
        assert not is_inside(np.array([1.4, 0.2, 0.1]), CUBE, triangles)
        assert not is_inside(np.array([0.9, 0.9, 1.01]), CUBE, triangles)
