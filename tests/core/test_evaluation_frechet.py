"""MAE-FD: known Gaussians, and pictures that get worse."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from maskel_core.errors import MaskelError
from maskel_core.evaluation import frechet
from maskel_core.models import CONFIGURATIONS
from maskel_core.models.store import export_model, load_model
from maskel_core.training.config import load_config
from maskel_core.training.export import export_run
from maskel_core.training.run import train
from scipy.linalg import sqrtm
from scipy.ndimage import gaussian_filter

from tests.core.synthetic import figure, write_shards

RANDOM = np.random.default_rng(0)


def covariance(size):
    root = RANDOM.normal(size=(size, size))
    return root @ root.T / size


def test_distance_of_known_gaussians():
    # In one dimension: the difference of the means squared plus that of the standard deviations squared.
    one = [np.array([3.0]), np.array([[4.0]]), np.array([1.0]), np.array([[9.0]])]
    assert frechet.frechet_distance(*one) == pytest.approx(4 + 1)
    mean, a, b = RANDOM.normal(size=6), covariance(6), covariance(6)
    assert frechet.frechet_distance(mean, a, mean, a) == pytest.approx(0, abs=1e-9)
    assert frechet.frechet_distance(mean, a, mean + 2, a) == pytest.approx(24)
    wanted = np.trace(a + b - 2 * sqrtm(a @ b).real)
    assert frechet.frechet_distance(mean, a, mean, b) == pytest.approx(wanted)
    assert frechet.frechet_distance(mean, b, mean, a) == pytest.approx(wanted)
    # Singular covariances, as of few samples.
    flat = np.diag([1.0, 0, 0])
    assert frechet.frechet_distance(mean[:3], flat, mean[:3], 4 * flat) == pytest.approx(1)


def test_distance_of_samples_nears_that_of_their_gaussians():
    spread = np.array([1.0, 2.0, 0.5])
    a = RANDOM.normal(size=(20_000, 3)) * spread
    b = RANDOM.normal(size=(20_000, 3)) * spread * 2 + 1
    assert frechet.feature_distance(a, b) == pytest.approx(3 + np.square(spread).sum(), rel=0.03)
    assert frechet.floor_distance(a) < 0.01
    assert frechet.floor_distance(a) == frechet.floor_distance(a)
    # Fewer samples, a higher floor.
    assert frechet.floor_distance(a[:50]) > frechet.floor_distance(a)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The feature network as it ships: trained by its own kind of configuration, exported."""
    place = tmp_path_factory.mktemp("features")
    shards = write_shards(place / "shards", {"train": 24, "val": 2})
    text = (
        'model = "tiny"\nprecision = "float32"\ndevice = "cpu"\n[autoencoder]\nbatch = 8\nwarmup_steps = 5\n'
    )
    (place / "run.toml").write_text(text + "learning_rate = 2e-3\nmax_steps = 60\nema = 0.9\n")
    trained = train(place / "run.toml", place / "run", data=shards)
    assert trained == place / "run" / "autoencoder"
    return export_run(place / "run", place / "xray-features")


@pytest.fixture(scope="module")
def network(folder):
    return frechet.FeatureNetwork(folder)


@pytest.fixture(scope="module")
def figures():
    return [figure(seed, 96)[:3] for seed in range(100, 112)]


def test_a_configuration_of_stage_1_alone(folder):
    model = load_model(folder)
    assert model.config.bone_scale > 0.3
    assert model.config.bone_scale != 1
    card = (folder / "README.md").read_text()
    assert "by 32 numbers" in card
    assert "60 steps (480 samples seen" in card


def features(network, figures, change):
    made = []
    for mask, bone, soft in figures:
        layers = [change(layer.astype(np.float64)) * (mask > 0) for layer in (bone, soft)]
        made.append(network(*layers, mask))
    return np.stack(made)


def test_worse_pictures_are_farther_away(figures, tmp_path):
    torch.manual_seed(0)
    # Of the size that ships; weights by chance see what changes, if not what it means.
    export_model(CONFIGURATIONS["xray-features"].make_autoencoder(), tmp_path)
    network = frechet.FeatureNetwork(tmp_path)
    truth = features(network, figures, lambda layer: layer)
    assert truth.shape == (12, 128)
    random = np.random.default_rng(1)
    changes = {
        "blur": [lambda layer, s=s: gaussian_filter(layer, s) for s in (1, 2, 4)],
        "noise": [
            lambda layer, s=s: np.abs(layer + s * random.normal(size=layer.shape)) for s in (0.05, 0.2, 0.8)
        ],
    }
    for name, steps in changes.items():
        found = [frechet.feature_distance(features(network, figures, step), truth) for step in steps]
        assert 0 < found[0] < found[1] < found[2], name
    assert frechet.feature_distance(truth, truth) == pytest.approx(0, abs=1e-4)


def test_what_lies_outside_the_mask_is_not_seen(network, figures):
    mask, bone, soft = figures[0]
    noisy = bone + 5 * (mask == 0)
    assert np.array_equal(network(bone, soft, mask), network(noisy, soft, mask))


def test_only_an_autoencoder_has_features(tmp_path):
    export_model(CONFIGURATIONS["tiny-unet"].make_generator(), tmp_path)
    with pytest.raises(MaskelError) as caught:
        frechet.FeatureNetwork(tmp_path)
    assert caught.value.code == "model_damaged"


def test_the_shipped_features_stay_small(tmp_path):
    torch.manual_seed(0)
    export_model(CONFIGURATIONS["xray-features"].make_autoencoder(), tmp_path)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 3_000_000


def test_the_shipped_features_train_in_minutes():
    config = load_config("xray-features")
    assert config.model == "xray-features"
    assert config.generator is None
    assert 0 < config.autoencoder.max_seconds <= 240
