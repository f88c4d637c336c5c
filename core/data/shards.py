"""Sample shards in the WebDataset layout: plain tar files whose members share a key."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from maskel_core.data.sample import Sample
from maskel_core.errors import MaskelError
from PIL import Image


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))


def _npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def _png(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "PNG", compress_level=6)
    return buffer.getvalue()


class ShardWriter:
    """A tar file that grows sample by sample; the same samples give the same bytes.

    It appears under its name when closed, whole or not at all.

    Args:
        path: Of the shard.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.samples = path, 0
        self._part = path.with_suffix(".part")
        self._tar = tarfile.open(self._part, "w", format=tarfile.USTAR_FORMAT)  # noqa: SIM115

    def add(self, sample: Sample) -> None:
        """Append a sample."""
        _add(self._tar, f"{sample.key}.mask.png", _png(sample.mask))
        layers = {"bone": sample.bone, "soft": sample.soft, **sample.extra}
        for name, layer in layers.items():
            _add(self._tar, f"{sample.key}.{name}.npy", _npy(layer))
        _add(self._tar, f"{sample.key}.json", json.dumps(sample.meta, sort_keys=True).encode())
        self.samples += 1

    def close(self) -> None:
        """Finish the file and give it its name."""
        self._tar.close()
        self._part.replace(self.path)


def read_shard(path: Path) -> Iterator[dict[str, Any]]:
    """Samples of a shard: ``key``, ``mask`` uint8, ``bone`` and ``soft`` float16 (S, S), ``meta``.

    Layers at further energies, when there are any, are named ``bone70``, ``soft70`` (keV).
    """
    current: dict[str, Any] = {}
    with tarfile.open(path) as tar:
        for member in tar:
            key, _, kind = member.name.partition(".")
            file = tar.extractfile(member)
            if file is None:
                continue
            data = file.read()
            if current and current["key"] != key:
                yield current
                current = {}
            current["key"] = key
            if kind == "mask.png":
                current["mask"] = np.asarray(Image.open(io.BytesIO(data)).convert("L"))
            elif kind == "json":
                current["meta"] = json.loads(data)
            else:
                current[kind.removesuffix(".npy")] = np.load(io.BytesIO(data), allow_pickle=False)
    if current:
        yield current


def checksum(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def check_shard(path: Path, wanted: str) -> None:
    """Compare a shard with its checksum.

    Raises:
        MaskelError: ``data_damaged``.
    """
    if not path.is_file() or checksum(path) != wanted:
        what = "is not what was written" if path.is_file() else "is missing"
        raise MaskelError(
            "data_damaged",
            f"{path.name} {what}.",
            f"Delete {path.name} and chunk-{path.stem.rpartition('-')[2]}.json, and build the set again: "
            "the rest is kept.",
        )
