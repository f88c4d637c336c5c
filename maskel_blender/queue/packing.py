"""Answers as bytes, for the disk: a checksum, what it is as JSON, then the pictures."""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, get_args, get_origin, get_type_hints

from ..client.request import XrayAnswer

_MAGIC = b"MaSkel1\n"
_SHA256_BYTES = 32


def pack(answer: XrayAnswer) -> bytes:
    """An answer as bytes."""
    blobs: list[bytes] = []
    header = json.dumps([_plain(answer, blobs), [len(blob) for blob in blobs]]).encode()
    body = b"".join((struct.pack(">I", len(header)), header, *blobs))
    return _MAGIC + hashlib.sha256(body).digest() + body


def unpack(data: bytes) -> XrayAnswer:
    """Inverse of `pack`.

    Raises:
        ValueError: If it is damaged, or written by a version with other fields.

    """
    start = len(_MAGIC) + _SHA256_BYTES
    body = data[start:]
    if data[: len(_MAGIC)] != _MAGIC or hashlib.sha256(body).digest() != data[len(_MAGIC) : start]:
        raise ValueError("damaged")
    try:
        (length,) = struct.unpack_from(">I", body)
        values, sizes = json.loads(body[4 : 4 + length])
        blobs, position = [], 4 + length
        for size in sizes:
            blobs.append(body[position : position + size])
            position += size
        return _typed(values, XrayAnswer, blobs)
    except (TypeError, KeyError, IndexError, struct.error) as error:
        raise ValueError("of another version") from error


def _plain(value: Any, blobs: list[bytes]) -> Any:
    if isinstance(value, bytes):
        blobs.append(value)
        return len(blobs) - 1
    if is_dataclass(value):
        return {item.name: _plain(getattr(value, item.name), blobs) for item in fields(value)}
    if isinstance(value, Mapping):
        return {key: _plain(item, blobs) for key, item in value.items()}
    return value


def _typed(value: Any, kind: Any, blobs: list[bytes]) -> Any:
    """Plain values back into what the type says."""
    if kind is bytes:
        return blobs[value]
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        return kind(**{name: _typed(item, hints[name], blobs) for name, item in value.items()})  # type: ignore[operator]
    if get_origin(kind) is dict:
        return {key: _typed(item, get_args(kind)[1], blobs) for key, item in value.items()}
    return value
