"""PNG (ISO/IEC 15948) in as much as is needed: grey of 8 and 16 bits, RGB of 16, RGBA of 8, text. No interlacing."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from ..errors import ClientError

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREY, _RGB, _RGBA = 0, 2, 6
_MAX_TEXT_BYTES = 1 << 20
_MAX_PIXELS = 1 << 27


def encode_png(
    pixels: NDArray[np.uint8 | np.uint16], level: int = 6, text: Mapping[str, str] | None = None
) -> bytes:
    """Write a PNG.

    Args:
        pixels: Row 0 at the top: (H, W) uint8 or uint16 grey, (H, W, 3) uint16 RGB, or (H, W, 4) uint8 RGBA (straight alpha).
        level: zlib level, 0..9.
        text: Text chunks to write, by keyword (1 to 79 Latin-1 characters).

    """
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    colour = {(1, 1): _GREY, (2, 1): _GREY, (2, 3): _RGB, (1, 4): _RGBA}.get(
        (pixels.dtype.itemsize, channels)
    )
    if colour is None or pixels.dtype.kind != "u" or not pixels.size or pixels.ndim not in (2, 3):
        raise ValueError("pixels must be uint8 (H, W) or (H, W, 4), or uint16 (H, W) or (H, W, 3)")
    height, width = pixels.shape[:2]
    depth = 8 * pixels.dtype.itemsize
    rows = (
        np.ascontiguousarray(pixels.astype(pixels.dtype.newbyteorder(">"))).view(np.uint8).reshape(height, -1)
    )
    # filter "up": silhouettes and X-rays change little from row to row
    filtered = np.empty((height, rows.shape[1] + 1), np.uint8)
    filtered[:, 0] = 2
    filtered[0, 1:] = rows[0]
    np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"".join(
        (
            _SIGNATURE,
            _chunk(b"IHDR", header),
            *(_text_chunk(keyword, value) for keyword, value in (text or {}).items()),
            _chunk(b"IDAT", zlib.compress(filtered.tobytes(), level)),
            _chunk(b"IEND", b""),
        )
    )


def add_text(data: bytes, text: Mapping[str, str]) -> bytes:
    """The same PNG with text chunks behind its header; the pixels stay as they are.

    Raises:
        ClientError: ``bad_picture``.

    """
    try:
        kind, _ = next(_chunks(data))
        if kind != b"IHDR":
            raise ValueError("no header")
    except (ValueError, struct.error, StopIteration) as error:
        raise _bad_picture(error) from None
    end = len(_SIGNATURE) + 25
    return data[:end] + b"".join(_text_chunk(*item) for item in text.items()) + data[end:]


def read_text(data: bytes) -> dict[str, str]:
    """Text of tEXt and iTXt chunks, by keyword.

    Raises:
        ClientError: ``bad_picture``.

    """
    found = {}
    try:
        for kind, body in _chunks(data):
            keyword, _, rest = body.partition(b"\0")
            if kind == b"tEXt":
                found[keyword.decode("latin-1")] = rest.decode("latin-1")
            elif kind == b"iTXt":
                packed, (_, _, value) = rest[0], rest[2:].split(b"\0", 2)
                if packed:
                    value = zlib.decompressobj().decompress(value, _MAX_TEXT_BYTES)
                found[keyword.decode("latin-1")] = value.decode()
    except (ValueError, IndexError, zlib.error, struct.error) as error:
        raise _bad_picture(error) from None
    return found


def decode_png(data: bytes) -> NDArray[np.uint8]:
    """Read an 8-bit grey PNG.

    Returns:
        (H, W) uint8, row 0 at the top.

    Raises:
        ClientError: ``bad_picture`` if it is damaged or of another kind.

    """
    return _read(data, 8, _GREY)


def decode_rgba(data: bytes) -> NDArray[np.uint8]:
    """Read an RGBA PNG of 8 bits a channel.

    Returns:
        (H, W, 4) uint8, row 0 at the top.

    Raises:
        ClientError: ``bad_picture`` if it is damaged or of another kind.

    """
    return _read(data, 8, _RGBA)


def decode_png16(data: bytes) -> NDArray[np.uint16]:
    """Read a 16-bit grey PNG.

    Returns:
        (H, W) uint16, row 0 at the top.

    Raises:
        ClientError: ``bad_picture`` if it is damaged or of another kind.

    """
    return _read(data, 16, _GREY)


def decode_png48(data: bytes) -> NDArray[np.uint16]:
    """Read an RGB PNG of 16 bits a channel.

    Returns:
        (H, W, 3) uint16, row 0 at the top.

    Raises:
        ClientError: ``bad_picture`` if it is damaged or of another kind.

    """
    return _read(data, 16, _RGB)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _text_chunk(keyword: str, value: str) -> bytes:
    name = keyword.encode("latin-1")
    if not 0 < len(name) < 80 or b"\0" in name:
        raise ValueError("a keyword has 1 to 79 characters")
    value = value.replace("\0", "")
    try:
        return _chunk(b"tEXt", name + b"\0" + value.encode("latin-1"))
    except UnicodeEncodeError:
        return _chunk(b"iTXt", name + b"\0\0\0\0\0" + value.encode("utf-8", "replace"))


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    if data[:8] != _SIGNATURE:
        raise ValueError("not a PNG")
    position, kind = 8, b""
    while kind != b"IEND":
        if position >= len(data):
            raise ValueError("cut short")
        length, kind = struct.unpack_from(">I4s", data, position)
        body = data[position + 8 : position + 8 + length]
        (checksum,) = struct.unpack_from(">I", data, position + 8 + length)
        if checksum != zlib.crc32(kind + body):
            raise ValueError("damaged")
        yield kind, body
        position += 12 + length


def _bad_picture(error: Exception) -> ClientError:
    return ClientError(
        "bad_picture",
        f"The picture cannot be read: {error}.",
        "Update server and add-on to the same version.",
    )


def _read(data: bytes, depth: int, colour: int) -> NDArray:
    try:
        return _decode(data, depth, colour)
    except (ValueError, zlib.error, struct.error) as error:
        raise _bad_picture(error) from None


def _decode(data: bytes, wanted_depth: int, wanted_colour: int) -> NDArray:
    header, packed = None, []
    for kind, body in _chunks(data):
        if kind == b"IHDR":
            header = struct.unpack(">IIBBBBB", body)
        elif kind == b"IDAT":
            packed.append(body)
    if header is None:
        raise ValueError("no header")
    width, height, depth, colour, _, _, interlace = header
    if (depth, colour, interlace) != (wanted_depth, wanted_colour, 0):
        raise ValueError(f"not plain {wanted_depth}-bit {'grey' if wanted_colour == _GREY else 'colour'}")
    if not 0 < width * height <= _MAX_PIXELS:
        raise ValueError("too large")
    channels = {_GREY: 1, _RGB: 3, _RGBA: 4}[colour]
    step = depth // 8 * channels
    size = height * (width * step + 1)
    raw = zlib.decompressobj().decompress(b"".join(packed), size)
    if len(raw) != size:
        raise ValueError("cut short")
    lines = np.frombuffer(raw, np.uint8).reshape(height, width * step + 1)
    kinds, coded = lines[:, 0], lines[:, 1:]
    if kinds.min() == 2 == kinds.max():
        pixels = np.cumsum(coded, axis=0, dtype=np.uint8)
    else:
        # filters work on the bytes of neighbouring pixels of the same rank, so each rank is a picture of its own
        pixels = np.empty_like(coded)
        for rank in range(step):
            pixels[:, rank::step] = _unfilter(kinds, np.ascontiguousarray(coded[:, rank::step]))
    if depth == 16:
        pixels = np.ascontiguousarray(pixels).view(">u2").astype(np.uint16)
    return pixels.reshape(height, width, channels) if channels > 1 else pixels


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
