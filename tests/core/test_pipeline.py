"""What goes in at a pixel comes out at that pixel; what cannot be done is refused by name."""

from __future__ import annotations

import json
import types

import numpy as np
import pytest
import torch
from maskel_core.anatomy.joints import JOINT_NAMES
from maskel_core.data.dataset import SampleStore
from maskel_core.errors import MaskelError
from maskel_core.models import CONFIGURATIONS, XrayPrediction
from maskel_core.models.joint_head import read_heat
from maskel_core.models.store import CHECKSUMS, WEIGHTS, export_model, load_model
from maskel_core.pipeline import STYLES, Letterbox, MaskelPipeline, render_style
from maskel_core.pipeline.edges import FAR, NEAR, extend_beyond, lift_detail, reach_of, sharpen
from maskel_core.pipeline.letterbox import body_box
from maskel_core.pipeline.masks import resize_mask
from maskel_core.pipeline.turning import leans_left
from scipy.ndimage import gaussian_filter

from tests.core.synthetic import write_shards

SHAPES = [(96, 64), (64, 200), (300, 300), (1080, 480), (70, 71), (40, 640)]


def body(height: int, width: int) -> np.ndarray:
    """A lopsided body with a soft edge, nowhere symmetrical."""
    mask = np.zeros((height, width), np.uint8)
    mask[height // 6 : -height // 8, width // 5 : -width // 3] = 255
    mask[height // 6, width // 5 : width // 4] = 90
    mask[height // 4 : height // 3 + 1, width // 5 : -width // 9] = 255
    return mask


class EchoModel(torch.nn.Module):
    """Stands in for a model whose answer is known: bone = column + 2 row of the frame, soft = 1, joints = corners."""

    config = CONFIGURATIONS["tiny"].make_generator(bone_scale=100.0, soft_scale=1.0, gamma=1.0).config

    @property
    def scaling(self):
        return CONFIGURATIONS["tiny"].make_generator(bone_scale=100.0, soft_scale=1.0, gamma=1.0).scaling

    def forward(self, mask, joints=True):
        size = mask.shape[-1]
        ramp = torch.arange(size, dtype=torch.float32)
        bone = (ramp[None, :] + 2 * ramp[:, None]) / 100
        xray = torch.stack([bone, torch.ones_like(bone)])[None]
        heat = torch.zeros(1, 27, 16, 16)
        heat[:, :, 4, 8] = 1
        return XrayPrediction(xray, joints=read_heat(heat))


@pytest.fixture(scope="module")
def pipeline():
    torch.manual_seed(0)
    model = CONFIGURATIONS["tiny"].make_generator(bone_scale=3.0, soft_scale=20.0)
    return MaskelPipeline(model, "tiny")


@pytest.mark.parametrize("shape", SHAPES)
def test_letterbox_holds_the_whole_body_at_its_aspect_ratio(shape):
    mask = body(*shape)
    box = Letterbox.around(mask, 64, 0.04)
    rows, columns = body_box(mask)
    corners = np.array([[columns[0], rows[0]], [columns[1] - 1, rows[1] - 1]], dtype=float)
    inside = box.points_forward(corners)
    assert (inside > 0).all()
    assert (inside < 63).all()
    tall, wide = rows[1] - rows[0], columns[1] - columns[0]
    longest = 64 * max(tall, wide) / box.side
    assert 64 / 1.08 - 64 * 2 / box.side <= longest <= 64 / 1.08 + 1e-6
    steps = inside[1] - inside[0]
    assert steps[0] / (wide - 1) == pytest.approx(steps[1] / (tall - 1))


@pytest.mark.parametrize("shape", SHAPES)
def test_points_round_trip(shape):
    box = Letterbox.around(body(*shape), 64, 0.04)
    points = np.random.default_rng(0).uniform(-50, 700, (40, 2))
    assert np.allclose(box.points_backward(box.points_forward(points)), points, atol=1e-9)


@pytest.mark.parametrize("shape", SHAPES)
def test_maps_and_points_agree(shape):
    height, width = shape
    box = Letterbox.around(body(*shape), 64, 0.04)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    frame = box.forward(torch.from_numpy(np.stack([x, y]))).numpy()
    for u, v in ((20, 30), (40, 25), (31, 44)):
        there = box.points_backward(np.array([u, v], dtype=float))
        reach = box.side / 64
        inside = reach < there[0] < width - 1 - reach and reach < there[1] < height - 1 - reach
        if inside:
            # The antialiasing kernel is not quite symmetrical between pixel centres.
            assert frame[:, v, u] == pytest.approx(there, abs=0.1 * max(1, box.side / 64))


@pytest.mark.parametrize("shape", SHAPES)
def test_maps_come_back_to_their_pixels(shape):
    height, width = shape
    box = Letterbox.around(body(*shape), 256, 0.04)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    smooth = np.stack([np.sin(x / width * 5) + np.cos(y / height * 4), x / width])
    back = box.backward(box.forward(torch.from_numpy(smooth)), "bilinear").numpy()
    rows, columns = body_box(body(*shape))
    inner = np.s_[:, rows[0] + 2 : rows[1] - 2, columns[0] + 2 : columns[1] - 2]
    assert np.abs(back - smooth)[inner].max() < 0.05


def test_an_unscaled_letterbox_is_a_plain_crop():
    mask = np.zeros((90, 120), np.uint8)
    mask[10:74, 30:60] = 255
    box = Letterbox.around(mask, 64, 0.0)
    assert box.side == 64
    noise = torch.rand(2, 90, 120)
    assert torch.equal(box.forward(noise), noise[:, 10:74, 13:77])
    back = box.backward(box.forward(noise))
    assert torch.equal(back[:, 10:74, 13:77], noise[:, 10:74, 13:77])
    assert back[:, :10].abs().max() == 0


@pytest.mark.parametrize(
    ("longer", "side"), [(440, 512), (470, 512), (501, 512), (940, 1024), (236, 256), (520, 562), (400, 432)]
)
def test_a_letterbox_keeps_whole_pixels_where_a_border_allows_it(longer, side):
    mask = np.zeros((1100, 1100), np.uint8)
    mask[60 : 60 + longer, 300:400] = 255
    box = Letterbox.around(mask, 512, 0.04, whole=True)
    assert box.side == side
    rows, columns = body_box(mask)
    frame = box.points_forward(np.array([[columns[0], rows[0]], [columns[1] - 1, rows[1] - 1]], dtype=float))
    assert (frame > 0).all() and (frame < 511).all()
    if side in (512, 1024):
        noise = torch.rand(1, 1100, 1100)
        step, row = side // 512, 200
        column = 350 // step * step - box.left % step
        v, u = (row - box.top) // step, (column - box.left) // step
        top, left = box.top + v * step, box.left + u * step
        mean = noise[0, top : top + step, left : left + step].mean()
        assert torch.allclose(box.forward(noise)[0, v, u], mean)


def test_what_was_not_resampled_is_not_sharpened():
    mask = np.zeros((80, 80), np.uint8)
    mask[10:69, 20:60] = 255
    plain, whole = EchoModel(), EchoModel()
    whole.config = types.SimpleNamespace(**dict(EchoModel.config), whole_pixels=True)
    noise = torch.rand(1, 2, 64, 64)
    for model in (plain, whole):
        model.forward = lambda frames, **_: XrayPrediction(noise.expand(len(frames), -1, -1, -1))
    box = Letterbox.around(mask, 64, EchoModel.config.margin, whole=True)
    assert box.side == 64
    inside = np.s_[14:64, 24:56]
    out = MaskelPipeline(whole, "whole")(mask)
    wanted = box.backward(whole.scaling.restore(noise)[0]).numpy()
    assert np.allclose(out.bone[inside], wanted[0][inside], atol=1e-5)
    assert not np.allclose(MaskelPipeline(plain, "plain")(mask).bone[inside], wanted[0][inside], atol=1e-2)


def test_moved_shifts_and_zooms():
    box = Letterbox(100, 100, 10, 20, 50, 64)
    point = np.array([[35.0, 45.0]])
    assert (box.moved(0.1, 0, 1).points_forward(point) < box.points_forward(point))[0, 0]
    assert np.allclose(box.moved(0, 0, 2).points_forward([[34.5, 44.5]]), [[31.5, 31.5]])


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("size", [None, 100, 333])
def test_pipeline_answers_in_the_masks_pixels(shape, size):
    mask = body(*shape)
    echo = MaskelPipeline(EchoModel(), "echo")
    out = echo(mask, size=size, joints=True)
    used = resize_mask(mask, size)
    assert out.image.shape == out.bone.shape == out.soft.shape == used.shape
    if size:
        assert max(used.shape) == size
    box = Letterbox.around(used, 64, EchoModel.config.margin)
    y, x = np.nonzero(used == 255)
    frame = box.points_forward(np.stack([x, y], axis=1))
    wanted = frame[:, 0] + 2 * frame[:, 1]
    # Values beyond the outline are carried outwards, so the ramp holds a pixel and a half inside of it.
    inner = np.ones(len(x), bool)
    reach = int(np.ceil(2.5 * box.side / 64)) + 1
    padded = np.pad(used == 255, reach)
    for dy in range(-reach, reach + 1):
        for dx in (-reach, 0, reach):
            inner &= padded[y + reach + dy, x + reach + dx]
    if inner.any():
        assert np.abs(out.bone[y, x] - wanted)[inner].max() < 0.2
    assert np.allclose(out.soft[used == 255], 1.0, atol=0.02)
    assert (out.bone[used == 0] == 0).all()
    assert (out.image[used == 0] == 0).all()
    place = box.points_backward(np.array([8.5 / 16, 4.5 / 16]) * 64 - 0.5)
    assert set(out.joints) == set(JOINT_NAMES)
    assert (out.joints["head"].x, out.joints["head"].y) == pytest.approx(tuple(place))


def test_the_training_crop_is_the_pipelines_crop(tmp_path):
    store = SampleStore.open(write_shards(tmp_path, {"train": 2}), "train", cache=False)
    batch = store.batch([1], 64, 0.04)
    box = Letterbox.around(store.masks[1], 64, 0.04)
    frame = box.forward(torch.from_numpy(store.masks[1])[None])
    assert torch.allclose(batch.mask[0], frame, atol=1e-6)
    share = (box.points_forward(store.joints[1]) + 0.5) / 64
    assert np.allclose(batch.joints[0].numpy(), share, atol=1e-5)


def test_outline_is_the_masks(pipeline):
    mask = body(300, 200)
    out = pipeline(mask)
    assert ((out.image > 0) == (mask > 16)).mean() > 0.999
    assert out.image[mask == 255].min() > 0
    assert out.image.dtype == np.uint8
    assert out.bone.dtype == out.soft.dtype == np.float32


def test_half_covered_pixels_hold_half(pipeline):
    mask = np.zeros((200, 200), np.uint8)
    mask[50:150, 50:150] = 255
    whole = pipeline(mask).soft
    mask[100, 100] = 128
    assert pipeline(mask).soft[100, 100] == pytest.approx(whole[100, 100] * 128 / 255, rel=0.1)


def test_deterministic(pipeline):
    mask = body(200, 130)
    a, b = pipeline(mask, joints=True), pipeline(mask, joints=True)
    assert np.array_equal(a.image, b.image)
    assert np.array_equal(a.bone, b.bone)
    assert a.joints == b.joints
    assert pipeline(mask).joints == {}


def test_read_only_and_strided_masks(pipeline):
    mask = np.zeros((100, 160, 3), np.uint8)
    mask[20:80, 40:90] = 255
    view = mask[..., 0]
    view.setflags(write=False)
    assert np.array_equal(pipeline(view).image, pipeline(view.copy()).image)


@pytest.mark.parametrize(
    "code, mask, more",
    [
        ("empty_mask", np.zeros((64, 64), np.uint8), {}),
        ("empty_mask", np.full((64, 64), 100, np.uint8), {}),
        ("full_mask", np.full((64, 64), 255, np.uint8), {}),
        ("bad_mask", np.zeros((64, 64, 3), np.uint8), {}),
        ("bad_mask", np.zeros((64, 64), np.float32), {}),
        ("bad_mask", np.zeros((0, 64), np.uint8), {}),
        ("bad_mask", "mask.png", {}),
        ("too_many_pixels", np.broadcast_to(np.uint8(255), (10_000, 10_000)), {}),
        ("too_many_pixels", np.eye(2, 20_000, dtype=np.uint8) * 255, {}),
        ("bad_style", body(64, 64), {"style": "neon"}),
        ("bad_size", body(64, 64), {"size": 0}),
        ("bad_size", body(64, 64), {"size": 10**6}),
        ("bad_size", body(64, 64), {"size": 100.5}),
        ("too_many_pixels", body(64, 64), {"size": 9000}),
    ],
)
def test_refusals(pipeline, code, mask, more):
    with pytest.raises(MaskelError) as caught:
        pipeline(mask, **more)
    assert caught.value.code == code
    assert caught.value.fix


def test_one_pixel_body(pipeline):
    mask = np.zeros((50, 50), np.uint8)
    mask[3, 47] = 255
    out = pipeline(mask)
    assert (out.image[mask == 0] == 0).all()
    assert np.isfinite(out.bone).all()


@pytest.mark.parametrize("style", STYLES)
def test_styles(style):
    mask = np.zeros((4, 6), np.uint8)
    mask[:, 1:] = 255
    mask[:, 1] = 128
    soft = np.tile(np.array([0, 0.25, 0.5, 1, 1, 1], np.float32), (4, 1))
    bone = np.tile(np.array([0, 0, 0, 0, 0.3, 1], np.float32), (4, 1))
    image = render_style(style, bone, soft, mask).astype(int)
    assert (image[:, 0] == 0).all()
    assert image.max() <= 255
    order = np.sign(image[0, 5] - image[0, 4]), np.sign(image[0, 4] - image[0, 3])
    assert order == ((-1, -1) if style == "inverted" else (1, 1))
    # A half-covered pixel is about half as bright as the full one beside it with the same tissue.
    assert image[0, 1] == pytest.approx(image[0, 2] / 2, abs=2)


def test_dxa_shows_bone_over_a_faint_veil():
    mask = np.full((1, 2), 255, np.uint8)
    # A trunk's flesh, and a thigh bone before it.
    bone, soft = np.array([[0.0, 1.5]], np.float32), np.full((1, 2), 5.0, np.float32)
    veil, skeleton = render_style("dxa", bone, soft, mask)[0].astype(int)
    assert 20 < veil < 70
    assert skeleton > 2.5 * veil


def test_extend_beyond_fills_and_leaves_the_body():
    frame = torch.zeros(1, 16, 16)
    frame[:, 5:11, 5:11] = 1
    values = torch.rand(2, 16, 16)
    out = extend_beyond(values, frame)
    assert torch.equal(out[:, 5:11, 5:11], values[:, 5:11, 5:11])
    assert (out[:, 3:13, 3:13] > 0).all()
    assert (out[:, 0, :] == 0).all()
    assert out.max() <= values.max()


def test_extend_beyond_takes_the_mean_of_known_neighbours():
    random = np.random.default_rng(5)
    frame = torch.zeros(1, 24, 24)
    frame[0, 4:18, 6:15] = torch.from_numpy(random.uniform(0.3, 1, (14, 9)).astype(np.float32))
    # A finger thinner than a pixel, far from anything solid, and a body at the frame's corner.
    frame[0, 2:10, 20] = 0.1
    frame[0, :2, :2] = 1
    values = torch.from_numpy(random.uniform(1, 5, (2, 24, 24)).astype(np.float32))
    solid = frame[0].numpy() >= 0.5

    def near(area: np.ndarray, row: int, column: int) -> tuple[slice, slice]:
        return slice(max(row - 1, 0), row + 2), slice(max(column - 1, 0), column + 2)

    lonely = np.array([[not solid[near(solid, r, c)].any() for c in range(24)] for r in range(24)])
    known = solid | ((frame[0].numpy() > 0.02) & lonely)
    wanted = np.where(known, values.numpy(), 0)
    for _ in range(2):
        grown, filled = wanted.copy(), known.copy()
        for row, column in zip(*np.nonzero(~known), strict=True):
            part = near(known, row, column)
            if known[part].any():
                grown[:, row, column] = wanted[(slice(None), *part)].sum((1, 2)) / known[part].sum()
                filled[row, column] = True
        wanted, known = grown, filled
    assert np.allclose(extend_beyond(values, frame, pixels=2).numpy(), wanted, atol=1e-5)


def test_export_and_load(tmp_path, pipeline):
    export_model(pipeline.model, tmp_path / "small")
    (tmp_path / "small" / "README.md").write_text("# Card\n\nMakes X-rays of test bodies.\n")
    again = MaskelPipeline.from_pretrained(tmp_path / "small")
    assert again.model_id == "small"
    assert again.description == "Makes X-rays of test bodies."
    assert next(again.model.parameters()).dtype == torch.float32
    mask = body(128, 128)
    a, b = pipeline(mask), again(mask)
    assert np.abs(a.image.astype(int) - b.image.astype(int)).max() <= 2
    full, half = (tmp_path / "full", tmp_path / "small")
    export_model(pipeline.model, full, half=False)
    assert (half / WEIGHTS).stat().st_size < 0.7 * (full / WEIGHTS).stat().st_size


def test_missing_and_damaged_models(tmp_path, pipeline):
    with pytest.raises(MaskelError) as caught:
        MaskelPipeline.from_pretrained(tmp_path / "nothing")
    assert caught.value.code == "model_missing"
    folder = tmp_path / "model"
    export_model(pipeline.model, folder)
    weights = (folder / WEIGHTS).read_bytes()

    def code_of() -> str:
        with pytest.raises(MaskelError) as caught:
            MaskelPipeline.from_pretrained(folder)
        return caught.value.code

    (folder / WEIGHTS).write_bytes(weights[:-7] + b"garbage")
    assert code_of() == "model_damaged"
    (folder / CHECKSUMS).unlink()
    (folder / WEIGHTS).write_bytes(weights[: len(weights) // 2])
    assert code_of() == "model_damaged"
    (folder / WEIGHTS).write_bytes(weights)
    config = json.loads((folder / "config.json").read_text())
    for wrong in ({**config, "dim": 64}, {**config, "_class_name": "Tricycle"}):
        (folder / "config.json").write_text(json.dumps(wrong))
        assert code_of() == "model_damaged"
    (folder / "config.json").write_text("{")
    assert code_of() == "model_damaged"
    (folder / "config.json").unlink()
    assert code_of() == "model_missing"


def test_only_xray_makers_open_as_pipelines(tmp_path):
    export_model(CONFIGURATIONS["tiny"].make_discriminator(), tmp_path)
    load_model(tmp_path)
    with pytest.raises(MaskelError) as caught:
        MaskelPipeline.from_pretrained(tmp_path)
    assert caught.value.code == "model_damaged"


@pytest.mark.parametrize("gain", [-0.1, float("inf"), "much", None])
def test_a_model_with_no_usable_gain_is_damaged(tmp_path, gain):
    model = CONFIGURATIONS["tiny-base"].make_generator()
    model.register_to_config(detail_gain=gain)
    export_model(model, tmp_path)
    with pytest.raises(MaskelError) as caught:
        MaskelPipeline.from_pretrained(tmp_path)
    assert caught.value.code == "model_damaged"


def test_sharpening_leaves_what_is_flat_or_even_and_undoes_a_blur():
    columns = torch.arange(32.0)
    even = (2 + 0.1 * columns).expand(2, 32, 32).contiguous()
    assert torch.allclose(sharpen(even)[:, :, 1:-1], even[:, :, 1:-1], atol=1e-5)
    assert torch.allclose(sharpen(torch.full((2, 8, 8), 3.0)), torch.full((2, 8, 8), 3.0))
    bar = torch.zeros(1, 32, 32)
    bar[:, 8:24, 12:20] = 4.0
    box = Letterbox(32, 32, 0, 0, 33, 32)
    blurred = box.forward(bar)
    there = box.backward(blurred)
    mended = box.backward(sharpen(blurred))
    assert (mended - bar).square().mean() < 0.8 * (there - bar).square().mean()
    assert sharpen(bar).min() >= 0


def test_lifted_detail_is_a_difference_of_gaussians():
    maps = torch.nn.functional.avg_pool2d(torch.rand(1, 2, 68, 68), 5, 1)[0] + 1
    everywhere = torch.ones(64, 64, dtype=torch.bool)
    lifted = lift_detail(maps, 0.8, everywhere).numpy()
    wanted = [m + 0.8 * (gaussian_filter(m, NEAR) - gaussian_filter(m, FAR)) for m in maps.numpy()]
    # Replicated edges lie differently in a quarter of the size.
    inner = np.s_[:, 12:-12, 12:-12]
    assert np.abs(lifted - np.stack(wanted))[inner].max() < 0.15 * np.abs(lifted - maps.numpy())[inner].max()
    assert lift_detail(torch.eye(64)[None] * 5, 2.0, everywhere).min() == 0
    assert torch.equal(lift_detail(maps, 0.0, everywhere), maps)


def test_a_body_of_one_density_has_no_rim_where_detail_is_lifted():
    frame = torch.zeros(1, 64, 64)
    frame[:, 10:50, 20:28] = frame[:, 30:, 20:60] = 1
    frame[:, 9, 20:28] = 0.4
    whole = extend_beyond(torch.full((2, 64, 64), 3.0), frame)
    known = reach_of(frame)
    assert torch.equal(known, whole[0] > 0)
    lifted = lift_detail(whole, 0.85, known)
    assert (lifted[:, frame[0] > 0] - 3).abs().max() < 0.1


def test_a_model_that_leaves_detail_out_gets_it_back_and_is_not_sharpened_as_well():
    mask = np.zeros((80, 80), np.uint8)
    mask[10:69, 20:60] = 255
    model = EchoModel()
    model.config = types.SimpleNamespace(**dict(EchoModel.config), whole_pixels=True, detail_gain=0.5)
    noise = torch.rand(1, 2, 64, 64)
    model.forward = lambda frames, **_: XrayPrediction(noise.expand(len(frames), -1, -1, -1))
    box = Letterbox.around(mask, 64, EchoModel.config.margin, whole=True)
    inside = np.s_[24:54, 34:46]
    out = MaskelPipeline(model, "lifted")(mask)
    known = reach_of(box.forward(torch.from_numpy(mask)[None]))
    plain = model.scaling.restore(noise)[0]
    wanted = box.backward(lift_detail(plain * known, 0.5, known)).numpy()
    assert np.abs(out.bone - wanted[0])[inside].max() < 0.1
    assert np.allclose(out.soft[inside], box.backward(plain)[1].numpy()[inside], atol=1e-5)
    model.config.whole_pixels = False
    small = MaskelPipeline(model, "lifted")(mask[::2, ::2])
    box = Letterbox.around(mask[::2, ::2], 64, EchoModel.config.margin)
    known = reach_of(box.forward(torch.from_numpy(mask[::2, ::2].copy())[None]))
    wanted = box.backward(torch.cat([lift_detail(plain * known, 0.5, known)[:1], sharpen(plain)[1:]])).numpy()
    for made, layer in ((small.bone, wanted[0]), (small.soft, wanted[1])):
        assert np.abs(made - layer)[12:27, 17:23].max() < 0.1


@pytest.mark.parametrize("seed", range(3))
def test_which_way_a_mask_leans_is_told_exactly(seed):
    random = np.random.default_rng(seed)
    mask = (random.random((40, 37)) < 0.5).astype(np.uint8) * random.integers(1, 256, (40, 37)).astype(
        np.uint8
    )
    place = np.arange(37) - 18.0
    weight = mask.sum(0) / mask.sum()
    third = (weight * (place - (weight * place).sum()) ** 3).sum()
    assert leans_left(mask) == (third < 0)
    assert leans_left(mask) != leans_left(np.ascontiguousarray(mask[:, ::-1]))
    even = np.concatenate([mask, mask[:, ::-1]], axis=1)
    assert not leans_left(even) and not leans_left(np.zeros((4, 4), np.uint8))
    # Larger than what 64 bits hold.
    wide = np.zeros((2, 16000), np.uint8)
    wide[:, 0], wide[:, 15000:] = 255, 255
    assert leans_left(wide)


@pytest.mark.parametrize("view", ["unknown", "left"])
def test_the_answer_to_a_mirrored_mask_is_the_mirror_image_to_the_bit(view):
    from maskel_core.training.sources import SampleStream

    pipeline = MaskelPipeline.from_pretrained()
    mask = next(iter(SampleStream(11, 200, "test"))).mask
    other = {"unknown": "unknown", "left": "right"}[view]
    ours = pipeline(mask, joints=True, view=view, uncertainty=True)
    theirs = pipeline(np.ascontiguousarray(mask[:, ::-1]), joints=True, view=other, uncertainty=True)
    for name in ("image", "bone", "soft", "uncertainty"):
        assert np.array_equal(getattr(ours, name), getattr(theirs, name)[:, ::-1]), name
    assert ours.familiarity == theirs.familiarity
    for name, joint in ours.joints.items():
        twin = name[:-2] + {"_l": "_r", "_r": "_l"}[name[-2:]] if name[-2:] in ("_l", "_r") else name
        assert theirs.joints[twin].x == pytest.approx(mask.shape[1] - 1 - joint.x, abs=1e-6)
        assert theirs.joints[twin].y == pytest.approx(joint.y, abs=1e-6)
        assert theirs.joints[twin].confidence == joint.confidence
