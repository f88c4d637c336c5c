"""``maskel data`` and ``maskel train`` with the real anatomy and the real training loop."""

from __future__ import annotations

import io
import json
import tarfile

import numpy as np
import pytest
from maskel_core.anatomy.joints import JOINT_NAMES
from PIL import Image

from tests.cli.test_commands import run_process

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "set"
    done = run_process("data", "build", "--count", 12, "--size", 64, "--seed", 5, "--out", folder)
    assert done.returncode == 0, done.stderr
    return folder


def members(folder):
    """Every file of every shard."""
    found = {}
    for path in sorted(folder.glob("*.tar")):
        with tarfile.open(path) as archive:
            found |= {member.name: archive.extractfile(member).read() for member in archive}
    return found


def test_build_writes_whole_samples(shards):
    files = members(shards)
    keys = {name.partition(".")[0] for name in files}
    assert len(keys) == 12
    assert {name.split("-")[0] for name in (path.name for path in shards.glob("*.tar"))} <= {
        "train",
        "val",
        "test",
    }
    for key in keys:
        mask = np.asarray(Image.open(io.BytesIO(files[f"{key}.mask.png"])))
        bone = np.load(io.BytesIO(files[f"{key}.bone.npy"]), allow_pickle=False)
        soft = np.load(io.BytesIO(files[f"{key}.soft.npy"]), allow_pickle=False)
        facts = json.loads(files[f"{key}.json"])
        assert mask.dtype == np.uint8 and mask.shape == bone.shape == soft.shape == (64, 64)
        assert bone.dtype == soft.dtype == np.float16
        assert bone.max() > 0 and not bone[mask == 0].any()
        assert set(facts["joints"]) == set(JOINT_NAMES)
    assert json.loads((shards / "manifest.json").read_text())


def test_the_same_seed_gives_the_same_samples(shards, tmp_path):
    arguments = (
        "data",
        "build",
        "--count",
        12,
        "--size",
        64,
        "--seed",
        5,
        "--workers",
        2,
        "--out",
        tmp_path / "again",
    )
    assert run_process(*arguments).returncode == 0
    assert members(tmp_path / "again") == members(shards)


def test_character_writes_a_skinned_figure(tmp_path):
    done = run_process("data", "character", "--out", tmp_path / "c.npz")
    assert done.returncode == 0, done.stderr
    with np.load(tmp_path / "c.npz", allow_pickle=False) as figure:
        assert 1.2 < np.ptp(figure["verts"][:, 2]) < 2.2
        assert figure["faces"].max() < len(figure["verts"])
        assert np.allclose(figure["skin_weight"].sum(1), 1, atol=1e-3)


def test_training_without_data_is_a_message(tmp_path):
    (tmp_path / "empty").mkdir()
    done = run_process("train", "maskel-small-256", "--data", tmp_path / "empty", "--out", tmp_path / "run")
    assert done.returncode == 1 and "Traceback" not in done.stderr and done.stderr.startswith("Error:")


def test_training_by_a_name_that_is_none_is_a_message(tmp_path):
    done = run_process("train", "no-such-configuration", "--out", tmp_path / "run")
    assert done.returncode == 1 and "Traceback" not in done.stderr


def test_evaluating_a_model_that_is_none_is_a_message(shards, tmp_path):
    done = run_process(
        "eval", "--data", shards, "--out", tmp_path / "report", "--model", tmp_path / "nothing"
    )
    assert done.returncode == 1 and "Traceback" not in done.stderr and done.stderr.startswith("Error:")
