"""Dressed samples: the mask changes, the truth does not; shares, recipes and the sheet."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from maskel_core.anatomy.asset import default_anatomy
from maskel_core.anatomy.figure import sample_figure
from maskel_core.cli import main
from maskel_core.data import sample as samples
from maskel_core.data.build import build_shards
from maskel_core.data.sample import VIEWS_PER_BODY, Sample, make_sample
from maskel_core.data.shards import read_shard
from maskel_core.data.silhouettes import AUGMENTATIONS, KINDS, OUTFITS, Recipe, dress, repeat
from maskel_core.data.silhouettes.sheet import ADDED, BODY, EMPTY, REMOVED, draw_sheet
from maskel_core.data.silhouettes.wearer import Wearer
from maskel_core.errors import MaskelError
from maskel_core.projection.camera import Camera
from maskel_core.projection.xray import Projection, project_figure
from PIL import Image
from scipy.spatial import cKDTree

SEED, SIZE = 21, 64
STILL = Recipe(clothed=1.0, moves=(), hidden=0.0, edges=0.0, low_poly=0.0)


def made(index: int, clothed: float = 1.0) -> Sample:
    with torch.inference_mode():
        return make_sample(default_anatomy(), SEED, index, SIZE, (70.0,), clothed)


def truth(sample: Sample) -> Projection:
    """The body's own X-ray through the camera that the sample names."""
    _, index = sample.meta["seed"]
    body = sample.meta["body"]["seed"]
    with torch.inference_mode():
        rngs = np.random.default_rng([body, 0]), np.random.default_rng([body, index % VIEWS_PER_BODY, 1])
        figure = sample_figure(default_anatomy(), *rngs)
        camera = Camera(**{k: tuple(v) if k == "target" else v for k, v in sample.meta["camera"].items()})
        default = float(default_anatomy()["tissue.energy_kev"])
        return project_figure(default_anatomy(), figure, camera, SIZE, energies=(default, 70.0))


def recipe(monkeypatch: pytest.MonkeyPatch, **changes: object) -> None:
    monkeypatch.setattr(samples, "_DRESSED", Recipe(**{**STILL.__dict__, **changes}))


def test_the_xray_stays_the_bodys(monkeypatch) -> None:
    recipe(monkeypatch)
    for index in (0, 3):
        sample, body = made(index), truth(made(index))
        assert np.array_equal(sample.bone, body.bone.half().numpy())
        assert np.array_equal(sample.soft, body.soft.half().numpy())
        assert np.array_equal(sample.extra["soft70"], body.energies[1, 1].half().numpy())
        own = (body.mask * 255).round().byte().numpy()
        assert (sample.mask >= own).all()
        assert sample.mask.sum() > 1.002 * own.sum()
        joints = [[j["x"], j["y"]] for j in sample.meta["joints"].values()]
        assert np.allclose(joints, body.joints[:, :2].numpy(), atol=1e-3)


def test_dressing_changes_neither_person_nor_pose_nor_angle() -> None:
    for index in range(3):
        plain, dressed = made(index, 0.0), made(index, 1.0)
        for name in ("key", "split", "body", "pose_class"):
            assert plain.meta[name] == dressed.meta[name]
        for name in ("yaw", "pitch", "roll", "distance"):
            assert plain.meta["camera"][name] == dressed.meta["camera"][name]
        assert plain.meta["clothing"] == []
        assert plain.meta["outfit"] == "none"
        assert np.array_equal(plain.mask, (truth(plain).mask * 255).round().byte().numpy())
        assert dressed.meta["outfit"] in OUTFITS
        assert set(dressed.meta["clothing"]) <= set(KINDS)
        json.dumps(dressed.meta)


def test_half_of_the_samples_are_dressed_unless_asked_otherwise(monkeypatch) -> None:
    # What is worn does not matter here, and neither does the X-ray.
    monkeypatch.setattr(samples, "project_figure", lambda *a, **k: blank)
    blank = Projection(
        *(torch.zeros(16, 16) for _ in range(3)), torch.zeros(27, 3), torch.zeros(1, 2, 16, 16)
    )
    with torch.inference_mode():
        outfits = [make_sample(default_anatomy(), 1, i, 16).meta["outfit"] for i in range(40)]
    assert 10 < sum(outfit != "none" for outfit in outfits) < 30
    assert len(set(outfits)) > 4


