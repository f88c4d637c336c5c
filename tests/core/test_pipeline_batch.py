"""A batch answers what its masks would get one by one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from maskel_core.errors import MaskelError
from maskel_core.models import CONFIGURATIONS, DiffusionXray
from maskel_core.pipeline import STYLES, MaskelPipeline, XrayRequest
from maskel_core.pipeline.execution import BATCH_LIMITS, batch_limit

from tests.core.synthetic import figure


def lively(name: str) -> torch.nn.Module:
    """A model with random weights none of which is zero."""
    torch.manual_seed(0)
    model = CONFIGURATIONS[name].make_generator(bone_scale=3.0, soft_scale=15.0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.01)
    return model.eval()


def requests() -> list[XrayRequest]:
    """Bodies of several sizes and options, one of them its own mirror image."""
    even = np.zeros((90, 70), np.uint8)
    even[10:80, 25:45] = 255
    return [
        XrayRequest(figure(1, 96)[0], "dxa", None, True, "front"),
        XrayRequest(figure(2, 700)[0], "bone", None, False, "back", True),
        XrayRequest(figure(3, 200)[0][:, 30:], "radiograph", 333, True),
        XrayRequest(even, "inverted", None, True, "left", True),
        XrayRequest(figure(4, 64)[0], "dxa", 40),
    ]


def assert_same(batched, alone, atol=1e-4) -> None:
    """Both answers hold the same pictures, layers, joints and doubt."""
    assert np.abs(batched.image.astype(int) - alone.image).max() <= 1
    for layer in ("bone", "soft"):
        assert np.allclose(getattr(batched, layer), getattr(alone, layer), rtol=1e-4, atol=atol)
    assert batched.joints.keys() == alone.joints.keys()
    for name, joint in alone.joints.items():
        other = batched.joints[name]
        assert (other.x, other.y) == pytest.approx((joint.x, joint.y), abs=0.01)
        assert other.confidence == pytest.approx(joint.confidence, abs=1e-3)
    assert (batched.uncertainty is None) == (alone.uncertainty is None)
    if alone.uncertainty is not None:
        assert np.allclose(batched.uncertainty, alone.uncertainty, rtol=1e-3, atol=atol)


@pytest.mark.parametrize("name", ["tiny-base", "tiny", "tiny-unet", "tiny-diffusion"])
@pytest.mark.parametrize("together", [5, 2])
def test_a_batch_is_its_masks_one_by_one(name, together):
    pipeline = MaskelPipeline(lively(name), name, precision="float32")
    wanted = [pipeline(r.mask, r.style, r.size, r.joints, r.view, r.uncertainty) for r in requests()]
    made = pipeline.batch(requests(), together)
    assert len(made) == len(wanted)
    for batched, alone in zip(made, wanted, strict=True):
        assert_same(batched, alone)
    assert made[0].image.std() > 1, "there is a picture to compare"


def test_the_model_that_ships_in_its_own_precision():
    pipeline = MaskelPipeline.from_pretrained()
    made = pipeline.batch(requests(), 5)
    for batched, request in zip(made, requests(), strict=True):
        r = request
        alone = pipeline(r.mask, r.style, r.size, r.joints, r.view, r.uncertainty)
        apart = np.abs(batched.image.astype(int) - alone.image)
        assert apart.max() <= 8 and apart.mean() < 0.3


def test_the_model_runs_once_for_a_batch_and_in_parts_above_the_limit():
    pipeline = MaskelPipeline(lively("tiny"), "tiny", precision="float32")
    sizes = []
    pipeline.model.register_forward_pre_hook(lambda _, inputs: sizes.append(len(inputs[0])))
    pipeline.batch(requests())
    limit = pipeline.largest_batch
    assert sizes == [limit] * (5 // limit) + [5 % limit] * (5 % limit > 0)
    assert pipeline.batch([]) == []


def test_what_a_mask_asks_for_does_not_reach_its_neighbours():
    pipeline = MaskelPipeline(lively("tiny"), "tiny", precision="float32")
    for request, made in zip(requests(), pipeline.batch(requests(), 5), strict=True):
        assert bool(made.joints) == request.joints
    assert {request.style for request in requests()} == set(STYLES)


def test_a_bad_mask_is_named_as_alone():
    pipeline = MaskelPipeline(lively("tiny"), "tiny")
    with pytest.raises(MaskelError) as caught:
        pipeline.batch([requests()[0], XrayRequest(np.zeros((9, 9), np.uint8))])
    assert caught.value.code == "empty_mask"


def test_a_diffusion_is_never_mixed():
    model = lively("tiny-diffusion")
    assert isinstance(model, DiffusionXray) and MaskelPipeline(model, "d").largest_batch == 1


def test_a_device_nobody_measured_takes_one_at_a_time():
    assert batch_limit(torch.device("meta")) == 1
    assert all(batch_limit(torch.device(kind)) == limit for kind, limit in BATCH_LIMITS.items())
