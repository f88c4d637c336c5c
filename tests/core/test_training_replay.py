"""Samples that stay on the device: framed alike, drawn fairly, replaced when there are too many."""

from __future__ import annotations

import itertools
import time

import numpy as np
import pytest
import torch
from maskel_core.anatomy.joints import MIRRORED
from maskel_core.data.augment import disturb_edges
from maskel_core.data.dataset import Augmentation
from maskel_core.data.frames import RawBatch, frame_batch
from maskel_core.errors import MaskelError
from maskel_core.training import replay, sources
from maskel_core.training.replay import ReplaySource, pack
from maskel_core.training.run import train
from maskel_core.training.sources import SampleStream, collect

PLAIN = Augmentation(flip=0.0, shift=0.0, zoom=0.0, edge_noise=0.0)
SIZE = 128


@pytest.fixture(scope="module")
def samples():
    return list(itertools.islice(SampleStream(7, SIZE), 4))


@pytest.fixture(scope="module")
def raw(samples):
    packed = [pack(sample, 0.04) for sample in samples]
    return RawBatch(*(torch.stack([torch.as_tensor(p[i]) for p in packed]) for i in range(5)))


@pytest.mark.parametrize("size", [SIZE, SIZE // 2])
def test_frames_are_those_of_the_store(samples, raw, size):
    ours = frame_batch(raw, size, None, np.random.default_rng(0))
    theirs = collect(samples).batch([0, 1, 2, 3], size, 0.04)
    assert torch.allclose(ours.joints, theirs.joints, atol=1e-5)
    assert torch.equal(ours.known, theirs.known) and torch.equal(ours.view, theirs.view)
    # Enlarged and averaged, or shrunk at once: edges differ, areas do not.
    assert (ours.mask - theirs.mask).abs().mean() < 0.04 * theirs.mask.mean()
    assert torch.allclose(ours.mask.mean((1, 2, 3)), theirs.mask.mean((1, 2, 3)), rtol=0.005)
    assert torch.allclose(ours.integrals.mean((2, 3)), theirs.integrals.mean((2, 3)), rtol=0.01)


def test_whole_pixels_are_not_resampled(samples):
    packed = [pack(sample, 0.04, whole=True) for sample in samples]
    raw = RawBatch(*(torch.stack([torch.as_tensor(p[i]) for p in packed]) for i in range(5)))
    kept = [i for i in range(4) if int(raw.box[i, 2]) == SIZE]
    assert kept, "no body of this set fills its frame"
    moving = Augmentation(flip=0.0, shift=0.05, zoom=0.1, edge_noise=0.0, whole=1.0)
    frames = frame_batch(raw, SIZE, moving, np.random.default_rng(4))
    for i in kept:
        true = set(raw.layers[i, 0].float().flatten().tolist())
        found = frames.integrals[i, 0].flatten()
        nearest = torch.tensor(sorted(true))
        place = torch.searchsorted(nearest, found).clamp(1, len(nearest) - 1)
        gap = torch.minimum((found - nearest[place]).abs(), (found - nearest[place - 1]).abs())
        assert gap.max() < 2e-3


def test_a_mirrored_frame_is_the_mirror_image(raw):
    plain = frame_batch(raw, SIZE, PLAIN, np.random.default_rng(0))
    always = Augmentation(flip=1.0, shift=0.0, zoom=0.0, edge_noise=0.0)
    turned = frame_batch(raw, SIZE, always, np.random.default_rng(0))
    assert torch.allclose(turned.mask, plain.mask.flip(3), atol=1e-4)
    assert torch.allclose(turned.integrals, plain.integrals.flip(3), atol=1e-2)
    assert torch.allclose(turned.joints[..., 0], 1 - plain.joints[:, list(MIRRORED), 0], atol=1e-5)
    swapped = {0: 0, 1: 1, 2: 2, 3: 4, 4: 3}
    assert turned.view.tolist() == [swapped[v] for v in plain.view.tolist()]


def test_shift_and_zoom_move_picture_and_joints_together(raw):
    plain = frame_batch(raw, SIZE, PLAIN, np.random.default_rng(0))
    moved = frame_batch(raw, SIZE, Augmentation(0.0, 0.05, 0.1, 0.0), np.random.default_rng(3))
    steps = (torch.arange(SIZE) + 0.5) / SIZE

    def centre(maps):
        weight = maps[:, 0].sum((1, 2))
        return torch.stack([(maps[:, 0].sum(d) * steps).sum(1) / weight for d in (1, 2)], dim=1)

    before, after = centre(plain.mask), centre(moved.mask)
    for i in range(len(before)):
        # The same similarity takes the joints and the mask's centre along.
        spread = (
            (plain.joints[i] - plain.joints[i].mean(0)).norm(),
            (moved.joints[i] - moved.joints[i].mean(0)).norm(),
        )
        zoom = spread[1] / spread[0]
        assert abs(zoom - 1) <= 0.12
        wanted = moved.joints[i].mean(0) + (before[i] - plain.joints[i].mean(0)) * zoom
        assert torch.allclose(after[i], wanted, atol=0.004)
    assert (before - after).abs().max() > 0.005


def test_disturbed_edges_stay_at_the_edge(raw):
    mask = raw.mask[:, None].float().repeat(8, 1, 1, 1) / 255
    noisy = disturb_edges(mask, 1.0, np.random.default_rng(0))
    changed = (noisy - mask).abs() > 0.05
    near = (
        torch.nn.functional.max_pool2d(mask, 7, 1, 3) + torch.nn.functional.max_pool2d(-mask, 7, 1, 3) > 0.01
    )
    assert changed.flatten(1).any(1).sum() >= 24
    assert not (changed & ~near).any()
    assert torch.equal(disturb_edges(mask, 0.0, np.random.default_rng(0)), mask)


def source(gib: float = 0.01, batch: int = 4) -> ReplaySource:
    return ReplaySource(7, 32, batch, 0.04, PLAIN, 0, torch.device("cpu"), gib)


def test_all_that_was_made_is_drawn_and_the_least_used_first():
    made = source()
    random = np.random.default_rng(0)
    made.batch(0, 32, random)
    until = time.monotonic() + 60
    while made.figures()["made"] < 24 and time.monotonic() < until:
        made.batch(1, 32, random)
        time.sleep(0.05)
    made._closed = True
    for step in range(60):
        made.batch(2 + step, 32, random)
    count = int(made.figures()["made"])
    uses = made._uses[:count]
    assert count >= 24
    assert uses.min() >= 1 and uses.max() <= 2.5 * uses.mean()
    made.close()


def test_the_oldest_make_room():
    made = source(gib=6 * 5 * 32**2 / 2**30)
    assert made.capacity == 6
    random = np.random.default_rng(0)
    batch = made.batch(0, 32, random)
    until = time.monotonic() + 60
    while made.figures()["made"] < 20 and time.monotonic() < until:
        batch = made.batch(1, 32, random)
    made.close()
    assert made.figures()["made"] >= 20
    assert batch.mask.shape == (4, 1, 32, 32)
    last = int(made.figures()["made"]) - 1
    wanted = next(iter(SampleStream(7, 32, first=last)))
    assert made._kept is not None
    assert np.array_equal(made._kept.mask[last % 6].numpy(), wanted.mask)


def test_what_ends_the_makers_ends_the_run(monkeypatch):
    def fail(*_):
        raise RuntimeError("no more persons")

    monkeypatch.setattr(sources, "make_sample", fail)
    made = source()
    with pytest.raises(MaskelError, match="no more persons") as caught:
        made.batch(0, 32, np.random.default_rng(0))
    assert caught.value.code == "samples_missing"
    made.close()


def test_what_ends_the_makers_later_leaves_the_run_what_was_made(monkeypatch, capfd):
    good, seen = sources.make_sample, []

    def fail(*args):
        seen.append(args)
        if len(seen) > 10:
            raise RuntimeError("no more persons")
        return good(*args)

    monkeypatch.setattr(sources, "make_sample", fail)
    made = source()
    random = np.random.default_rng(0)
    for step in range(20):
        assert made.batch(step, 32, random).mask.shape == (4, 1, 32, 32)
        time.sleep(0.05)
    made.close()
    assert made.figures()["made"] == 10
    assert capfd.readouterr().err.count("goes on with those it has") == 1


def test_makers_that_never_deliver_are_noticed(monkeypatch):
    monkeypatch.setattr(replay, "WAIT_SECONDS", 0.2)
    monkeypatch.setattr(sources, "make_sample", lambda *_: time.sleep(1))
    made = source()
    with pytest.raises(MaskelError, match="nothing came"):
        made.batch(0, 32, np.random.default_rng(0))
    made.close()


CONFIG = """
name = "replayed"
model = "tiny-base"
threads = 1
stream = 1.0
stream_workers = 0
stream_size = 128
replay_gib = 0.01
sheet_seconds = 1000
[generator]
batch = 4
optimizer = "muon"
max_steps = 6
fine_start = 0.5
[losses]
feature_layers = []
adversarial_start = 0.6
"""


def test_a_run_that_keeps_its_samples_logs_how_many(tmp_path, monkeypatch):
    monkeypatch.setattr("maskel_core.training.run.REVIEW_SAMPLES", 2)
    (tmp_path / "c.toml").write_text(CONFIG)
    folder = train(tmp_path / "c.toml", tmp_path / "run", data=str(tmp_path / "none"))
    assert (folder / "config.json").is_file()
    log = (tmp_path / "run" / "log.jsonl").read_text()
    assert '"made"' in log and '"uses"' in log


def test_kept_samples_need_a_stream_alone(tmp_path):
    (tmp_path / "c.toml").write_text(CONFIG.replace("stream = 1.0", "stream = 0.5"))
    with pytest.raises(MaskelError) as caught:
        train(tmp_path / "c.toml", tmp_path / "run")
    assert caught.value.code == "bad_config"
