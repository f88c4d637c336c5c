"""Batches on a device against samples one by one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from maskel_core.anatomy.asset import Anatomy, default_anatomy
from maskel_core.data.batch import make_batch
from maskel_core.data.sample import make_sample

from tests.core.elsewhere import ELSEWHERE, Elsewhere, TensorElsewhere

SIZE, SEED = 128, 4


@pytest.fixture(scope="module")
def anatomy() -> Anatomy:
    return default_anatomy()


def test_a_batch_is_the_same_as_its_samples(anatomy: Anatomy) -> None:
    indices = range(6)
    batch = make_batch(anatomy, SEED, indices, SIZE, energies=(40.0, 70.0))
    kinds = {plan.camera.distance is None for plan in batch.plans}
    assert kinds == {True, False}
    for row, index in enumerate(indices):
        sample = make_sample(anatomy, SEED, index, SIZE, energies=(70.0,), clothed=0.0)
        assert batch.plans[row].split == sample.split
        mask = (batch.mask[row] * 255).round().byte().numpy()
        assert (mask != sample.mask).mean() < 1e-4
        pairs = zip(
            batch.layers[row].flatten(0, 1).numpy(),
            (sample.bone, sample.soft, sample.extra["bone70"], sample.extra["soft70"]),
            strict=True,
        )
        for got, want in pairs:
            assert np.abs(got - want.astype(np.float32)).max() < 2e-3 * max(1.0, float(want.max()))
        joints = np.array([[j["x"], j["y"], j["depth"]] for j in sample.meta["joints"].values()])
        assert np.abs(batch.joints[row].numpy() - joints).max() < 2e-3


def test_bodies_posed_here_are_projected_elsewhere(anatomy: Anatomy) -> None:
    here = make_batch(anatomy, SEED, (0, 3), 64)
    with Elsewhere():
        there = make_batch(anatomy.to(ELSEWHERE), SEED, (0, 3), 64, planner=anatomy)
        assert isinstance(there.layers, TensorElsewhere)
        assert torch.equal(there.layers.cpu(), here.layers)
        assert torch.equal(there.mask.cpu(), here.mask)
