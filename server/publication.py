"""The file that tells a server's address: one living server owns it at a time."""

from __future__ import annotations

import http.client
import json
import logging
import time
import urllib.parse
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from maskel_core.errors import MaskelError
from maskel_core.version import __version__
from maskel_server.private_files import remove_if_ours, write_private

log = logging.getLogger("maskel_server")

ANSWER_SECONDS = 60.0
"""How long the owner of a published file is given to answer; one that has just been started loads torch first."""


class Publication:
    """A published address and the right to publish there.

    The right is a lock of the operating system on a file beside it (``NAME.lock``), which ends with the process
    however that ends; a process id in a file may be stale, or another program's by now.

    Args:
        path: Where the address is published.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        # The thread that ends a server need not be the one that started it.
        self._lock = FileLock(path.with_name(path.name + ".lock"), timeout=0, mode=0o600, thread_local=False)
        self._published: dict[str, Any] | None = None

    def claim(self) -> bool:
        """Become the owner; False when another process is."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._lock.acquire()
        except Timeout:
            return False
        except (OSError, NotImplementedError) as error:
            # Nobody can own what nobody can lock, and a folder that cannot be written holds no address either.
            log.warning("%s cannot be locked: %s", self.path, error)
        return True

    def announce(self, values: Mapping[str, Any]) -> None:
        """Write the address; a folder that cannot be written is told in the log."""
        self._published = dict(values)
        try:
            write_private(self.path, json.dumps(self._published, indent=2) + "\n")
        except MaskelError as error:
            # The ready line still tells the parent; only finding the server by its file is lost.
            log.warning("%s %s", error.message, error.fix)

    def withdraw(self) -> None:
        """Take the address back, so that another server may publish; a second call does nothing."""
        if self._published is not None:
            remove_if_ours(self.path, self._published)
            self._published = None
        self._lock.release()


def read_published(path: Path) -> dict[str, Any] | None:
    """What a published file says: url, pid, version, api, token_file; None when it says nothing usable."""
    with suppress(OSError, ValueError):
        values = json.loads(path.read_text("utf-8"))
        if isinstance(values, dict) and isinstance(values.get("url"), str):
            return values
    return None


def health_of(url: str, seconds: float = 5.0) -> dict[str, Any] | None:
    """GET /v1/health of a server; None when nobody answers there or it is no MaSkel server."""
    # Not urllib.request: a proxy of the environment has no business between two processes of one machine.
    with suppress(OSError, ValueError, http.client.HTTPException):
        parts = urllib.parse.urlsplit(url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=seconds)
        try:
            connection.request("GET", "/v1/health")
            health = json.loads(connection.getresponse().read(65536))
        finally:
            connection.close()
        if isinstance(health, dict) and health.get("name") == "maskel":
            return health
    return None


def find_owner(path: Path, seconds: float = ANSWER_SECONDS) -> dict[str, Any] | None:
    """What a running server has published, once it answers; None when it does not within ``seconds``."""
    deadline = time.monotonic() + seconds
    while True:
        published = read_published(path)
        if published is not None and health_of(published["url"]) is not None:
            return published
        if time.monotonic() >= deadline:
            return None
        time.sleep(0.1)


def taken(path: Path, owner: Mapping[str, Any] | None) -> MaskelError:
    """Why a server does not start beside the owner of ``path``.

    Args:
        path: The published file.
        owner: What ``find_owner`` found.

    Returns:
        ``already_running`` (same version), ``other_version_running`` or ``publish_taken`` (it does not answer).
    """
    another = "start another beside it with --another."
    if owner is None:
        return MaskelError(
            "publish_taken",
            f"Another server owns {path} but does not answer.",
            f"End it, or {another}",
        )
    where = f"at {owner['url']} (process {owner.get('pid')})"
    if owner.get("version") != __version__:
        return MaskelError(
            "other_version_running",
            f"A server of version {owner.get('version')} runs {where}; this is {__version__}.",
            f"End it and try again, or {another}",
        )
    return MaskelError("already_running", f"A server already runs {where}.", f"Use it, or {another}")
