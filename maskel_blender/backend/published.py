"""A server that the user runs with `maskel serve`: found by the file it publishes, adopted if it fits."""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .. import __version__
from ..client.address import Address, parse_address
from ..client.http import HttpClient, check_version
from ..errors import MaskelError
from .command import read_token

_MOST_BYTES = 64 * 1024


@dataclass(frozen=True)
class Published:
    """What a server says of itself in its file."""

    address: Address
    token_file: str
    version: str


def state_folder(environment: Mapping[str, str], platform: str = sys.platform) -> Path:
    r"""The user's state folder, where the server keeps its own by the same rule; it need not exist.

    ``MASKEL_STATE`` wins; else Linux ``$XDG_STATE_HOME/maskel`` (``~/.local/state/maskel``), macOS
    ``~/Library/Application Support/maskel``, Windows ``%LOCALAPPDATA%\maskel``.
    """
    named = environment.get("MASKEL_STATE", "").strip()
    if named:
        return Path(named).expanduser()
    if platform == "win32":
        local = environment.get("LOCALAPPDATA", "").strip()
        return (Path(local) if local else Path.home() / "AppData" / "Local") / "maskel"
    if platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "maskel"
    state = environment.get("XDG_STATE_HOME", "").strip()
    return (Path(state) if state else Path.home() / ".local" / "state") / "maskel"


def published_file(environment: Mapping[str, str]) -> Path:
    """Where a server publishes its address unless told otherwise."""
    return state_folder(environment) / "server.json"


def read_published(path: Path) -> Published | None:
    """What a file says; None if it is missing, unusable, somebody else's or names another computer."""
    try:
        if not _is_ours(path):
            return None
        with path.open("rb") as file:
            values = json.loads(file.read(_MOST_BYTES))
        found = Published(
            parse_address(str(values["url"])), str(values["token_file"]), str(values.get("version", ""))
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, MaskelError):
        return None
    return found if found.address.is_loopback else None


def adopt(path: Path, version: str = __version__) -> tuple[Address, str] | None:
    """Address and token of a published server that lives, has our version and takes its token; else None. Asks it."""
    found = read_published(path)
    if found is None or found.version != version:
        return None
    try:
        client = HttpClient(found.address, token := read_token(found.token_file))
        health = client.health()
        check_version(health)
        # the file of a server that was killed may name a port that another one has by now
        client.status()
    except MaskelError:
        return None
    usable = health.version == version and health.status in ("ready", "idle", "starting")
    return (found.address, token) if usable else None


def _is_ours(path: Path) -> bool:
    """Whether nobody but the user can have written it; Windows keeps the folder private itself."""
    if os.name == "nt":
        return path.is_file()
    found = path.stat()
    return stat.S_ISREG(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o022
