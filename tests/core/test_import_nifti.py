"""Everything that can be wrong with a CT volume is a typed error that names the file."""

from __future__ import annotations

import numpy as np
import pytest
from maskel_core.data.importing.ct import load_scan
from maskel_core.data.importing.naming import Item
from maskel_core.data.importing.nifti import read_mask, read_volume
from maskel_core.errors import MaskelError

from tests.core.importable import body_volume, centred, nifti, truncated

UNITS, BODY = body_volume((10, 8, 16))


def refused(call, *arguments, **named) -> MaskelError:
    with pytest.raises(MaskelError) as caught:
        call(*arguments, **named)
    return caught.value


def item(tmp_path, units=UNITS, body=BODY, **header) -> Item:
    files = {
        "ct": nifti(tmp_path / "p.nii.gz", units, **header),
        "body": nifti(tmp_path / "p.body.nii.gz", body, dtype=np.uint8),
    }
    return Item("p", "ct", files)


@pytest.mark.parametrize("ending", ["nii", "nii.gz"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.97])
def test_cut_files(tmp_path, ending, share):
    noise = UNITS + np.random.default_rng(0).integers(0, 99, UNITS.shape)
    path = truncated(nifti(tmp_path / f"cut.{ending}", noise), share)
    error = refused(read_volume, path)
    assert error.code in ("nifti_damaged", "not_nifti")
    assert "cut" in error.message


def test_damaged_inside_a_compressed_file(tmp_path):
    path = nifti(tmp_path / "p.nii.gz", UNITS + np.random.default_rng(0).integers(0, 99, UNITS.shape))
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 40] = bytes(40)
    path.write_bytes(data)
    assert refused(read_volume, path).code == "nifti_damaged"


def test_what_is_no_nifti(tmp_path):
    (tmp_path / "p.nii").write_bytes(b"no volume at all " * 50)
    assert refused(read_volume, tmp_path / "p.nii").code == "not_nifti"
    assert refused(read_volume, tmp_path / "gone.nii").code in ("nifti_damaged", "not_nifti")


def test_dimensions(tmp_path):
    assert refused(read_volume, nifti(tmp_path / "a.nii", np.stack([UNITS] * 2, 3))).code == "bad_dimensions"
    assert refused(read_volume, nifti(tmp_path / "b.nii", UNITS[:, :, :1])).code == "bad_dimensions"
    assert refused(read_volume, nifti(tmp_path / "c.nii", UNITS[:, :, 0], np.eye(4))).code == "bad_dimensions"
    assert read_volume(nifti(tmp_path / "d.nii", UNITS[..., None])).shape == UNITS.shape


def test_colours(tmp_path):
    import nibabel

    rgb = np.zeros(UNITS.shape, dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    nibabel.save(nibabel.Nifti1Image(rgb, np.eye(4)), tmp_path / "p.nii")
    assert refused(read_volume, tmp_path / "p.nii").code == "colour"


def test_place_in_the_room(tmp_path):
    lost = nifti(tmp_path / "a.nii", UNITS)
    data = bytearray(lost.read_bytes())
    data[252:256] = bytes(4)  # qform_code and sform_code; nibabel would fill them in
    lost.write_bytes(data)
    assert refused(read_volume, lost).code == "no_orientation"
    flat = np.diag([8.0, 8, 8, 1])
    flat[:, 1] = flat[:, 0]
    assert refused(read_volume, nifti(tmp_path / "b.nii", UNITS, flat)).code == "bad_affine"
    huge = nifti(tmp_path / "c.nii", UNITS, np.diag([800.0, 800, 800, 1]))
    assert refused(read_volume, huge).code == "bad_affine"


def test_values_that_are_no_numbers(tmp_path):
    holes = UNITS.copy()
    holes[0, 0, 0] = np.nan
    assert refused(read_volume, nifti(tmp_path / "p.nii.gz", holes, dtype=np.float32)).code == "not_finite"


def test_scaled_values_are_scaled(tmp_path):
    import nibabel

    image = nibabel.Nifti1Image(UNITS, centred(UNITS.shape, (8, 8, 8)))
    image.set_data_dtype(np.uint8)
    nibabel.save(image, tmp_path / "p.nii.gz")
    volume = read_volume(tmp_path / "p.nii.gz")
    assert volume.stored.dtype == np.uint8
    assert volume.part(0, 10) == pytest.approx(UNITS, abs=8)


def test_masks_of_another_grid(tmp_path):
    volume = read_volume(nifti(tmp_path / "p.nii", UNITS))
    smaller = nifti(tmp_path / "a.nii", BODY[:-1], dtype=np.uint8)
    assert refused(read_mask, smaller, volume).code == "mask_mismatch"
    elsewhere = centred(BODY.shape, (8.0, 8.0, 8.0))
    elsewhere[0, 3] += 30
    moved = nifti(tmp_path / "b.nii", BODY, elsewhere, np.uint8)
    assert refused(read_mask, moved, volume).code == "mask_mismatch"
    empty = nifti(tmp_path / "c.nii", BODY * 0, dtype=np.uint8)
    assert refused(read_mask, empty, volume).code == "empty_body"
    assert np.array_equal(read_mask(nifti(tmp_path / "d.nii", BODY, dtype=np.uint8), volume), BODY)


@pytest.mark.parametrize(
    "change", [lambda u: u + 1024, lambda u: u * 0.0002, lambda u: u * 0 - 1000, lambda u: u - 500]
)
def test_what_are_no_hounsfield_units(tmp_path, change):
    wrong = change(UNITS)
    if np.ptp(wrong) and np.abs(wrong).max() < 1:
        wrong = wrong - wrong.min()
    error = refused(load_scan, item(tmp_path, wrong, dtype=np.float32))
    assert error.code == "not_hounsfield"
    assert "p.nii.gz" in error.message


def test_nothing_but_air_and_halves(tmp_path):
    air = Item("p", "ct", {"ct": nifti(tmp_path / "a.nii", UNITS * 0 - 1000)})
    assert refused(load_scan, air, segment=True).code == "empty_body"
    assert refused(load_scan, air).code == "mask_missing"
    half = Item("p", "ct", {"body": nifti(tmp_path / "b.nii", BODY, dtype=np.uint8)})
    assert refused(load_scan, half).code == "ct_missing"


def test_a_good_scan_is_cut_to_its_body(tmp_path):
    scan = load_scan(item(tmp_path))
    assert scan.body.sum() == BODY.sum()
    assert scan.body.any((1, 2)).all() and scan.body.any((0, 2)).all() and scan.body.any((0, 1)).all()
