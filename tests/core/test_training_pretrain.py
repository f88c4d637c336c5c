"""The stage between the two: stage 2 on other data first."""

from __future__ import annotations

import json

import pytest
import torch
from maskel_core.errors import MaskelError
from maskel_core.training.run import train
from maskel_core.training.stages import GeneratorStage
from safetensors.torch import load_file

from tests.core.synthetic import write_shards

WEIGHTS = "diffusion_pytorch_model.safetensors"

CONFIG = """
model = "tiny"
precision = "float32"
device = "cpu"
threads = 1
checkpoint_seconds = 1e9
[autoencoder]
batch = 2
max_steps = 2
[pretrain]
batch = 2
max_steps = 3
{data}
[generator]
batch = 2
max_steps = 2
[losses]
feature_layers = [1, 2]
adversarial_start = 0.5
"""


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shards")
    return write_shards(folder / "real", {"train": 4, "val": 2}), write_shards(folder / "made", {"train": 3})


def write(folder, data=""):
    path = folder / "run.toml"
    path.write_text(CONFIG.format(data=data))
    return path


def test_three_stages_from_one_file_and_resumed(tmp_path, shards, monkeypatch):
    real, made = shards
    path = write(tmp_path, f"data = '{made.as_posix()}'")
    starts = []
    build = GeneratorStage.__init__

    def spied(self, model, *given):
        starts.append({name: value.clone() for name, value in model.state_dict().items()})
        build(self, model, *given)

    monkeypatch.setattr(GeneratorStage, "__init__", spied)
    whole = train(path, tmp_path / "whole", data=str(real)).parent
    pretrained = load_file(whole / "pretrain" / WEIGHTS)
    assert all(torch.equal(starts[1][name], pretrained[name]) for name in pretrained)
    assert any(not torch.equal(starts[0][name], pretrained[name]) for name in pretrained)
    lines = [json.loads(line) for line in (whole / "log.jsonl").read_text().splitlines()]
    assert list(dict.fromkeys(line["stage"] for line in lines)) == ["autoencoder", "pretrain", "generator"]
    monkeypatch.undo()
    broken = tmp_path / "broken"
    for _ in range(6):
        train(path, broken, resume=True, data=str(real), stop_after=1)
    train(path, broken, resume=True, data=str(real))
    for name in ("autoencoder", "pretrain", "generator"):
        a, b = load_file(whole / name / WEIGHTS), load_file(broken / name / WEIGHTS)
        assert all(torch.equal(a[key], b[key]) for key in a), name


def test_pretraining_learns_from_its_own_data(tmp_path, shards):
    real, made = shards
    path = write(tmp_path)
    folders = [
        train(path, tmp_path / name, data=str(real), pretrain_data=str(data)).parent
        for name, data in (("made", made), ("real", real))
    ]
    a, b = (load_file(folder / "pretrain" / WEIGHTS) for folder in folders)
    assert any(not torch.equal(a[key], b[key]) for key in a)
    a, b = (load_file(folder / "autoencoder" / WEIGHTS) for folder in folders)
    assert all(torch.equal(a[key], b[key]) for key in a)


@pytest.mark.parametrize("data, code", [("", "bad_config"), ("data = 'nowhere'", "data_missing")])
def test_pretraining_without_data_is_refused(tmp_path, shards, data, code):
    with pytest.raises(MaskelError) as caught:
        train(write(tmp_path, data), tmp_path / "run", data=str(shards[0]))
    assert caught.value.code == code
    assert not (tmp_path / "run" / "autoencoder").exists()


def test_the_warm_start_goes_to_the_first_of_the_two(tmp_path, shards):
    real, made = shards
    path = write(tmp_path, f"data = '{made.as_posix()}'")
    first = train(path, tmp_path / "first", data=str(real))
    text = path.read_text().replace("max_steps = 3", "max_steps = 1\nlearning_rate = 0.0")
    path.write_text(text.replace("[losses]", "learning_rate = 0.0\n[losses]"))
    second = train(path, tmp_path / "second", data=str(real), warm_start=str(first))
    a, b = load_file(first / WEIGHTS), load_file(second.parent / "pretrain" / WEIGHTS)
    learned = [key for key in a if not key.startswith("quantizer.")]
    assert all(torch.allclose(a[key], b[key], atol=1e-6) for key in learned)
