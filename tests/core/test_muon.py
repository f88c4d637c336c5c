"""The optimiser that orthogonalises its steps."""

from __future__ import annotations

import pytest
import torch
from maskel_core.models import CONFIGURATIONS
from maskel_core.training.checkpoint import pack_optimizer, unpack_optimizer
from maskel_core.training.config import StageConfig
from maskel_core.training.muon import Muon, orthogonalise
from maskel_core.training.stages import make_optimizer
from torch import nn


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("shape", [(3, 24, 24), (2, 16, 40), (2, 40, 16)])
def test_steps_have_singular_values_near_one_and_the_directions_of_the_gradient(shape, fast, monkeypatch):
    monkeypatch.setattr("maskel_core.training.muon.has_fast_bfloat16", lambda: fast)
    matrices = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    made = orthogonalise(matrices)
    values = torch.linalg.svdvals(made)
    # The smallest values of a square Gaussian matrix may need more steps than five.
    assert values.max() < 1.3 and values.quantile(0.1) > 0.55
    left, _, right = torch.linalg.svd(matrices, full_matrices=False)
    cosine = torch.nn.functional.cosine_similarity(made.flatten(1), (left @ right).flatten(1))
    assert cosine.min() > 0.93


def test_a_step_is_as_large_as_adamws():
    layer = nn.Linear(64, 256, bias=False)
    before = layer.weight.detach().clone()
    layer.weight.grad = torch.randn_like(layer.weight)
    Muon([layer.weight], [], lr=1e-2).step()
    size = (layer.weight - before).square().mean().sqrt()
    assert 0.1 * 1e-2 < size < 0.4 * 1e-2


def test_every_trained_parameter_moves_and_kernels_count_as_matrices():
    torch.manual_seed(0)
    model = CONFIGURATIONS["tiny-base"].make_generator()
    optimizer = make_optimizer(model, StageConfig(optimizer="muon"))
    matrices, others = (group["params"] for group in optimizer.param_groups)
    assert any(p.ndim == 4 for p in matrices) and all(p.ndim > 1 for p in matrices)
    assert len(matrices) + len(others) == len(list(model.parameters()))
    before = [p.detach().clone() for p in model.parameters()]
    for parameter in model.parameters():
        parameter.grad = torch.randn_like(parameter)
    optimizer.step()
    assert all((a != b).any() for a, b in zip(before, model.parameters(), strict=True))


def test_it_goes_on_from_a_checkpoint_as_if_nothing_had_happened():
    def run(stop: bool) -> torch.Tensor:
        torch.manual_seed(1)
        layer = nn.Sequential(nn.Linear(16, 16), nn.Linear(16, 16))
        optimizer = make_optimizer(layer, StageConfig(optimizer="muon", learning_rate=1e-2))
        for step in range(6):
            if stop and step == 3:
                packed = pack_optimizer(optimizer)
                optimizer = make_optimizer(layer, StageConfig(optimizer="muon", learning_rate=1e-2))
                unpack_optimizer(optimizer, *packed)
            optimizer.zero_grad()
            source = torch.randn(8, 16, generator=torch.Generator().manual_seed(step))
            (layer(source) - source.flip(1)).square().mean().backward()
            optimizer.step()
        return layer[0].weight.detach()

    assert torch.equal(run(False), run(True))
