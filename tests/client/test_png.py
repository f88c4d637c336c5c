"""Our PNG code against the standard's filters, and against damage."""

import struct
import zlib

import numpy as np
import pytest

from maskel_blender.client.png import (
    add_text,
    decode_png,
    decode_png16,
    decode_png48,
    decode_rgba,
    encode_png,
    read_text,
)
from maskel_blender.errors import ClientError


def filtered_png(image, kinds):
    """A PNG whose rows use the given filters, written pixel by pixel from the standard's definitions."""
    height, width = image.shape
    lines = bytearray()
    for y in range(height):
        lines.append(kinds[y])
        for x in range(width):
            a = int(image[y, x - 1]) if x else 0
            b = int(image[y - 1, x]) if y else 0
            c = int(image[y - 1, x - 1]) if x and y else 0
            p = a + b - c
            paeth = min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2]
            guess = (0, a, b, (a + b) // 2, paeth)[kinds[y]]
            lines.append((int(image[y, x]) - guess) % 256)

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = zlib.compress(bytes(lines))
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"tEXt", b"a\0b")
        + chunk(b"IDAT", data[:9])
        + chunk(b"IDAT", data[9:])
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (17, 23), (40, 11)])
@pytest.mark.parametrize("filters", [(0,), (1,), (2,), (3,), (4,), (0, 1, 2, 3, 4), (4, 3, 1)])
def test_every_filter(shape, filters):
    image = np.random.default_rng(3).integers(0, 256, shape, dtype=np.uint8)
    kinds = [filters[y % len(filters)] for y in range(shape[0])]
    np.testing.assert_array_equal(decode_png(filtered_png(image, kinds)), image)


def test_round_trip_and_other_reader():
    image = np.random.default_rng(1).integers(0, 256, (31, 57), dtype=np.uint8)
    np.testing.assert_array_equal(decode_png(encode_png(image)), image)
    pil = pytest.importorskip("PIL.Image")
    import io

    np.testing.assert_array_equal(np.asarray(pil.open(io.BytesIO(encode_png(image)))), image)
    rgba = np.random.default_rng(2).integers(0, 256, (8, 5, 4), dtype=np.uint8)
    np.testing.assert_array_equal(np.asarray(pil.open(io.BytesIO(encode_png(rgba)))), rgba)


def test_damage_is_a_typed_error():
    data = encode_png(np.full((20, 20), 7, np.uint8))
    for broken in (
        b"",
        b"GIF89a",
        data[:30],
        data[:-12],
        data[:50] + b"\0" + data[51:],
        encode_png(np.zeros((3, 3, 4), np.uint8)),
    ):
        with pytest.raises(ClientError) as caught:
            decode_png(broken)
        assert caught.value.code == "bad_picture"


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((0, 4), np.uint8),
        np.zeros((4, 4), np.float32),
        np.zeros((4, 4), np.int16),
        np.zeros((4, 4, 3), np.uint8),
        np.zeros((4, 4, 4), np.uint16),
        np.zeros(4, np.uint8),
    ],
)
def test_wrong_pixels(pixels):
    with pytest.raises(ValueError, match="uint8"):
        encode_png(pixels)


def test_sixteen_bits_as_the_server_writes_them():
    image = np.random.default_rng(4).integers(0, 65536, (33, 21), dtype=np.uint16)
    smooth = np.add.outer(np.arange(40, dtype=np.uint16) * 1500, np.arange(50, dtype=np.uint16) * 100)
    for pixels in (image, smooth, smooth[:1], smooth[:, :1]):
        np.testing.assert_array_equal(decode_png16(encode_png(pixels)), pixels)
        pil = pytest.importorskip("PIL.Image")
        import io

        np.testing.assert_array_equal(np.asarray(pil.open(io.BytesIO(encode_png(pixels)))), pixels)
        buffer = io.BytesIO()
        pil.fromarray(np.ascontiguousarray(pixels)).save(buffer, "PNG")
        np.testing.assert_array_equal(decode_png16(buffer.getvalue()), pixels)


def test_colours_come_back():
    draw = np.random.default_rng(5)
    deep, flat = (
        draw.integers(0, 65536, (9, 14, 3), dtype=np.uint16),
        draw.integers(0, 256, (9, 14, 4), dtype=np.uint8),
    )
    np.testing.assert_array_equal(decode_png48(encode_png(deep)), deep)
    np.testing.assert_array_equal(decode_rgba(encode_png(flat)), flat)
    for decode, data in ((decode_png, encode_png(deep)), (decode_png16, encode_png(flat))):
        with pytest.raises(ClientError):
            decode(data)


def test_text_in_the_file():
    image = np.full((5, 4), 77, np.uint8)
    text = {"Software": "MaSkel", "MaSkel camera": "カメラ é", "Comment": "Größe"}
    data = encode_png(image, text=text)
    assert read_text(data) == text
    more = add_text(data, {"Disclaimer": "Not for medical use"})
    assert read_text(more) == text | {"Disclaimer": "Not for medical use"}
    np.testing.assert_array_equal(decode_png(more), image)
    pil = pytest.importorskip("PIL.Image")
    import io

    with pil.open(io.BytesIO(more)) as opened:
        opened.load()
        assert opened.text == text | {"Disclaimer": "Not for medical use"}
    for keyword in ("", "x" * 80, "a\0b"):
        with pytest.raises(ValueError, match="keyword"):
            encode_png(image, text={keyword: ""})
    with pytest.raises(ClientError):
        add_text(b"no picture", {})
    with pytest.raises(ClientError):
        read_text(data[:-20])
