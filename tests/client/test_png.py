"""Our PNG code against the standard's filters, and against damage."""

import struct
import zlib

import numpy as np
import pytest

from maskel_blender.client.png import decode_png, encode_png
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
    "pixels", [np.zeros((0, 4), np.uint8), np.zeros((4, 4), np.float32), np.zeros((4, 4, 3), np.uint8)]
)
def test_wrong_pixels(pixels):
    with pytest.raises(ValueError, match="uint8"):
        encode_png(pixels)
