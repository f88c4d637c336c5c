"""One split as arrays in a single file that is mapped, not loaded: a safetensors file, written sample by sample."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np
from maskel_core.anatomy.joints import JOINT_NAMES
from numpy.typing import NDArray

_HEADER = 4096
"""Bytes kept free for the table of contents, which is known last."""

_KINDS = {"U8": np.uint8, "F16": np.float16, "F32": np.float32}


class Metas(Sequence[dict[str, Any]]):
    """JSON lines in a mapped array, parsed when asked for.

    Args:
        text: uint8 (bytes,), one JSON object a line.
    """

    def __init__(self, text: NDArray[np.uint8]) -> None:
        self._text = text
        self._ends = np.flatnonzero(text == ord("\n"))

    def __len__(self) -> int:
        return len(self._ends)

    @overload
    def __getitem__(self, index: int) -> dict[str, Any]: ...

    @overload
    def __getitem__(self, index: slice) -> list[dict[str, Any]]: ...

    def __getitem__(self, index: int | slice) -> dict[str, Any] | list[dict[str, Any]]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        number = range(len(self))[index]
        start = int(self._ends[number - 1]) + 1 if number else 0
        found: dict[str, Any] = json.loads(self._text[start : int(self._ends[number])].tobytes())
        return found

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]


def joints_of(meta: dict[str, Any]) -> list[tuple[float, float]]:
    """x, y in pixels of the named joints, NaN where unknown."""
    points = meta.get("joints", {})
    found = [points.get(name) for name in JOINT_NAMES]
    return [(p["x"], p["y"]) if p else (np.nan, np.nan) for p in found]


def write_cache(path: Path, samples: Iterable[dict[str, Any]], count: int, stamp: str) -> None:
    """Write samples as arrays, one at a time; the file appears whole or not at all.

    Args:
        path: To write.
        samples: Keys ``mask``, ``bone``, ``soft``, ``meta``.
        count: How many there are.
        stamp: What the file was made of.

    Raises:
        ValueError: A sample of another size than the first, or another number of samples.
    """
    # Named by chance: two processes that open the same data at once must not write into one file.
    part = path.with_suffix(f".{secrets.token_hex(4)}.part")
    try:
        _write(part, samples, count, stamp)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _write(part: Path, samples: Iterable[dict[str, Any]], count: int, stamp: str) -> None:
    each: Iterator[dict[str, Any]] = iter(samples)
    first = next(each)
    shape = first["mask"].shape
    arrays: dict[str, tuple[np.dtype[Any], tuple[int, ...]]] = {
        "layers": (np.dtype(np.float16), (count, 2, *shape)),
        "joints": (np.dtype(np.float32), (count, len(JOINT_NAMES), 2)),
        "masks": (np.dtype(np.uint8), (count, *shape)),
    }
    contents: dict[str, Any] = {}
    end = 0
    with part.open("wb") as file:
        for name, (kind, size) in arrays.items():
            begin, end = end, end + kind.itemsize * int(np.prod(size))
            contents[name] = {"dtype": _name(kind), "shape": list(size), "data_offsets": [begin, end]}
        places = {
            name: (_HEADER + contents[name]["data_offsets"][0], kind.itemsize * int(np.prod(size[1:])))
            for name, (kind, size) in arrays.items()
        }
        text = _HEADER + end
        number = 0
        for number, sample in enumerate(_chain(first, each), 1):
            layers = np.stack([sample["bone"], sample["soft"]]).astype(np.float16)
            if sample["mask"].shape != shape or layers.shape[1:] != shape or number > count:
                raise ValueError(f"sample {sample['key']} does not fit the others")
            joints = np.asarray(joints_of(sample["meta"]), dtype=np.float32)
            for name, data in (("layers", layers), ("joints", joints), ("masks", sample["mask"])):
                start, step = places[name]
                file.seek(start + (number - 1) * step)
                file.write(np.ascontiguousarray(data).tobytes())
            file.seek(text)
            text += file.write(json.dumps(sample["meta"]).encode() + b"\n")
        if number != count:
            raise ValueError(f"{number} samples instead of {count}")
        for name, size_of in (("metas", text - _HEADER - end), ("stamp", len(stamp.encode()))):
            begin, end = end, end + size_of
            contents[name] = {"dtype": "U8", "shape": [size_of], "data_offsets": [begin, end]}
        file.seek(text)
        file.write(stamp.encode())
        file.seek(0)
        file.write((_HEADER - 8).to_bytes(8, "little"))
        file.write(json.dumps(contents).encode().ljust(_HEADER - 8))


def map_cache(path: Path) -> dict[str, NDArray[Any]]:
    """Arrays of a cache file by name, read from the disk as they are used."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        contents = json.loads(file.read(length))
    raw = np.memmap(path, dtype=np.uint8, mode="r", offset=8 + length)
    found = {}
    for name, entry in contents.items():
        begin, end = entry["data_offsets"]
        found[name] = raw[begin:end].view(_KINDS[entry["dtype"]]).reshape(entry["shape"])
    return found


def _name(kind: np.dtype[Any]) -> str:
    return next(name for name, known in _KINDS.items() if np.dtype(known) == kind)


def _chain(first: dict[str, Any], rest: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    yield first
    yield from rest
