"""Files that are there whole or not at all. No bpy."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

_PAUSES = (0.05, 0.1, 0.2, 0.4)


def write_whole(path: Path, data: bytes, durable: bool = False) -> None:
    """Write under another name, then take the place of what was there.

    The other name is always the same, so that what a kill leaves behind is used up by the next try.

    Args:
        path: Where.
        data: What.
        durable: Wait until the disk has it, for what no digest guards against a power cut.

    Raises:
        OSError: If the folder cannot be made, or the file cannot be written or replaced.

    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    with part.open("wb") as file:
        file.write(data)
        if durable:
            file.flush()
            os.fsync(file.fileno())
    put(part, path)


def put(part: Path, path: Path) -> None:
    """Let one file take the place of another, or of none.

    Raises:
        OSError: If it cannot.

    """
    for pause in _PAUSES:
        try:
            part.replace(path)
            return
        except PermissionError:
            # on Windows a file that somebody reads cannot be replaced, be it a virus scanner for a moment
            time.sleep(pause)
    part.replace(path)


def digest_of(path: Path) -> str:
    """Hex SHA-256 of a file; "" if it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""
