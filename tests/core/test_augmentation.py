"""Made-up sets: screened, written whole, resumable, told from true ones, and fit to train on."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
import torch
from maskel_core.augmentation import build
from maskel_core.augmentation.build import Sampler, build_augmentation
from maskel_core.augmentation.fit import fit, load_fit
from maskel_core.augmentation.quality import compare, components, nearest, review, statistics
from maskel_core.augmentation.screen import REASONS, mask_of, screen
from maskel_core.data.dataset import SampleStore, read_shards
from maskel_core.data.shards import read_shard
from maskel_core.errors import MaskelError
from maskel_core.models.store import load_model
from maskel_core.pipeline.letterbox import Letterbox
from maskel_core.training.run import train
from safetensors.torch import load_file

from tests.core.synthetic import figure, write_shards

CONFIG = """
model = "{model}"
precision = "float32"
device = "cpu"
margin = 0.06
checkpoint_seconds = 1e9
[generator]
batch = 4
learning_rate = 3e-3
warmup_steps = 2
max_steps = {steps}
"""


def configs(folder, steps=3):
    found = []
    for name in ("64", "256"):
        path = folder / f"{name}.toml"
        path.write_text(CONFIG.format(model=f"tiny-augment-{name}", steps=steps))
        found.append(path)
    return found


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    return write_shards(tmp_path_factory.mktemp("shards"), {"train": 12, "val": 6})


@pytest.fixture(scope="module")
def run(tmp_path_factory, shards):
    folder = tmp_path_factory.mktemp("fit")
    return fit(shards, folder / "run", False, *configs(folder))


def bodies(count, size, scaling):
    """Normalised X-rays of stick figures."""
    found = []
    for seed in range(count):
        mask, bone, soft, _ = figure(seed, 72)
        layers = torch.from_numpy(np.stack([bone, soft]).astype(np.float32))
        found.append(scaling.normalise(Letterbox.around(mask, size, 0.06).forward(layers)[None])[0])
    return torch.stack(found)


@pytest.fixture
def models_that_draw(monkeypatch):
    """Tiny models know no bodies: pictures of a chunk are stick figures, every fourth one broken."""

    def pictures(self, chunk, count):
        small, large = (bodies(count, size, self.small.scaling) for size in (16, 64))
        for index in range(count):
            noise = np.random.default_rng([self.seed, chunk, index]).random()
            broken = 0.0 if index % 4 == 3 else 0.9 + 0.1 * noise
            yield small[index] * broken, large[index] * broken

    monkeypatch.setattr(Sampler, "pictures", pictures)


def body(size=64):
    xray = np.zeros((2, size, size), np.float32)
    xray[:, 6:58, 20:40] = 0.8
    return xray


def test_a_whole_body_gets_its_mask():
    xray = body()
    xray[1, 5, 20:40] = 0.1
    mask = mask_of(xray[1])
    assert screen(xray) == "" and mask.dtype == np.uint8
    assert (mask[6:58, 20:40] == 255).all()
    assert (mask[5, 20:40] == 85).all()
    assert mask.sum() == 255 * 52 * 20 + 85 * 20


def test_crumbs_and_noise_are_swept_away():
    xray = body()
    xray[1, 30, 60] = 0.8
    xray[1] += 0.02
    mask = mask_of(xray[1])
    assert screen(xray) == "" and mask[30, 60] == 0 and mask[0, 0] == 0 and mask[30, 30] == 255


@pytest.mark.parametrize("why", REASONS)
def test_broken_pictures_are_thrown_away(why):
    xray = body()
    if why == "empty":
        xray[:] = 0.05
    elif why == "pieces":
        xray[:, 30:34] = 0
    elif why == "cut":
        xray[:, :6, 20:40] = 0.8
    elif why == "small":
        xray[:, 40:] = 0
    else:
        xray[0] = 0.1
    assert screen(xray) == why


def test_nothing_has_no_mask():
    assert not mask_of(np.zeros((8, 8))).any()


def test_masks_of_true_bodies_are_found_again():
    for seed in range(5):
        mask, bone, soft, _ = figure(seed, 256)
        scale = np.percentile(soft[soft > 0], 99.5)
        xray = np.sqrt(np.stack([bone / bone.max(), soft / scale]).astype(np.float32))
        assert screen(xray) == ""
        inside, truly = mask_of(xray[1]) >= 128, mask >= 128
        assert (inside & truly).sum() / (inside | truly).sum() > 0.9


def test_a_fit_is_two_runs_that_belong_together(run, shards, tmp_path):
    small, large = load_fit(run)
    assert (small.config.sample_size, large.config.sample_size) == (16, 64)
    assert small.config.soft_scale == pytest.approx(SampleStore.open(shards, "train").scales()[1])
    assert list((run / "64" / "sheets").glob("*.png")) and list((run / "256" / "sheets").glob("*.png"))
    with pytest.raises(MaskelError) as caught:
        fit(shards, run)
    assert caught.value.code == "run_exists"
    other = tmp_path / "other"
    for name in ("64", "256"):
        (other / name).mkdir(parents=True)
        (other / name / "generator").symlink_to(run / ("64" if name == "256" else "256") / "generator")
    with pytest.raises(MaskelError) as caught:
        load_fit(other)
    assert caught.value.code == "bad_fit"


def test_a_killed_fit_ends_where_an_unbroken_one_does(tmp_path, shards, run):
    paths = configs(tmp_path)
    broken = tmp_path / "broken"
    with pytest.raises(MaskelError):
        load_fit(broken)
    train(paths[0], broken / "64", data=str(shards), stop_after=2)
    fit(shards, broken, True, *paths)
    for name in ("64", "256"):
        a, b = (
            load_file(folder / name / "generator" / "diffusion_pytorch_model.safetensors")
            for folder in (run, broken)
        )
        assert all(torch.equal(a[key], b[key]) for key in a)


def test_the_same_seed_gives_the_same_pictures(run, monkeypatch):
    """Whatever of the small ones is good for enlarging: here every second."""
    answers = itertools.cycle(["", "pieces"])
    monkeypatch.setattr(build, "screen", lambda xray: next(answers))

    def pictures(seed, chunk):
        found = list(Sampler(*load_fit(run), seed, device="cpu").pictures(chunk, 4))
        assert [large if isinstance(large, str) else "" for _, large in found] == ["", "pieces", "", "pieces"]
        assert found[0][1].shape == (2, 64, 64) and found[1][0].shape == (2, 16, 16)
        return torch.cat([found[0][1].flatten(), found[2][1].flatten(), found[3][0].flatten()])

    first = pictures(7, 0)
    assert torch.equal(first, pictures(7, 0))
    assert not torch.equal(first, pictures(7, 1))
    assert not torch.equal(first, pictures(8, 0))


def test_models_that_know_nothing_are_an_error(run, tmp_path):
    with pytest.raises(MaskelError) as caught:
        build_augmentation(run, 5, tmp_path / "set", chunk=4, device="cpu")
    assert caught.value.code == "samples_broken"


def test_a_set_holds_whole_samples_of_two_sizes(run, tmp_path, models_that_draw):
    out = tmp_path / "set"
    seen = []
    manifest = build_augmentation(run, 10, out, 3, lambda done, all_: seen.append((done, all_)), chunk=8)
    assert manifest["candidates"] == 16 and manifest["rejected"]["empty"] == 4
    assert seen[0] == (0, 10) and seen[-1] == (10, 10)
    large, small = (list(read_shards(folder, "train")) for folder in (out, out / "small"))
    assert len(large) == len(small) == 10
    assert len({sample["key"] for sample in large}) == 10
    scaling = load_fit(run)[0].scaling
    for sample, twin in zip(large, small, strict=True):
        assert sample["key"] == twin["key"]
        assert sample["mask"].shape == (64, 64) and twin["mask"].shape == (16, 16)
        assert sample["soft"].dtype == np.float16
        assert not sample["bone"][sample["mask"] == 0].any()
        assert sample["soft"].max() <= 1.1 * float(scaling.scale[0, 1]) * 1.4**2
        meta = sample["meta"]
        assert meta["provenance"] == "diffusion" and meta["split"] == "train"
        assert "joints" not in meta and "camera" not in meta
    store = SampleStore.open(out, "train")
    assert np.isnan(store.joints).all()
    batch = store.batch([0, 1], 64, 0.04)
    assert not batch.known.any() and (batch.view == 0).all() and batch.joints.isfinite().all()


def test_a_killed_build_ends_where_an_unbroken_one_does(run, tmp_path, models_that_draw, monkeypatch):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    build_augmentation(run, 16, whole, 3, chunk=8)
    real, calls = build._write_chunk, []

    def killed(*arguments):
        calls.append(arguments[1])
        if len(calls) == 2:
            raise KeyboardInterrupt
        real(*arguments)

    monkeypatch.setattr(build, "_write_chunk", killed)
    with pytest.raises(KeyboardInterrupt):
        build_augmentation(run, 16, broken, 3, chunk=8)
    assert not (broken / "manifest.json").exists()
    build_augmentation(run, 16, broken, 3, chunk=8)
    assert calls == [0, 1, 1, 2]
    names = sorted(path.relative_to(whole) for path in whole.rglob("*") if path.is_file())
    assert names == sorted(path.relative_to(broken) for path in broken.rglob("*") if path.is_file())
    for name in names:
        assert (whole / name).read_bytes() == (broken / name).read_bytes(), name
    with pytest.raises(MaskelError) as caught:
        build_augmentation(run, 16, broken, 4, chunk=8)
    assert caught.value.code == "data_mismatch"


def test_made_up_pairs_train_a_model_without_joints(run, tmp_path, models_that_draw):
    out = tmp_path / "set"
    build_augmentation(run, 8, out, chunk=12)
    path = tmp_path / "run.toml"
    text = 'model = "tiny-unet"\nprecision = "float32"\ndevice = "cpu"\nstream_size = 64\n[generator]\n'
    path.write_text(text + "batch = 4\nmax_steps = 3\nwarmup_steps = 1\n")
    folder = train(path, tmp_path / "run", data=out)
    records = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    last = [record for record in records if "joint" in record][-1]
    assert last["joint"] == 0 and np.isfinite(last["loss"])
    assert load_model(folder)(torch.ones(1, 1, 64, 64)).xray.isfinite().all()
    assert all(sample["meta"]["split"] == "train" for sample in read_shard(next(out.glob("train-*.tar"))))


def test_sets_that_are_further_off_are_further():
    generator = torch.Generator().manual_seed(0)
    training, held_out, near = (torch.rand((40, 2, 8, 8), generator=generator) for _ in range(3))
    figures = [compare(x, held_out, training) for x in (near, near + 0.5)]
    assert figures[0]["frechet"]["held_out"] == figures[1]["frechet"]["held_out"]
    assert figures[0]["frechet"]["made"] == pytest.approx(figures[0]["frechet"]["held_out"], rel=0.3)
    assert figures[1]["frechet"]["made"] > 2 * figures[0]["frechet"]["made"]
    assert figures[1]["nearest"]["made"]["median"] > figures[0]["nearest"]["made"]["median"]


def test_neighbours_are_found_mirrored_too():
    others = torch.rand((5, 2, 8, 8), generator=torch.Generator().manual_seed(0))
    pictures = torch.stack([others[3], others[1].flip(2), others[4] + 0.5])
    distance, number, turned = nearest(pictures, others)
    assert number.tolist() == [3, 1, 4] and turned.tolist() == [False, True, False]
    assert distance.tolist() == pytest.approx([0, 0, 0.5], abs=1e-3)


def test_components_span_the_pictures():
    directions = torch.rand((2, 2 * 4 * 4), generator=torch.Generator().manual_seed(0))
    weights = torch.randn((30, 2), generator=torch.Generator().manual_seed(1))
    pictures = (1 + weights @ directions).view(30, 2, 4, 4)
    mean, found = components(pictures, 2)
    flat = pictures.flatten(1) - mean
    assert torch.allclose(flat @ found @ found.T, flat, atol=1e-4)


def test_statistics_of_a_known_picture():
    found = statistics(torch.from_numpy(np.stack([body(), body()])))
    assert found["area"] == {"mean": pytest.approx(52 * 20 / 64**2, abs=1e-4), "sd": 0.0}
    assert found["bone"]["mean"] == pytest.approx(0.8)
    assert found["width"]["mean"] == pytest.approx(20 / 52, abs=1e-4)


def test_a_review_compares_and_shows(run, shards, tmp_path, models_that_draw):
    build_augmentation(run, 6, tmp_path / "set", chunk=8)
    figures = review(run, tmp_path / "set", shards, tmp_path / "review")
    assert figures["training_pictures"] == 12 and figures["pictures"] == 6
    # The pictures drawn are the training set's own figures, a little fainter.
    assert figures["nearest"]["made"]["median"] < figures["nearest"]["held_out"]["median"]
    for name in ("sheet-64.png", "sheet-256.png", "review.json"):
        assert (tmp_path / "review" / name).stat().st_size > 0
