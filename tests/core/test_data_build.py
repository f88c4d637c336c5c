"""Shards: the same from the same seed, resumable, apart by person."""

from __future__ import annotations

import json

import numpy as np
import pytest
from maskel_core.anatomy.asset import default_anatomy
from maskel_core.anatomy.joints import JOINT_NAMES
from maskel_core.data import build as build_module
from maskel_core.data.build import build_shards
from maskel_core.data.sample import VIEWS_PER_BODY, make_sample, split_of
from maskel_core.data.shards import checksum, read_shard
from maskel_core.errors import MaskelError


def test_sample_depends_on_its_seed_alone() -> None:
    one, again, other = (make_sample(default_anatomy(), 3, index, 64) for index in (5, 5, 6))
    assert one.meta == again.meta
    assert np.array_equal(one.bone, again.bone)
    assert not np.array_equal(one.mask, other.mask)


def test_sample_fits_the_frame_and_names_its_joints() -> None:
    for index in range(6):
        sample = make_sample(default_anatomy(), 11, index, 96)
        assert sample.mask.dtype == np.uint8
        rows, columns = np.nonzero(sample.mask > 127)
        assert max(np.ptp(rows), np.ptp(columns)) > 0.75 * 96
        assert sample.mask[0].max() == sample.mask[-1].max() == 0
        assert list(sample.meta["joints"]) == list(JOINT_NAMES)
        assert all(j["visible"] for j in sample.meta["joints"].values())
        assert sample.bone.dtype == sample.soft.dtype == np.float16
        assert np.isfinite(sample.bone).all()


def test_a_person_is_in_one_split_only() -> None:
    shares = np.unique([split_of(seed) for seed in range(5000)], return_counts=True)
    share = dict(zip(shares[0].tolist(), (shares[1] / 5000).tolist(), strict=True))
    assert share["train"] == pytest.approx(0.90, abs=0.02)
    assert share["val"] == pytest.approx(0.04, abs=0.02)
    assert share["test"] == pytest.approx(0.06, abs=0.02)
    first, second = (make_sample(default_anatomy(), 2, VIEWS_PER_BODY * 7 + view, 32) for view in range(2))
    assert first.meta["body"] == second.meta["body"]
    assert first.split == second.split
    assert first.meta["camera"] != second.meta["camera"]


@pytest.mark.slow
def test_two_workers_and_a_resumed_build_give_the_same_bytes(tmp_path, monkeypatch) -> None:
    sums = []
    for name, workers in (("one", 1), ("two", 2)):
        manifest = build_shards(build_module.CHUNK + 6, 32, 4, tmp_path / name, workers)
        sums.append({k: v["sha256"] for k, v in json.loads(manifest.read_text())["shards"].items()})
    assert sums[0] == sums[1]
    assert all(checksum(tmp_path / "one" / n) == s for n, s in sums[0].items())

    broken = tmp_path / "one"
    (broken / "chunk-00001.json").unlink()
    (broken / "manifest.json").unlink()
    resumed = build_shards(build_module.CHUNK + 6, 32, 4, broken)
    assert {k: v["sha256"] for k, v in json.loads(resumed.read_text())["shards"].items()} == sums[0]
    keys = [s["key"] for path in sorted(broken.glob("*.tar")) for s in read_shard(path)]
    assert len(keys) == len(set(keys)) == build_module.CHUNK + 6


def test_another_set_in_the_folder_is_refused(tmp_path) -> None:
    build_shards(2, 32, 1, tmp_path)
    with pytest.raises(MaskelError) as refused:
        build_shards(3, 32, 1, tmp_path)
    assert refused.value.code == "data_mismatch"


@pytest.mark.parametrize(("count", "size", "code"), [(0, 64, "bad_count"), (4, 5000, "bad_size")])
def test_wrong_requests_are_refused(tmp_path, count: int, size: int, code: str) -> None:
    with pytest.raises(MaskelError) as refused:
        build_shards(count, size, 1, tmp_path)
    assert refused.value.code == code
