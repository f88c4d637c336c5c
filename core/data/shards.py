"""Sample shards in the WebDataset layout: plain tar files whose members share a key."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from maskel_core.data.sample import Sample
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


def write_shard(path: Path, samples: Iterable[Sample]) -> None:
    """Write samples to a tar file; the same samples give the same bytes. A file appears whole or not at all."""
    part = path.with_suffix(".part")
    with tarfile.open(part, "w", format=tarfile.USTAR_FORMAT) as tar:
        for sample in samples:
            _add(tar, f"{sample.key}.mask.png", _png(sample.mask))
            _add(tar, f"{sample.key}.bone.npy", _npy(sample.bone))
            _add(tar, f"{sample.key}.soft.npy", _npy(sample.soft))
            _add(tar, f"{sample.key}.json", json.dumps(sample.meta, sort_keys=True).encode())
    part.replace(path)


def read_shard(path: Path) -> Iterator[dict[str, Any]]:
    """Samples of a shard: ``key``, ``mask`` uint8, ``bone`` and ``soft`` float16 (S, S), ``meta``."""
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
