"""The diffusion augmentation's algebra, its models and how they learn."""

from __future__ import annotations

import contextlib
import math

import numpy as np
import pytest
import torch
from maskel_core.data.body_store import BodyStore
from maskel_core.data.dataset import Augmentation, SampleStore
from maskel_core.models import CONFIGURATIONS, XrayGenerator, XraySuperResolver
from maskel_core.models.residual_shift import ResidualShiftScheduler
from maskel_core.models.store import export_model, load_model
from maskel_core.training.augmenter_stages import AugmenterStage, augmenter_loss
from maskel_core.training.config import StageConfig, load_config
from maskel_core.training.sources import Framing, ShardSource

from tests.core.synthetic import figure


@pytest.fixture(scope="module")
def store():
    made = [figure(seed, 72) for seed in range(6)]
    masks = np.stack([mask for mask, *_ in made])
    layers = np.stack([np.stack([bone, soft]) for _, bone, soft, _ in made])
    return SampleStore(masks, layers, np.full((6, 27, 2), np.nan, np.float32), [meta for *_, meta in made])


def make(name, store, **changes):
    torch.manual_seed(0)
    bone, soft = store.scales()
    return CONFIGURATIONS[name].make_generator(bone_scale=bone, soft_scale=soft, **changes)


def normal(shape, seed):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("steps, power", [(15, 0.3), (4, 1.0)])
def test_the_schedule_rises_from_almost_nothing_to_almost_all(steps, power):
    scheduler = ResidualShiftScheduler(steps, power=power)
    etas = scheduler.etas.double()
    assert len(etas) == steps + 1 and etas[0] == 0
    assert (etas.diff() > 0).all()
    assert etas[1].item() == pytest.approx((0.04 / 2.0) ** 2, rel=1e-5)
    assert etas[-1].item() == pytest.approx(0.999, rel=1e-5)
    assert scheduler.timesteps.tolist() == list(range(steps, 0, -1))
    # Equation 10: the logarithm of eta's root rises as the power of the share of the steps.
    rise = (etas[1:].log() - etas[1].log()) / (etas[-1].log() - etas[1].log())
    shares = torch.linspace(0, 1, steps, dtype=torch.float64)
    assert torch.allclose(rise, shares**power, atol=1e-6)


def test_the_chain_goes_from_the_sharp_picture_to_the_coarse_one():
    scheduler = ResidualShiftScheduler(4, kappa=0.5, last_eta=1.0, power=1.0)
    sharp, coarse, noise = (normal((3, 2, 8, 8), seed) for seed in range(3))
    last = scheduler.add_noise(sharp, coarse, noise, 4)
    assert torch.allclose(last, coarse + 0.5 * noise, atol=1e-6)
    assert torch.equal(scheduler.start(coarse, noise), coarse + 0.5 * scheduler.etas[4].sqrt() * noise)
    first = scheduler.add_noise(sharp, coarse, torch.zeros_like(noise), 1)
    assert (first - sharp).abs().max() <= scheduler.etas[1] * (coarse - sharp).abs().max() * 1.001
    mixed = scheduler.add_noise(sharp, coarse, noise, torch.tensor([1, 2, 4]))
    for row, time in enumerate((1, 2, 4)):
        assert torch.equal(mixed[row], scheduler.add_noise(sharp, coarse, noise, time)[row])


def test_the_posterior_undoes_a_step_of_the_chain():
    """The mean maps x_t without noise to x_(t-1); the noise that is kept and the noise that is added make x_(t-1)'s."""
    scheduler = ResidualShiftScheduler(5, kappa=0.7, power=0.5)
    sharp, coarse = normal((1, 2, 8, 8), 0), normal((1, 2, 8, 8), 1)
    silent = torch.zeros_like(sharp)
    for time in range(5, 0, -1):
        now = scheduler.add_noise(sharp, coarse, silent, time)
        before = scheduler.add_noise(sharp, coarse, silent, time - 1)
        mean, variance = scheduler.posterior(sharp, time, now)
        assert torch.allclose(mean, before, atol=1e-5)
        eta, less = scheduler.etas[time], scheduler.etas[time - 1]
        kept = (less / eta) ** 2 * 0.7**2 * eta
        assert (kept + variance.squeeze()).item() == pytest.approx(float(0.7**2 * less), abs=1e-6)


