"""A bias that a model has is learned from its answers and taken off; what is damaged is said to be."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from maskel_core.anatomy.joints import JOINT_NAMES, MIRRORED
from maskel_core.errors import MaskelError
from maskel_core.models import CONFIGURATIONS
from maskel_core.models.store import export_model, write_checksums
from maskel_core.pipeline import DEFAULT_MODEL, MaskelPipeline
from maskel_core.pipeline.joint_calibration import CALIBRATION, LARGEST, JointCalibration
from maskel_core.training.joint_calibration import fit_calibration

from tests.core.synthetic import write_shards
from tests.core.test_second_look import dressed

COUNT = len(JOINT_NAMES)


def people(seed: int, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Joints by a model that pushes those on the left outwards, a little noisy, and the true ones."""
    rng = np.random.default_rng(seed)
    base = np.random.default_rng(99).uniform(-1, 1, (COUNT, 2))
    size, at = rng.uniform(50, 400, (number, 1, 1)), rng.uniform(0, 500, (number, 1, 2))
    true = (base + rng.normal(0, 0.15, (number, COUNT, 2))) * size + at
    pushed = true.copy()
    pushed[:, 3] += [0.04, 0] * size[:, 0]
    pushed[:, 7] += 0.05 * (true[:, 7] - true[:, 8])
    pushed += rng.normal(0, 0.002, pushed.shape) * size
    return np.concatenate([pushed, rng.uniform(0.5, 1, (number, COUNT, 1))], axis=2), true


def test_a_bias_is_learned_and_taken_off_at_any_size_and_place():
    joints, true = people(0, 400)
    true[::7, 3] = np.nan
    joints[::9, 7, :2] += 1000
    calibration = JointCalibration.fit(joints, true)
    fresh, wanted = people(1, 100)
    size = np.linalg.norm(fresh[:, :, :2] - fresh[:, :, :2].mean(axis=1, keepdims=True), axis=2).mean(axis=1)
    after = np.stack([calibration.corrected(one) for one in fresh])
    for joint in (3, 7):
        before, now = (
            np.median(np.linalg.norm(made[:, joint, :2] - wanted[:, joint], axis=1) / size)
            for made in (fresh, after)
        )
        assert now < 0.55 * before
    others = [j for j in range(COUNT) if j not in (3, 7)]
    moved = np.linalg.norm(after[:, others, :2] - fresh[:, others, :2], axis=2) / size[:, None]
    assert np.median(moved) < 0.003
    assert np.array_equal(after[:, :, 2], fresh[:, :, 2])


def test_no_joint_is_moved_far_whatever_the_answer():
    joints, _ = people(2, 1)
    calibration = JointCalibration(np.full((3 * COUNT + 1, 2 * COUNT), 10.0))
    moved = calibration.corrected(joints[0])[:, :2] - joints[0, :, :2]
    spread = np.sqrt(np.square(joints[0, :, :2] - joints[0, :, :2].mean(axis=0)).sum(axis=1).mean())
    assert np.linalg.norm(moved, axis=1).max() == pytest.approx(LARGEST * spread)
    still = calibration.corrected(np.tile([5.0, 5.0, 1.0], (COUNT, 1)))
    assert np.isfinite(still).all()


def test_a_calibration_is_fitted_to_a_model_and_goes_with_its_weights(tmp_path):
    folder = tmp_path / "model"
    model = CONFIGURATIONS["tiny-base"].make_generator(looks=2)
    export_model(model, folder)
    data = write_shards(tmp_path / "data", {"train": 8})
    plain = MaskelPipeline.from_pretrained(folder)(dressed(), joints=True)
    fit_calibration(folder, data, 6)
    moved = MaskelPipeline.from_pretrained(folder)(dressed(), joints=True)
    assert np.array_equal(plain.bone, moved.bone)
    assert any(plain.joints[name] != moved.joints[name] for name in JOINT_NAMES)
    mirrored = MaskelPipeline.from_pretrained(folder)(np.ascontiguousarray(dressed()[:, ::-1]), joints=True)
    for name, other in zip(JOINT_NAMES, MIRRORED, strict=True):
        assert moved.joints[name].x == pytest.approx(199 - mirrored.joints[JOINT_NAMES[other]].x, abs=1e-9)
    (folder / CALIBRATION).write_bytes((folder / CALIBRATION).read_bytes()[:-8])
    with pytest.raises(MaskelError) as caught:
        MaskelPipeline.from_pretrained(folder)
    assert caught.value.code == "model_damaged" and CALIBRATION in caught.value.message
    JointCalibration(np.zeros((4, 2))).save(folder)
    write_checksums(folder)
    with pytest.raises(MaskelError, match="27 joints"):
        MaskelPipeline.from_pretrained(folder)
    export_model(model, folder)
    assert MaskelPipeline.from_pretrained(folder)(dressed(), joints=True).joints == plain.joints


def test_the_model_that_ships_is_calibrated(tmp_path):
    assert (DEFAULT_MODEL / CALIBRATION).is_file()
    shutil.copytree(DEFAULT_MODEL, tmp_path / "bare")
    (tmp_path / "bare" / CALIBRATION).unlink()
    with pytest.raises(MaskelError) as caught:
        MaskelPipeline.from_pretrained(tmp_path / "bare")
    assert caught.value.code == "model_damaged"
