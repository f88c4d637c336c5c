"""From a folder of real-looking files to a fine-tuned model and its report, by the commands that users type."""

from __future__ import annotations

import contextlib
import json
import sys

import numpy as np
import pytest
import torch
from maskel_core.data.dataset import Batch, SampleStore
from maskel_core.data.importing import ImportSettings, import_folder
from maskel_core.errors import MaskelError
from maskel_core.evaluation.frechet import FeatureNetwork
from maskel_core.evaluation.measure import measure
from maskel_core.evaluation.references import DistanceAnswer, NeighbourAnswer
from maskel_core.evaluation.run import evaluate
from maskel_core.models import CONFIGURATIONS, LayerScaling
from maskel_core.models.store import export_model
from maskel_core.training.config import LossConfig, StageConfig
from maskel_core.training.run import train
from maskel_core.training.stages import AutoencoderStage, DiffusionStage, GeneratorStage
from maskel_core.training.warm_start import start_scales

from tests.core.importable import body_volume, nifti, pair
from tests.core.synthetic import figure, write_shards

CONFIG = """
model = "{model}"
precision = "float32"
device = "cpu"
checkpoint_seconds = 1e9
[generator]
batch = 4
warmup_steps = 2
max_steps = {steps}
[losses]
feature_layers = []
adversarial_start = 0.6
"""


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """Shards of DXA pairs with and without a soft-tissue picture, and of a CT volume."""
    source, out = tmp_path_factory.mktemp("real"), tmp_path_factory.mktemp("shards") / "out"
    for number in range(10):
        pair(source, f"p{number}", seed=number, soft=number % 2 == 0)
    units, body = body_volume((12, 10, 24))
    nifti(source / "scan.nii.gz", units)
    nifti(source / "scan.body.nii.gz", body, dtype=np.uint8)
    import_folder(source, out, ImportSettings(size=72, val=0.2, test=0.2, yaws=(0.0, 90.0)))
    return out


@pytest.fixture
def mixed(real) -> Batch:
    """A batch of a whole pair and of a bone picture alone."""
    store = SampleStore.open(real, "train", cache=False)
    whole = next(
        i
        for i, m in enumerate(store.metas)
        if m["known_layers"] == ["bone", "soft"] and m["modality"] == "dxa"
    )
    alone = next(i for i, m in enumerate(store.metas) if m["known_layers"] == ["bone"])
    return store.batch([whole, alone], 64, 0.04)


def write_config(folder, steps, model="tiny-unet"):
    path = folder / f"{model}.toml"
    path.write_text(CONFIG.format(steps=steps, model=model))
    return path


def stage_of(model="tiny-unet", **weights) -> GeneratorStage:
    torch.manual_seed(0)
    named = CONFIGURATIONS[model]
    return GeneratorStage(
        named.make_generator(bone_scale=2.0, soft_scale=4.0), None, None, StageConfig(learning_rate=1e-3),
        LossConfig(feature_layers=(), adversarial=0.0, **weights),
    )  # fmt: skip


def gradients(batch: Batch, model: str) -> dict[str, torch.Tensor]:
    stage = stage_of(model, contrast=1.0, high_pass=1.0)
    stage.config.clip = 1e9
    stage.optimizers["optimizer"] = torch.optim.SGD(stage.model.parameters(), lr=0.0)
    stage.step(batch, torch.Generator().manual_seed(0), 1.0, contextlib.nullcontext)
    return {n: p.grad.clone() for n, p in stage.model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("model", ["tiny-unet", "tiny-base"])
def test_an_unknown_layer_pulls_on_nothing(mixed, model):
    only = Batch(
        *(getattr(mixed, n)[1:] for n in ("mask", "integrals", "joints", "known", "view", "known_layers"))
    )
    plain = gradients(only, model)
    only.integrals[:, 1] = 3.0
    other = gradients(only, model)
    assert any(g.any() for g in plain.values())
    for name, gradient in plain.items():
        assert torch.equal(gradient, other[name]), name
    only.known_layers[:] = True
    known = gradients(only, model)
    assert any(not torch.equal(g, known[n]) for n, g in plain.items())
    assert not torch.isnan(torch.cat([g.flatten() for g in plain.values()])).any()


def test_the_autoencoder_is_not_taught_that_unknown_is_none(mixed):
    model = CONFIGURATIONS["tiny"].make_autoencoder()
    stage = AutoencoderStage(model, LayerScaling(2.0, 4.0, 0.5), StageConfig())
    mixed.known_layers[:] = False
    figures = stage.step(mixed, torch.Generator().manual_seed(0), 0.0, contextlib.nullcontext)
    assert figures["l1"] == 0 and figures["norm"] == 0


def test_diffusion_refuses_what_it_cannot_learn(mixed):
    stage = DiffusionStage(CONFIGURATIONS["tiny-diffusion"].make_generator(), StageConfig())
    with pytest.raises(MaskelError) as refused:
        stage.step(mixed, torch.Generator().manual_seed(0), 0.0, contextlib.nullcontext)
    assert refused.value.code == "layers_unknown"


def test_scales_are_those_of_the_model_that_training_starts_from(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"bone_scale": 7.0, "soft_scale": 11.0}))
    assert start_scales((3.0, float("nan")), tmp_path) == (7.0, 11.0)
    assert start_scales((3.0, float("nan")), "") == (3.0, 1.0)
    assert start_scales((3.0, 4.0), "") == (3.0, 4.0)


