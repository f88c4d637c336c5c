"""A second look sees the same body elsewhere in its frame, and both looks settle the answer."""

from __future__ import annotations

import types

import numpy as np
import pytest
import torch
from maskel_core.anatomy.joints import JOINT_NAMES, MIRRORED
from maskel_core.errors import MaskelError
from maskel_core.models import CONFIGURATIONS, XrayPrediction
from maskel_core.models.joint_head import JointMaps
from maskel_core.models.store import export_model
from maskel_core.pipeline import Letterbox, MaskelPipeline
from maskel_core.pipeline.contracts import XrayRequest
from maskel_core.pipeline.second_look import AGREE, MOVE, settle_joints

BODY, HAIR = 255, 170


def dressed(size: int = 200) -> np.ndarray:
    """A body of full grey with a wide sleeve of half grey on its right and above it."""
    mask = np.zeros((size, size), np.uint8)
    mask[10:190, 60:180] = HAIR
    mask[70:190, 60:110] = BODY
    mask[150:190, 60:124] = BODY
    return mask


class Knowing(torch.nn.Module):
    """A model that tells body from hair by their grey, and where the body's middle is."""

    def __init__(self) -> None:
        super().__init__()
        made = CONFIGURATIONS["tiny"].make_generator(bone_scale=1.0, soft_scale=4.0, gamma=0.5)
        self.config = types.SimpleNamespace(**dict(made.config), base_size=64)
        self.scaling = made.scaling
        self.seen: list[torch.Tensor] = []

    def forward(self, masks: torch.Tensor, joints: bool = True) -> XrayPrediction:
        self.seen += list(masks[:, 0])
        body = (masks > 0.9).float()
        steps = (torch.arange(masks.shape[-1]) + 0.5) / masks.shape[-1]
        whole = body.sum(dim=(1, 2, 3))
        x, y = ((body[:, 0] * s).sum(dim=(1, 2)) / whole for s in (steps, steps[:, None]))
        position = torch.stack([x, y], dim=1)[:, None].expand(-1, len(JOINT_NAMES), -1)
        sure = torch.full(position.shape[:2], 0.5 + 0.1 * len(self.seen))
        heat = torch.zeros(len(masks), len(JOINT_NAMES), 4, 4)
        xray = torch.cat([body, body], dim=1)
        return XrayPrediction(xray, joints=JointMaps(heat, position, sure), spread=xray * 0.5)


def test_both_looks_settle_layers_joints_and_uncertainty():
    model = Knowing()
    pipeline = MaskelPipeline(model, "knowing", looks=2)
    mask = dressed()
    out = pipeline(mask, joints=True, uncertainty=True)
    assert len(model.seen) == 2
    box = Letterbox.around(mask, 64, model.config.margin)
    for seen, place in zip(model.seen, (box, box.moved(*MOVE)), strict=True):
        assert torch.equal(seen, place.forward(torch.from_numpy(mask)[None])[0].clamp(0, 1))
    assert not torch.equal(*model.seen)
    inside, hair = np.s_[90:180, 70:100], np.s_[20:60, 70:170]
    assert np.allclose(out.bone[inside], 1, atol=0.02) and np.allclose(out.soft[inside], 4, atol=0.1)
    assert np.abs(out.bone[hair]).max() < 0.02
    # (1 + 0.5)^2 - 1 at either look.
    assert out.uncertainty is not None
    assert np.allclose(out.uncertainty[inside], 1.25, atol=0.03)
    rows, columns = np.nonzero(mask == BODY)
    joint = next(iter(out.joints.values()))
    assert (joint.x, joint.y) == pytest.approx((columns.mean(), rows.mean()), abs=1.5)
    assert joint.confidence == pytest.approx(0.65)


def test_small_pictures_and_those_who_ask_for_one_look_get_one():
    mask = dressed()
    for looks, size, times in ((2, 200, 2), (2, 64, 1), (1, 200, 1), (None, 200, 1)):
        model = Knowing()
        MaskelPipeline(model, "knowing", looks=looks)(mask, size=size)
        assert len(model.seen) == times
    model = Knowing()
    model.config.looks = 2
    MaskelPipeline(model, "knowing")(mask)
    assert len(model.seen) == 2


def test_a_batch_with_small_pictures_is_as_one_by_one():
    pipeline = MaskelPipeline(
        CONFIGURATIONS["tiny-base"].make_generator(looks=2), "tiny", precision="float32"
    )
    requests = [XrayRequest(dressed(), size=size, joints=True, uncertainty=True) for size in (200, 60, 300)]
    together = pipeline.batch(requests, together=3)
    for one, request in zip(together, requests, strict=True):
        alone = pipeline.batch([request])[0]
        assert np.allclose(one.bone, alone.bone, atol=1e-4)
        assert np.allclose(one.uncertainty, alone.uncertainty, atol=1e-4)  # type: ignore[arg-type]
        assert one.joints.keys() == alone.joints.keys()


def test_a_mirrored_mask_is_looked_at_twice_in_the_mirror():
    torch.manual_seed(1)
    pipeline = MaskelPipeline(CONFIGURATIONS["tiny-base"].make_generator(looks=2), "tiny")
    mask = dressed()
    here, there = (pipeline(np.ascontiguousarray(m), joints=True) for m in (mask, mask[:, ::-1]))
    assert here.bone.max() > 0
    assert np.array_equal(here.bone, there.bone[:, ::-1])
    for name, other in zip(JOINT_NAMES, MIRRORED, strict=True):
        assert here.joints[name].x == 199 - there.joints[JOINT_NAMES[other]].x


def test_joints_settle_where_looks_agree_and_lose_confidence_where_not():
    rng = np.random.default_rng(0)
    first = np.column_stack([rng.uniform(0, 100, (27, 2)), np.full(27, 0.8)])
    shift = np.array([1.0, 0.0, -0.2])
    second = first + shift
    assert np.allclose(settle_joints(first, second, 100.0), first + shift / 2)
    assert np.allclose(settle_joints(first, second[list(MIRRORED)], 100.0), first + shift / 2)
    far = second.copy()
    far[3] += [100 * AGREE * 2, 0, 0.15]
    far[5] += [100 * AGREE * 2, 0, 0.35]
    settled = settle_joints(first, far, 100.0)
    assert settled[3] == pytest.approx([*first[3, :2], 0.75])
    assert settled[5] == pytest.approx([*far[5, :2], 0.8])


@pytest.mark.parametrize("looks", [0, 3, -1])
def test_only_one_and_two_looks_are_known(looks, tmp_path):
    model = CONFIGURATIONS["tiny-base"].make_generator(looks=looks)
    export_model(model, tmp_path)
    with pytest.raises(MaskelError) as caught:
        MaskelPipeline.from_pretrained(tmp_path)
    assert caught.value.code == "model_damaged"
    with pytest.raises(MaskelError) as caught:
        MaskelPipeline(model, "tiny", looks=looks)
    assert caught.value.code == "bad_looks"
