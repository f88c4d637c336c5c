"""Filling holes, against scipy and by hand."""

import numpy as np
import pytest

from maskel_blender.silhouette.holes import fill_holes

ndimage = pytest.importorskip("scipy.ndimage")


def blobs(seed, shape=(90, 70), level=0.0):
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), 1.5)
    return np.where(noise > level, 255, 0).astype(np.uint8)


@pytest.mark.parametrize("seed", range(12))
def test_hard_masks_as_scipy(seed):
    mask = blobs(seed, level=-0.05 + 0.01 * seed)
    wanted = ndimage.binary_fill_holes(mask > 0)
    assert (wanted != (mask > 0)).any(), "the test needs holes"
    np.testing.assert_array_equal(fill_holes(mask), wanted * np.uint8(255))


def test_noise_as_scipy():
    mask = (np.random.default_rng(3).random((120, 111)) < 0.6) * np.uint8(255)
    np.testing.assert_array_equal(fill_holes(mask) > 0, ndimage.binary_fill_holes(mask > 0))


def test_spiral_is_open_until_it_is_shut():
    mask = np.zeros((61, 61), np.uint8)
    low, high = 2, 58
    while high - low > 8:
        mask[low, low:high] = mask[low:high, high] = mask[high, low + 4 : high + 1] = 255
        mask[low + 4 : high, low + 4] = 255
        low, high = low + 4, high - 4
    np.testing.assert_array_equal(fill_holes(mask) > 0, ndimage.binary_fill_holes(mask > 0))


def test_grey_rims():
    mask = np.zeros((20, 20), np.uint8)
    mask[3:17, 3:17] = 255
    mask[7:13, 7:13] = 100
    mask[8:12, 8:12] = 0
    mask[3, 3:17] = 140
    filled = fill_holes(mask)
    assert (filled[4:17, 3:17] == 255).all()
    assert (filled[3, 3:17] == 140).all()
    assert not filled[:3].any()


def test_a_thin_wall_covered_by_half_encloses():
    mask = np.zeros((12, 12), np.uint8)
    mask[2, 2:10] = mask[9, 2:10] = mask[2:10, 2] = mask[2:10, 9] = 160
    filled = fill_holes(mask)
    assert (filled[3:9, 3:9] == 255).all()
    assert (filled[2, 2:10] == 160).all()


def test_largest():
    mask = np.full((40, 40), 255, np.uint8)
    mask[0] = mask[-1] = mask[:, 0] = mask[:, -1] = 0
    mask[5:7, 5:7] = 0
    mask[15:30, 15:30] = 0
    filled = fill_holes(mask, largest=0.02)
    assert (filled[5:7, 5:7] == 255).all()
    assert not filled[15:30, 15:30].any()
    assert (fill_holes(mask)[1:-1, 1:-1] == 255).all()


@pytest.mark.parametrize("value", [0, 255])
def test_nothing_to_fill(value):
    mask = np.full((7, 5), value, np.uint8)
    filled = fill_holes(mask)
    assert filled is not mask
    np.testing.assert_array_equal(filled, mask)