def test_an_oracle_is_followed_to_the_sharp_picture():
    scheduler = ResidualShiftScheduler(4, kappa=0.5, power=1.0)
    sharp, coarse = normal((2, 2, 8, 8), 0), normal((2, 2, 8, 8), 1)
    x = scheduler.start(coarse, normal(sharp.shape, 2))
    for time in scheduler.timesteps:
        x = scheduler.step(sharp, time, x, normal(sharp.shape, 3) if time > 1 else None).prev_sample
    assert torch.allclose(x, sharp, atol=1e-5)


def test_the_chain_s_noise_is_what_the_schedule_says():
    scheduler = ResidualShiftScheduler(4, kappa=0.5, power=1.0)
    blank = torch.zeros(4, 2, 64, 64)
    x = scheduler.start(blank, normal(blank.shape, 0))
    for time in (4, 3, 2):
        x = scheduler.step(blank, time, x, normal(blank.shape, time)).prev_sample
        wanted = 0.5 * math.sqrt(float(scheduler.etas[time - 1]))
        assert float(x.std()) == pytest.approx(wanted, rel=0.02)
        assert float(scheduler.scale_model_input(x, time - 1).std()) < 1


def test_the_scheduler_is_kept_as_diffusers_keeps_them(tmp_path):
    ResidualShiftScheduler(6, kappa=0.9).save_pretrained(tmp_path)
    loaded = ResidualShiftScheduler.from_pretrained(tmp_path)
    assert loaded.config.kappa == 0.9
    assert torch.equal(loaded.etas, ResidualShiftScheduler(6, kappa=0.9).etas)


def test_the_generator_follows_a_perfect_velocity(monkeypatch, store):
    """With the true velocity of one picture at every time, the steps end at that picture."""
    model = make("tiny-augment-64", store, steps=20)
    clean = torch.rand(1, 2, 16, 16)
    levels = model.scheduler.alphas_cumprod

    def oracle(noisy, time):
        level = levels[time]
        noise = (noisy - level.sqrt() * (clean * 2 - 1)) / (1 - level).sqrt()
        return level.sqrt() * noise - (1 - level).sqrt() * (clean * 2 - 1)

    monkeypatch.setattr(model, "velocity", oracle)
    assert torch.allclose(model(normal((1, 2, 16, 16), 0)), clean, atol=1e-3)


@pytest.mark.parametrize("name, size", [("tiny-augment-64", 16), ("tiny-augment-256", 64)])
def test_every_parameter_learns_and_the_loss_falls(store, name, size):
    stage = AugmenterStage(make(name, store), StageConfig(learning_rate=3e-3))
    batch = BodyStore.of(store).batch([0, 1, 2, 3], size, 0.06)
    generator = torch.Generator().manual_seed(0)

    def score():
        with torch.no_grad():
            losses = [
                augmenter_loss(stage.model, batch.integrals, torch.Generator().manual_seed(n))
                for n in range(8)
            ]
        return float(torch.stack(losses).mean())

    before = score()
    stage.step(batch, generator, 0.0, contextlib.nullcontext)
    unused = [n for n, p in stage.model.named_parameters() if p.grad is None or not p.grad.any()]
    assert unused == []
    for _ in range(60):
        stage.step(batch, generator, 0.0, contextlib.nullcontext)
    assert score() < 0.8 * before


def test_the_generator_makes_what_its_noise_says(store):
    model = make("tiny-augment-64", store).eval()
    noise = normal((3, 2, 16, 16), 0)
    made = model(noise)
    assert made.shape == noise.shape and made.min() >= 0
    assert torch.equal(made, model(noise))
    assert torch.allclose(made[1:2], model(noise[1:2]), atol=1e-4)
    assert not torch.allclose(made[0], made[1], atol=1e-2)
    assert not torch.equal(made, model(noise, 2))


def test_the_super_resolver_keeps_to_the_small_picture(store):
    """Even without learning the chain ends near the enlarged picture: the network adds to it."""
    model = make("tiny-augment-256", store).eval()
    small = torch.rand(2, 2, 16, 16)
    made = model(small)
    assert made.shape == (2, 2, 64, 64) and made.min() >= 0
    assert torch.equal(made, model(small))
    assert not torch.equal(made, model(small, torch.Generator().manual_seed(5)))
    with torch.no_grad():
        for parameter in model.network.conv_out.parameters():
            parameter.zero_()
    assert torch.allclose(model(small), model.enlarge(small), atol=1e-5)


