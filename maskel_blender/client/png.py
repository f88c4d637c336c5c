"""PNG (ISO/IEC 15948) in as much as is needed: write 8-bit grey and RGBA, read 8-bit grey. No interlacing."""

from __future__ import annotations

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

from ..errors import ClientError

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREY, _RGBA = 0, 6
_MAX_PIXELS = 1 << 27


def encode_png(pixels: NDArray[np.uint8], level: int = 6) -> bytes:
    """Write a PNG.

    Args:
        pixels: (H, W) uint8 grey or (H, W, 4) uint8 RGBA (straight alpha), row 0 at the top.
        level: zlib level, 0..9.

    """
    if (
        pixels.dtype != np.uint8
        or not pixels.size
        or not (pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] == 4))
    ):
        raise ValueError("pixels must be uint8 (H, W) or (H, W, 4)")
    height, width = pixels.shape[:2]
    rows = pixels.reshape(height, -1)
    # filter "up": silhouettes and X-rays change little from row to row
    filtered = np.empty((height, rows.shape[1] + 1), np.uint8)
    filtered[:, 0] = 2
    filtered[0, 1:] = rows[0]
    np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])
    header = struct.pack(">IIBBBBB", width, height, 8, _GREY if pixels.ndim == 2 else _RGBA, 0, 0, 0)
    return b"".join(
        (
            _SIGNATURE,
            _chunk(b"IHDR", header),
            _chunk(b"IDAT", zlib.compress(filtered.tobytes(), level)),
            _chunk(b"IEND", b""),
        )
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def decode_png(data: bytes) -> NDArray[np.uint8]:
    """Read an 8-bit grey PNG.

    Returns:
        (H, W) uint8, row 0 at the top.

    Raises:
        ClientError: ``bad_picture`` if it is damaged or of another kind.

    """
    try:
        return _decode(data)
    except (ValueError, zlib.error, struct.error) as error:
        raise ClientError(
            "bad_picture",
            f"The server's picture cannot be read: {error}.",
            "Update server and add-on to the same version.",
        ) from None


def _decode(data: bytes) -> NDArray[np.uint8]:
    if data[:8] != _SIGNATURE:
        raise ValueError("not a PNG")
    position, header, packed, ended = 8, None, [], False
    while position < len(data) and not ended:
        length, kind = struct.unpack_from(">I4s", data, position)
        body = data[position + 8 : position + 8 + length]
        (checksum,) = struct.unpack_from(">I", data, position + 8 + length)
        if checksum != zlib.crc32(kind + body):
            raise ValueError("damaged")
        if kind == b"IHDR":
            header = struct.unpack(">IIBBBBB", body)
        elif kind == b"IDAT":
            packed.append(body)
        ended = kind == b"IEND"
        position += 12 + length
    if header is None or not ended:
        raise ValueError("cut short")
    width, height, depth, colour, _, _, interlace = header
    if (depth, colour, interlace) != (8, _GREY, 0):
        raise ValueError("not plain 8-bit grey")
    if not 0 < width * height <= _MAX_PIXELS:
        raise ValueError("too large")
    size = height * (width + 1)
    raw = zlib.decompressobj().decompress(b"".join(packed), size)
    if len(raw) != size:
        raise ValueError("cut short")
    lines = np.frombuffer(raw, np.uint8).reshape(height, width + 1)
    return _unfilter(lines[:, 0], lines[:, 1:])


def _unfilter(kinds: NDArray[np.uint8], coded: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if kinds.max(initial=0) > 4:
        raise ValueError("unknown filter")
    if kinds.max(initial=0) > 2:
        return _unfilter_diagonally(kinds, coded)
    out = np.empty_like(coded)
    above = np.zeros(coded.shape[1], np.uint8)
    for row, kind in enumerate(kinds):
        line = coded[row]
        if kind == 1:
            line = np.cumsum(line, dtype=np.uint8)
        elif kind == 2:
            line = line + above
        out[row] = above = line
    return out


def _unfilter_diagonally(kinds: NDArray[np.uint8], coded: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """All filters. A pixel needs its left, upper and upper left neighbours, so all pixels of an anti-diagonal go at once."""
    height, width = coded.shape
    rows = np.arange(height)
    steps = height + width - 1
    # skewed[t, r] = coded[r, t - r]; column 0 of the results stands for the row above the first
    skewed = np.zeros((steps, height), np.int16)
    for row in range(height):
        skewed[row : row + width, row] = coded[row]
    sub, up, mean, paeth = (kinds == k for k in (1, 2, 3, 4))
    done = np.zeros((steps, height + 1), np.int16)
    nothing = np.zeros(height + 1, np.int16)
    for t in range(steps):
        before = done[t - 1] if t else nothing
        left = np.where(rows < t, before[1:], 0)
        above = before[:-1]
        corner = np.where(rows < t, done[t - 2][:-1], 0) if t > 1 else nothing[1:]
        distance_left, distance_above = np.abs(above - corner), np.abs(left - corner)
        distance_corner = np.abs(left + above - 2 * corner)
        nearest = np.where(
            (distance_left <= distance_above) & (distance_left <= distance_corner),
            left,
            np.where(distance_above <= distance_corner, above, corner),
        )
        guess = sub * left + up * above + mean * ((left + above) >> 1) + paeth * nearest
        line = (skewed[t] + guess) & 255
        # outside the picture's parallelogram nothing may leak in
        line[(rows > t) | (t - rows >= width)] = 0
        done[t, 1:] = line
    out = np.empty_like(coded)
    for row in range(height):
        out[row] = done[row : row + width, row + 1]
    return out
