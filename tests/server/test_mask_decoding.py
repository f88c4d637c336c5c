"""What a mask file means, in every kind of file an artist may hand over."""

from __future__ import annotations

import io
import struct
import time
import zlib

import numpy as np
import pytest
from maskel_core.errors import MaskelError
from maskel_core.images import decode_mask, encode_layer, encode_png
from PIL import Image

from tests.server.doubles import pixels_of, png_of


@pytest.fixture
def ramp():
    """uint8 (16, 32): every eighth grey value, different in each row."""
    return ((np.arange(32)[None] * 8 + np.arange(16)[:, None]) % 256).astype(np.uint8)


def test_grey_is_the_mask(ramp):
    assert np.array_equal(decode_mask(png_of(ramp)), ramp)


def test_one_bit(ramp):
    bits = ramp > 127
    assert np.array_equal(decode_mask(png_of(Image.fromarray(bits))), bits * np.uint8(255))


def test_sixteen_bits_are_scaled(ramp):
    wide = ramp.astype(np.uint16) * 257
    assert np.array_equal(decode_mask(png_of(wide)), ramp)
    assert decode_mask(png_of(np.full((2, 2), 65535, np.uint16))).max() == 255


def test_an_alpha_that_varies_wins(ramp):
    rgba = np.dstack([np.full((*ramp.shape, 3), 17, np.uint8), ramp])
    assert np.array_equal(decode_mask(png_of(rgba)), ramp)
    assert np.array_equal(decode_mask(png_of(rgba, "WEBP", lossless=True, exact=True)), ramp)


@pytest.mark.parametrize("alpha", [255, 0])
def test_a_constant_alpha_says_nothing(ramp, alpha):
    rgba = np.dstack([ramp, ramp, ramp, np.full_like(ramp, alpha)])
    assert np.array_equal(decode_mask(png_of(rgba)), ramp)


def test_grey_with_alpha(ramp):
    image = Image.merge("LA", [Image.fromarray(np.full_like(ramp, 9)), Image.fromarray(ramp)])
    assert np.array_equal(decode_mask(png_of(image)), ramp)


def test_colour_is_luminance():
    rgb = np.zeros((1, 3, 3), np.uint8)
    rgb[0, range(3), range(3)] = 255
    assert decode_mask(png_of(rgb)).tolist() == [[76, 150, 29]]


def test_a_palette_is_looked_up():
    image = Image.fromarray(np.array([[0, 1], [1, 0]], np.uint8), "L").convert("P")
    image.putpalette([255, 255, 255, 0, 0, 0])
    assert decode_mask(png_of(image)).tolist() == [[255, 0], [0, 255]]


def test_a_transparent_palette_entry_is_alpha():
    image = Image.new("P", (4, 1))
    image.putdata([0, 1, 1, 0])
    image.putpalette([10, 10, 10, 10, 10, 10])
    assert decode_mask(png_of(image, transparency=0)).tolist() == [[0, 255, 255, 0]]


def test_jpeg(ramp):
    smooth = np.repeat(np.arange(0, 256, 8, dtype=np.uint8)[None], 32, 0)
    assert np.abs(decode_mask(png_of(smooth, "JPEG", quality=95)).astype(int) - smooth).max() <= 4


def test_exif_orientation_is_not_applied():
    image = Image.new("L", (8, 4))
    exif = Image.Exif()
    exif[0x0112] = 6
    assert decode_mask(png_of(image, "JPEG", exif=exif)).shape == (4, 8)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_every_cut_off_file_is_typed(kind):
    data = png_of(np.random.default_rng(1).integers(0, 256, (64, 64), np.uint8), kind)
    for length in range(0, len(data) - 16, max(1, len(data) // 60)):
        with pytest.raises(MaskelError) as caught:
            decode_mask(data[:length])
        assert caught.value.code == "not_an_image"


def test_damaged_bytes_never_escape_as_another_error():
    rng = np.random.default_rng(2)
    whole = np.random.default_rng(3).integers(0, 256, (32, 32, 4), np.uint8)
    for kind in ("PNG", "WEBP"):
        data = np.frombuffer(png_of(whole, kind), np.uint8)
        for _ in range(150):
            hurt = data.copy()
            hurt[rng.integers(0, len(hurt), 4)] = rng.integers(0, 256, 4)
            try:
                mask = decode_mask(hurt.tobytes(), 10_000)
            except MaskelError as error:
                assert error.code in ("not_an_image", "too_many_pixels")
            else:
                assert mask.dtype == np.uint8 and mask.ndim == 2


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def bomb(width, height):
    """A small PNG that claims, and would decompress to, width * height pixels."""
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes(min(50_000_000, (width // 8 + 1) * height)), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(20_000, 20_000), (30_000, 2_000), (2**31 - 1, 2**31 - 1), (10_000, 5_000)])
def test_bombs_are_refused_from_the_header(size):
    data = bomb(*size)
    assert len(data) < 200_000
    started = time.perf_counter()
    with pytest.raises(MaskelError) as caught:
        decode_mask(data)
    assert caught.value.code == "too_many_pixels"
    assert time.perf_counter() - started < 0.5


def test_a_webp_that_claims_to_be_giant():
    giant = io.BytesIO()
    Image.new("RGBA", (8000, 8000)).save(giant, "WEBP", lossless=True)
    with pytest.raises(MaskelError) as caught:
        decode_mask(giant.getvalue())
    assert caught.value.code == "too_many_pixels"


def test_the_limit_is_exact(ramp):
    assert decode_mask(png_of(ramp), 512).shape == (16, 32)
    with pytest.raises(MaskelError):
        decode_mask(png_of(ramp), 511)


def test_png_round_trip(ramp):
    assert pixels_of(encode_png(ramp))[0] == "L"
    assert np.array_equal(decode_mask(encode_png(ramp)), ramp)
    with pytest.raises(ValueError, match="float64"):
        encode_png(ramp.astype(np.float64))
    with pytest.raises(ValueError, match="uint8"):
        encode_png(ramp[None])


def test_layers_keep_half_a_step():
    layer = np.random.default_rng(0).uniform(0, 7, (20, 30)).astype(np.float32)
    layer[0, 0] = np.nan
    png, scale = encode_layer(layer)
    pixels = pixels_of(png)[1]
    assert pixels[0, 0] == 0
    assert np.abs(pixels * scale - np.nan_to_num(layer)).max() <= scale / 2 + 1e-5
    assert encode_layer(np.zeros((3, 3), np.float32))[1] > 0
