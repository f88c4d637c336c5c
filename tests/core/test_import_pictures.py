"""Pictures of PNG and DICOM files, and what their grey values mean."""

from __future__ import annotations

import numpy as np
import pytest
from maskel_core.data.importing.dicom import read_dicom
from maskel_core.data.importing.pairs import read_picture
from maskel_core.data.importing.pictures import Grey, Picture, line_integral, read_png
from maskel_core.errors import MaskelError
from PIL import Image

from tests.core.importable import dicom, png, truncated

RAMP = np.linspace(0, 4095, 12 * 10).reshape(12, 10).astype(np.uint16)


def refused(call, *arguments) -> MaskelError:
    with pytest.raises(MaskelError) as caught:
        call(*arguments)
    return caught.value


def integrals(path, grey: Grey | None = None, scale: float = 1.0) -> np.ndarray:
    return line_integral(read_picture(path), grey or Grey(), scale, path)


def test_eight_and_sixteen_bits_say_the_same(tmp_path):
    ramp = np.arange(240, dtype=np.uint8).reshape(12, 20)
    eight = integrals(png(tmp_path / "a.png", ramp), scale=3.0)
    sixteen = integrals(png(tmp_path / "b.png", ramp.astype(np.uint16) * 257), scale=3.0)
    assert eight == pytest.approx(sixteen, abs=1e-6)
    assert eight[11, 19] == pytest.approx(3.0 * 239 / 255)


def test_grey_saved_as_colour_is_grey_and_colour_is_refused(tmp_path):
    ramp = np.arange(240, dtype=np.uint8).reshape(12, 20)
    same = png(tmp_path / "a.png", np.stack([ramp] * 3, axis=2))
    assert np.array_equal(read_png(same).values, ramp)
    other = png(tmp_path / "b.png", np.stack([ramp, ramp, 255 - ramp], axis=2))
    assert refused(read_png, other).code == "colour"


def test_broken_pngs_are_named(tmp_path):
    cut = truncated(png(tmp_path / "cut.png", np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8)))
    assert refused(read_png, cut).code == "not_an_image"
    assert "cut.png" in refused(read_png, cut).message
    Image.new("L", (4, 4)).save(tmp_path / "j.jpg")
    (tmp_path / "j.png").write_bytes((tmp_path / "j.jpg").read_bytes())
    assert refused(read_png, tmp_path / "j.png").code == "not_an_image"
    (tmp_path / "empty.png").write_bytes(b"")
    assert refused(read_png, tmp_path / "empty.png").code == "not_an_image"
    assert refused(read_png, tmp_path / "none.png").code == "cannot_read"


def test_stored_bits_say_what_white_is(tmp_path):
    path = dicom(tmp_path / "a.dcm", RAMP, BitsStored=12)
    assert integrals(path).max() == pytest.approx(1.0)
    assert integrals(dicom(tmp_path / "b.dcm", RAMP)).max() == pytest.approx(4095 / 65535)


def test_bits_beyond_the_stored_ones_are_ignored(tmp_path):
    dirty = dicom(tmp_path / "a.dcm", RAMP | 0xF000, BitsStored=12)
    assert np.array_equal(read_dicom(dirty).values, RAMP)


def test_monochrome1_is_turned(tmp_path):
    usual = integrals(dicom(tmp_path / "a.dcm", RAMP, BitsStored=12))
    turned = integrals(dicom(tmp_path / "b.dcm", 4095 - RAMP, "MONOCHROME1", BitsStored=12))
    assert turned == pytest.approx(usual, abs=1e-6)
    assert integrals(tmp_path / "b.dcm", Grey(invert=True)) == pytest.approx(1 - usual, abs=1e-6)


def test_rescale_gives_the_units_of_black_and_white(tmp_path):
    path = dicom(tmp_path / "a.dcm", RAMP, BitsStored=12, RescaleSlope="0.001", RescaleIntercept="-0.5")
    picture = read_dicom(path)
    assert picture.values == pytest.approx(RAMP * 0.001 - 0.5, abs=1e-5)
    assert (picture.low, picture.high) == pytest.approx((-0.5, 3.595))
    # Areal density in g/cm2: 0 is nothing, 2 is white, more is more.
    dense = integrals(path, Grey(black=0.0, white=2.0), scale=4.0)
    assert dense == pytest.approx(2 * (RAMP * 0.001 - 0.5).clip(0), abs=1e-5)


def test_signed_values(tmp_path):
    stored = (RAMP.astype(np.int16)) - 2048
    assert integrals(dicom(tmp_path / "a.dcm", stored, BitsStored=12)).max() == pytest.approx(1.0)
    assert integrals(tmp_path / "a.dcm").min() == pytest.approx(0.0)


