"""Folders: names, pairs, splits, what is refused together, and that nothing is left half-written."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
from maskel_core.data.dataset import SampleStore, layers_known
from maskel_core.data.importing import ImportSettings, import_folder
from maskel_core.data.importing.naming import person_of, scan
from maskel_core.data.importing.pairs import load_pair
from maskel_core.data.importing.pictures import Grey
from maskel_core.data.importing.problems import ImportRefusedError
from maskel_core.data.importing.splits import assign
from maskel_core.data.shards import checksum
from maskel_core.errors import MaskelError
from PIL import Image

from tests.core.importable import body_volume, dicom, nifti, pair, png, truncated

ALL_TRAIN = ImportSettings(size=96, split="train")


def refused(call, *arguments, **named) -> MaskelError:
    with pytest.raises(MaskelError) as caught:
        call(*arguments, **named)
    return caught.value


def only(folder):
    """The one item of a folder."""
    (item,) = scan(folder).items
    return item


def codes(error: MaskelError) -> dict[str, str]:
    assert isinstance(error, ImportRefusedError)
    return {problem.name: problem.error.code for problem in error.problems}


def test_names_say_what_belongs_together(tmp_path):
    for name in ("a.mask.png", "a.bone.dcm", "sub/b.1.BONE.PNG", "sub/b.1.mask.png", "v.nii.gz", "v.body.nii", "w.x.nii",
                 "a.joints.json", "notes.txt", "preview.png", ".hidden.bone.png"):  # fmt: skip
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")
    found = scan(tmp_path)
    assert [(item.name, item.kind, sorted(item.files)) for item in found.items] == [
        ("a", "pair", ["bone", "joints", "mask"]),
        ("sub/b.1", "pair", ["bone", "mask"]),
        ("v", "ct", ["body", "ct"]),
        ("w.x", "ct", ["ct"]),
    ]
    assert sorted(path.name for path in found.ignored) == ["notes.txt", "preview.png"]
    assert refused(scan, tmp_path / "none").code == "not_a_folder"
    (tmp_path / "bare").mkdir()
    assert refused(scan, tmp_path / "bare").code == "nothing_found"


def test_a_picture_that_is_there_twice_is_a_problem(tmp_path):
    pair(tmp_path, "a")
    (tmp_path / "a.bone.dcm").write_bytes(b"")
    found = scan(tmp_path)
    assert [problem.error.code for problem in found.problems] == ["file_twice"]


def test_persons_by_name():
    assert person_of("sub-07/ses-1/sub-07_front") == "sub-07"
    assert person_of("anna/front") == "anna"
    assert person_of("anna_front") == "anna_front"
    assert person_of("anna_front", r"^([^_]+)_") == "anna"
    assert refused(person_of, "anna", r"\d+").code == "no_person"
    assert refused(person_of, "anna", "(").code == "bad_pattern"


def test_splits_are_by_person_and_stay_when_others_come():
    people = [f"p{i}" for i in range(400)]
    found = assign(people)
    shares = {split: sum(s == split for s in found.values()) / 400 for split in ("train", "val", "test")}
    assert shares["val"] == pytest.approx(0.1, abs=0.05) and shares["test"] == pytest.approx(0.1, abs=0.05)
    assert all(found[p] == split for p, split in assign(people[:300]).items())
    assert sorted(assign(["a", "b", "c"]).values()) == ["test", "train", "val"]
    assert sorted(assign(["a", "b"]).values()) == ["train", "val"]
    assert assign(["a"]) == {"a": "train"}
    assert set(assign(people, only="test").values()) == {"test"}
    assert set(assign(["a", "b", "c"], val=0, test=0).values()) == {"train"}
    assert refused(assign, people, 0.5, 0.5).code == "bad_share"
    assert refused(assign, people, only="all").code == "bad_split"


def test_a_pair_keeps_its_line_integrals_and_places(tmp_path):
    true = pair(tmp_path, "a")
    (tmp_path / "a.joints.json").write_text(
        json.dumps({"head": true["joints"]["head"], "knee_l": {"x": 40, "y": 50}})
    )
    loaded = load_pair(only(tmp_path), Grey())
    assert loaded.bone == pytest.approx(true["bone"], abs=2e-3)
    assert loaded.soft == pytest.approx(true["soft"], abs=2e-3)
    report = import_folder(tmp_path, tmp_path / "out", ALL_TRAIN)
    assert report.samples == {"train": 1} and not report.problems
    store = SampleStore.open(tmp_path / "out", "train", cache=False)
    meta = store.metas[0]
    assert meta["source"] == "a" and meta["camera"] == {} and set(meta["joints"]) == {"head", "knee_l"}
    # The frame is a similarity of the picture: what lies at a joint before lies there after.
    x, y = (round(meta["joints"]["head"][axis]) for axis in "xy")
    assert store.layers[0, 0, y, x] == pytest.approx(true["bone"][8, 36], rel=0.1)
    rows = np.flatnonzero((store.masks[0] >= 128).any(1))
    assert 0.85 * 96 < rows[-1] - rows[0] + 1 < 0.96 * 96
    area = (rows[-1] - rows[0] + 1) / np.ptp(np.flatnonzero(true["mask"].any(1)))
    assert store.layers[0].astype(np.float32).sum((1, 2)) == pytest.approx(
        [true[name].sum() * area**2 for name in ("bone", "soft")], rel=0.05
    )
    assert not store.layers[0][:, store.masks[0] == 0].any()
    known = np.isfinite(store.joints[0]).all(axis=1)
    assert known.sum() == 2


def test_dicom_pixels_that_are_not_square_are_made_so(tmp_path):
    true = pair(tmp_path, "a", soft=False)
    wide = np.rint(true["bone"].reshape(72, 36, 2).mean(2) / 7.4 * 4095).astype(np.uint16)
    (tmp_path / "a.bone.png").unlink()
    dicom(tmp_path / "a.bone.dcm", wide, BitsStored=12, PixelSpacing=[1.5, 3.0])
    png(tmp_path / "a.mask.png", true["mask"][:, ::2])
    (tmp_path / "a.joints.json").write_text('{"head": {"x": 10, "y": 20}}')
    loaded = load_pair(only(tmp_path), Grey())
    assert loaded.mask.shape == (72, 72) and loaded.spacing == 1.5
    assert loaded.joints["head"] == pytest.approx((20.5, 20.0))
    assert loaded.bone.sum() == pytest.approx(true["bone"].sum(), rel=0.03)
    assert np.corrcoef(loaded.bone.ravel(), true["bone"].ravel())[0, 1] > 0.75
    import_folder(tmp_path, tmp_path / "out", ALL_TRAIN)
    held = b"".join(path.read_bytes() for path in (tmp_path / "out").iterdir())
    assert b"Somebody" not in held


def test_a_bone_picture_alone_leaves_soft_tissue_unknown(tmp_path):
    pair(tmp_path, "a", soft=False)
    import_folder(tmp_path, tmp_path / "out", ALL_TRAIN)
    store = SampleStore.open(tmp_path / "out", "train", cache=False)
    assert layers_known(store.metas[0]) == [True, False]
    assert np.isnan(store.layers[0, 1]).all() and np.isfinite(store.layers[0, 0]).all()
    batch = store.batch([0], 64, 0.04)
    assert batch.known_layers.tolist() == [[True, False]]
    assert np.isfinite(batch.integrals.numpy()).all() and not batch.integrals[:, 1].any()
    assert np.isnan(store.scales()[1]) and store.scales()[0] > 0


def test_the_body_is_found_in_the_soft_picture_when_asked(tmp_path):
    true = pair(tmp_path, "a", mask=False)
    assert refused(load_pair, only(tmp_path), Grey()).code == "mask_missing"
    found = load_pair(only(tmp_path), Grey(), segment=True).mask
    both, either = ((found & true["mask"]) > 0).sum(), ((found | true["mask"]) > 0).sum()
    assert both / either > 0.8
    (tmp_path / "a.soft.png").unlink()
    assert refused(load_pair, only(tmp_path), Grey(), segment=True).code == "mask_missing"


def spoil(folder) -> dict[str, str]:
    """One pair for everything that can be wrong with pairs; the codes that they are refused with."""
    flat = np.zeros((72, 72), np.uint8)
    for name in ("size", "empty", "full", "dark", "negative", "cut", "halved", "points", "json", "other"):
        pair(folder, name)
    png(folder / "size.mask.png", flat[:50])
    png(folder / "empty.mask.png", flat)
    png(folder / "full.mask.png", flat + 255)
    png(folder / "dark.bone.png", flat)
    negative = 255 - np.rint(pair(folder, "negative")["soft"] / 10.8 * 255).astype(np.uint8)
    png(folder / "negative.soft.png", negative)
    truncated(folder / "cut.bone.png")
    (folder / "halved.bone.png").unlink()
    (folder / "points.joints.json").write_text('{"elbow": {"x": 1, "y": 2}}')
    (folder / "json.joints.json").write_text("{")
    (folder / "other.mask.png").write_bytes(b"GIF89a")
    png(folder / "plain.xray.png", flat)
    png(folder / "plain.mask.png", flat)
    nifti(folder / "scan.nii.gz", body_volume((10, 8, 16))[0])
    return {
        "size": "size_mismatch", "empty": "empty_body", "full": "full_mask", "dark": "empty_picture",
        "negative": "looks_inverted", "cut": "not_an_image", "halved": "bone_missing", "points": "bad_joints",
        "json": "bad_joints", "other": "not_an_image", "plain": "one_picture", "scan": "mask_missing",
    }  # fmt: skip


def test_all_problems_are_reported_together_and_nothing_is_written(tmp_path):
    source = tmp_path / "in"
    wanted = spoil(source)
    pair(source, "good", seed=3)
    error = refused(import_folder, source, tmp_path / "out", ALL_TRAIN)
    assert codes(error) == wanted
    assert f"{len(wanted)} of {len(wanted) + 1}" in error.message
    for problem in error.problems:
        assert problem.name in problem.error.message and problem.error.fix
    assert [path.name for path in tmp_path.iterdir()] == ["in"]
    report = import_folder(source, tmp_path / "out", ALL_TRAIN, skip_bad=True)
    assert {problem.name: problem.error.code for problem in report.problems} == wanted
    assert report.samples == {"train": 1}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out"]


def test_a_failure_on_the_way_leaves_nothing_behind(tmp_path):
    source = tmp_path / "in"
    pair(source, "a")
    units, body = body_volume((10, 8, 16))
    nifti(source / "b.nii.gz", np.minimum(units, 60))
    nifti(source / "b.body.nii.gz", body, dtype=np.uint8)
    settings = ImportSettings(size=48, split="train", yaws=(0.0,))
    assert codes(refused(import_folder, source, tmp_path / "out", settings)) == {"b": "no_bone"}
    assert [path.name for path in tmp_path.iterdir()] == ["in"]
    near = ImportSettings(size=48, split="train", yaws=(0.0,), distance=0.018)
    assert codes(refused(import_folder, source, tmp_path / "out", near)) == {"b": "bad_distance"}


def test_a_used_folder_is_left_alone(tmp_path):
    pair(tmp_path / "in", "a")
    (tmp_path / "out").mkdir()
    import_folder(tmp_path / "in", tmp_path / "out", ALL_TRAIN)
    before = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert refused(import_folder, tmp_path / "in", tmp_path / "out", ALL_TRAIN).code == "folder_in_use"
    from maskel_core.data.build import build_shards

    assert refused(build_shards, 1, 64, 0, tmp_path / "out").code == "data_mismatch"
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == before


@pytest.mark.parametrize(
    "changes, code",
    [({"size": 8}, "bad_size"), ({"view": "up"}, "bad_view"), ({"yaws": ()}, "bad_views"), ({"val": 1.0}, "bad_share"),
     ({"distance": -1.0}, "bad_distance"), ({"energy": 500.0}, "bad_energy"), ({"grey": Grey(bone_scale=0)}, "bad_scale")],
)  # fmt: skip
def test_settings_out_of_range_are_refused(tmp_path, changes, code):
    pair(tmp_path / "in", "a")
    assert refused(import_folder, tmp_path / "in", tmp_path / "out", ImportSettings(**changes)).code == code


def test_a_package_that_is_missing_names_its_extra(tmp_path, monkeypatch):
    pair(tmp_path / "in", "a")
    dicom(tmp_path / "in" / "b.bone.dcm", np.ones((72, 72), np.uint16))
    png(tmp_path / "in" / "b.mask.png", np.full((72, 72), 255, np.uint8))
    monkeypatch.setitem(sys.modules, "pydicom", None)
    error = refused(import_folder, tmp_path / "in", tmp_path / "out", ALL_TRAIN)
    assert error.code == "package_missing" and "maskel[import]" in error.fix


def test_a_scan_gives_its_views_of_one_person_and_joints(tmp_path):
    units, body = body_volume()
    for person in ("sub-1", "sub-2", "sub-3"):
        nifti(tmp_path / "in" / person / "ct.nii.gz", units)
        nifti(tmp_path / "in" / person / "ct.body.nii.gz", body, dtype=np.uint8)
    (tmp_path / "in" / "sub-1" / "ct.joints.json").write_text('{"head": {"x": 40, "y": 0, "z": 120}}')
    settings = ImportSettings(size=40, yaws=(0.0, 180.0, 90.0), distance=4.0)
    report = import_folder(tmp_path / "in", tmp_path / "out", settings)
    assert report.samples == {"train": 3, "val": 3, "test": 3} and set(report.people.values()) == {1}
    manifest = json.loads(report.manifest.read_text())
    with Image.open(tmp_path / "out" / "preview.png") as sheet:
        shown = np.asarray(sheet)
    assert shown.shape == (5 * 160, 6 * 160) and shown[:160].any() and not shown[-160:, 480:].any()
    assert manifest["count"] == 9 and manifest["import"]["distance"] == 4.0
    for name, entry in manifest["shards"].items():
        assert entry["sha256"] == checksum(tmp_path / "out" / name)
    for split in ("train", "val", "test"):
        store = SampleStore.open(tmp_path / "out", split, cache=False)
        assert len({meta["body"]["person"] for meta in store.metas}) == 1
        assert store.batch(range(3), 64, 0.04).view.tolist() == [1, 2, 3]
        for meta, (bone, soft) in zip(store.metas, store.layers, strict=True):
            assert bone.max() > 1 and soft.max() > 1
            if meta["body"]["person"] == "sub-1" and meta["camera"]["yaw"] == 0:
                # 40 mm to the person's right is left of the middle in the front view; 120 mm up is above it.
                pixel = meta["pixel_mm"] / 1
                x, y = (meta["joints"]["head"][axis] - 19.5 for axis in "xy")
                assert x * pixel == pytest.approx(-40, abs=8) and y * pixel == pytest.approx(-120, abs=16)