def test_the_frame_holds_what_is_worn_or_cuts_it(monkeypatch) -> None:
    worn = {"creature": (1.0, ((1.0, ("wings_bat",)),))}
    monkeypatch.setattr("maskel_core.data.silhouettes.dressing.OUTFITS", worn)
    for framed, cut in ((1.0, False), (0.0, True)):
        recipe(monkeypatch, framed=framed, furniture=0.0)
        edges = [
            np.concatenate([m[0], m[-1], m[:, 0], m[:, -1]]).max() for m in (made(i).mask for i in range(4))
        ]
        assert any(e > 0 for e in edges) == cut


def test_a_crop_moves_mask_layers_and_joints_alike(monkeypatch) -> None:
    recipe(monkeypatch, moves=(("crop", 1.0),), framed=0.0)
    for index in range(3):
        sample, body = made(index), truth(made(index))
        assert sample.meta["clothing"][-1] == "crop"
        points = np.array([[j["x"], j["y"]] for j in sample.meta["joints"].values()])
        shift = points - body.joints[:, :2].numpy()
        assert np.ptp(shift, axis=0).max() < 2e-3
        right, down = np.rint(shift.mean(0)).astype(int)
        assert abs(right) + abs(down) > 0
        rows, columns = np.mgrid[:SIZE, :SIZE]
        inside = ((rows - down) % SIZE == rows - down) & ((columns - right) % SIZE == columns - right)
        for layer, whole in ((sample.bone, body.bone), (sample.soft, body.soft)):
            moved = np.roll(whole.half().numpy(), (down, right), (0, 1))
            assert np.array_equal(layer, np.where(inside, moved, 0))
        out = ((points < 0) | (points > SIZE - 1)).any(1)
        assert out.any()
        assert [j["visible"] for j in sample.meta["joints"].values()] == (~out).tolist()


def test_each_augmentation_can_be_done_again_from_its_note() -> None:
    rng = np.random.default_rng(5)
    figure = sample_figure(default_anatomy(), rng, rng)
    every = Recipe(clothed=1.0, hidden=0.0, edges=1.0, moves=())
    dressing = dress(default_anatomy(), figure, Camera(target=(0, 0, 0.9), height=2.4), SIZE, rng, every)
    *_, edge = dressing.applied
    assert KINDS[edge["name"]] == "edges"
    assert dressing.clothing[-1] == edge["name"]
    mask = dressing.mask.numpy()
    assert np.array_equal(repeat(edge, mask), repeat(edge, mask))
    assert all(set(note) == {"name", "strength", "seed"} for note in dressing.applied)


@pytest.mark.parametrize("share", [-0.01, 1.5, float("nan")])
def test_what_is_no_share_is_refused(tmp_path: Path, share: float) -> None:
    with pytest.raises(MaskelError) as refused:
        build_shards(2, 32, 1, tmp_path / "set", clothed=share)
    assert refused.value.code == "bad_share"
    assert not (tmp_path / "set").exists()
    with pytest.raises(MaskelError):
        make_sample(default_anatomy(), 1, 0, 32, clothed=share)


def test_a_set_says_how_many_are_clothed(tmp_path: Path) -> None:
    folder = build_shards(3, 32, 6, tmp_path, clothed=1.0).parent
    assert json.loads((folder / "recipe.json").read_text())["clothed"] == 1.0
    assert json.loads((folder / "manifest.json").read_text())["clothed"] == 1.0
    metas = [s["meta"] for shard in folder.glob("*.tar") for s in read_shard(shard)]
    assert all(meta["clothing"] for meta in metas)
    with pytest.raises(MaskelError) as refused:
        build_shards(3, 32, 6, tmp_path, clothed=0.5)
    assert refused.value.code == "data_mismatch"


def test_a_set_may_hold_more_of_some_outfits(tmp_path: Path) -> None:
    only = tuple((name, float(name == "hair")) for name in OUTFITS)
    folder = build_shards(3, 32, 6, tmp_path, clothed=1.0, outfits=only).parent
    metas = [s["meta"] for shard in folder.glob("*.tar") for s in read_shard(shard)]
    assert {meta["outfit"] for meta in metas} == {"hair"}
    with pytest.raises(MaskelError) as refused:
        build_shards(3, 32, 6, tmp_path, clothed=1.0)
    assert refused.value.code == "data_mismatch"


@pytest.mark.parametrize(
    "outfits",
    [
        (("wig", 0.5),),
        (("hair", -1.0),),
        (("hair", float("nan")),),
        tuple((name, 0.0) for name in OUTFITS),
        (("hair", 1e308), ("coat", 1e308)),
    ],
)
def test_what_is_no_outfit_is_refused(tmp_path: Path, outfits: tuple[tuple[str, float], ...]) -> None:
    with pytest.raises(MaskelError) as refused:
        build_shards(2, 32, 1, tmp_path / "set", outfits=outfits)
    assert refused.value.code == "bad_outfit"
    assert not (tmp_path / "set").exists()


