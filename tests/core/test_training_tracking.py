"""What a run leaves to read, and what it shows while it goes."""

from __future__ import annotations

import contextlib
import io
import json
import sys

import pytest
import torch
from maskel_core.errors import MaskelError
from maskel_core.training.config import StageConfig
from maskel_core.training.loop import make_autocast
from maskel_core.training.progress import Pace, StageDisplay, duration
from maskel_core.training.run import train
from maskel_core.training.tracking import Tracker, last_figures, say_without_board, take_back
from PIL import Image

from tests.core.synthetic import write_shards

CONFIG = """
model = "tiny-unet"
precision = "float32"
device = "cpu"
threads = 1
checkpoint_seconds = 1e9
{top}
[generator]
batch = 2
warmup_steps = 2
max_steps = {steps}
[losses]
adversarial_start = 2.0
"""


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    return write_shards(tmp_path_factory.mktemp("shards"), {"train": 4, "val": 2})


def write(folder, steps, top=""):
    path = folder / "run.toml"
    path.write_text(CONFIG.format(steps=steps, top=top))
    return path


def events(folder):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    found = accumulator.EventAccumulator(str(folder), size_guidance={"images": 0, "scalars": 0})
    return found.Reload()


def test_a_run_is_written_for_tensorboard_without_duplicates(tmp_path, shards):
    path = write(tmp_path, 60)
    train(path, tmp_path / "run", data=str(shards), stop_after=25)
    board = tmp_path / "run" / "tensorboard" / "generator"
    # What a killed run logged beyond its checkpoint.
    killed = Tracker(tmp_path / "run", "generator", 25)
    killed.scalars(40, 1.0, {"loss": 99.0})
    killed.close()
    train(path, tmp_path / "run", resume=True, data=str(shards))
    found = events(board)
    loss = found.Scalars("train/loss")
    assert [event.step for event in loss] == [20, 40, 60]
    assert all(event.value < 99 for event in loss)
    assert {"train/learning_rate", "train/rate", "train/l1", "review/l1"} <= set(found.Tags()["scalars"])
    assert [event.step for event in found.Images("review/sheet")] == [60]
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "loss" in line] == [20, 40, 60]
    assert list((tmp_path / "run" / "sheets").glob("generator-*.png"))


