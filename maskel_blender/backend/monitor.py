"""Looks after a server from a thread of its own, and only while somebody watches. Never touches bpy."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..client.address import Address
from ..client.http import HttpClient
from ..client.request import ServerStatus
from ..errors import ClientError, MaskelError

POLL_SECONDS = 1.0
LINGER_SECONDS = 5.0
"""How long the thread goes on after the last look."""

_TAIL_BYTES = 16 * 1024


@dataclass(frozen=True)
class Endpoint:
    """A server that can be asked."""

    address: Address
    token: str
    allow_remote: bool = False


@dataclass(frozen=True)
class Snapshot:
    """What was last seen.

    Args:
        status: The server's answer; None if there is none to ask, or it does not answer.
        error: Why it does not answer.
        log: Last lines of its log.
    """

    status: ServerStatus | None = None
    error: MaskelError | None = None
    log: tuple[str, ...] = ()


@dataclass(frozen=True)
class Watched:
    """What to look at; both are called on the monitor's thread.

    Args:
        endpoint: The server to ask, or None; may raise `MaskelError`.
        log_file: Its log, or None.
    """

    endpoint: Callable[[], Endpoint | None]
    log_file: Callable[[], Path | None]


class Monitor:
    """Say `look` whenever the server is shown; read `snapshot` and `revision` at any time."""

    def __init__(self, poll_seconds: float = POLL_SECONDS, linger_seconds: float = LINGER_SECONDS) -> None:
        self._poll = poll_seconds
        self._linger = linger_seconds
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._until = 0.0
        self._watched: Watched | None = None
        self._thread: threading.Thread | None = None
        self._snapshot = Snapshot()
        self._revision = 0

    @property
    def snapshot(self) -> Snapshot:
        """What was last seen."""
        return self._snapshot

    @property
    def revision(self) -> int:
        """Grows whenever the snapshot changes."""
        return self._revision

    @property
    def running(self) -> bool:
        """Whether somebody has looked within the last seconds."""
        return self._thread is not None

    def look(self, watched: Watched) -> None:
        """Keep the snapshot fresh for some seconds; returns at once."""
        with self._lock:
            self._until = time.monotonic() + self._linger
            self._watched = watched
            if self._thread is None:
                self._wake.clear()
                self._thread = threading.Thread(target=self._run, name="maskel-monitor", daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """End the thread soon, and forget what was seen."""
        with self._lock:
            self._until = 0.0
            self._snapshot = Snapshot()
        self._wake.set()

    def _run(self) -> None:
        while True:
            with self._lock:
                if time.monotonic() >= self._until or self._watched is None:
                    self._thread = None
                    return
                watched = self._watched
            seen = _see(watched)
            with self._lock:
                if seen != self._snapshot and time.monotonic() < self._until:
                    self._snapshot = seen
                    self._revision += 1
            self._wake.wait(self._poll)
            self._wake.clear()


def _see(watched: Watched) -> Snapshot:
    lines = tail(watched.log_file())
    try:
        endpoint = watched.endpoint()
        if endpoint is None:
            return Snapshot(log=lines)
        client = HttpClient(endpoint.address, endpoint.token, allow_remote=endpoint.allow_remote)
        return Snapshot(client.status(), log=lines)
    except MaskelError as error:
        return Snapshot(error=_Same(error), log=lines)


class _Same(ClientError):
    """An error that equals another with the same words, so that a repeated one is no change."""

    def __init__(self, error: MaskelError) -> None:
        super().__init__(error.code, error.message, error.fix, error.action)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.args == other.args

    def __hash__(self) -> int:
        return hash(self.args)


def tail(path: Path | None, count: int = 6) -> tuple[str, ...]:
    """Last lines of a text file, empty ones left out; nothing if it cannot be read."""
    if path is None:
        return ()
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - _TAIL_BYTES))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ()
    return tuple(line for line in (part.strip() for part in text.splitlines()) if line)[-count:]
