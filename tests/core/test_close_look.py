"""A close look mends the head, upright whatever the pose, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from maskel_core.anatomy.joints import JOINT_NAMES, MIRRORED
from maskel_core.data.dataset import SampleStore
from maskel_core.errors import MaskelError
from maskel_core.models import CONFIGURATIONS, LayerScaling
from maskel_core.models.close_look import CloseLook
from maskel_core.models.store import export_model, write_checksums
from maskel_core.pipeline import MaskelPipeline
from maskel_core.pipeline.close_look import (
    CLOSE_LOOK,
    WINDOW,
    HeadWindow,
    load_close_look,
    look_closer,
    save_close_look,
)
from maskel_core.training.close_look import (
    HeadWindows,
    close_loss,
    collect_windows,
    draw,
    fit_network,
    train_close_look,
)
from safetensors.torch import load_file, save_file

from tests.core.synthetic import write_shards
from tests.server.test_real_model import figure as person

SIZE = 256
SCALING = LayerScaling(3.0, 15.0, 0.5)
PLACES = {
    "head": (128, 60),
    "jaw": (128, 52),
    "c7": (128, 86),
    "t6": (128, 117),
    "pelvis": (128, 236),
    "shoulder_l": (185, 95),
    "shoulder_r": (71, 95),
}


def standing() -> np.ndarray:
    """Joints (27, 3) of a figure seen from the front, in a picture of `SIZE` pixels."""
    joints = np.full((len(JOINT_NAMES), 3), 0.9)
    for index, name in enumerate(JOINT_NAMES):
        side = {"_l": 40.0, "_r": -40.0}.get(name[-2:], 0.0)
        joints[index, :2] = PLACES.get(name, (128 + side, 150))
    return joints


def turned(points: np.ndarray, angle: float, middle: np.ndarray) -> np.ndarray:
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return (points - middle) @ turn.T + middle


def restless(seed: int = 0) -> CloseLook:
    """Fresh weights that do add something."""
    torch.manual_seed(seed)
    network = CloseLook(width=8).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.05)
    return network


def smooth(channels: int, size: int = SIZE) -> torch.Tensor:
    noise = torch.rand(1, channels, size, size, generator=torch.Generator().manual_seed(1))
    return F.avg_pool2d(F.avg_pool2d(noise, 15, 1, 7), 15, 1, 7)[0]


def test_a_window_lies_upright_round_the_head_in_any_pose():
    joints = standing()
    window = HeadWindow.around(joints)
    assert window.unit == pytest.approx(1.0, abs=0.02)
    assert np.allclose(window.up, [0, -1]) and np.allclose(window.centre, [128, 40], atol=0.5)
    lying = joints.copy()
    lying[:, :2] = turned(joints[:, :2], 1.2, window.centre)
    moved = HeadWindow.around(lying)
    assert np.allclose(moved.told(lying)[:-3], window.told(joints)[:-3], atol=1e-5)
    # A picture turned as the body is looks the same in the window.
    rows, columns = np.mgrid[:SIZE, :SIZE].astype(np.float64)

    def scene(x: np.ndarray, y: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.sin(x / 9) + np.cos(y / 7 + x / 30)).float()[None]

    back = turned(np.stack([columns, rows], axis=-1), -1.2, window.centre)
    upright, lying_picture = scene(columns, rows), scene(back[..., 0], back[..., 1])
    near = slice(40, WINDOW - 40)
    seen, again = window.cut(upright)[0, near, near], moved.cut(lying_picture)[0, near, near]
    assert seen.std() > 0.3 and (seen - again).abs().max() < 0.02
    assert not torch.allclose(seen, window.cut(lying_picture)[0, near, near], atol=0.2)


def test_foreshortening_does_not_shrink_the_window_and_unsure_joints_do_not_count():
    joints = standing()
    bent = joints.copy()
    bent[JOINT_NAMES.index("pelvis"), 1] = 120
    assert HeadWindow.around(bent).unit == pytest.approx(1.0, abs=0.03)
    wild = joints.copy()
    wild[JOINT_NAMES.index("pelvis")] = (128, 900, 0.1)
    assert HeadWindow.around(wild).unit == pytest.approx(1.0, abs=0.03)
    wild[:, 2] = 0.0
    assert HeadWindow.around(wild).unit == pytest.approx(1.0, abs=0.03)
    one_place = np.zeros_like(joints)
    assert np.isfinite(HeadWindow.around(one_place).told(one_place)).all()


def test_which_side_is_called_left_does_not_matter():
    joints = standing()
    window = HeadWindow.around(joints)
    assert np.array_equal(window.told(joints), window.told(joints[list(MIRRORED)]))


@pytest.mark.parametrize("angle", [0.0, 0.7, 3.0])
def test_what_was_cut_out_can_be_put_back(angle):
    joints = standing()
    joints[:, :2] = turned(joints[:, :2], angle, np.array([128.0, 110.0]))
    window = HeadWindow.around(joints)
    maps = smooth(2)
    put = torch.zeros_like(maps)
    window.add(window.cut(maps), put)
    rows, columns = np.mgrid[:SIZE, :SIZE]
    away = np.hypot(columns - window.centre[0], rows - window.centre[1])
    below = (rows - window.centre[1]) * -window.up[1] - (columns - window.centre[0]) * window.up[0]
    near, far = torch.from_numpy((away < 50) & (below < 32)), torch.from_numpy(away > 0.75 * WINDOW)
    neck = torch.from_numpy((away < 60) & (below > 46))
    assert (put[:, neck] == 0).all(), "the neck stays as it is"
    inside = near & torch.from_numpy((rows > 2) & (rows < SIZE - 3) & (columns > 2) & (columns < SIZE - 3))
    assert inside.sum() > 3000
    assert (put - maps)[:, inside].abs().max() < 0.01
    assert (put[:, far] == 0).all()


def test_fresh_weights_change_nothing_and_others_only_the_head():
    joints = standing()[None] / [SIZE, SIZE, 1]
    frames, xrays, spreads = torch.ones(1, 1, SIZE, SIZE), smooth(2)[None], smooth(2)[None]
    before = xrays.clone()
    same = look_closer(CloseLook(width=8), SCALING, frames, xrays, spreads, joints)
    assert torch.allclose(same, before, atol=1e-6)
    with torch.inference_mode():
        mended = look_closer(restless(), SCALING, frames, xrays, spreads, joints)
    assert torch.equal(xrays, before), "what came in is left as it is"
    assert (mended >= 0).all() and (mended - before)[:, :, 10:80, 90:170].abs().mean() > 1e-3
    assert torch.equal(mended[:, :, 140:], before[:, :, 140:])


def test_a_gain_lifts_detail_of_bone_alone_and_leaves_no_rim():
    joints = standing()[None] / [SIZE, SIZE, 1]
    xrays = torch.full((1, 2, SIZE, SIZE), 0.5)
    xrays[:, :, 30:60, 110:140] = 0.8
    frames = torch.zeros(1, 1, SIZE, SIZE)
    frames[..., 10:200, 90:170] = 1
    network = CloseLook(width=8)
    plain = look_closer(network, SCALING, frames, xrays, xrays * 0.1, joints)
    network.gain.fill_(1.5)
    lifted = look_closer(network, SCALING, frames, xrays, xrays * 0.1, joints)
    edge = (slice(None), 0, slice(40, 50), slice(105, 146))
    assert lifted[edge].diff(dim=2).abs().max() > 1.2 * plain[edge].diff(dim=2).abs().max()
    assert torch.allclose(lifted[:, 1], plain[:, 1], atol=0.02)
    rim = (slice(None), 0, slice(70, 80), slice(91, 169))
    assert torch.allclose(lifted[rim], plain[rim], atol=0.02)


def test_windows_beyond_the_frame_are_no_error():
    joints = standing()
    joints[:, :2] += 4000
    frames, xrays = torch.ones(1, 1, SIZE, SIZE), smooth(2)[None]
    with torch.inference_mode():
        made = look_closer(restless(), SCALING, frames, xrays, xrays, joints[None] / [SIZE, SIZE, 1])
    assert torch.equal(made, xrays)


def pipelines() -> tuple[MaskelPipeline, MaskelPipeline]:
    """One with a close look and one without, else the same."""
    torch.manual_seed(0)
    model = CONFIGURATIONS["tiny-base"].make_generator(bone_scale=3.0, soft_scale=15.0, canonical=True)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.02)
    plain = MaskelPipeline(model, "small", precision="float32")
    return plain, MaskelPipeline(model, "small", precision="float32", close_look=restless())


def figure(size: int) -> np.ndarray:
    mask = np.zeros((size, size), np.uint8)
    mask[size // 8 : -size // 8, size // 3 : size // 2] = 255
    mask[size // 4 : size // 2, size // 3 : -size // 8] = 255
    return mask


def test_the_pipeline_looks_closer_at_large_pictures_and_mirrors_with_the_mask():
    plain, close = pipelines()
    large, small = figure(100), figure(60)
    assert np.abs(close(large).bone - plain(large).bone).max() > 1e-3
    assert np.array_equal(close(small).bone, plain(small).bone)
    back = close(np.ascontiguousarray(large[:, ::-1]))
    assert np.array_equal(back.bone[:, ::-1], close(large).bone)
    assert np.array_equal(close(large, joints=True).bone, close(large).bone)
    both = close(large, joints=True).joints, plain(large, joints=True).joints
    assert both[0] == both[1], "joints are the model's"


def test_it_is_kept_in_the_models_folder(tmp_path):
    model = CONFIGURATIONS["tiny-base"].make_generator()
    export_model(model, tmp_path)
    assert MaskelPipeline.from_pretrained(tmp_path).close_look is None
    network = restless()
    save_close_look(network, tmp_path)
    with pytest.raises(MaskelError) as caught:
        MaskelPipeline.from_pretrained(tmp_path)
    assert caught.value.code == "model_damaged" and CLOSE_LOOK in str(caught.value)
    write_checksums(tmp_path)
    found = MaskelPipeline.from_pretrained(tmp_path).close_look
    assert found is not None and not found.training
    maps, told = torch.rand(1, 5, WINDOW, WINDOW), torch.rand(1, 84)
    with torch.inference_mode():
        assert torch.allclose(found(maps, told), network(maps, told), atol=0.02)
    export_model(model, tmp_path)
    assert load_close_look(tmp_path) is None, "it was trained for other weights"


@pytest.mark.parametrize("fault", ["shape", "name", "gain", "bytes"])
def test_a_damaged_file_is_named(tmp_path, fault):
    export_model(CONFIGURATIONS["tiny-base"].make_generator(), tmp_path)
    save_close_look(restless(), tmp_path)
    state = load_file(tmp_path / CLOSE_LOOK)
    if fault == "shape":
        state["fine.weight"] = state["fine.weight"][:8].contiguous()
    elif fault == "name":
        del state["enter.weight"]
    elif fault == "gain":
        state["gain"] = torch.tensor(float("nan"))
    save_file(state, tmp_path / CLOSE_LOOK)
    if fault == "bytes":
        (tmp_path / CLOSE_LOOK).write_bytes(b"no weights")
    write_checksums(tmp_path)
    with pytest.raises(MaskelError) as caught:
        load_close_look(tmp_path)
    assert caught.value.code == "model_damaged" and CLOSE_LOOK in str(caught.value)


def test_it_is_trained_for_a_model_and_what_it_learns_from_is_cut_alike(tmp_path):
    folder = tmp_path / "model"
    export_model(CONFIGURATIONS["tiny-base"].make_generator(looks=2), folder)
    data = write_shards(tmp_path / "data", {"train": 4}, size=128)
    pipeline = MaskelPipeline.from_pretrained(folder)
    found = collect_windows(pipeline, SampleStore.open(data, "train"), [0, 1, 2, 3])
    assert len(found.maps) == len(found.told) == 8, "two looks at each"
    body = found.maps[:, 0] > 0.9
    assert body.any() and (found.maps[:, 6][body] > 0).mean() > 0.9, "true soft tissue lies in the mask"
    assert (found.maps[:, 6][found.maps[:, 0] == 0] < 0.3).mean() > 0.95
    with pytest.raises(MaskelError) as caught:
        train_close_look(folder, data, 3, steps=1, gain=-1.0)
    assert caught.value.code == "bad_gain"
    train_close_look(folder, data, 3, steps=2, gain=0.5)
    first = MaskelPipeline.from_pretrained(folder).close_look
    assert first is not None and float(first.gain) == 0.5
    train_close_look(folder, data, 3, steps=2, resume=True)
    second = MaskelPipeline.from_pretrained(folder).close_look
    assert second is not None and float(second.gain) == 0.5
    assert not torch.equal(first.fine.weight, second.fine.weight)


def test_the_model_that_ships_looks_closer(tmp_path):
    pipeline = MaskelPipeline.from_pretrained()
    mask = person(300)
    close = pipeline(mask)
    pipeline.close_look = None
    plain = pipeline(mask)
    changed = np.abs(close.bone - plain.bone) > 0.02
    rows = np.flatnonzero(changed.any(axis=1))
    # The head of the figure ends at a fifth of the picture.
    assert changed[:60].sum() > 200 and rows.max() < 140
    assert (close.bone[mask == 0] == 0).all()


def heads(count: int = 4) -> HeadWindows:
    """Windows whose true bone has an edge where the answer has one of soft tissue alone."""
    size = WINDOW + 16
    maps = np.zeros((count, 7, size, size), np.float16)
    maps[:, 0] = 1
    maps[:, 1:3] = 0.5
    maps[:, 5:] = 0.5
    maps[:, 2, 50:90, 50:90] = 0.9
    maps[:, 5:, 50:90, 50:90] = 0.9
    window, joints = HeadWindow.around(standing()), standing()
    return HeadWindows(maps, np.stack([window.told(joints)] * count))


def test_training_learns_what_an_answer_lacks():
    found = heads()
    network = CloseLook(width=8)
    maps, told = draw(found, 4, np.random.default_rng(7))

    def loss() -> float:
        with torch.no_grad():
            made = maps[:, 1:3] + network(maps[:, :5], told)
            return float(close_loss(made, maps[:, 5:], maps[:, :1], SCALING))

    before = loss()
    fit_network(network, found, SCALING, steps=60, batch=4, rate=1e-2)
    assert loss() < 0.8 * before


def test_a_mirrored_window_tells_of_mirrored_joints():
    found = heads(1)
    found.maps[0, 5, :, :40] = 0.1
    rng = np.random.default_rng(0)
    drawn = [draw(found, 1, rng) for _ in range(12)]
    sides = {bool(maps[0, 5, 64, 0] > maps[0, 5, 64, -1]) for maps, _ in drawn}
    assert sides == {True, False}
    shoulder = JOINT_NAMES.index("shoulder_l"), JOINT_NAMES.index("shoulder_r")
    for _, told in drawn:
        x = told[0, :27]
        assert x[shoulder[0]] > x[shoulder[1]], "sides are still named as from the front"


def test_the_loss_counts_no_edge_of_the_mask():
    mask = torch.zeros(1, 1, WINDOW, WINDOW)
    mask[..., 30:90, 30:90] = 1
    truth = torch.full((1, 2, WINDOW, WINDOW), 0.6)
    truth[..., 50:70, 50:70] = 0.9
    assert float(close_loss(truth, truth, mask, SCALING)) == 0
    outside = truth + (1 - mask)
    assert float(close_loss(outside, truth, mask, SCALING)) == 0