def test_without_tensorboard_training_goes_on_and_says_so_once(tmp_path, shards, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    monkeypatch.delitem(sys.modules, "torch.utils.tensorboard", raising=False)
    train(write(tmp_path, 2), tmp_path / "run", data=str(shards))
    assert capsys.readouterr().err.count("TensorBoard") == 1
    assert not (tmp_path / "run" / "tensorboard").exists()
    assert len((tmp_path / "run" / "log.jsonl").read_text().splitlines()) == 2


def test_with_tensorboard_nothing_is_said(capsys):
    pytest.importorskip("tensorboard")
    say_without_board()
    assert capsys.readouterr().err == ""


def test_the_log_takes_back_what_is_made_again(tmp_path):
    log = tmp_path / "log.jsonl"
    kept = [{"stage": "a", "step": 40}, {"stage": "b", "step": 20}]
    lines = [json.dumps(record) + "\n" for record in [*kept, {"stage": "b", "step": 40}]]
    log.write_text("".join(lines) + '{"stage": "b", "st')
    take_back(log, "b", 20)
    assert [json.loads(line) for line in log.read_text().splitlines()] == kept
    take_back(tmp_path / "none.jsonl", "b", 0)


def test_the_last_figures_of_a_log_that_is_being_written(tmp_path):
    log = tmp_path / "log.jsonl"
    records = [{"stage": "a", "step": 20, "rate": 2.0}, {"stage": "b", "step": 20, "rate": 1.0}]
    records += [{"stage": "a", "step": 40, "rate": 3.0}, {"stage": "a", "step": 60, "review": {}}]
    log.write_text("".join(json.dumps(record) + "\n" for record in records) + '{"stage": "b", "ra')
    assert last_figures(log) == {"a": records[2], "b": records[1]}
    assert last_figures(tmp_path / "none.jsonl") == {}


def test_other_processes_write_nothing(tmp_path):
    silent = Tracker(tmp_path, "generator", active=False)
    silent.scalars(20, 1.0, {"loss": 1.0})
    silent.review(20, 1.0, {"l1": 1.0}, Image.new("L", (4, 4)))
    silent.close()
    assert list(tmp_path.iterdir()) == []


def test_time_left_by_steps_and_by_time():
    pace = Pace(StageConfig(batch=4, max_steps=100))
    assert pace.left is None
    for step in range(1, 11):
        pace.add(step, 2.0 * step)
    assert pace.left == pytest.approx(180)
    assert pace.rate == pytest.approx(2)
    assert pace.done == pytest.approx(0.1)
    pace = Pace(StageConfig(max_steps=100, max_seconds=60), 10, 20.0)
    pace.add(11, 22.0)
    assert pace.left == pytest.approx(38)
    assert pace.done == pytest.approx(22 / 60)
    pace.add(12, 90.0)
    assert (pace.done, pace.left) == (1.0, 0.0)


def test_durations():
    assert [duration(seconds) for seconds in (5, 65, 3725)] == ["0:05", "1:05", "1:02:05"]


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_file_gets_a_plain_line_every_half_minute():
    pace, clock, stream = Pace(StageConfig(batch=4, max_steps=100)), [0.0], io.StringIO()
    with StageDisplay("generator", pace, stream=stream, clock=lambda: clock[0]) as display:
        for step in range(1, 46):
            clock[0] = 2.0 * step
            pace.add(step, 2.0 * step)
            display.update(0.25, last=step == 45)
    text = stream.getvalue()
    assert "\x1b" not in text
    steps = [int(line.split(" step ")[1].split()[0]) for line in text.splitlines()]
    assert steps == [1, 16, 31, 45]
    assert "generator:" in text
    assert "loss 0.2500 2.0 samples/s" in text
    assert "left" in text


def test_a_terminal_gets_a_bar_with_the_time_left(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "160")
    pace, stream = Pace(StageConfig(batch=4, max_steps=100)), Terminal()
    with StageDisplay("generator", pace, stream=stream) as display:
        pace.add(50, 100.0)
        display.update(0.25, last=True)
    assert "\x1b" in stream.getvalue()
    assert "1:40 gone, 1:40 left" in stream.getvalue()


def test_a_hidden_display_shows_nothing():
    stream = Terminal()
    with StageDisplay("generator", Pace(StageConfig()), shown=False, stream=stream) as display:
        display.update(1.0, last=True)
    assert stream.getvalue() == ""


@pytest.mark.parametrize(
    "changes, code",
    [
        ({"precision": "float8"}, "bad_config"),
        ({"device": "toaster"}, "bad_device"),
        ({"nonsense": 1}, "bad_config"),
        ({"pretrain_data": "somewhere"}, "bad_config"),
        ({"autoencoder_seconds": 5.0}, "bad_config"),
        ({"generator_steps": 0}, "bad_config"),
    ],
)
def test_wrong_settings_are_refused_before_anything_is_written(tmp_path, shards, changes, code):
    with pytest.raises(MaskelError) as caught:
        train(write(tmp_path, 2), tmp_path / "run", data=str(shards), **changes)
    assert caught.value.code == code
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("there", [True, False])
def test_a_gpu_multiplies_bfloat16_only_if_it_can(monkeypatch, there):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: there)
    gpu = torch.device("cuda")
    assert (make_autocast("auto", gpu) is contextlib.nullcontext) is not there
    assert make_autocast("float32", gpu) is contextlib.nullcontext
    if there:
        assert make_autocast("bfloat16", gpu) is not contextlib.nullcontext
    else:
        with pytest.raises(MaskelError) as caught:
            make_autocast("bfloat16", gpu)
        assert caught.value.code == "bad_config"


def test_steps_and_checkpoints_by_the_command_line(tmp_path, shards):
    folder = train(
        write(tmp_path, 50), tmp_path / "run", data=str(shards), generator_steps=5, checkpoint_steps=2
    )
    saved = folder.parent / "checkpoints" / "generator"
    assert sorted(path.name for path in saved.iterdir()) == ["step-4", "step-5"]
