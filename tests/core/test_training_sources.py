"""Batches from shards, from samples made while training, and from both; and the terms that keep edges."""

from __future__ import annotations

import contextlib
import itertools
import json

import numpy as np
import pytest
import torch
from maskel_core.data.dataset import Augmentation, SampleStore
from maskel_core.data.sample import VIEWS_PER_BODY, make_sample, split_of
from maskel_core.errors import MaskelError
from maskel_core.models import CONFIGURATIONS, DiffusionXray
from maskel_core.models.store import load_model
from maskel_core.training import losses
from maskel_core.training.config import LossConfig, StageConfig, TrainingConfig
from maskel_core.training.export import export_run
from maskel_core.training.loop import make_autocast
from maskel_core.training.run import make_source, open_stores, train
from maskel_core.training.sources import (
    BODY_STRIDE,
    Framing,
    SampleStream,
    StreamSource,
    made_store,
    numbers_of_split,
)
from maskel_core.training.stages import DiffusionStage, GeneratorStage
from scipy.ndimage import gaussian_filter
from torch.utils.data import DataLoader

from tests.core.synthetic import write_shards

PLAIN = Augmentation(flip=0.0, shift=0.0, zoom=0.0, edge_noise=0.0)


def test_streamed_persons_are_training_persons():
    numbers = list(itertools.islice(numbers_of_split(7, "train"), 500))
    assert all(split_of(7 * BODY_STRIDE + n // VIEWS_PER_BODY) == "train" for n in numbers)
    held = set(itertools.islice(numbers_of_split(7, "test"), 20))
    held |= set(itertools.islice(numbers_of_split(7, "val"), 20))
    assert held.isdisjoint(numbers)
    assert 0.85 < 500 / (numbers[-1] + 1) < 0.95


def test_the_stream_makes_the_samples_of_the_set(anatomy):
    first, second = itertools.islice(SampleStream(7, 64, "train"), 2)
    number = next(numbers_of_split(7, "train"))
    wanted = make_sample(anatomy, 7, number, 64)
    assert first.key == wanted.key
    assert np.array_equal(first.bone, wanted.bone)
    later = next(iter(SampleStream(7, 64, "train", first=1)))
    assert np.array_equal(later.mask, second.mask)


@pytest.fixture(scope="module")
def anatomy():
    from maskel_core.anatomy.asset import default_anatomy

    return default_anatomy()


@pytest.mark.slow
def test_two_workers_make_the_same_stream_as_none():
    alone = [s.key for s in itertools.islice(SampleStream(7, 32, "train"), 6)]
    loader = DataLoader(
        SampleStream(7, 32, "train"), batch_size=None, num_workers=2, multiprocessing_context="spawn"
    )
    assert [s.key for s in itertools.islice(loader, 6)] == alone


def test_a_stream_that_goes_on_is_the_stream():
    whole = StreamSource(7, 64, 2, Framing(0.04, PLAIN), 0)
    random = np.random.default_rng(0)
    batches = [whole.batch(step, 64, random) for step in range(2)]
    resumed = StreamSource(7, 64, 2, Framing(0.04, PLAIN), 0).batch(1, 64, random)
    assert torch.equal(resumed.integrals, batches[1].integrals)
    assert not torch.equal(batches[0].integrals, batches[1].integrals)


def repeated(places: range | None = None, threads: int = 1) -> StreamSource:
    return StreamSource(7, 64, 4, Framing(0.04, PLAIN, threads), 0, places, repeat=2, gap=2)


def test_samples_come_again_after_the_gap_and_never_after():
    source, random = repeated(), np.random.default_rng(0)
    batches = [source.batch(step, 64, random).integrals for step in range(5)]
    fresh = StreamSource(7, 64, 2, Framing(0.04, PLAIN), 0)
    made = [fresh.batch(step, 64, random).integrals for step in range(5)]
    for step, batch in enumerate(batches):
        assert torch.equal(batch[:2], made[step])
        assert step < 2 or torch.equal(batch[2:], made[step - 2])
    assert len(source._kept) == 3


def test_repeated_samples_are_the_same_when_a_run_goes_on_and_in_whichever_process():
    whole = repeated(threads=3)
    for step in range(4):
        expected = whole.batch(step, 64, np.random.default_rng(step))
    assert torch.equal(repeated().batch(3, 64, np.random.default_rng(3)).integrals, expected.integrals)
    parts = [repeated(range(rank, 4, 2)).batch(3, 64, np.random.default_rng(3)) for rank in range(2)]
    together = torch.stack([part.integrals for part in parts], dim=1).flatten(0, 1)
    assert torch.equal(together, expected.integrals)


def test_uses_that_do_not_fit_the_batch_are_refused():
    with pytest.raises(ValueError, match="3 samples"):
        StreamSource(7, 64, 3, Framing(0.04, PLAIN), 0, repeat=2)
    config = TrainingConfig(stream=1.0, stream_repeat=3, stream_workers=0)
    with pytest.raises(MaskelError, match="stream_repeat"):
        make_source(None, config, 4)


def test_mixed_batches_hold_both_parts(tmp_path):
    folder = write_shards(tmp_path, {"train": 6, "val": 2})
    config = TrainingConfig(
        data=str(folder), stream=0.5, stream_workers=0, stream_size=64, stream_seed=7, augmentation=PLAIN
    )
    store, _ = open_stores(config)
    source = make_source(store, config, 4)
    batch = source.batch(0, 64, np.random.default_rng(0))
    assert batch.mask.shape == (4, 1, 64, 64)
    fixed = make_source(store, TrainingConfig(data=str(folder), augmentation=PLAIN), 2)
    assert torch.equal(batch.integrals[:2], fixed.batch(0, 64, np.random.default_rng(0)).integrals)
    streamed = made_store(7, 64, "train", 2).batch(range(2), 64, 0.04)
    assert torch.equal(batch.integrals[2:], streamed.integrals)


def test_training_without_any_shard(tmp_path, monkeypatch):
    monkeypatch.setattr("maskel_core.training.run.REVIEW_SAMPLES", 2)
    path = tmp_path / "run.toml"
    path.write_text(
        'model = "tiny-base"\nstream = 1.0\nstream_workers = 0\nstream_size = 64\nprecision = "float32"\n'
        f'data = "{(tmp_path / "none").as_posix()}"\n[generator]\nbatch = 2\nmax_steps = 2\n'
        "[losses]\nfeature_layers = []\n"
    )
    folder = train(path, tmp_path / "run")
    assert (folder / "config.json").exists()


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = write_shards(tmp_path_factory.mktemp("shards"), {"train": 4}, size=128)
    return SampleStore.open(folder, "train", cache=False)


def base_stage(store: SampleStore, **weights: float) -> GeneratorStage:
    torch.manual_seed(0)
    bone, soft = store.scales()
    named = CONFIGURATIONS["tiny-base"]
    return GeneratorStage(
        named.make_generator(bone_scale=bone, soft_scale=soft),
        None,
        named.make_discriminator(),
        StageConfig(learning_rate=2e-3),
        LossConfig(adversarial_start=0.0, feature_layers=(), contrast=0.5, high_pass=1.0, **weights),
        view_share=1.0,
    )


@pytest.mark.parametrize("size", [64, 128])
def test_every_parameter_of_the_base_learns(store, size):
    stage = base_stage(store)
    batch = store.batch(range(4), size, 0.04)
    generator = torch.Generator().manual_seed(0)
    before = {name: p.detach().clone() for name, p in stage.model.named_parameters()}
    for _ in range(4):
        stage.step(batch, generator, 1.0, contextlib.nullcontext)
    still = {name for name, p in stage.model.named_parameters() if torch.equal(p, before[name])}
    idle = {name for name in before if name.startswith("fine.")} if size == 64 else set()
    assert still == idle


def test_an_overflow_changes_no_weight(store):
    stage = base_stage(store, adversarial=0.0)
    batch = store.batch(range(4), 64, 0.04)
    batch.integrals[0, 0, 30:34, 30:34] = float("inf")
    before = {name: p.detach().clone() for name, p in stage.model.named_parameters()}
    figures = stage.step(batch, torch.Generator().manual_seed(0), 0.0, contextlib.nullcontext)
    assert not np.isfinite(float(figures["loss"]))
    assert all(torch.equal(p, before[name]) for name, p in stage.model.named_parameters())


def test_the_base_learns_a_batch_by_heart_and_knows_its_errors(store):
    stage = base_stage(store, adversarial=0.0)
    batch = store.batch(range(4), 128, 0.04)
    generator = torch.Generator().manual_seed(0)
    first = stage.step(batch, generator, 0.0, contextlib.nullcontext)
    for _ in range(60):
        last = stage.step(batch, generator, 0.0, contextlib.nullcontext)
    assert last["l1"] < 0.6 * first["l1"]
    assert last["high_pass"] < 0.8 * first["high_pass"]
    assert last["spread"] < 0.6 * first["spread"]


def test_blur_is_a_gaussian_of_the_same_width():
    values = np.random.default_rng(0).random((256, 256)).astype(np.float32)
    values = gaussian_filter(values, 2)
    wanted = gaussian_filter(values, 0.02 * 256, mode="nearest")
    made = losses.blur(torch.from_numpy(values)[None, None])[0, 0].numpy()
    assert np.abs(made - wanted).mean() < 0.15 * np.abs(values - wanted).mean()
    assert torch.allclose(losses.blur(torch.full((1, 2, 32, 32), 3.0)), torch.tensor(3.0))


def test_contrast_prefers_a_sharp_edge_in_the_wrong_place_to_a_blurred_one():
    edge = np.zeros((64, 64), np.float32)
    edge[:, 30:] = 1
    # By one cell of the coarsest size: within a cell the coarse slopes change a little.
    moved = np.roll(edge, -4, axis=1)
    moved[:, -4:] = 1
    soft = gaussian_filter(edge, 3)
    terms = [
        losses.contrast_loss(torch.from_numpy(x)[None, None], torch.from_numpy(edge)[None, None], 4).mean()
        for x in (edge, moved, soft)
    ]
    assert terms[0] == 0
    assert terms[1] < 0.2 * terms[2]
    doubled = losses.contrast_loss(
        torch.from_numpy(2 * edge)[None, None], torch.from_numpy(edge)[None, None], 4
    )
    assert doubled.mean() > terms[1]


def test_a_grid_of_single_pixels_does_not_pass_for_edges():
    """What a network draws that is only asked for slopes as steep as the truth's."""
    rows = np.arange(64) % 12
    stripes = np.exp(-np.square(rows - 6.0) / 4)[:, None] * np.ones(64)
    blurred = np.full((64, 64), stripes.mean())
    grid = blurred + stripes.std() * ((np.arange(64)[:, None] + np.arange(64)) % 2 * 2 - 1)
    sideways = stripes.T

    def far(x):
        return float(
            losses.contrast_loss(*(torch.from_numpy(m).float()[None, None] for m in (x, stripes)), 4).mean()
        )

    assert far(np.roll(stripes, 4, axis=0)) < 0.3 * far(blurred)
    assert far(grid) > 1.5 * far(blurred)
    assert far(sideways) > 0.8 * far(blurred)


def test_spread_is_least_for_the_mean_error():
    body = torch.ones(1, 1, 4, 4)
    truth = torch.zeros(1, 2, 4, 4)
    made = torch.tensor([0.1, 0.3]).repeat(8).view(1, 1, 4, 4).expand(1, 2, 4, 4)
    found = {
        b: losses.spread_loss(torch.full_like(truth, b), made, truth, body).item() for b in (0.1, 0.2, 0.3)
    }
    assert found[0.2] == min(found.values())


def test_bfloat16_is_held_to_float32():
    """A guard against convolutions that this machine's kernels get wrong."""
    torch.manual_seed(0)
    model = CONFIGURATIONS["tiny-base"].make_generator().to(memory_format=torch.channels_last)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.02)
    mask = (torch.rand(2, 1, 128, 128) > 0.5).float()
    made = []
    for precision in ("float32", "bfloat16"):
        with make_autocast(precision, torch.device("cpu"))():
            made.append(model(mask).xray)
    assert (made[0] - made[1]).abs().mean() < 0.02 * made[0].abs().mean()


def test_diffusion_learns_and_answers_the_same_twice(store):
    torch.manual_seed(0)
    bone, soft = store.scales()
    model = CONFIGURATIONS["tiny-diffusion"].make_generator(bone_scale=bone, soft_scale=soft)
    assert isinstance(model, DiffusionXray)
    stage = DiffusionStage(model, StageConfig(learning_rate=3e-3))
    batch = store.batch(range(4), 32, 0.04)
    errors = [
        stage.step(batch, torch.Generator().manual_seed(i), 0.0, contextlib.nullcontext)["loss"]
        for i in range(60)
    ]
    assert np.mean(errors[-10:]) < 0.6 * np.mean(errors[:5])
    made = model.eval()(batch.mask).xray
    assert torch.equal(made, model(batch.mask).xray)
    truth = model.scaling.normalise(batch.integrals)
    assert (made - truth).abs().mean() < 0.5 * (torch.rand_like(truth) - truth).abs().mean()


def test_a_base_run_goes_through_both_sizes_and_ships(tmp_path):
    shards = write_shards(tmp_path / "shards", {"train": 4, "val": 2}, size=128)
    path = tmp_path / "run.toml"
    path.write_text(
        'model = "tiny-base"\nprecision = "float32"\n[generator]\nbatch = 2\nmax_steps = 6\nfine_start = 0.5\n'
        "[losses]\nfeature_layers = []\ncontrast = 1.0\nadversarial_start = 0.4\n"
    )
    first = train(path, tmp_path / "first", data=shards)
    second = train(path, tmp_path / "second", data=shards, warm_start=str(first))
    lines = [json.loads(line) for line in (tmp_path / "second" / "log.jsonl").read_text().splitlines()]
    assert "fine_l1" in lines[0]
    assert "crispness" in lines[-1]["review"]
    assert (
        lines[-1]["review"]["l1"]
        < 1.2 * json.loads((tmp_path / "first" / "log.jsonl").read_text().splitlines()[-1])["review"]["l1"]
    )
    shipped = export_run(tmp_path / "second", tmp_path / "maskel-base", detail_gain=0.5)
    assert "no codebook" in (shipped / "README.md").read_text()
    assert load_model(shipped).config.detail_gain == 0.5
    for gain in (-0.5, float("nan")):
        with pytest.raises(MaskelError) as caught:
            export_run(tmp_path / "second", tmp_path / "other", detail_gain=gain)
        assert caught.value.code == "bad_gain"
    assert second.exists()
