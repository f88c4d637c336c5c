"""Files only their owner may read: the token and the published address."""

from __future__ import annotations

import json
import logging
import os
import secrets
import stat
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from maskel_core.errors import MaskelError

log = logging.getLogger("maskel_server")

MIN_TOKEN = 16


def write_private(path: Path, text: str) -> None:
    """Replace ``path`` with ``text`` in one step; no other user can read it at any moment.

    Raises:
        MaskelError: ``cannot_write``.
    """
    write_private_bytes(path, text.encode())


def write_private_bytes(path: Path, data: bytes) -> None:
    """Like ``write_private``, for bytes.

    Raises:
        MaskelError: ``cannot_write``.
    """
    scratch = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
        _restrict(scratch)
        scratch.replace(path)
    except OSError as error:
        with suppress(OSError):
            scratch.unlink()
        raise MaskelError(
            "cannot_write",
            f"{path} cannot be written: {error.strerror or error}.",
            "Choose another place for it.",
        ) from error


def load_or_create_token(path: Path) -> str:
    """The token in ``path``; a missing file is made with a random token of 256 bits.

    Raises:
        MaskelError: ``bad_token_file`` (too short or not one printable word), ``cannot_write``.
    """
    with suppress(OSError):  # what is wrong with the folder shows when the file is opened
        path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _read_token(path)
    except OSError as error:
        raise _no_token(path, error) from error
    token = secrets.token_urlsafe(32)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            _restrict(path)
            stream.write(token + "\n")
    except OSError as error:
        # An empty file would be refused from then on, when there is room again.
        with suppress(OSError):
            path.unlink()
        raise _no_token(path, error) from error
    return token


def remove_if_ours(path: Path, published: Mapping[str, Any]) -> None:
    """Delete a published file unless another server has replaced it meanwhile."""
    try:
        if json.loads(path.read_text("utf-8")) == dict(published):
            path.unlink()
    except (OSError, ValueError):
        return


def _read_token(path: Path) -> str:
    # A file that another starting server has just made may still be empty.
    for _ in range(20):
        try:
            token = path.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise _bad_token(path, "cannot be read") from error
        if token:
            break
        time.sleep(0.05)
    if len(token) < MIN_TOKEN or not token.isascii() or not token.isprintable() or " " in token:
        raise _bad_token(path, f"does not hold one word of at least {MIN_TOKEN} printable characters")
    if os.name == "posix" and stat.S_IMODE(path.stat().st_mode) & 0o077:
        log.warning("the token file was readable by others; it is made private")
        _restrict(path)
    return token


def _no_token(path: Path, error: OSError) -> MaskelError:
    return MaskelError(
        "cannot_write",
        f"The token file {path} cannot be made: {error.strerror or error}.",
        "Name another place with --token-file.",
    )


def _bad_token(path: Path, why: str) -> MaskelError:
    return MaskelError(
        "bad_token_file",
        f"The token file {path} {why}.",
        "Delete it to have a new one made, or name another.",
    )


def _restrict(path: Path) -> None:
    """Leave the owner as the only reader; on Windows as well as its tools allow."""
    try:
        if os.name == "nt":
            tool = Path(os.environ.get("SYSTEMROOT", r"C:\Windows")) / "System32" / "icacls.exe"
            user = os.environ.get("USERNAME", "")
            if user and tool.exists():
                subprocess.run(
                    [str(tool), str(path), "/inheritance:r", "/grant:r", f"{user}:F"],
                    check=False,
                    capture_output=True,
                    timeout=10,
                )
        else:
            path.chmod(0o600)
    except (OSError, subprocess.SubprocessError) as error:
        log.warning("%s could not be made private: %s", path, error)