def test_distances_are_scaled_by_what_is_known(real):
    store = SampleStore.open(real, "train", cache=False)
    factors = DistanceAnswer(store).factors
    assert np.isfinite(factors).all() and (factors > 0).all()


def test_a_neighbour_without_soft_tissue_has_figures_of_bone_and_features(tmp_path):
    mask, bone, soft, meta = figure(3, 64)
    joints = np.full((1, 27, 2), np.nan, np.float32)
    whole = SampleStore(mask[None], np.stack([bone, soft])[None], joints, [meta])
    unknown = np.full_like(soft, np.nan)
    bones = SampleStore(
        mask[None], np.stack([bone, unknown])[None], joints, [{**meta, "known_layers": ["bone"]}]
    )
    export_model(CONFIGURATIONS["tiny"].make_autoencoder(), tmp_path)
    answers = {"nearest": NeighbourAnswer(bones)}
    record = measure(answers, whole, (1.0, 1.0), FeatureNetwork(tmp_path))["nearest"][0]
    assert record["bone_psnr"] > 20
    assert np.isnan(record["soft_psnr"])
    assert np.isfinite(record["feature"]).all()


@pytest.mark.slow
def test_fine_tuning_on_imported_samples_lowers_the_loss(tmp_path, real, monkeypatch, capsys):
    from maskel_core.cli import main

    simulated = write_shards(tmp_path / "simulated", {"train": 8, "val": 2})
    start = train(write_config(tmp_path, 25), tmp_path / "start", data=simulated)
    arguments = [
        "train",
        write_config(tmp_path, 60),
        "--data",
        real,
        "--warm-start",
        start,
        "--out",
        tmp_path / "fine",
    ]
    monkeypatch.setattr(sys, "argv", ["maskel", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code, capsys.readouterr().err
    lines = [json.loads(line) for line in (tmp_path / "fine" / "log.jsonl").read_text().splitlines()]
    losses = [line["l1"] for line in lines if "l1" in line]
    assert losses[-1] < 0.9 * losses[0]
    fine = tmp_path / "fine" / "generator"
    scale = json.loads((fine / "config.json").read_text())["bone_scale"]
    assert scale == json.loads((start / "config.json").read_text())["bone_scale"]
    before, after = (evaluate(model, real, tmp_path / name) for name, model in (("a", start), ("b", fine)))
    name, other = before["model"], after["model"]
    assert after["all"][other]["bone_psnr"] > before["all"][name]["bone_psnr"]
    assert "joint_median" not in after["all"][other]
    assert json.loads((tmp_path / "b" / "report.json").read_text(), parse_constant=pytest.fail)
    assert (tmp_path / "b" / "cases.jpg").exists()


def test_bones_alone_can_be_learnt_and_measured(tmp_path):
    for number in range(8):
        pair(tmp_path / "in", f"p{number}", seed=number, soft=False)
    import_folder(tmp_path / "in", tmp_path / "out", ImportSettings(size=64, val=0.2, test=0.2))
    model = train(write_config(tmp_path, 12), tmp_path / "run", data=tmp_path / "out")
    report = evaluate(model, tmp_path / "out", tmp_path / "report")
    ours = report["all"][report["model"]]
    assert np.isfinite(ours["bone_psnr"]) and not any(name.startswith("soft_") for name in ours)
    assert report["scales"]["soft"] is None
    json.loads((tmp_path / "report" / "report.json").read_text(), parse_constant=pytest.fail)
