"""Answers, the report and its sheets on stick figures."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from maskel_core.data.dataset import SampleStore
from maskel_core.errors import MaskelError
from maskel_core.evaluation.aims import judge
from maskel_core.evaluation.costs import storage_loss, training_budget
from maskel_core.evaluation.measure import measure, summarise
from maskel_core.evaluation.mirror import MirrorCheck
from maskel_core.evaluation.references import DistanceAnswer, NeighbourAnswer, PipelineAnswer
from maskel_core.evaluation.report import markdown_table
from maskel_core.evaluation.run import evaluate
from maskel_core.evaluation.sheets import save_jpeg
from maskel_core.models import CONFIGURATIONS
from maskel_core.models.store import export_model
from maskel_core.pipeline import MaskelPipeline
from PIL import Image

from tests.core.synthetic import write_shards


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


def test_a_perfect_answer_has_perfect_figures(train):
    class Oracle:
        def __init__(self):
            self.next = iter(range(len(train)))

        def predict(self, mask):
            index = next(self.next)
            return (*train.layers[index].astype(np.float32), train.joints[index])

    figures = summarise(measure({"oracle": Oracle()}, train, train.scales())["oracle"])
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


@pytest.fixture(scope="module")
def measured(model, shards, tmp_path_factory):
    """A report with everything that needs no anatomy, and its folder."""
    folder = tmp_path_factory.mktemp("report")
    run = folder / "unet"
    export_model(CONFIGURATIONS["tiny-unet"].make_generator(), run / "generator")
    log = [
        {"stage": "generator", "step": 20, "seconds": 120.0, "rate": 5.0},
        {"stage": "generator", "review": {}},
    ]
    (run / "log.jsonl").write_text("\n".join(map(json.dumps, log)))
    export_model(CONFIGURATIONS["tiny"].make_autoencoder(), folder / "features")
    report = evaluate(
        model,
        shards,
        folder / "out",
        limit=3,
        unet=run / "generator",
        features=folder / "features",
        against=model,
    )
    return report, folder / "out"


def test_report(measured):
    report, out = measured
    assert list(report["all"]) == ["tiny", "distance transform", "nearest neighbour", "plain U-Net"]
    assert report["samples"] == report["bodies"] == 3
    assert all(figures["samples"] == 3 for figures in report["all"].values())
    assert report["all"]["tiny"]["outside"] == 0
    assert "joint_median" not in report["all"]["distance transform"]
    assert json.loads((out / "report.json").read_text()) == report
    assert set(report["by_clothing"]) == {"bare"}
    assert report["features"]["name"] == "features"
    assert all(figures["frechet"] > 0 for figures in report["all"].values())
    assert report["storage"]["largest"] < 1e-5
    assert report["storage"]["samples"] == 3
    assert report["plain"]["by_camera"]["orthographic"]["samples"] == 3
    assert report["bare"]["all"]["samples"] == 3
    assert report["robustness"] == {}


def test_what_cannot_be_written_or_compared_is_refused_before_anything_is_measured(model, shards, tmp_path):
    (tmp_path / "file").write_text("")
    for changes, code in (
        ({"out": tmp_path / "file"}, "cannot_write"),
        ({"out": tmp_path / "out", "against": tmp_path / "none"}, "model_missing"),
    ):
        with pytest.raises(MaskelError) as caught:
            evaluate(model, shards, limit=1, bars=lambda title: pytest.fail(f"begun: {title}"), **changes)
        assert caught.value.code == code
    assert not (tmp_path / "out").exists()


def test_two_answers_of_one_name(model, shards, tmp_path):
    with pytest.raises(MaskelError) as caught:
        evaluate(model, shards, tmp_path, limit=1, peers={"nearest neighbour": model})
    assert caught.value.code == "bad_peer"


def test_report_tells_what_peers_cost(measured):
    peer = measured[0]["all"]["plain U-Net"]
    assert peer["minutes"] == 2
    assert peer["samples_seen"] == 600
    assert peer["parameters"] == sum(
        p.numel() for p in CONFIGURATIONS["tiny-unet"].make_generator().parameters()
    )
    assert "minutes" not in measured[0]["all"]["tiny"]


def test_report_text_begins_with_the_aims(measured):
    text = (measured[1] / "report.md").read_text()
    headings = [line for line in text.splitlines() if line.startswith("#")]
    assert headings[1:4] == ["## Aims", "## All answers", "## Plain bodies"]
    assert "| nearest neighbour, all views" in text
    assert "| plain U-Net, frontal" in text
    assert "## By clothing" not in text
    # An untrained model reaches no correlation.
    assert "| High-pass corr. | frontal | at least 0.750 |" in text
    assert "**fail**" in text


def test_sheets_are_small_and_whole(measured):
    sheets = {path.name: Image.open(path).size for path in measured[1].glob("*.jpg")}
    assert set(sheets) == {"best.jpg", "median.jpg", "worst.jpg", "cases.jpg"}
    # Three cases of mask, truth and answer twice, and the U-Net; three cases in a row.
    assert sheets["best.jpg"] == (6 * 228 - 4, 3 * 228 - 4)
    assert sheets["cases.jpg"] == (9 * 164 - 4, 160)


def test_a_sheet_is_written_as_well_as_fits(tmp_path):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (200, 200), np.uint8))
    assert save_jpeg(noise, tmp_path / "large.jpg", 10**6) == 90
    assert save_jpeg(noise, tmp_path / "small.jpg", 25_000) < 90
    assert (tmp_path / "small.jpg").stat().st_size <= 25_000


def test_aims():
    good = {"high_pass_correlation": 0.8, "slope_correlation": 0.7, "joint_median": 0.01, "crispness": 1.0}
    report = {"all": {"a": good}, "front": {"a": good}}
    assert all(row["passed"] for row in judge(report, "a"))
    assert len(judge(report, "a")) == 7
    report["all"]["a"] = {**good, "joint_median": 0.03, "crispness": 1.2}
    failed = [(row["figure"], row["where"]) for row in judge(report, "a") if not row["passed"]]
    assert failed == [("joint_median", "all"), ("crispness", "all")]
    falls = {"hair": 0.2, "crops": 0.1, "occluders": 0.5}
    report["robustness"] = {"families": {name: {"largest_fall": fall} for name, fall in falls.items()}}
    report["mirror"] = {"largest": 1e-6}
    rows = {(row["figure"], row["where"]): row["passed"] for row in judge(report, "a")}
    assert not rows["largest_fall", "hair"]
    assert rows["largest_fall", "crops"]
    assert ("largest_fall", "occluders") not in rows
    assert rows["mirror_largest", "all"]


class Sided:
    """As much bone as columns lie to the left: ``slant`` times what is not its own mirror image."""

    def __init__(self, slant):
        self.slant = slant

    def predict(self, mask):
        ramp = np.linspace(0, 1, mask.shape[1]) * np.ones(mask.shape) * (mask > 0)
        points = np.stack([np.full(27, 20.0), np.arange(27.0) // 2], axis=1)
        points[7::2], points[8::2] = (10, 5), (mask.shape[1] - 1 - 10, 5)
        points[:7, 0] = (mask.shape[1] - 1) / 2 + self.slant
        return 1 + self.slant * ramp, np.ones(mask.shape), points


def test_mirror_images():
    mask = np.zeros((30, 41), np.uint8)
    mask[5:25, 3:30] = 255
    for slant in (0.0, 0.2):
        answer = Sided(slant)
        check = MirrorCheck(answer, (2.0, 1.0))
        check.add(mask, *answer.predict(mask))
        found = check.figures()
        # Bone differs by the slant times how far a column is from the middle, twice; half of that with a scale of 2.
        assert found["largest"] == pytest.approx(slant * (20 - 3) * 2 / 40 / 2, abs=1e-6)
        assert found["joint_pixels"] == pytest.approx(2 * slant)
        assert found["passed"] == (slant == 0)
        assert found["p999"] <= found["largest"]


def test_storage_loss_sees_a_changed_weight(model, train, tmp_path):
    pipeline = MaskelPipeline.from_pretrained(model)
    export_model(pipeline.model, tmp_path / "whole", half=False)
    assert storage_loss(pipeline, tmp_path / "whole", train)["largest"] < 1e-5
    with torch.no_grad():
        pipeline.model.decoder.out.bias += 0.01
    loss = storage_loss(pipeline, tmp_path / "whole", train, count=4)
    assert loss["samples"] == 4
    assert 0 < loss["mean"] <= loss["largest"] < 0.02


def test_a_model_without_a_log_has_no_budget(model):
    assert training_budget(model) == training_budget(None) == {}


def test_markdown_table():
    text = markdown_table({"a": {"bone_psnr": 20.123, "joint_median": 0.0123, "samples": 2}}, "Who")
    assert text.splitlines()[2] == "| a | 2 | 20.12 | 1.23 % |"
