"""The mask transformer: mirrored answers, views, two sizes, growth from a trained trunk."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from maskel_core.data.dataset import Augmentation, SampleStore
from maskel_core.errors import MaskelError
from maskel_core.models import CONFIGURATIONS, MaskTransformer
from maskel_core.models.areas import areas_of, grown
from maskel_core.models.joint_head import read_heat, read_peak
from maskel_core.models.mask_features import mask_features
from maskel_core.models.mask_transformer import FineDetail, asymmetry
from maskel_core.models.store import export_model, load_model
from maskel_core.models.views import VIEWS, view_number
from maskel_core.pipeline import MaskelPipeline
from maskel_core.training.warm_start import take_weights
from safetensors import safe_open

from tests.core.synthetic import write_shards

TINY = CONFIGURATIONS["tiny-base"]


def lively() -> MaskTransformer:
    """A tiny model whose zeroed layers have weights, so that nothing is the identity by its start."""
    torch.manual_seed(0)
    model = TINY.make_generator()
    assert isinstance(model, MaskTransformer)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return model.eval()


@pytest.fixture(scope="module")
def model():
    return lively()


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = write_shards(tmp_path_factory.mktemp("shards"), {"train": 4}, size=96)
    return SampleStore.open(folder, "train", cache=False)


def masks(store: SampleStore, size: int) -> torch.Tensor:
    return store.batch(range(4), size, 0.04).mask


@pytest.mark.parametrize("size", [64, 128])
def test_a_mirrored_mask_has_the_mirrored_answer(model, store, size):
    mask = masks(store, size)
    view = torch.tensor([0, 1, 3, 4])
    with torch.inference_mode():
        plain = model(mask, view=view)
        mirrored = model(mask.flip(3), view=torch.tensor([0, 1, 4, 3]))
    assert torch.equal(plain.xray, mirrored.xray.flip(3))
    assert torch.equal(plain.spread, mirrored.spread.flip(3))
    order = [0, 1, 2, 3, 4, 5, 6] + [i + 1 if i % 2 else i - 1 for i in range(7, 27)]
    assert torch.allclose(
        plain.joints.position[:, :, 0], 1 - mirrored.joints.position[:, order, 0], atol=1e-6
    )
    assert torch.allclose(plain.joints.position[:, :, 1], mirrored.joints.position[:, order, 1], atol=1e-6)
    assert torch.equal(plain.joints.heat, mirrored.joints.heat[:, order].flip(3))
    # Without the turning the same weights answer otherwise: the test would notice.
    loose = TINY.make_generator(canonical=False)
    loose.load_state_dict(model.state_dict())
    loose.eval()
    with torch.inference_mode():
        gap = (loose(mask).xray - loose(mask.flip(3)).xray.flip(3)).abs().max()
    assert gap > 1e-3


def test_asymmetry_is_odd_and_zero_for_symmetric_masks(store):
    mask = masks(store, 64)
    assert torch.allclose(asymmetry(mask), -asymmetry(mask.flip(3)))
    assert asymmetry(torch.maximum(mask, mask.flip(3))).abs().max() < 1e-6
    lean = torch.zeros(1, 1, 8, 8)
    lean[..., 2:4] = 1
    lean[..., 7] = 1
    assert asymmetry(lean).item() > 0


def test_the_view_matters_once_learned_and_not_before(model, store):
    mask = masks(store, 64)
    with torch.inference_mode():
        made = [model(mask, view=torch.full((4,), v)).xray for v in range(len(VIEWS))]
        unknown = model(mask).xray
        fresh = TINY.make_generator().eval()
        same = [fresh(mask, view=torch.full((4,), v)).xray for v in (0, 2)]
    assert torch.equal(made[0], unknown)
    assert all(not torch.allclose(made[0], other) for other in made[1:])
    assert torch.equal(*same)


@pytest.mark.parametrize(
    "degrees, name",
    [
        (0, "front"),
        (44, "front"),
        (-44, "front"),
        (90, "left"),
        (-90, "right"),
        (270, "right"),
        (180, "back"),
        (-136, "back"),
    ],
)
def test_view_numbers(degrees, name):
    assert VIEWS[view_number(math.radians(degrees))] == name


def test_a_mirrored_sample_is_seen_from_the_other_side(store):
    sideways = SampleStore(
        store.masks,
        store.layers,
        store.joints,
        [{"camera": {"yaw": math.radians(y)}} for y in (0, 90, -90, 180)],
    )
    always = Augmentation(flip=1.0, shift=0.0, zoom=0.0, edge_noise=0.0)
    assert sideways.batch(range(4), 64, 0.04).view.tolist() == [1, 3, 4, 2]
    flipped = sideways.batch(range(4), 64, 0.04, always, np.random.default_rng(0))
    assert flipped.view.tolist() == [1, 4, 3, 2]


def test_fine_detail_starts_as_plain_enlargement():
    torch.manual_seed(1)
    fine = FineDetail(8, 6)
    features, coarse, mask = torch.randn(2, 8, 16, 16), torch.randn(2, 2, 32, 32), torch.rand(2, 1, 64, 64)
    enlarged = torch.nn.functional.interpolate(coarse, scale_factor=2.0, mode="bilinear")
    assert torch.equal(fine(features, coarse, mask), enlarged)
    torch.nn.init.normal_(fine.out.weight)
    assert not torch.allclose(fine(features, coarse, mask), enlarged, atol=0.01)


def test_other_sizes_are_refused(model):
    with pytest.raises(ValueError, match="masks of 96 pixels"):
        model(torch.zeros(1, 1, 96, 96))


def test_growing_deeper_changes_nothing_at_first(model, store, tmp_path):
    export_model(model, tmp_path / "trained", half=False)
    deeper = TINY.make_generator(depth=4)
    taken, whole = take_weights(deeper, tmp_path / "trained")
    assert 0.5 * whole < taken < whole
    mask = masks(store, 128)
    with torch.inference_mode():
        assert torch.allclose(deeper.eval()(mask).xray, model(mask).xray, atol=1e-5)
    with pytest.raises(MaskelError) as caught:
        take_weights(torch.nn.Linear(3, 5), tmp_path / "trained")
    assert caught.value.code == "bad_config"


def test_stored_in_half_it_names_its_configuration_and_answers_the_same(model, store, tmp_path):
    export_model(model, tmp_path / "maskel-base", configuration="tiny-base")
    with safe_open(tmp_path / "maskel-base" / "diffusion_pytorch_model.safetensors", "pt") as file:
        assert file.metadata()["configuration"] == "tiny-base"
    loaded = load_model(tmp_path / "maskel-base")
    mask = masks(store, 128)
    with torch.inference_mode():
        assert (loaded(mask).xray - model(mask).xray).abs().max() < 0.01


def test_base_is_as_small_as_it_has_to_be():
    assert sum(p.numel() for p in CONFIGURATIONS["maskel-base"].make_generator().parameters()) < 20e6


def test_two_possible_places_give_one_of_them():
    heat = torch.zeros(1, 1, 64, 64)
    heat[0, 0, 20, 10] = 0.6
    heat[0, 0, 20, 50] = 0.4
    maps = read_heat(heat)
    assert maps.position[0, 0, 0].item() == pytest.approx((0.6 * 10.5 + 0.4 * 50.5) / 64)
    assert read_peak(heat)[0, 0].tolist() == pytest.approx([10.5 / 64, 20.5 / 64])
    assert maps.confidence.item() < 0.05


def test_pipeline_gives_view_and_uncertainty(model, store):
    pipe = MaskelPipeline(model, "tiny")
    out = pipe(store.masks[0], joints=True, view="back", uncertainty=True)
    assert out.uncertainty.shape == out.bone.shape
    assert (out.uncertainty[store.masks[0] == 0] == 0).all()
    assert (out.uncertainty[store.masks[0] > 0] > 0).mean() > 0.9
    assert not np.allclose(out.bone, pipe(store.masks[0]).bone)
    assert pipe(store.masks[0]).uncertainty is None
    with pytest.raises(MaskelError) as caught:
        pipe(store.masks[0], view="above")
    assert caught.value.code == "bad_view"
    mirrored = pipe(np.ascontiguousarray(store.masks[0][:, ::-1]))
    assert np.abs(mirrored.bone[:, ::-1] - pipe(store.masks[0]).bone).max() < 1e-4 * mirrored.bone.max()


def test_a_window_is_that_part_of_the_whole(model, store):
    mask = masks(store, 128)
    mask[1] = mask[1].flip(2)
    window = (24, 36, 64, 64)
    with torch.inference_mode():
        whole, coarse = model(mask).xray, model(torch.nn.functional.avg_pool2d(mask, 2)).xray
        part = model(mask, window=window)
    turned = asymmetry(mask) < 0
    assert turned.any()
    assert not turned.all()
    assert torch.allclose(part.window, whole[..., 24:88, 36:100], atol=1e-5)
    assert torch.allclose(part.xray, coarse, atol=1e-5)
    assert part.spread.shape == part.xray.shape


def test_detail_is_made_where_the_bodies_are_and_is_that_of_the_whole(model, store):
    mask = masks(store, 128)
    mask[1] = mask[1].flip(2)
    areas = areas_of(mask)
    assert sum(height * width for _, _, height, width in areas) < mask[0].numel()
    with torch.inference_mode():
        whole, parts = model(mask), model(mask, areas=areas)
    shown = mask.expand_as(whole.xray) > 0
    assert torch.allclose(parts.xray[shown], whole.xray[shown], atol=1e-5)
    assert torch.allclose(parts.spread[shown], whole.spread[shown], atol=1e-5)
    assert parts.window is None
    outside = torch.ones(128, 128, dtype=torch.bool)
    for top, left, height, width in areas:
        outside[top : top + height, left : left + width] = False
    assert (parts.xray[..., outside] == 0).all()


def test_a_model_with_a_level_of_full_size_and_convolved_tokens_says_the_same_of_parts(store):
    torch.manual_seed(0)
    settings = {"decoder_channels": (16, 12, 8, 8, 6), "convolved": True}
    model = CONFIGURATIONS["tiny-base"].make_generator(**settings).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.1) if parameter.ndim > 1 else None
    mask = masks(store, 128)
    with torch.inference_mode():
        whole, parts, window = (
            model(mask), model(mask, areas=areas_of(mask)), model(mask, window=(24, 36, 64, 64)),
        )  # fmt: skip
        assert not torch.allclose(model.token_stem(model.pyramid(mask_features(mask))[0]), torch.zeros(()))
    shown = mask.expand_as(whole.xray) > 0
    assert torch.allclose(parts.xray[shown], whole.xray[shown], atol=1e-5)
    assert torch.allclose(window.window, whole.xray[..., 24:88, 36:100], atol=1e-5)
    assert window.xray.shape == (len(mask), 2, 64, 64)


def test_areas_hold_every_pixel_of_every_mask_and_empty_bands_have_none():
    mask = torch.zeros(2, 1, 64, 64)
    assert areas_of(mask) == []
    mask[0, 0, 20, 30] = 0.01
    mask[1, 0, 41, 63] = 1
    mask[1, 0, 47, 1] = 1
    # One box: with what is made around them, several would be more of so small a frame.
    assert areas_of(mask) == [(16, 0, 32, 64)]
    assert grown((20, 28, 4, 4), 64) == (12, 20, 20, 20)
    assert grown((40, 0, 20, 64), 64) == (28, 0, 36, 64)
    assert grown((20, 28, 4, 4), 64, 16) == (4, 12, 36, 36)


def test_a_frame_is_cut_where_it_leaves_the_least_to_make():
    standing, arms_out = torch.zeros(1, 1, 512, 512), torch.zeros(1, 1, 512, 512)
    standing[..., 20:500, 201:299] = 1
    arms_out[..., 20:500, 230:290] = 1
    arms_out[..., 90:120, 10:500] = 1
    assert areas_of(standing) == [(16, 200, 488, 104)]
    assert areas_of(arms_out) == [(16, 224, 72, 72), (88, 8, 32, 496), (120, 224, 384, 72)]
    assert areas_of(torch.ones(1, 1, 512, 512)) == [(0, 0, 512, 512)]
    two = torch.zeros(2, 1, 512, 512)
    two[0, 0, 8:40, 8:40] = two[1, 0, 470:512, 480:512] = 0.01
    assert areas_of(two) == [(8, 8, 32, 32), (464, 480, 48, 32)]
    for mask in (standing, arms_out):
        left = mask.clone()
        for top, start, height, width in areas_of(mask):
            left[..., top : top + height, start : start + width] = 0
        assert not left.any()