def test_window_is_used_when_asked(tmp_path):
    path = dicom(tmp_path / "a.dcm", RAMP, BitsStored=12, WindowCenter="1000.5", WindowWidth="1001")
    shown = integrals(path, Grey(window=True))
    assert shown == pytest.approx(((RAMP.astype(float) - 500) / 1000).clip(0), abs=1e-5)
    assert integrals(path).max() == pytest.approx(1.0)
    bare = dicom(tmp_path / "b.dcm", RAMP, BitsStored=12)
    assert refused(integrals, bare, Grey(window=True)).code == "no_window"


def test_spacing_is_read(tmp_path):
    assert read_dicom(dicom(tmp_path / "a.dcm", RAMP, PixelSpacing=[2.4, 1.2])).spacing == (2.4, 1.2)
    assert read_dicom(dicom(tmp_path / "b.dcm", RAMP)).spacing is None
    bad = dicom(tmp_path / "c.dcm", RAMP, PixelSpacing=[0.0, 1.2])
    assert refused(read_dicom, bad).code == "bad_spacing"


def test_run_lengths_are_decoded(tmp_path):
    import pydicom

    header = pydicom.dcmread(dicom(tmp_path / "a.dcm", RAMP, BitsStored=12))
    header.compress(pydicom.uid.RLELossless)
    header.save_as(tmp_path / "b.dcm")
    assert np.array_equal(read_dicom(tmp_path / "b.dcm").values, RAMP)


@pytest.mark.parametrize("syntax", ["MPEG2MPML", "JPEGLSLossless"])
def test_what_cannot_be_decoded_is_named(tmp_path, syntax):
    import pydicom
    from pydicom.encaps import encapsulate

    header = pydicom.dcmread(dicom(tmp_path / "a.dcm", RAMP, BitsStored=12))
    header.PixelData = encapsulate([b"\xff\xd8" + bytes(40)])
    header["PixelData"].is_undefined_length = True
    header.file_meta.TransferSyntaxUID = kind = getattr(pydicom.uid, syntax)
    header.save_as(tmp_path / "b.dcm")
    error = refused(read_dicom, tmp_path / "b.dcm")
    if syntax == "JPEGLSLossless" and pydicom.pixels.get_decoder(kind).is_available:
        assert error.code == "dicom_damaged"
    else:
        assert error.code == "unsupported_compression"
        assert kind.name in error.message and "gdcmconv" in error.fix


def test_dicoms_that_are_no_grey_picture(tmp_path):
    import pydicom

    several = dicom(tmp_path / "a.dcm", np.stack([RAMP] * 3), NumberOfFrames=3)
    assert refused(read_dicom, several).code == "many_frames"
    colour = dicom(tmp_path / "b.dcm", RAMP, "RGB", SamplesPerPixel=3)
    assert refused(read_dicom, colour).code == "colour"
    palette = dicom(tmp_path / "c.dcm", RAMP, "PALETTE COLOR")
    assert refused(read_dicom, palette).code == "colour"
    report = pydicom.dcmread(dicom(tmp_path / "d.dcm", RAMP))
    del report.PixelData
    report.save_as(tmp_path / "e.dcm")
    assert refused(read_dicom, tmp_path / "e.dcm").code == "no_pixels"
    report.EncryptedAttributesSequence = [pydicom.Dataset()]
    report.save_as(tmp_path / "f.dcm")
    assert refused(read_dicom, tmp_path / "f.dcm").code == "encrypted"
    (tmp_path / "g.dcm").write_bytes(b"\x30\x80" + bytes(300))
    assert refused(read_dicom, tmp_path / "g.dcm").code == "not_dicom"


@pytest.mark.parametrize("share", [0.3, 0.6, 0.8, 0.99])
def test_a_dicom_cut_anywhere_is_a_typed_error(tmp_path, share):
    error = refused(read_dicom, truncated(dicom(tmp_path / "cut.dcm", RAMP, BitsStored=12), share))
    assert error.code in ("dicom_damaged", "no_pixels", "not_dicom", "colour")
    assert "cut.dcm" in error.message


def test_intensities_follow_beer_and_lambert():
    true = np.linspace(0, 6, 50, dtype=np.float32).reshape(5, 10)
    open_beam = 40_000.0
    picture = Picture((open_beam * np.exp(-true)).astype(np.float32), 0.0, 65535.0)
    found = line_integral(picture, Grey(intensity=True, white=open_beam), 1.0, "x.png")
    assert found == pytest.approx(true, abs=1e-4)
    assert np.isfinite(line_integral(Picture(0 * true, 0.0, 1.0), Grey(intensity=True), 1.0, "x.png")).all()


def test_white_below_black_is_refused():
    error = refused(line_integral, Picture(RAMP.astype(np.float32), 0.0, 1.0), Grey(black=5.0), 1.0, "x.png")
    assert error.code == "bad_range"
