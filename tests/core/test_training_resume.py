"""A run that is killed, stopped or damaged ends where an unbroken one does."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from maskel_core.cli import app
from maskel_core.errors import MaskelError
from maskel_core.training import interrupt
from maskel_core.training.checkpoint import (
    load_checkpoint,
    pack_optimizer,
    save_checkpoint,
    save_model,
    unpack_optimizer,
)
from maskel_core.training.interrupt import Interrupts, TrainingInterrupted, resume_command
from maskel_core.training.run import train
from maskel_core.training.stages import GeneratorStage
from safetensors.torch import load_file
from typer.testing import CliRunner

from tests.core.synthetic import write_shards

WEIGHTS = "diffusion_pytorch_model.safetensors"
ROOT = Path(__file__).parents[2]

STAGED = """
model = "tiny"
precision = "float32"
device = "cpu"
threads = 1
checkpoint_seconds = 1e9
checkpoint_steps = 2
[autoencoder]
batch = 4
warmup_steps = 2
max_steps = 8
[generator]
batch = 4
warmup_steps = 2
max_steps = 40
[losses]
feature_layers = [1, 2]
adversarial_start = 0.3
[augmentation]
edge_noise = 1.0
"""
"""Both stages, the game in the second, averaged weights, every mask disturbed."""

FINE = """
model = "tiny-base"
precision = "float32"
device = "cpu"
threads = 1
checkpoint_seconds = 1e9
checkpoint_steps = 2
[generator]
batch = 2
optimizer = "muon"
warmup_steps = 2
max_steps = 40
fine_start = 0.3
[losses]
feature_layers = []
contrast = 1.0
adversarial_start = 0.5
"""
"""Muon, the view told to half of the samples, windows of the finer size, the game."""


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    return write_shards(tmp_path_factory.mktemp("shards"), {"train": 6, "val": 2}, size=128)


def write(folder: Path, text: str, **changes: object) -> Path:
    lines = [
        f"{key} = {changes[key]}" if (key := line.split(" = ")[0]) in changes else line
        for line in text.splitlines()
    ]
    path = folder / "run.toml"
    path.write_text("\n".join(lines))
    return path


def assert_same_models(one: Path, two: Path, *names: str) -> None:
    for name in names:
        a, b = load_file(one / name / WEIGHTS), load_file(two / name / WEIGHTS)
        assert a.keys() == b.keys()
        assert [key for key in a if not torch.equal(a[key], b[key])] == [], name


def steps_saved(out: Path) -> int:
    """Steps of the newest checkpoints of all stages."""
    newest: dict[str, int] = {}
    for path in out.glob("checkpoints/*/step-*"):
        newest[path.parent.name] = max(newest.get(path.parent.name, 0), int(path.name[5:]))
    return sum(newest.values())


def start_and_kill(config: Path, out: Path, data: Path, after: int, wait: float) -> int:
    """Resume in a process of its own, kill it ``wait`` seconds after so many steps are saved; its exit status."""
    command = [sys.executable, "-m", "maskel_core.training.run", str(config), "--resume"]
    command += ["--out", str(out), "--data", str(data)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with (out.parent / "output.txt").open("a") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=output)
        try:
            patience = time.monotonic() + 600
            while steps_saved(out) < after and process.poll() is None and time.monotonic() < patience:
                time.sleep(0.003)
            time.sleep(wait)
        finally:
            process.kill()
            process.wait()
    return process.returncode


@pytest.mark.slow
@pytest.mark.parametrize("text, kills", [(STAGED, 3), (FINE, 2)])
def test_killed_at_any_step_it_ends_with_the_same_weights(tmp_path, shards, text, kills):
    path = write(tmp_path, text)
    whole = train(path, tmp_path / "whole", data=str(shards))
    broken = tmp_path / "broken"
    random = np.random.default_rng()
    points = sorted(random.choice(np.arange(1, 30), kills, replace=False).tolist())
    waits = random.uniform(0, 0.1, kills).tolist()
    print("killed after", points, waits)
    for after, wait in zip(points, waits, strict=True):
        assert start_and_kill(path, broken, shards, after, wait) != 0
    train(path, broken, resume=True, data=str(shards))
    names = ("autoencoder", "generator") if text is STAGED else ("generator",)
    assert_same_models(whole.parent, broken, *names)
    logs = [
        [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
        for out in (whole.parent, broken)
    ]
    kinds = [[(r["stage"], r["step"], "review" in r) for r in log] for log in logs]
    assert kinds[0] == kinds[1]
    for one, two in zip(*logs, strict=True):
        assert one.get("loss") == two.get("loss")


def test_a_broken_run_with_views_and_windows_ends_where_an_unbroken_one_does(tmp_path, shards):
    path = write(tmp_path, FINE, max_steps=6)
    whole = train(path, tmp_path / "whole", data=str(shards))
    for _ in range(3):
        train(path, tmp_path / "broken", resume=True, data=str(shards), stop_after=2)
    assert_same_models(whole.parent, tmp_path / "broken", "generator")


def interrupt_at(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Send this process a real SIGINT in the course of a generator's step, once."""
    real, count = GeneratorStage.step, [0]

    def counted(self, *given):
        count[0] += 1
        if count[0] == step:
            signal.raise_signal(signal.SIGINT)
        return real(self, *given)

    monkeypatch.setattr(GeneratorStage, "step", counted)


