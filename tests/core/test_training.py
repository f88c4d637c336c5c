"""Training moves what it should, leaves alone what it should, and survives a kill."""

from __future__ import annotations

import contextlib
import dataclasses
import json

import numpy as np
import pytest
import torch
from maskel_core.data.augment import disturb_edge
from maskel_core.data.dataset import Augmentation, Batch, SampleStore
from maskel_core.errors import MaskelError
from maskel_core.models import CONFIGURATIONS, LayerScaling
from maskel_core.models.joint_head import read_heat
from maskel_core.models.store import load_model
from maskel_core.pipeline import MaskelPipeline
from maskel_core.training import losses
from maskel_core.training.checkpoint import WeightAverage, load_checkpoint
from maskel_core.training.config import LossConfig, StageConfig, load_config, parse_config
from maskel_core.training.export import export_run, largest_change
from maskel_core.training.loop import Readings, learning_rate_share
from maskel_core.training.run import train
from maskel_core.training.sources import batch_indices
from maskel_core.training.stages import AutoencoderStage, GeneratorStage, cut
from safetensors.torch import load_file

from tests.core.synthetic import write_shards

TINY = CONFIGURATIONS["tiny"]

CONFIG = """
name = "test"
model = "{model}"
precision = "float32"
device = "cpu"
checkpoint_seconds = 1e9
[generator]
batch = 4
warmup_steps = 2
max_steps = {steps}
[losses]
adversarial_start = {start}
"""


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    return write_shards(tmp_path_factory.mktemp("shards"), {"train": 12, "val": 4, "test": 4})


@pytest.fixture
def store(shards):
    return SampleStore.open(shards, "train", cache=False)


def batch_of(store: SampleStore, count: int = 4) -> Batch:
    return store.batch(range(count), 64, 0.04)


def make_stage(store: SampleStore, trains: tuple[str, ...] = (), **weights) -> GeneratorStage:
    torch.manual_seed(0)
    bone, soft = store.scales()
    config = StageConfig(learning_rate=2e-3, trains=trains)
    return GeneratorStage(
        TINY.make_generator(bone_scale=bone, soft_scale=soft),
        TINY.make_autoencoder(),
        TINY.make_discriminator(),
        config,
        LossConfig(adversarial_start=0.0, feature_layers=(1, 2), **weights),
    )


def write_config(folder, model="tiny", steps=6, start=0.5, autoencoder=True):
    text = CONFIG.format(model=model, steps=steps, start=start)
    if autoencoder:
        text += f"feature_layers = [1, 2]\n[autoencoder]\nbatch = 4\nwarmup_steps = 2\nmax_steps = {steps}\n"
    path = folder / "run.toml"
    path.write_text(text)
    return path


def test_every_parameter_of_stage_2_gets_a_gradient(store):
    stage = make_stage(store)
    generator = torch.Generator().manual_seed(0)
    for _ in range(2):
        stage.step(batch_of(store), generator, 1.0, contextlib.nullcontext)
    unused = [
        n
        for n, p in stage.model.named_parameters()
        if p.requires_grad and (p.grad is None or not p.grad.any())
    ]
    assert unused == []
    assert all(p.grad is not None and p.grad.any() for p in stage.discriminator.parameters())
    assert all(p.grad is None for p in stage.autoencoder.parameters())


def test_what_is_not_trained_stays_and_the_rest_learns(store):
    stage = make_stage(store, trains=("decoder.out", "decoder.head"))
    before = {name: p.detach().clone() for name, p in stage.model.named_parameters()}
    for _ in range(2):
        stage.step(batch_of(store), torch.Generator().manual_seed(0), 1.0, contextlib.nullcontext)
    changed = {name for name, p in stage.model.named_parameters() if not torch.equal(p, before[name])}
    # A codebook follows its codes without gradients.
    changed -= {"quantizer.codebook"}
    assert changed == {name for name in before if name.startswith(("decoder.out", "decoder.head"))}
    assert all(p.grad is not None and p.grad.any() for p in stage.discriminator.parameters())
    with pytest.raises(MaskelError, match=r"'decoder\.tail'") as caught:
        make_stage(store, trains=("decoder.out", "decoder.tail"))
    assert caught.value.code == "bad_config"


