"""Processes that share a batch make what one process makes."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from maskel_core.data.dataset import Augmentation, SampleStore
from maskel_core.errors import MaskelError
from maskel_core.training import distributed
from maskel_core.training.config import StageConfig, TrainingConfig
from maskel_core.training.overrides import check_config
from maskel_core.training.run import train
from maskel_core.training.sources import Framing, MixedSource, SampleStream, ShardSource, StreamSource
from safetensors.torch import load_file

from tests.core.synthetic import write_shards

ROUGH = Augmentation(edge_noise=1.0)
WEIGHTS = "diffusion_pytorch_model.safetensors"
ROOT = Path(__file__).parents[2]


def rows(batch):
    return [batch.mask, batch.integrals, batch.joints, batch.known, batch.view]


def assert_interleaved(whole, parts):
    """The parts' rows, taken in turns, are the whole's."""
    for number, wanted in enumerate(rows(whole)):
        for rank, part in enumerate(parts):
            assert torch.equal(rows(part)[number], wanted[rank :: len(parts)])


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = write_shards(tmp_path_factory.mktemp("shards"), {"train": 7})
    return SampleStore.open(folder, "train", cache=False)


@pytest.mark.parametrize("processes", [2, 3])
def test_processes_make_the_parts_of_the_whole_batch(store, processes):
    def batch(places):
        return ShardSource(store, 5, 6, Framing(0.04, ROUGH), places).batch(3, 64, np.random.default_rng(1))

    parts = [batch(range(rank, 6, processes)) for rank in range(processes)]
    assert_interleaved(batch(None), parts)


def test_processes_make_the_parts_of_a_mixed_batch(store):
    def batch(rank, processes):
        fixed = ShardSource(store, 5, 1, Framing(0.04, ROUGH), range(rank, 1, processes))
        made = StreamSource(7, 64, 3, Framing(0.04, ROUGH), 0, range((rank - 1) % processes, 3, processes))
        return MixedSource(fixed, made).batch(1, 64, np.random.default_rng(1))

    assert_interleaved(batch(0, 1), [batch(rank, 2) for rank in range(2)])
    assert_interleaved(batch(0, 1), [batch(rank, 4) for rank in range(4)])


def test_a_shared_stream_leaves_nothing_out():
    whole = [sample.key for sample in itertools.islice(SampleStream(7, 32, first=3), 6)]
    parts = [
        [s.key for s in itertools.islice(SampleStream(7, 32, first=3, batch=3, places=places), number)]
        for places, number in ((range(0, 3, 2), 4), (range(1, 3, 2), 2))
    ]
    assert parts == [[whole[0], whole[2], whole[3], whole[5]], [whole[1], whole[4]]]


def test_a_batch_that_cannot_be_shared_is_refused():
    config = TrainingConfig(generator=StageConfig(batch=4))
    check_config(config, 2)
    with pytest.raises(MaskelError) as caught:
        check_config(config, 3)
    assert caught.value.code == "bad_config"


def test_several_processes_without_accelerate_are_told_what_to_install(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setitem(sys.modules, "accelerate", None)
    with pytest.raises(MaskelError) as caught:
        distributed.join("cpu")
    assert caught.value.code == "extra_missing"
    assert "maskel[train]" in caught.value.fix


def test_a_lone_process_is_the_whole():
    values = torch.arange(6.0)
    assert (distributed.count(), distributed.rank(), distributed.is_main()) == (1, 0, True)
    assert distributed.own_rows(values) is not None
    assert torch.equal(distributed.own_rows(values), values)
    assert torch.equal(distributed.all_rows(values), values)
    assert distributed.agree(1.5, True) == [1.5, 1.0]


CONFIG = """
model = "{model}"
precision = "float32"
device = "cpu"
threads = 1
checkpoint_seconds = 1e9
[generator]
batch = 4
warmup_steps = 8
max_steps = 8
fine_start = 0.4
[losses]
adversarial_start = 0.4
contrast = 1.0
high_pass = 1.0
feature_layers = {layers}
"""
STAGE_1 = "[autoencoder]\nbatch = 4\nwarmup_steps = 8\nmax_steps = 4\n"


def launch(config: Path, out: Path, data: Path) -> None:
    """Train in two processes."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command += ["-m", "maskel_core.training.run", str(config), "--out", str(out), "--data", str(data)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.slow
@pytest.mark.parametrize("model", ["tiny", "tiny-base"])
def test_two_processes_learn_what_one_does(tmp_path, model):
    staged = model == "tiny"
    shards = write_shards(tmp_path / "shards", {"train": 10, "val": 2}, size=72 if staged else 128)
    config = tmp_path / "run.toml"
    text = CONFIG.format(model=model, layers="[1, 2]" if staged else "[]")
    config.write_text(text + (STAGE_1 if staged else ""))
    one, two = tmp_path / "one", tmp_path / "two"
    train(config, one, data=str(shards))
    launch(config, two, shards)
    logs = [[json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()] for out in (one, two)]
    assert [(r["stage"], r["step"]) for r in logs[0]] == [(r["stage"], r["step"]) for r in logs[1]]
    for alone, shared in zip(*logs, strict=True):
        alone, shared = (record.get("review", record) for record in (alone, shared))
        for name in alone.keys() - {"seconds", "rate", "stage"}:
            assert shared[name] == pytest.approx(alone[name], rel=2e-3, abs=1e-5), name
    for name in ("autoencoder", "generator") if staged else ("generator",):
        a, b = (load_file(out / name / WEIGHTS) for out in (one, two))
        apart = torch.cat([(a[key] - b[key]).abs().flatten().float() for key in a])
        # Of eight steps at 4e-4: AdamW takes the sign of gradients that are all but nothing, so that a few weights part.
        assert apart.mean() < 1e-7
        assert apart.max() < 2e-4
