"""The manifest of a model folder: SHA-256 of its files, checked on the very bytes that are then used."""

from __future__ import annotations

import hashlib
import json
import logging
from pathlib import Path

from maskel_core.errors import MaskelError

log = logging.getLogger("maskel_core")

CONFIG = "config.json"
WEIGHTS = "diffusion_pytorch_model.safetensors"
CHECKSUMS = "checksums.json"
FILES = (CONFIG, WEIGHTS)
"""What a model is read from; nothing else in its folder is opened."""

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
    found = {}
    for name in FILES:
        try:
            found[name] = (folder / name).read_bytes()
        except OSError as error:
            raise damaged(folder, f"{name} cannot be read ({error.strerror or error})") from error
        if wanted is not None and hashlib.sha256(found[name]).hexdigest() != wanted[name]:
            raise damaged(folder, f"{name} does not match its checksum")
    return found


def write_manifest(folder: Path) -> None:
    """Write `CHECKSUMS` for the files of a model folder."""
    sums = {name: file_digest(folder / name) for name in FILES}
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
        log.warning("%s has no %s; its files are taken as they are", folder, CHECKSUMS)
        return None
    try:
        sums = json.loads(path.read_bytes())
        return {name: str(sums[name]) for name in FILES}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise damaged(folder, f"{CHECKSUMS} cannot be read or lists too little") from error
