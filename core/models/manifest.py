"""The manifest of a model folder: SHA-256 of its files, checked on the very bytes that are then used."""

from __future__ import annotations

import hashlib
import json
import logging
from pathlib import Path

from maskel_core.errors import MaskelError
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

log = logging.getLogger("maskel_core")

CONFIG = "config.json"
WEIGHTS = "diffusion_pytorch_model.safetensors"
CHECKSUMS = "checksums.json"
FILES = (CONFIG, WEIGHTS)
"""What every model is read from."""

SHIPPED = Path(__file__).resolve().parent.parent / "weights"
"""Models that ship; these never go without a manifest."""


def read_model_files(folder: Path) -> dict[str, bytes]:
    """The bytes of `FILES`, after a look at the manifest.

    Args:
        folder: A model folder. Without a manifest it is taken as it is, unless it lies in `SHIPPED`.

    Raises:
        MaskelError: ``model_missing``; ``model_damaged``, which names the file.
    """
    for name in FILES:
        if not (folder / name).is_file():
            raise MaskelError(
                "model_missing",
                f"{name} is missing in {folder}.",
                "Name a folder that holds a model, or install again.",
            )
    wanted = _read_manifest(folder)
    if wanted is None:
        log.warning("%s has no %s; its files are taken as they are", folder, CHECKSUMS)
    return {name: _read_file(folder, name, wanted) for name in FILES}


def read_optional_file(folder: Path, name: str) -> bytes | None:
    """The bytes of a file that a model may have beside `FILES`; None where neither the folder nor the manifest has it.

    Raises:
        MaskelError: ``model_damaged``.
    """
    wanted = _read_manifest(folder)
    if not (folder / name).is_file() and name not in (wanted or {}):
        return None
    return _read_file(folder, name, wanted)


def read_optional_tensors(folder: Path, name: str) -> dict[str, Tensor] | None:
    """The tensors of a safetensors file that a model may have beside `FILES`; None where it has none.

    Raises:
        MaskelError: ``model_damaged``.
    """
    data = read_optional_file(folder, name)
    if data is None:
        return None
    try:
        return load(data)
    except SafetensorError as error:
        raise damaged(folder, f"{name}: {error}") from error


def write_checksums(folder: Path) -> None:
    """Write `CHECKSUMS` of a model folder: of its configuration and every safetensors file."""
    names = sorted([CONFIG, *(path.name for path in folder.glob("*.safetensors"))])
    sums = {name: file_digest(folder / name) for name in names}
    (folder / CHECKSUMS).write_text(json.dumps(sums, indent=2) + "\n", encoding="utf-8")


def file_digest(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def damaged(folder: Path, why: str) -> MaskelError:
    """The error for a folder that holds no usable model."""
    return MaskelError("model_damaged", f"The model in {folder} is damaged: {why}.", "Install it again.")


def _read_manifest(folder: Path) -> dict[str, str] | None:
    path = folder / CHECKSUMS
    if not path.is_file():
        if folder.resolve().parent == SHIPPED:
            raise damaged(folder, f"{CHECKSUMS} is missing")
        return None
    try:
        sums = {name: str(wanted) for name, wanted in json.loads(path.read_bytes()).items()}
    except (OSError, ValueError, AttributeError) as error:
        raise damaged(folder, f"{CHECKSUMS} cannot be read") from error
    for name in FILES:
        if name not in sums:
            raise damaged(folder, f"{CHECKSUMS} does not list {name}")
    return sums


def _read_file(folder: Path, name: str, wanted: dict[str, str] | None) -> bytes:
    try:
        data = (folder / name).read_bytes()
    except OSError as error:
        raise damaged(folder, f"{name} cannot be read ({error.strerror or error})") from error
    if wanted is not None and hashlib.sha256(data).hexdigest() != wanted.get(name):
        raise damaged(folder, f"{name} does not match its checksum")
    return data
