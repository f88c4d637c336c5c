"""Changed silhouettes of the same bodies."""

from __future__ import annotations

import numpy as np
import pytest
from maskel_core.anatomy.asset import default_anatomy
from maskel_core.data.sample import make_sample, split_of
from maskel_core.data.silhouettes import AUGMENTATIONS
from maskel_core.evaluation import robustness as pairs
from maskel_core.evaluation.references import PipelineAnswer
from maskel_core.evaluation.report import report_text

SIZE = 96


def test_families_are_known_and_apart():
    names = [name for family in pairs.FAMILIES.values() for name in family]
    assert len(names) == len(set(names))
    # All but what only moves or stretches the whole picture.
    assert set(AUGMENTATIONS) - set(names) == {"place", "stretch"}
    assert list(pairs.FAMILIES) == ["hair", "clothes", "props", "crops", "noise", "occluders"]
    assert "beard" in pairs.FAMILIES["hair"]
    assert "furniture" in pairs.FAMILIES["props"]


def test_bodies_are_held_out_and_different():
    numbers = pairs.held_out_bodies(1, 12)
    bodies = [1_000_003 + number // 2 for number in numbers]
    assert len(set(bodies)) == 12
    assert {split_of(body) for body in bodies} == {"test"}


class Recorder:
    """Answers with half of the mask as bone, and keeps the masks."""

    def __init__(self):
        self.masks = []

    def predict(self, mask):
        self.masks.append(mask)
        share = mask / np.float32(255)
        return share / 2, share, np.full((27, 2), 40.0)


@pytest.fixture(scope="module")
def run():
    recorder = Recorder()
    steps = []
    found = pairs.robustness(
        recorder, 2, SIZE, (4.0, 8.0), progress=lambda done, total: steps.append((done, total))
    )
    return recorder, found, steps


def test_every_family_of_every_body(run):
    recorder, found, steps = run
    assert list(found) == list(pairs.FAMILIES)
    assert all(figures["samples"] == 2 for figures in found.values())
    assert steps == [(1, 2), (2, 2)]
    # Once the plain body, once more for each of what is worn, and every family's own mask.
    assert len(recorder.masks) == 2 * (1 + 3 + 6)


def test_the_plain_body_is_that_of_the_test_set(run):
    number = pairs.held_out_bodies(1, 1)[0]
    sample = make_sample(default_anatomy(), 1, number, SIZE, clothed=0.0)
    assert np.array_equal(run[0].masks[0], sample.mask)


def test_masks_change_as_their_family_says(run):
    for first in (0, 10):
        plain, *rest = (mask.astype(int) for mask in run[0].masks[first : first + 10])
        for before, after in ((rest[0], rest[1]), (rest[2], rest[3]), (rest[4], rest[5])):
            assert (after >= before).all()
            assert (after > before).any()
        cropped, _, hidden = rest[6:]
        assert cropped.sum() < plain.sum()
        assert (hidden <= plain).all()
        assert 0.5 * plain.sum() < hidden.sum() < plain.sum()


def test_a_fall_is_told(run):
    before = {"bone_dice": 0.8, "bone_ssim": 0.5, "errors": np.array([0.01, 0.03]), "open_errors": None}
    before |= dict.fromkeys(("bone_psnr", "slope_correlation", "crispness"), 1.0)
    rest = [name for name in (*pairs.NEAR, "soft_pearson", "outside") if name not in before]
    before |= dict.fromkeys(rest, 1.0)
    after = {**before, "bone_dice": 0.6, "bone_ssim": 0.52, "errors": np.array([0.02, 0.06])}
    found = pairs.compare([before], [after])
    assert found["change"]["bone_dice"] == pytest.approx(-0.25)
    assert found["change"]["bone_ssim"] == pytest.approx(0.04)
    assert found["change"]["joint_median"] == pytest.approx(1.0)
    assert found["falls_most"] == "joint_pck5"
    assert found["largest_fall"] == pytest.approx(0.5)
    assert not found["passed"]
    assert pairs.compare([before], [before])["passed"]


def test_the_table_marks_what_falls(run):
    report = {"model": "m", "samples": 1, "bodies": 1, "aims": [], "all": {}, "front": {}, "features": {}}
    report |= {key: {} for key in ("plain", "bare", "mirror", "storage")}
    report |= {f"by_{key}": {} for key in ("view", "age", "pose", "clothing", "form", "camera")}
    families = {"hair": {"samples": 2, "change": {"bone_dice": -0.2, "bone_ssim": -0.1, "joint_median": 0.3}}}
    text = report_text({**report, "robustness": {"limit": 0.15, "families": families}})
    assert "| hair | 2 | -10.0 % | **-20.0 %** | **+30.0 %** |" in text


def test_a_pipeline_is_told_the_view():
    class Pipeline:
        pass

    answer = PipelineAnswer(Pipeline(), told=True)
    pairs._tell(answer, type("C", (), {"yaw": np.pi})())
    assert answer.view == "back"
