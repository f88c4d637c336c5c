"""The rasteriser against plain definitions: every sample tested against every triangle."""

import numpy as np
import pytest

from maskel_blender.placement.picture import compose, resize
from maskel_blender.silhouette.clipping import clip_depth
from maskel_blender.silhouette.raster import Region, rasterise


def brute(points, triangles, width, height):
    """Pixel centres inside any triangle, by signs of cross products."""
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    inside = np.zeros((height, width), bool)
    for a, b, c in points[triangles]:
        sides = [(q[0] - p[0]) * (y - p[1]) - (q[1] - p[1]) * (x - p[0]) for p, q in ((a, b), (b, c), (c, a))]
        inside |= np.all([s > 0 for s in sides], axis=0) | np.all([s < 0 for s in sides], axis=0)
    return inside


def to_clip(points, width, height, w=1.0):
    """Clip coordinates of points in pixels, row 0 at the top."""
    ndc = np.stack(
        [
            points[:, 0] / width * 2 - 1,
            1 - points[:, 1] / height * 2,
            np.zeros(len(points)),
            np.ones(len(points)),
        ],
        axis=1,
    )
    return ndc * w


def test_random_triangles():
    rng = np.random.default_rng(5)
    for _ in range(20):
        points = rng.uniform(-20, 84, (30, 2))
        triangles = rng.integers(0, 30, (12, 3))
        mask = rasterise(to_clip(points, 64, 48, w=3.0), triangles, 64, 48, samples=1)
        np.testing.assert_array_equal(mask == 255, brute(points, triangles, 64, 48))


def test_smooth_is_area():
    # an upright and a level edge, and a slanted one, against their exact areas
    points = np.array([[10.0, 5.0], [20.3, 5.0], [20.3, 25.7], [10.0, 25.7]])
    mask = rasterise(to_clip(points, 40, 40), np.array([[0, 1, 2], [0, 2, 3]]), 40, 40, samples=5) / 255.0
    assert mask.sum() == pytest.approx(10.3 * 20.7, rel=0.01)
    assert mask[10, 20] == pytest.approx(0.3, abs=0.05)
    assert mask[25, 15] == pytest.approx(0.7, abs=0.11)
    slanted = np.array([[3.0, 3.0], [37.0, 9.0], [20.0, 36.0]])
    area = 0.5 * abs(34.0 * 33.0 - 6.0 * 17.0)
    assert rasterise(to_clip(slanted, 40, 40), np.array([[0, 1, 2]]), 40, 40).sum() / 255.0 == pytest.approx(
        area, rel=0.005
    )


def test_no_cracks():
    rng = np.random.default_rng(0)
    n = 40
    grid = np.stack(np.meshgrid(np.linspace(-5, 105, n), np.linspace(-5, 105, n)), -1)
    grid[1:-1, 1:-1] += rng.uniform(-0.9, 0.9, (n - 2, n - 2, 2))
    i = np.arange(n * n).reshape(n, n)
    a, b, c, d = i[:-1, :-1].ravel(), i[:-1, 1:].ravel(), i[1:, 1:].ravel(), i[1:, :-1].ravel()
    triangles = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])
    for samples in (1, 4, 5):
        assert (
            rasterise(to_clip(grid.reshape(-1, 2), 100, 100), triangles, 100, 100, samples=samples) == 255
        ).all()


@pytest.mark.parametrize("samples", [1, 3, 5])
def test_region_is_a_cut_of_the_whole(samples):
    rng = np.random.default_rng(2)
    points, triangles = rng.uniform(0, 60, (20, 2)), rng.integers(0, 20, (6, 3))
    whole = rasterise(to_clip(points, 60, 60), triangles, 60, 60, samples=samples)
    part = rasterise(to_clip(points, 60, 60), triangles, 60, 60, Region(7, 11, 50, 42), samples)
    np.testing.assert_array_equal(part, whole[11:42, 7:50])


def test_near_plane():
    """A floor that runs under the camera covers the lower half of the picture and nothing of the upper."""
    near, far = 0.1, 100.0
    projection = np.array(
        [
            [1, 0, 0, 0],
            [0, 1, 0, 0],
            [0, 0, (far + near) / (near - far), 2 * far * near / (near - far)],
            [0, 0, -1, 0],
        ],
        float,
    )
    floor = np.array([[-900, -1, 50, 1], [900, -1, 50, 1], [900, -1, -90, 1], [-900, -1, -90, 1]], float)
    mask = rasterise(floor @ projection.T, np.array([[0, 1, 2], [0, 2, 3]]), 80, 60, samples=1)
    assert not mask[:30].any()
    assert (mask[32:] == 255).all()
    behind = floor.copy()
    behind[:, 2] = [10, 20, 30, 40]
    assert not rasterise(behind @ projection.T, np.array([[0, 1, 2], [0, 2, 3]]), 80, 60).any()


def test_far_plane_cuts():
    triangles = np.array([[[0, 0, 0.0, 1], [1, 0, 2.0, 1], [0, 1, 2.0, 1]]])
    cut = clip_depth(triangles)
    assert len(cut) == 1
    assert cut[..., 2].max() == pytest.approx(1.0)
    assert len(clip_depth(np.array([[[0, 0, 2.0, 1], [1, 0, 0.0, 1], [0, 1, 0.0, 1]]]))) == 2
    assert len(clip_depth(triangles + np.array([0, 0, 5, 0]))) == 0


def test_nothing_and_nonsense():
    assert not rasterise(np.zeros((0, 4)), np.zeros((0, 3), int), 9, 9).any()
    points = to_clip(np.array([[1.0, 1.0], [8.0, 1.0], [1.0, 8.0]]), 9, 9)
    points[0, 0] = np.nan
    assert not rasterise(points, np.array([[0, 1, 2]]), 9, 9).any()
    with pytest.raises(ValueError, match="samples"):
        rasterise(points, np.array([[0, 1, 2]]), 9, 9, samples=0)


def test_many_bands(monkeypatch):
    from maskel_blender.silhouette import raster

    rng = np.random.default_rng(8)
    points, triangles = rng.uniform(0, 60, (90, 2)), rng.integers(0, 90, (60, 3))
    whole = rasterise(to_clip(points, 60, 60), triangles, 60, 60)
    monkeypatch.setattr(raster, "_CROSSINGS_PER_BAND", 7)
    np.testing.assert_array_equal(rasterise(to_clip(points, 60, 60), triangles, 60, 60), whole)


def test_picture():
    mask = np.zeros((20, 10), np.uint8)
    mask[:10] = 255
    picture = compose(np.full((40, 20), 90, np.uint8), mask)
    assert picture.shape == (40, 20, 4)
    assert (picture[..., :3] == 90).all()
    assert (picture[:19, :, 3] == 255).all()
    assert (picture[21:, :, 3] == 0).all()
    np.testing.assert_array_equal(resize(mask, 20, 10), mask)
    assert resize(mask, 5, 5).mean() == pytest.approx(127.5, abs=1)