def test_ctrl_c_saves_says_how_to_go_on_and_ends_with_130(tmp_path, shards, monkeypatch):
    path = write(tmp_path, FINE, max_steps=5, checkpoint_steps=0)
    arguments = ["train", str(path), "--out", str(tmp_path / "run"), "--data", str(shards)]
    interrupt_at(monkeypatch, 3)
    before = signal.getsignal(signal.SIGINT)
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 130
    assert "step 3" in done.output
    assert "--resume" in done.output
    assert signal.getsignal(signal.SIGINT) is before
    assert load_checkpoint(tmp_path / "run" / "checkpoints" / "generator")[1]["step"] == 3
    done = CliRunner().invoke(app, [*arguments, "--resume"])
    assert done.exit_code == 0, done.output
    whole = train(path, tmp_path / "whole", data=str(shards))
    assert_same_models(whole.parent, tmp_path / "run", "generator")


def test_ctrl_c_in_the_last_step_does_not_start_the_next_stage(tmp_path, shards, monkeypatch):
    path = write(tmp_path, FINE, max_steps=2)
    interrupt_at(monkeypatch, 2)
    with pytest.raises(TrainingInterrupted):
        train(path, tmp_path / "run", data=str(shards))
    folder = train(path, tmp_path / "run", resume=True, data=str(shards))
    assert (folder / "config.json").exists()


def test_a_second_ctrl_c_ends_at_once_unless_it_is_an_echo(monkeypatch):
    with Interrupts() as interrupts:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        assert interrupts.asked
        monkeypatch.setattr(interrupt, "ECHO_SECONDS", -1.0)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_the_command_to_go_on():
    plain = resume_command(["maskel"], ["train", "a.toml", "--out", "runs/a"])
    assert plain == "maskel train a.toml --out runs/a --resume"
    assert resume_command(["maskel"], ["train", "--resume"]).count("--resume") == 1


def fill(folder: Path, *steps: int) -> None:
    for step in steps:
        save_checkpoint(folder, step, {"model": {"a": torch.full((64,), float(step))}}, {"x": step})


@pytest.mark.parametrize("fused", [True, False])
def test_an_optimiser_goes_on_with_weights_in_channels_last_order(tmp_path, fused):
    def build():
        torch.manual_seed(0)
        model = torch.nn.Conv2d(5, 7, 3).to(memory_format=torch.channels_last)
        return model, torch.optim.AdamW(model.parameters(), lr=0.01, fused=fused)

    def learn(model, optimizer, step):
        factors = torch.randn(2, 7, 7, 7, generator=torch.Generator().manual_seed(step))
        optimizer.zero_grad()
        (model(pictures) * factors).sum().backward()
        optimizer.step()

    pictures = torch.rand(2, 5, 9, 9)
    (model, optimizer), (other, resumed) = build(), build()
    for step in range(3):
        learn(model, optimizer, step)
    tensors, values = pack_optimizer(optimizer)
    save_checkpoint(tmp_path, 3, {"model": dict(model.state_dict()), "optimizer": tensors}, values)
    parts, values = load_checkpoint(tmp_path)
    other.load_state_dict(parts["model"])
    unpack_optimizer(resumed, parts["optimizer"], values)
    learn(model, optimizer, 3)
    learn(other, resumed, 3)
    assert torch.equal(model.weight, other.weight)


def test_two_checkpoints_stay(tmp_path):
    fill(tmp_path, 2, 4, 10)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-10", "step-4"]


@pytest.mark.parametrize("harm", ["bit", "cut", "state", "missing"])
def test_a_damaged_checkpoint_falls_back_to_the_one_before(tmp_path, harm):
    fill(tmp_path, 2, 4)
    weights, state = tmp_path / "step-4" / "model.safetensors", tmp_path / "step-4" / "state.json"
    raw = weights.read_bytes()
    if harm == "bit":
        weights.write_bytes(raw[:-1] + bytes([raw[-1] ^ 1]))
    elif harm == "cut":
        weights.write_bytes(raw[: len(raw) // 2])
    elif harm == "state":
        state.write_text(state.read_text()[:9])
    else:
        weights.unlink()
    parts, values = load_checkpoint(tmp_path)
    assert values == {"step": 2, "x": 2}
    assert parts["model"]["a"][0] == 2
    fill(tmp_path, 3)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-2", "step-3"]


def test_damaged_checkpoints_alone_are_an_error(tmp_path):
    fill(tmp_path, 2)
    (tmp_path / "step-2" / "state.json").unlink()
    with pytest.raises(MaskelError) as caught:
        load_checkpoint(tmp_path)
    assert caught.value.code == "checkpoint_damaged"
    assert str(tmp_path) in caught.value.message


def test_a_half_written_checkpoint_is_none(tmp_path):
    fill(tmp_path, 2)
    (tmp_path / "unfinished").mkdir()
    (tmp_path / "unfinished" / "model.safetensors").write_bytes(b"half")
    assert load_checkpoint(tmp_path)[1]["step"] == 2
    fill(tmp_path, 3)
    assert load_checkpoint(tmp_path)[1]["step"] == 3
    assert load_checkpoint(tmp_path / "nothing") is None


def test_a_checkpoint_of_another_model_is_refused(tmp_path, shards):
    train(write(tmp_path, FINE), tmp_path / "run", data=str(shards), stop_after=1)
    other = write(tmp_path, FINE, model='"tiny-unet"')
    with pytest.raises(MaskelError) as caught:
        train(other, tmp_path / "run", resume=True, data=str(shards))
    assert caught.value.code == "checkpoint_unfit"


def test_a_model_folder_is_whole_or_absent(tmp_path):
    class Halting(torch.nn.Module):
        def save_pretrained(self, folder):
            folder.mkdir()
            (folder / "config.json").write_text("{}")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        save_model(Halting(), tmp_path / "generator")
    assert not (tmp_path / "generator").exists()