def test_blocks_and_small_picture_lie_on_one_grid(store):
    """A change of one small pixel moves the large picture there most."""
    model = make("tiny-augment-256", store).eval()
    small = torch.full((1, 2, 16, 16), 0.3)
    changed = small.clone()
    changed[..., 5, 11] = 1.0
    moved = (model(changed) - model(small)).abs().sum(dim=1)[0]
    row, column = divmod(int(moved.argmax()), 64)
    assert 20 <= row < 24 and 44 <= column < 48


@pytest.mark.parametrize("name", ["tiny-augment-64", "tiny-augment-256"])
def test_models_are_kept_and_found_again(tmp_path, store, name):
    model = make(name, store).eval()
    export_model(model, tmp_path / "m", half=False)
    loaded = load_model(tmp_path / "m")
    assert type(loaded) is type(model)
    given = torch.rand(1, 2, 16, 16)
    assert torch.equal(loaded(given), model(given))


@pytest.mark.parametrize("name", ["augment-64", "augment-256"])
def test_the_configurations_that_ship_fit_their_models(name):
    config = load_config(name)
    model = CONFIGURATIONS[config.model].make_generator()
    assert isinstance(model, XrayGenerator | XraySuperResolver)
    assert model.config.margin == config.margin
    assert not config.generator.warm_start


@pytest.mark.parametrize("name, shape", [("augment-64", (2, 2, 64, 64)), ("augment-256", (1, 2, 64, 64))])
def test_bfloat16_agrees_with_float32(name, shape):
    """oneDNN's bfloat16 convolutions have been wrong for some shapes: these are not among them."""
    torch.manual_seed(0)
    model = CONFIGURATIONS[name].make_generator().to(memory_format=torch.channels_last).eval()
    given = torch.rand(shape)

    def once():
        if isinstance(model, XrayGenerator):
            return model.velocity(given * 2 - 1, torch.tensor(500))
        coarse = model.enlarge(given)
        return model.predict(coarse, torch.tensor([3]), given, coarse) - coarse

    with torch.no_grad():
        exact = once()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            rough = once()
    assert float((exact - rough).norm() / exact.norm()) < 0.05


def test_frames_hold_the_body_and_not_what_the_mask_wears(store):
    worn = SampleStore(np.full_like(store.masks, 255), store.layers, store.joints, store.metas)
    plain, dressed = (BodyStore.of(s).batch([0, 4], 32, 0.06) for s in (store, worn))
    assert torch.equal(plain.integrals, dressed.integrals)
    assert not plain.known.any() and (plain.mask > 0).any()
    rows = (plain.mask[0, 0] > 0).any(dim=1).nonzero()
    assert float(rows.max() - rows.min() + 1) / 32 == pytest.approx(1 / 1.12, abs=0.07)
    always = Augmentation(flip=1.0)
    mirrored = BodyStore.of(store).batch([0, 4], 32, 0.06, always, np.random.default_rng(0))
    assert torch.equal(mirrored.integrals, plain.integrals.flip(3))


def test_cut_bodies_are_left_out(store):
    layers = store.layers.copy()
    layers[1] = np.roll(layers[1], 30, axis=1)
    layers[1, 1, 0, 30] = 1
    layers[3] = 0
    layers[4, 0] = np.nan
    bodies = BodyStore(store.masks, layers, store.joints, store.metas)
    assert [i for i in range(6) if bodies.frame(i, 16, 0.06) is None] == [1, 3, 4]
    assert torch.equal(bodies.whole(1, 16, 0.06), bodies.frame(2, 16, 0.06))
    source = ShardSource(bodies, 0, 4, Framing(0.06, Augmentation()))
    batches = [source.batch(step, 16, np.random.default_rng(step)) for step in range(3)]
    assert all((batch.integrals.amax(dim=(1, 2, 3)) > 0).all() for batch in batches)
    again = source.batch(2, 16, np.random.default_rng(2))
    assert torch.equal(again.integrals, batches[2].integrals)
    nothing = BodyStore(store.masks[3:4], layers[3:4], store.joints[3:4], store.metas[3:4])
    with pytest.raises(ValueError, match="cut"):
        nothing.whole(0, 16, 0.06)