def test_a_game_that_could_not_be_weighed_is_refused(store):
    with pytest.raises(MaskelError, match=r"decoder\.out, which trains leaves out") as caught:
        make_stage(store, trains=("decoder.head",))
    assert caught.value.code == "bad_config"
    fine = CONFIGURATIONS["tiny-base"]
    for start, trains, missing in (
        (0.0, ("decoder",), "fine.out"),
        (0.5, ("fine",), "decoder.out"),
        (0.0, ("fine",), ""),
        (0.5, ("fine", "decoder"), ""),
        (1.0, ("decoder",), ""),
    ):
        config = StageConfig(trains=trains, fine_start=start)
        parts = fine.make_generator(), None, fine.make_discriminator(), config
        if missing:
            with pytest.raises(MaskelError, match=missing.replace(".", r"\.")):
                GeneratorStage(*parts, LossConfig(adversarial_start=0.2))
        else:
            GeneratorStage(*parts, LossConfig(adversarial_start=0.2))


def test_every_parameter_of_stage_1_gets_a_gradient(store):
    stage = AutoencoderStage(TINY.make_autoencoder(), LayerScaling(*store.scales(), 0.5), StageConfig())
    stage.step(batch_of(store), torch.Generator().manual_seed(0), 0.0, contextlib.nullcontext)
    assert [n for n, p in stage.model.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_discriminator_step_leaves_the_generator_alone(store):
    stage, batch = make_stage(store), batch_of(store)
    xray = cut(stage.model(batch.mask).xray, batch.mask, 0.5)
    stage.model.zero_grad(set_to_none=True)
    before = {n: p.clone() for n, p in stage.model.named_parameters()}
    stage.discriminator_step(xray, torch.rand_like(xray), batch.mask, contextlib.nullcontext)
    assert all(p.grad is None for p in stage.model.parameters())
    assert all(torch.equal(p, before[n]) for n, p in stage.model.named_parameters())


def test_generator_step_leaves_the_discriminator_alone(store):
    stage, batch = make_stage(store), batch_of(store)
    xray = cut(stage.model(batch.mask).xray, batch.mask, 0.5)
    term, _ = stage._adversarial(xray, batch.mask, xray.mean(), stage.last_layer, contextlib.nullcontext)
    term.backward()
    assert all(p.grad is None for p in stage.discriminator.parameters())
    assert stage.last_layer.grad.any()


def test_adversarial_term_lowers_the_score_gap(store):
    stage, batch = make_stage(store), batch_of(store)
    truth = stage.scaling.normalise(batch.integrals)
    for _ in range(30):
        with torch.no_grad():
            made = cut(stage.model(batch.mask).xray, batch.mask, 0.5)
        stage.discriminator_step(made, truth, batch.mask, contextlib.nullcontext)

    def gap() -> float:
        with torch.no_grad():
            made = cut(stage.model(batch.mask).xray, batch.mask, 0.5)
            real = stage.discriminator(torch.cat([truth, batch.mask], 1)).mean()
            return float(real - stage.discriminator(torch.cat([made, batch.mask], 1)).mean())

    before = gap()
    assert before > 0.1
    for _ in range(10):
        xray = cut(stage.model(batch.mask).xray, batch.mask, 0.5)
        term, _ = stage._adversarial(xray, batch.mask, xray.mean(), stage.last_layer, contextlib.nullcontext)
        stage.optimizers["optimizer"].zero_grad()
        term.backward()
        stage.optimizers["optimizer"].step()
    assert gap() < before


def test_a_step_that_overflows_changes_nothing_and_the_next_one_learns(store):
    stage, batch = make_stage(store), batch_of(store)
    spoilt = dataclasses.replace(batch, integrals=batch.integrals * float("inf"))
    generator, start = torch.Generator().manual_seed(0), stage.last_layer.detach().clone()
    assert not np.isfinite(float(stage.step(spoilt, generator, 0.5, contextlib.nullcontext)["loss"]))
    assert torch.equal(stage.last_layer, start)
    for _ in range(2):
        assert np.isfinite(float(stage.step(batch, generator, 0.5, contextlib.nullcontext)["loss"]))
    assert not torch.equal(stage.last_layer, start)


def test_learns_a_batch_by_heart(store):
    stage, batch = make_stage(store, adversarial=0.02), batch_of(store)
    generator = torch.Generator().manual_seed(0)
    first = stage.step(batch, generator, 1.0, contextlib.nullcontext)
    for _ in range(120):
        last = stage.step(batch, generator, 1.0, contextlib.nullcontext)
    assert last["l1"] < 0.5 * first["l1"]
    assert last["joint"] < 0.5 * first["joint"]
    assert last["alignment"] < 0.5 * first["alignment"]


@pytest.mark.parametrize("model, autoencoder", [("tiny", True), ("tiny-unet", False)])
def test_a_killed_run_ends_where_an_unbroken_one_does(tmp_path, shards, model, autoencoder):
    path = write_config(tmp_path, model=model, autoencoder=autoencoder)
    whole = train(path, tmp_path / "whole", data=shards)
    broken = tmp_path / "broken"
    train(path, broken, data=shards, stop_after=4)
    for _ in range(4):
        folder = train(path, broken, resume=True, data=shards, stop_after=4)
    names = ["generator", "autoencoder"] if autoencoder else ["generator"]
    for name in names:
        a = load_file(whole.parent / name / "diffusion_pytorch_model.safetensors")
        b = load_file(folder.parent / name / "diffusion_pytorch_model.safetensors")
        assert a.keys() == b.keys()
        for key in a:
            assert torch.equal(a[key], b[key]), (name, key)
    assert list((tmp_path / "whole" / "sheets").glob("generator-*.png"))
    records = [json.loads(line) for line in (tmp_path / "whole" / "log.jsonl").read_text().splitlines()]
    assert any("review" in record for record in records)
    assert load_model(folder).config.bone_scale > 0


def test_a_run_is_not_overwritten(tmp_path, shards):
    path = write_config(tmp_path, steps=2, autoencoder=False)
    train(path, tmp_path / "run", data=shards)
    with pytest.raises(MaskelError) as caught:
        train(path, tmp_path / "run", data=shards)
    assert caught.value.code == "run_exists"


def test_time_budget_ends_a_stage(tmp_path, shards):
    path = write_config(tmp_path, steps=100_000, autoencoder=False)
    train(path, tmp_path / "run", data=shards, generator_seconds=1.0)
    assert load_checkpoint(tmp_path / "run" / "checkpoints" / "generator")[1]["elapsed"] < 10


def test_weight_average_follows():
    model = torch.nn.Linear(1, 1)
    average = WeightAverage(model, 0.9)
    with torch.no_grad():
        model.weight.fill_(5.0)
    for _ in range(200):
        average.update(model)
    assert average.state["weight"].item() == pytest.approx(5.0, abs=1e-3)


def test_the_high_pass_of_a_window_is_that_of_its_frame():
    """A bump as wide as 3 % of the frame counts; the window's own 2 % would blur less and take most of it away."""
    steps = torch.arange(256.0)
    bump = torch.exp(-((steps - 128) ** 2) / (2 * 15.0**2))
    window = (bump[:, None] * bump[None, :])[None, None].expand(1, 2, -1, -1)
    body = torch.ones(1, 1, 256, 256)
    nothing = torch.zeros_like(window)
    own, frame = (
        losses.picture_losses(window, nothing, body, 1.0, share)["high_pass"].item() for share in (0.02, 0.04)
    )
    assert frame > 1.5 * own


def test_picture_losses_of_known_pictures():
    body = torch.zeros(1, 1, 8, 8)
    body[..., 2:6, 2:6] = 1
    truth = torch.zeros(1, 2, 8, 8)
    exact = losses.picture_losses(truth, truth, body, 2.0)
    assert all(value == 0 for value in exact.values())
    off = losses.picture_losses(truth + 0.5 * body, truth, body, 1.0)
    assert off["l1"].item() == pytest.approx(0.5)
    assert off["l2"].item() == pytest.approx(0.25)
    bone, soft = truth.clone(), truth.clone()
    bone[:, 0], soft[:, 1] = 0.5, 0.5
    l1 = [losses.picture_losses(x, truth, body, 3.0)["l1"].item() for x in (bone, soft)]
    assert l1[0] == pytest.approx(3 * l1[1])


def test_joint_losses_of_known_positions():
    logits = torch.full((1, 2, 16, 16), -30.0)
    logits[0, 0, 4, 8] = 30
    logits[0, 1, 12, 2] = 30
    maps = read_heat(torch.softmax(logits.flatten(2), 2).view_as(logits))
    maps.logits = logits
    exact = torch.tensor([[[8.5, 4.5], [2.5, 12.5]]]) / 16
    known = torch.tensor([[True, True]])
    assert losses.joint_losses(maps, exact, known)["joint"].item() < 1e-6
    wrong = exact.clone()
    wrong[0, 1] += 0.25
    assert losses.joint_losses(maps, wrong, known)["joint"].item() == pytest.approx(0.25)
    assert losses.joint_losses(maps, wrong, torch.tensor([[True, False]]))["joint"].item() < 1e-6
    narrow, wide = (losses.joint_losses(maps, p, known)["heat"].item() for p in (exact, wrong))
    assert wide > narrow > 0


def test_heat_divergence_is_zero_for_the_target_itself():
    centres = (torch.arange(16) + 0.5) / 16
    profile = -((centres - 0.5) * 16).square() / (2 * losses.HEAT_SIGMA**2)
    logits = (profile[:, None] + profile[None, :]).view(1, 1, 16, 16)
    maps = read_heat(torch.softmax(logits.flatten(2), 2).view_as(logits))
    maps.logits = logits
    found = losses.joint_losses(maps, torch.full((1, 1, 2), 0.5), torch.ones(1, 1, dtype=torch.bool))
    assert found["heat"].item() == pytest.approx(0, abs=1e-5)


def test_hinge_losses():
    assert losses.discriminator_loss(torch.tensor([2.0]), torch.tensor([-2.0])).item() == 0
    assert losses.discriminator_loss(torch.tensor([0.0]), torch.tensor([0.0])).item() == 1
    assert losses.generator_loss(torch.tensor([3.0])) < losses.generator_loss(torch.tensor([1.0]))


def test_adaptive_weight_balances_gradients():
    weight = torch.tensor([2.0], requires_grad=True)
    assert losses.adaptive_weight(6 * weight.sum(), 2 * weight.sum(), weight) == pytest.approx(3, rel=1e-4)


def test_batches_cover_every_epoch_once():
    drawn = [i for step in range(6) for i in batch_indices(7, step, 4, 12)]
    assert sorted(drawn[:12]) == list(range(12))
    assert sorted(drawn[12:]) == list(range(12))
    assert drawn[:12] != drawn[12:]
    assert batch_indices(7, 1, 4, 12) == drawn[4:8]


def test_learning_rate_rises_and_falls():
    config = StageConfig(warmup_steps=10, final_share=0.1)
    assert learning_rate_share(config, 0, 0.0) == pytest.approx(0.1)
    assert learning_rate_share(config, 9, 0.0) == pytest.approx(1.0)
    assert learning_rate_share(config, 500, 1.0) == pytest.approx(0.1)


def test_store_reads_samples_and_cache(tmp_path):
    folder = write_shards(tmp_path, {"train": 3})
    first = SampleStore.open(folder, "train")
    assert (folder / "train.cache.safetensors").exists()
    second = SampleStore.open(folder, "train")
    assert np.array_equal(first.layers, second.layers)
    assert first.metas == second.metas
    assert first.masks.shape == (3, 72, 72)
    write_shards(tmp_path, {"train": 4})
    assert len(SampleStore.open(folder, "train")) == 4
    with pytest.raises(MaskelError) as caught:
        SampleStore.open(folder, "test")
    assert caught.value.code == "data_missing"


def test_batch_joints_lie_on_the_figure(store):
    batch = batch_of(store)
    assert batch.known.any()
    pelvis = (batch.joints[:, 6] * 64 - 0.5).round().long()
    for i in range(4):
        assert batch.integrals[i, 0, pelvis[i, 1], pelvis[i, 0]] > 0


def test_flip_mirrors_picture_and_joints(store):
    plain = store.batch([0, 1], 64, 0.04)
    always = Augmentation(flip=1.0, shift=0.0, zoom=0.0, edge_noise=0.0)
    flipped = store.batch([0, 1], 64, 0.04, always, np.random.default_rng(0))
    assert torch.equal(flipped.mask, plain.mask.flip(3))
    assert torch.equal(flipped.integrals, plain.integrals.flip(3))
    left, right = 7 + 4, 7 + 5
    assert torch.allclose(flipped.joints[:, left, 0], 1 - plain.joints[:, right, 0], atol=1e-6)
    assert torch.allclose(flipped.joints[:, left, 1], plain.joints[:, right, 1], atol=1e-6)


def test_edge_noise_stays_at_the_edge():
    mask = torch.zeros(4, 1, 64, 64)
    mask[..., 16:48, 16:48] = 1
    changed = disturb_edge(mask, 1.0, np.random.default_rng(3))
    assert not torch.equal(changed, mask)
    assert (changed >= 0).all()
    assert (changed <= 1).all()
    assert (changed[..., 22:42, 22:42] == 1).all()
    assert (changed[..., :10, :] == 0).all()
    assert torch.equal(disturb_edge(mask, 0.0, np.random.default_rng(3)), mask)


@pytest.mark.parametrize(
    "name", ["maskel-base", "maskel-small-256", "unet-256", "pix2pix-256", "diffusion-128", "maskel-256"]
)
def test_configurations_that_ship_are_valid(name):
    config = load_config(name)
    assert config.name == name
    assert config.generator is not None


@pytest.mark.parametrize(
    "raw",
    [
        {"nonsense": 1},
        {"generator": {"batch": "many"}},
        {"losses": {"l3": 1.0}},
        {"name": 3},
        {"generator": 3},
    ],
)
def test_wrong_configurations_are_refused(raw):
    with pytest.raises(MaskelError) as caught:
        parse_config(raw)
    assert caught.value.code == "bad_config"


def test_missing_and_unknown_configurations_are_refused(tmp_path):
    (tmp_path / "a.toml").write_text('model = "nothing"')
    for path in (tmp_path / "none.toml", tmp_path / "a.toml"):
        with pytest.raises(MaskelError) as caught:
            load_config(path)
        assert caught.value.code == "bad_config"


def test_export_ships_what_was_trained(tmp_path, shards):
    path = write_config(tmp_path, steps=3)
    folder = train(path, tmp_path / "run", data=shards)
    report = {
        "training_samples": 12,
        "samples": 4,
        "bodies": 4,
        "all": {"ours": {"bone_psnr": 21.5, "samples": 4}},
        "by_view": {"front": {"bone_psnr": 21.5, "samples": 4}},
    }
    (tmp_path / "report.json").write_text(json.dumps(report))
    shipped = export_run(tmp_path / "run", tmp_path / "shipped", tmp_path / "report.json")
    mask = batch_of(SampleStore.open(shards, "val", cache=False)).mask
    assert largest_change(load_model(folder), load_model(shipped), mask) < 2e-3
    card = (shipped / "README.md").read_text()
    assert "| ours | 4 | 21.50 |" in card
    assert "generator 3 steps" in card
    description = MaskelPipeline.from_pretrained(shipped).description
    assert description.startswith("Makes a whole-body X-ray")


def test_squared_terms_are_least_for_the_mean_where_l1_is_least_for_the_median():
    body = torch.ones(3, 1, 64, 64)
    truth = torch.zeros(3, 2, 64, 64)
    # A bone that is there in one of three: the median leaves it out.
    truth[0, :, 20:24] = 1.0
    share = torch.linspace(0, 1, 21)
    found = []
    for value in share:
        answer = torch.zeros(3, 2, 64, 64)
        answer[:, :, 20:24] = value.sqrt()
        found.append(
            losses.picture_losses(answer, truth, body, 1.0) | losses.integral_losses(answer, truth, body, 1.0)
        )
    best = {name: float(share[int(torch.stack([f[name] for f in found]).argmin())]) for name in found[0]}
    assert best["l1"] == 0
    assert best["integral_high_pass"] == pytest.approx(1 / 3, abs=0.03)
    assert best["integral_slope"] == pytest.approx(1 / 3, abs=0.03)


def test_readings_are_the_steps_own_on_a_processor():
    readings = Readings(torch.device("cpu"))
    assert readings.exchange({"loss": torch.tensor(1.5), "norm": torch.tensor(2.0)}) == {
        "loss": 1.5,
        "norm": 2.0,
    }


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_readings_come_a_step_later_on_a_gpu():
    device = torch.device("cuda")
    readings = Readings(device)
    assert readings.exchange({"loss": torch.tensor(1.5, device=device)}) == {}
    assert readings.exchange({"loss": torch.tensor(2.5, device=device)}) == {"loss": 1.5}
