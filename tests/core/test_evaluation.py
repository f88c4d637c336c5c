"""Metrics on cases with known answers; references and report on stick figures."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from maskel_core.anatomy.joints import MIRRORED
from maskel_core.data.dataset import SampleStore
from maskel_core.evaluation import metrics
from maskel_core.evaluation.references import DistanceAnswer, NeighbourAnswer, PipelineAnswer
from maskel_core.evaluation.report import markdown_table
from maskel_core.evaluation.run import evaluate, groups_of, measure, summarise, view_of
from maskel_core.models import CONFIGURATIONS
from maskel_core.models.store import export_model
from maskel_core.pipeline import MaskelPipeline
from scipy.ndimage import gaussian_filter

from tests.core.synthetic import write_shards

INSIDE = np.zeros((32, 32), bool)
INSIDE[4:28, 4:28] = True
NOISE = np.random.default_rng(0).random((32, 32))


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    return write_shards(tmp_path_factory.mktemp("shards"), {"train": 10, "val": 2, "test": 4})


@pytest.fixture(scope="module")
def train(shards):
    return SampleStore.open(shards, "train", cache=False)


@pytest.fixture(scope="module")
def model(tmp_path_factory, train):
    torch.manual_seed(0)
    bone, soft = train.scales()
    folder = tmp_path_factory.mktemp("models") / "tiny"
    export_model(CONFIGURATIONS["tiny"].make_generator(bone_scale=bone, soft_scale=soft), folder)
    return folder


def test_psnr():
    assert metrics.psnr(NOISE, NOISE, INSIDE, 1.0) == math.inf
    assert metrics.psnr(NOISE + 0.1, NOISE, INSIDE, 1.0) == pytest.approx(20)
    assert metrics.psnr(NOISE + 0.1, NOISE, INSIDE, 10.0) == pytest.approx(40)
    outside = NOISE + 5 * ~INSIDE
    assert metrics.psnr(outside + 0.1 * INSIDE, NOISE, INSIDE, 1.0) == pytest.approx(20)


def test_ssim():
    assert metrics.ssim(NOISE, NOISE, INSIDE, 1.0) == pytest.approx(1)
    assert metrics.ssim(1 - NOISE, NOISE, INSIDE, 1.0) < 0
    blurred = [metrics.ssim(gaussian_filter(NOISE, s), NOISE, INSIDE, 1.0) for s in (0.5, 1, 2)]
    assert 1 > blurred[0] > blurred[1] > blurred[2]


def test_ms_ssim():
    noise = np.random.default_rng(1).random((192, 192))
    inside = np.zeros((192, 192), bool)
    inside[16:176, 16:176] = True
    assert metrics.ms_ssim(noise, noise, inside, 1.0) == pytest.approx(1)
    # A constant shift changes the luminance at the coarsest scale alone.
    flat = np.full((192, 192), 0.5)
    shifted = (2 * 0.5 * 0.7 + 1e-4) / (0.5**2 + 0.7**2 + 1e-4)
    assert metrics.ms_ssim(flat + 0.2, flat, inside, 1.0) == pytest.approx(shifted**0.1333, abs=1e-4)
    blurred = [metrics.ms_ssim(gaussian_filter(noise, s), noise, inside, 1.0) for s in (0.5, 1, 2)]
    assert 1 > blurred[0] > blurred[1] > blurred[2]
    # Fine noise is lost at the coarser scales: five scales forgive what one does not.
    grain = gaussian_filter(noise, 6) * 8 + 0.05 * noise
    assert metrics.ms_ssim(gaussian_filter(noise, 6) * 8, grain, inside, 1.0) > 0.97
    apart = noise + 5 * ~inside
    assert metrics.ms_ssim(apart, apart, inside, 1.0) == pytest.approx(1)


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
    errors = metrics.joint_errors(predicted, truth, 100.0)
    assert errors[:3].tolist() == pytest.approx([0.01, 0.05, 0.1])
    figures = metrics.joint_summary(errors)
    assert figures["joint_median"] == pytest.approx(0.05)
    assert figures["joint_pck2"] == pytest.approx(1 / 3)
    assert figures["joint_pck5"] == pytest.approx(2 / 3)
    assert metrics.joint_summary(np.array([np.nan])) == {}


def test_the_sides_left_open():
    truth = np.random.default_rng(2).random((27, 2)) * 100
    swapped = truth[list(MIRRORED)]
    assert np.nanmax(metrics.sides_open(swapped, truth, 100.0)) == 0
    assert np.nanmax(metrics.joint_errors(swapped, truth, 100.0)) > 0.1
    # One naming for the whole body: one swapped pair stays an error.
    half = truth.copy()
    half[[7, 8]] = truth[[8, 7]]
    assert np.array_equal(
        metrics.sides_open(half, truth, 100.0), metrics.joint_errors(half, truth, 100.0), equal_nan=True
    )


def test_what_the_mask_hides_is_not_asked_for():
    random = np.random.default_rng(3)
    bone = gaussian_filter(random.random((96, 96)), 1)
    mask = np.zeros((96, 96), np.uint8)
    mask[20:70, 30:60] = 255
    shown = bone * (mask > 0)
    figures = metrics.layer_metrics(shown, shown, bone, bone, mask, (1.0, 1.0))
    for name in ("bone_ssim", "bone_ms_ssim", "high_pass_correlation", "slope_correlation", "crispness"):
        assert figures[name] == pytest.approx(1), name
    assert figures["outside"] == 0
    # The window round the body changes nothing.
    made = gaussian_filter(shown, 1.5) * (mask > 0)
    figures = metrics.layer_metrics(made, made, bone, bone, mask, (1.0, 1.0))
    inside = mask >= 128
    whole = metrics.pearson(metrics.high_pass(made)[inside], metrics.high_pass(shown)[inside])
    assert figures["high_pass_correlation"] == pytest.approx(whole, abs=1e-6)
    assert figures["bone_ssim"] == pytest.approx(metrics.ssim(made, shown, inside, 1.0), abs=1e-6)


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


def test_a_perfect_answer_has_perfect_figures(train):
    class Oracle:
        def __init__(self):
            self.next = iter(range(len(train)))

        def predict(self, mask):
            index = next(self.next)
            return (*train.layers[index].astype(np.float32), train.joints[index])

    figures = summarise(measure(Oracle(), train, train.scales()))
    for name in ("bone_ssim", "bone_dice", "bone_pearson", "bone_spearman", "slope_correlation", "crispness"):
        assert figures[name] == pytest.approx(1, abs=1e-6), name
    assert figures["bone_psnr"] == 100
    assert figures["joint_median"] == 0
    assert figures["joint_pck2"] == 1
    assert figures["outside"] < 0.02


def test_nearest_neighbour_finds_itself_and_moves_with_the_mask(train):
    answer = NeighbourAnswer(train)
    bone, _, points = answer.predict(train.masks[3])
    assert answer.nearest(train.masks[3]) == 3
    assert np.allclose(bone, train.layers[3, 0], atol=0.02)
    assert np.allclose(points, train.joints[3], atol=1e-3)
    moved = np.zeros((120, 130), np.uint8)
    moved[30 : 30 + 72, 40 : 40 + 72] = train.masks[3]
    again, _, places = answer.predict(moved)
    assert answer.nearest(moved) == 3
    assert np.allclose(again[30 : 30 + 72, 40 : 40 + 72], bone, atol=0.02)
    assert np.allclose(places, train.joints[3] + [40, 30], atol=1e-3)


def test_distance_reference_is_the_least_squares_one(train):
    answer = DistanceAnswer(train)
    right = np.zeros(2)
    for scale in (0.98, 1.0, 1.02):
        errors = np.zeros(2)
        for mask, layers in zip(train.masks, train.layers, strict=True):
            distance = answer._distance(mask)
            for layer in range(2):
                error = scale * answer.factors[layer] * distance - layers[layer]
                errors[layer] += float((error**2).sum())
        right = errors if scale == 0.98 else right
        if scale == 1.0:
            middle = errors
        elif scale == 1.02:
            assert (middle < errors).all()
            assert (middle < right).all()


def test_pipeline_answer(model, train):
    bone, soft, points = PipelineAnswer(MaskelPipeline.from_pretrained(model)).predict(train.masks[0])
    assert bone.shape == soft.shape == train.masks[0].shape
    assert points.shape == (27, 2)


def test_report(model, shards, tmp_path):
    unet = tmp_path / "unet"
    export_model(CONFIGURATIONS["tiny-unet"].make_generator(), unet)
    report = evaluate(model, shards, tmp_path / "out", limit=3, unet=unet)
    assert list(report["all"]) == ["tiny", "distance transform", "nearest neighbour", "plain U-Net"]
    assert report["samples"] == report["bodies"] == 3
    assert all(figures["samples"] == 3 for figures in report["all"].values())
    assert report["all"]["tiny"]["outside"] == 0
    assert "joint_median" not in report["all"]["distance transform"]
    assert json.loads((tmp_path / "out" / "report.json").read_text()) == report
    text = (tmp_path / "out" / "report.md").read_text()
    assert "| nearest neighbour | 3 |" in text
    sheets = {p.name for p in (tmp_path / "out").glob("*.png")}
    assert sheets == {"best.png", "median.png", "worst.png", "cases.png"}
    assert set(report["by_clothing"]) == {"bare"}
    assert "## Frontal" in text
    assert "## By clothing" not in text


def test_markdown_table():
    text = markdown_table({"a": {"bone_psnr": 20.123, "joint_median": 0.0123, "samples": 2}}, "Who")
    assert text.splitlines()[2] == "| a | 2 | 20.12 | 1.23 % |"