def test_the_sheet_shows_mask_over_body() -> None:
    names = ("hair_afro", "hidden_by_pole", "crop", "boots", "hair_bun")
    sheet = np.asarray(draw_sheet(64, 0, 5, names=names)).astype(int)
    assert sheet.shape[1] == 5 * (2 * 64 + 2)
    for number, name in enumerate(names):
        # Both pictures of a cell: mild and strong.
        cell = sheet[:64, number * 130 : number * 130 + 128]
        body, ground, added, removed = (
            (np.abs(cell - colour).sum(-1) < 40).mean() for colour in (BODY, EMPTY, ADDED, REMOVED)
        )
        assert ground > 0.1
        assert body > 0.02 or name == "crop"
        assert (added > 0.002) == (KINDS[name] in ("adds", "moves"))
        assert (removed > 0.002) == (KINDS[name] in ("hides", "moves"))
    assert sheet[64:].max() > 150


def test_the_commands_speak_plainly(tmp_path: Path, monkeypatch, capsys) -> None:
    small = draw_sheet(32, 0, 2, names=("cap", "crop"))
    monkeypatch.setattr("maskel_core.data.silhouettes.sheet.draw_sheet", lambda *a: small)

    def run(*words: str) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["maskel", "data", *words])
        with pytest.raises(SystemExit) as left:
            main()
        return int(left.value.code or 0), re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().err)

    assert run("silhouettes", str(tmp_path / "new" / "sheet.png"))[0] == 0
    assert Image.open(tmp_path / "new" / "sheet.png").size == small.size
    (tmp_path / "file").write_text("")
    status, text = run("silhouettes", str(tmp_path / "file" / "sheet.png"))
    assert status == 1
    assert "cannot be written" in text
    status, text = run("build", "--count", "2", "--out", str(tmp_path / "set"), "--clothed", "2")
    assert status == 1
    assert "no share" in text
    assert "0 (none) to 1 (all)" in text
    status, text = run("build", "--count", "2", "--out", str(tmp_path / "set"), "--outfits", "wig=1")
    assert status == 1
    assert "no outfit" in text
    for wrong in ("hair", "hair=1,hair=0"):
        assert run("build", "--count", "2", "--out", str(tmp_path / "set"), "--outfits", wrong)[0] == 2


def test_the_page_names_every_augmentation() -> None:
    page = Path(__file__).parents[2] / "docs" / "silhouettes.md"
    named = re.findall(r"^\| `(\w+)` \|", page.read_text("utf-8"), re.MULTILINE)
    assert sorted(named) == sorted(AUGMENTATIONS)


@pytest.mark.slow
def test_everything_fits_anyone() -> None:
    """Newborns to elders, thin to stout, stylised, in any pose: finite, near the body, in proportion to it."""
    adds = [name for name, kind in KINDS.items() if kind == "adds"]
    with torch.inference_mode():
        for seed in range(26):
            rng = np.random.default_rng([9, seed])
            wearer = Wearer(default_anatomy(), sample_figure(default_anatomy(), rng, rng))
            middle, reach = wearer.skin.mean(0), wearer.stature
            for name in (adds[2 * seed % len(adds)], adds[(2 * seed + 1) % len(adds)]):
                made = repeat({"name": name, "strength": float(rng.random()), "seed": seed}, wearer)
                assert np.isfinite(made.points).all()
                assert made.faces.max() < len(made.points)
                assert np.linalg.norm(made.points - middle, axis=1).max() < 2.0 * reach, name
                if name == "furniture":
                    continue  # the corners of a plinth are far from the feet on it
                corners = made.points[made.faces]
                edges = corners[:, :1] + (corners[:, 1:2] - corners[:, :1]) * np.linspace(0, 1, 9)[:, None]
                near = cKDTree(wearer.skin).query(edges.reshape(-1, 3))[0].min()
                assert near < 0.06 * reach, name


@pytest.mark.slow
def test_the_whole_sheet_names_every_augmentation() -> None:
    seen = []
    sheet = draw_sheet(40, 1, 8, lambda done, total: seen.append((done, total)))
    assert seen[-1] == (len(AUGMENTATIONS),) * 2
    assert sheet.height == -(-len(AUGMENTATIONS) // 8) * (40 + 13)
