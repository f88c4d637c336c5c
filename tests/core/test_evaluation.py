"""Figures on cases with known answers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from maskel_core.anatomy.joints import MIRRORED
from maskel_core.evaluation import joints, metrics, similarity
from maskel_core.evaluation.groups import groups_of, is_plain, view_of
from maskel_core.evaluation.truth import Truth
from scipy.ndimage import gaussian_filter
from skimage.metrics import structural_similarity

INSIDE = np.zeros((32, 32), bool)
INSIDE[4:28, 4:28] = True
NOISE = np.random.default_rng(0).random((32, 32))


def test_psnr():
    assert metrics.psnr(NOISE, NOISE, INSIDE, 1.0) == math.inf
    assert metrics.psnr(NOISE + 0.1, NOISE, INSIDE, 1.0) == pytest.approx(20)
    assert metrics.psnr(NOISE + 0.1, NOISE, INSIDE, 10.0) == pytest.approx(40)
    outside = NOISE + 5 * ~INSIDE
    assert metrics.psnr(outside + 0.1 * INSIDE, NOISE, INSIDE, 1.0) == pytest.approx(20)


def test_ssim():
    assert similarity.ssim(NOISE, NOISE, INSIDE, 1.0) == pytest.approx(1)
    assert similarity.ssim(1 - NOISE, NOISE, INSIDE, 1.0) < 0
    blurred = [similarity.ssim(gaussian_filter(NOISE, s), NOISE, INSIDE, 1.0) for s in (0.5, 1, 2)]
    assert 1 > blurred[0] > blurred[1] > blurred[2]
    # What scikit-image computes over the whole picture, with its sample covariances.
    made = gaussian_filter(NOISE, 0.7)
    _, whole = structural_similarity(NOISE, made, data_range=1.0, full=True)
    assert similarity.ssim(made, NOISE, INSIDE, 1.0) == pytest.approx(whole[INSIDE].mean(), abs=1e-9)


def test_ms_ssim():
    noise = np.random.default_rng(1).random((192, 192))
    inside = np.zeros((192, 192), bool)
    inside[16:176, 16:176] = True
    assert similarity.ms_ssim(noise, noise, inside, 1.0) == pytest.approx(1)
    # A constant shift changes the luminance at the coarsest scale alone.
    flat = np.full((192, 192), 0.5)
    shifted = (2 * 0.5 * 0.7 + 1e-4) / (0.5**2 + 0.7**2 + 1e-4)
    assert similarity.ms_ssim(flat + 0.2, flat, inside, 1.0) == pytest.approx(shifted**0.1333, abs=1e-4)
    blurred = [similarity.ms_ssim(gaussian_filter(noise, s), noise, inside, 1.0) for s in (0.5, 1, 2)]
    assert 1 > blurred[0] > blurred[1] > blurred[2]
    # Fine noise is lost at the coarser scales: five scales forgive what one does not.
    grain = gaussian_filter(noise, 6) * 8 + 0.05 * noise
    assert similarity.ms_ssim(gaussian_filter(noise, 6) * 8, grain, inside, 1.0) > 0.97
    apart = noise + 5 * ~inside
    assert similarity.ms_ssim(apart, apart, inside, 1.0) == pytest.approx(1)


def test_dice():
    truth, half = np.zeros((32, 32)), np.zeros((32, 32))
    truth[8:16, 8:24] = 1
    half[8:16, 8:16] = 1
    assert metrics.dice(truth, truth, INSIDE, 0.5) == 1
    assert metrics.dice(half, truth, INSIDE, 0.5) == pytest.approx(2 * 64 / (64 + 128))
    assert metrics.dice(np.zeros_like(truth), truth, INSIDE, 0.5) == 0
    assert metrics.dice(np.zeros_like(truth), np.zeros_like(truth), INSIDE, 0.5) == 1
    assert metrics.dice(half * 0.4, truth, INSIDE, 0.5) == 0


def test_correlations():
    x = np.arange(100.0)
    assert metrics.pearson(3 * x + 2, x) == pytest.approx(1)
    assert metrics.pearson(-x, x) == pytest.approx(-1)
    assert metrics.pearson(np.ones(100), x) == 0
    assert metrics.pearson(np.exp(x / 10), x) < 0.9
    assert metrics.spearman(np.exp(x / 10), x) == pytest.approx(1)
    assert metrics.pearson(np.array([1.0, 2, 3, 4]), np.array([1.0, 3, 2, 4])) == pytest.approx(0.8)


def test_slopes_and_high_pass_see_edges_only():
    y, x = np.mgrid[0:32, 0:32].astype(float)
    assert metrics.slope_correlation(NOISE + 5, NOISE, INSIDE) == pytest.approx(1)
    assert metrics.slope_correlation(-NOISE, NOISE, INSIDE) == pytest.approx(-1)
    assert metrics.slope_correlation(x, y, INSIDE) == pytest.approx(0, abs=1e-9)
    right, down = metrics.slopes(2 * x + 3 * y)
    assert np.allclose(right, 2)
    assert np.allclose(down, 3)
    big = np.tile(NOISE, (8, 8))
    assert np.abs(metrics.high_pass(np.full((64, 64), 7.0))).max() < 1e-9
    smooth = gaussian_filter(big, 40)
    assert metrics.high_pass(smooth).std() < 0.05 * smooth.std() + 1e-6


def test_crispness_falls_with_blur():
    assert metrics.crispness(np.ones((32, 32)), INSIDE) == 0
    assert metrics.crispness(5 * NOISE + 1, INSIDE) == pytest.approx(metrics.crispness(NOISE, INSIDE))
    assert metrics.crispness(gaussian_filter(NOISE, 1.0), INSIDE) < metrics.crispness(NOISE, INSIDE)


def test_outside_share():
    mask = (INSIDE * 255).astype(np.uint8)
    assert metrics.outside_share(NOISE * INSIDE, mask) == 0
    values = np.zeros((32, 32))
    values[10, 10], values[0, 0] = 3, 1
    assert metrics.outside_share(values, mask) == pytest.approx(0.25)
    assert metrics.outside_share(np.zeros((32, 32)), mask) == 0


def test_joint_figures():
    truth = np.zeros((4, 2))
    truth[3] = np.nan
    predicted = np.array([[0, 1.0], [3, 4], [10, 0], [1, 1]])
    errors = joints.joint_errors(predicted, truth, 100.0)
    assert errors[:3].tolist() == pytest.approx([0.01, 0.05, 0.1])
    figures = joints.joint_summary(errors)
    assert figures["joint_median"] == pytest.approx(0.05)
    assert figures["joint_pck2"] == pytest.approx(1 / 3)
    assert figures["joint_pck5"] == pytest.approx(2 / 3)
    assert joints.joint_summary(np.array([np.nan])) == {}


def test_the_sides_left_open():
    truth = np.random.default_rng(2).random((27, 2)) * 100
    swapped = truth[list(MIRRORED)]
    assert np.nanmax(joints.sides_open(swapped, truth, 100.0)) == 0
    assert np.nanmax(joints.joint_errors(swapped, truth, 100.0)) > 0.1
    # One naming for the whole body: one swapped pair stays an error.
    half = truth.copy()
    half[[7, 8]] = truth[[8, 7]]
    assert np.array_equal(
        joints.sides_open(half, truth, 100.0), joints.joint_errors(half, truth, 100.0), equal_nan=True
    )


def test_hats_do_not_lengthen_the_body():
    soft, mask = np.zeros((64, 64)), np.zeros((64, 64), np.uint8)
    soft[20:50, 30:34], mask[5:60, 28:36] = 1, 255
    assert joints.body_length(soft, mask) == 30
    assert joints.body_length(soft.T, mask.T) == 30
    assert joints.body_length(np.zeros((64, 64)), mask) == 55


def test_joints_beyond_the_edge_are_not_asked_for():
    points = np.array([[-0.1, 5], [0, 0], [63, 31], [63.1, 3], [5, 31.5], [np.nan, 1]], np.float32)
    known = np.isfinite(joints.seen_joints(points, (32, 64))).all(axis=1)
    assert known.tolist() == [False, True, True, False, False, False]


def test_crispness_of_nothing_is_unknown():
    mask = (INSIDE * 255).astype(np.uint8)
    figures = Truth(np.zeros((32, 32)), NOISE, mask, (1.0, 1.0)).compare(NOISE * INSIDE, NOISE * INSIDE)
    assert math.isnan(figures["crispness"])
    assert figures["bone_pearson"] == 0


def test_what_the_mask_hides_is_not_asked_for():
    random = np.random.default_rng(3)
    bone = gaussian_filter(random.random((96, 96)), 1)
    mask = np.zeros((96, 96), np.uint8)
    mask[20:70, 30:60] = 255
    shown = bone * (mask > 0)
    truth = Truth(bone, bone, mask, (1.0, 1.0))
    figures = truth.compare(shown, shown)
    for name in ("bone_ssim", "bone_ms_ssim", "high_pass_correlation", "slope_correlation", "crispness"):
        assert figures[name] == pytest.approx(1), name
    assert figures["outside"] == 0
    # The window round the body changes nothing.
    made = gaussian_filter(shown, 1.5) * (mask > 0)
    figures = truth.compare(made, made)
    inside = mask >= 128
    whole = metrics.pearson(metrics.high_pass(made)[inside], metrics.high_pass(shown)[inside])
    assert figures["high_pass_correlation"] == pytest.approx(whole, abs=1e-6)
    assert figures["bone_ssim"] == pytest.approx(similarity.ssim(made, shown, inside, 1.0), abs=1e-6)


@pytest.mark.parametrize(
    "meta, group, value",
    [
        ({"outfit": "none", "clothing": []}, "clothing", "bare"),
        ({"outfit": "armour", "clothing": [{"name": "pauldrons"}]}, "clothing", "armour"),
        ({"clothing": ["shirt"]}, "clothing", "dressed"),
        ({}, "clothing", "bare"),
        ({"body": {"age_group": "child", "stylised": True}}, "age", "child"),
        ({"body": {"age_group": "child", "stylised": True}}, "form", "stylised"),
        ({"camera": {"yaw": math.pi}}, "view", "back"),
        ({"pose_class": "sit"}, "pose", "sit"),
        ({"camera": {"yaw": 0.0, "distance": None}}, "camera", "orthographic"),
        ({"camera": {"yaw": 0.0, "distance": 3.0}}, "camera", "perspective"),
    ],
)
def test_groups(meta, group, value):
    assert groups_of(meta)[group] == value


@pytest.mark.parametrize(
    "degrees, view",
    [
        (0, "front"),
        (-20, "front"),
        (350, "front"),
        (180, "back"),
        (-170, "back"),
        (90, "side"),
        (-100, "side"),
        (45, "oblique"),
        (-130, "oblique"),
    ],
)
def test_views(degrees, view):
    assert view_of(math.radians(degrees)) == view


@pytest.mark.parametrize(
    "change, plain",
    [
        ({}, True),
        ({"pose_class": "a_pose"}, True),
        ({"pose_class": "run"}, False),
        ({"outfit": "coat"}, False),
        ({"body": {"stylised": True}}, False),
    ],
)
def test_plain_bodies(change, plain):
    assert is_plain(groups_of({"pose_class": "standing", **change})) == plain
