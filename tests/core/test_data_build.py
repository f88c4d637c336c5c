"""Shards: the same from the same seed, resumable, apart by person."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from maskel_core.anatomy.asset import default_anatomy
from maskel_core.anatomy.joints import JOINT_NAMES
from maskel_core.data.build import build_shards
from maskel_core.data.dataset import read_shards
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
        sample = make_sample(default_anatomy(), 11, index, 96, clothed=0.0)
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


CHUNK, COUNT = 4, 18


def sums(manifest: Path) -> dict[str, str]:
    return {name: shard["sha256"] for name, shard in json.loads(manifest.read_text())["shards"].items()}


def keys(folder: Path) -> list[str]:
    return sorted(s["key"] for path in folder.glob("*.tar") for s in read_shard(path))


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """A set made in one go by one process."""
    return build_shards(COUNT, 32, 4, tmp_path_factory.mktemp("whole"), chunk=CHUNK).parent


@pytest.mark.slow
def test_two_workers_give_the_same_bytes(whole, tmp_path) -> None:
    assert sums(build_shards(COUNT, 32, 4, tmp_path, 2, chunk=CHUNK)) == sums(whole / "manifest.json")
    assert all(checksum(tmp_path / name) == s for name, s in sums(whole / "manifest.json").items())


@pytest.mark.slow
def test_two_ray_workers_give_the_same_bytes(whole, tmp_path) -> None:
    pytest.importorskip("ray")
    made = build_shards(COUNT, 32, 4, tmp_path, 2, chunk=CHUNK, engine="ray")
    assert sums(made) == sums(whole / "manifest.json")
    assert all((tmp_path / n).read_bytes() == (whole / n).read_bytes() for n in sums(made))


def test_ray_is_asked_for_only_when_wanted(monkeypatch, tmp_path) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MaskelError) as refused:
        build_shards(1, 32, 4, tmp_path / "ray", engine="ray")
    assert refused.value.code == "ray_missing"
    with pytest.raises(MaskelError) as refused:
        build_shards(1, 32, 4, tmp_path / "other", engine="abacus")
    assert refused.value.code == "bad_engine"
    assert build_shards(1, 32, 4, tmp_path / "local").exists()


@pytest.mark.slow
def test_a_killed_build_goes_on_without_loss_or_doubles(whole, tmp_path) -> None:
    program = (
        "from pathlib import Path; from maskel_core.data.build import build_shards; "
        f"build_shards({COUNT}, 32, 4, Path({str(tmp_path)!r}), chunk={CHUNK})"
    )
    build = subprocess.Popen([sys.executable, "-c", program])
    deadline = time.monotonic() + 60
    # Inside the third chunk: two are done, the next has begun a file.
    while time.monotonic() < deadline and build.poll() is None:
        if (tmp_path / "chunk-00001.json").exists() and list(tmp_path.glob("*-00002.part")):
            break
        time.sleep(0.002)
    assert build.poll() is None, "the build ended before it could be killed"
    os.kill(build.pid, signal.SIGKILL)
    build.wait()
    assert not (tmp_path / "manifest.json").exists()
    kept = (tmp_path / "chunk-00000.json").stat().st_mtime_ns
    resumed = build_shards(COUNT, 32, 4, tmp_path, chunk=CHUNK)
    assert (tmp_path / "chunk-00000.json").stat().st_mtime_ns == kept
    assert sums(resumed) == sums(whole / "manifest.json")
    assert keys(tmp_path) == keys(whole)
    assert len(set(keys(tmp_path))) == COUNT
    assert not list(tmp_path.glob("*.part"))


def test_a_damaged_or_missing_shard_is_noticed(whole, tmp_path) -> None:
    folder = shutil.copytree(whole, tmp_path / "copy")
    assert sum(1 for _ in read_shards(folder, "train")) > 0
    shard = sorted(folder.glob("train-*.tar"))[0]
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.write_bytes(data)
    for spoil in (lambda: None, shard.unlink):
        spoil()
        with pytest.raises(MaskelError) as refused:
            list(read_shards(folder, "train"))
        assert refused.value.code == "data_damaged"
        assert shard.name in refused.value.message


def test_a_cut_shard_without_a_manifest_is_noticed(whole, tmp_path) -> None:
    shard = sorted(whole.glob("train-*.tar"))[0]
    (tmp_path / shard.name).write_bytes(shard.read_bytes()[:2000])
    with pytest.raises(MaskelError) as refused:
        list(read_shards(tmp_path, "train"))
    assert refused.value.code == "data_damaged"


def test_further_energies_are_stored_beside_the_first(tmp_path) -> None:
    build_shards(1, 48, 7, tmp_path, energies=(70.0,))
    sample = next(read_shard(next(tmp_path.glob("*.tar"))))
    assert sample["meta"]["further_energies_kev"] == [70.0]
    body = sample["soft"] > 0.5
    ratio = sample["soft70"][body].astype(float) / sample["soft"][body]
    # Muscle has 0.269 cm2/g at 40 keV, 0.205 at 60 and 0.182 at 80 (NIST): a ratio of about 0.71 at 70.
    assert 0.68 < np.median(ratio) < 0.80
    bone = sample["bone"] > 0.3
    assert np.median(sample["bone70"][bone].astype(float) / sample["bone"][bone]) < np.median(ratio) - 0.1
    with pytest.raises(MaskelError) as refused:
        build_shards(1, 48, 7, tmp_path / "other", energies=(5000.0,))
    assert refused.value.code == "bad_energy"


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


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(MaskelError) as refused:
        build_shards(1, 64, 0, tmp_path / "file")
    assert refused.value.code == "cannot_write"
