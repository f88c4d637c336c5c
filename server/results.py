"""Finished answers on disk, so that a client that lost one can ask again and get the same bytes."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import threading
import time
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from maskel_core.errors import MaskelError
from maskel_server.ages import Ages
from maskel_server.private_files import write_private_bytes

log = logging.getLogger("maskel_server")

_SUFFIX = ".answer"
_MAX_HEAD = 65_536


@dataclass(frozen=True)
class Answer:
    """The bytes of an answer with what HTTP needs to send them."""

    body: bytes
    media_type: str
    headers: dict[str, str]
    seconds: float = 0.0
    """From the job's submission to this answer."""


class Store(Protocol):
    """Where answers are kept for a while."""

    def get(self, job: str) -> tuple[str, Answer] | None:
        """Request digest and answer of a job, or None."""

    def took(self, job: str) -> float | None:
        """Seconds the job took, or None when there is no answer."""

    def put(self, job: str, request: str, answer: Answer) -> bool:
        """Keep an answer; whether it is kept."""

    def drop(self, job: str) -> bool:
        """Forget an answer; whether there was one."""

    def sweep(self) -> None:
        """Delete what is too old."""


class MemoryStore:
    """Keeps answers in memory, for a server without a folder or with a disk that refuses.

    Args:
        seconds: How long an answer is kept.
        max_bytes: Size of all bodies together; the oldest go first.
    """

    def __init__(self, seconds: float, max_bytes: int) -> None:
        self._seconds = seconds
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, tuple[float, str, Answer]] = OrderedDict()
        self._bytes = 0

    def get(self, job: str) -> tuple[str, Answer] | None:
        """Request digest and answer of a job; None when there is none or it is too old."""
        with self._lock:
            self._sweep(self._max_bytes)
            entry = self._kept.get(job)
            return None if entry is None else entry[1:]

    def took(self, job: str) -> float | None:
        """Seconds the job took; None when there is no answer."""
        found = self.get(job)
        return None if found is None else found[1].seconds

    def put(self, job: str, request: str, answer: Answer) -> bool:
        """Keep an answer; False when it is larger than the store."""
        size = len(answer.body)
        if size > self._max_bytes:
            return False
        with self._lock:
            self._drop(job)
            self._sweep(self._max_bytes - size)
            self._kept[job] = (time.monotonic(), request, answer)
            self._bytes += size
        return True

    def drop(self, job: str) -> bool:
        """Forget a job's answer; whether there was one."""
        with self._lock:
            return self._drop(job)

    def sweep(self) -> None:
        """Delete what is too old."""
        with self._lock:
            self._sweep(self._max_bytes)

    def _sweep(self, room: int) -> None:
        while self._kept:
            job, (kept_at, _, _) = next(iter(self._kept.items()))
            if self._bytes <= room and time.monotonic() - kept_at <= self._seconds:
                return
            self._drop(job)

    def _drop(self, job: str) -> bool:
        entry = self._kept.pop(job, None)
        if entry is not None:
            self._bytes -= len(entry[2].body)
        return entry is not None


class ResultStore:
    """Keeps answers for a while in a folder only its owner can read.

    A file is named by the digest of its job id, so no name a client sends ever becomes a path. It holds one line
    of JSON (the request's digest, media type, headers) and the body. Files survive the process.

    Args:
        folder: Made when the first answer is kept; nothing else belongs in it.
        seconds: How long an answer is kept.
        max_bytes: Size of all files together; the oldest go first.
        ages: Tells how old a file is.
    """

    def __init__(self, folder: Path, seconds: float, max_bytes: int, ages: Ages | None = None) -> None:
        self._ages = ages or Ages()
        self._folder = folder
        self._seconds = seconds
        self._max_bytes = max_bytes
        self._lock = threading.Lock()

    def get(self, job: str) -> tuple[str, Answer] | None:
        """Request digest and answer of a job; None when there is none, it is too old, or it is damaged."""
        path = self._path(job)
        try:
            if self._is_old(path):
                return None
            head, _, body = path.read_bytes().partition(b"\n")
            values = json.loads(head)
            if hashlib.sha256(body).hexdigest() != values["body"]:
                raise ValueError("the body is not what was written")
            seconds = float(values.get("seconds", 0.0))
            return values["request"], Answer(body, values["media_type"], dict(values["headers"]), seconds)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.warning("a kept answer could not be read: %s", error)
            return None

    def took(self, job: str) -> float | None:
        """Seconds the job took; None when there is no answer. Reads no more than the first line."""
        path = self._path(job)
        try:
            if self._is_old(path):
                return None
            with path.open("rb") as stream:
                head = stream.readline(_MAX_HEAD)
            values: dict[str, Any] = json.loads(head)
            if path.stat().st_size != len(head) + int(values["length"]):
                return None
            return float(values["seconds"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def put(self, job: str, request: str, answer: Answer) -> bool:
        """Keep an answer; False when it is larger than the store or the disk refuses it."""
        head = {
            "seconds": round(answer.seconds, 4),
            "length": len(answer.body),
            "request": request,
            "media_type": answer.media_type,
            "headers": answer.headers,
            "body": hashlib.sha256(answer.body).hexdigest(),
        }
        data = json.dumps(head).encode() + b"\n" + answer.body
        if len(data) > self._max_bytes:
            return False
        with self._lock:
            self._sweep(self._max_bytes - len(data))
            try:
                self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                write_private_bytes(self._path(job), data)
                self._ages.of(self._path(job).name, self._path(job).stat().st_mtime)
            except (MaskelError, OSError) as error:
                # The client still gets its answer; only asking again would cost the work again.
                log.warning("an answer could not be kept: %s", error)
                return False
        return True

    def drop(self, job: str) -> bool:
        """Forget a job's answer; whether there was one."""
        with self._lock:
            try:
                self._path(job).unlink()
            except OSError:
                return False
        return True

    def sweep(self) -> None:
        """Delete what is too old or too much."""
        with self._lock:
            self._sweep(self._max_bytes)

    def _sweep(self, room: int) -> None:
        kept: list[tuple[float, int, Path]] = []  # seconds until it is too old, size, path
        with suppress(OSError), os.scandir(self._folder) as entries:
            for entry in entries:
                # A half-written file of a process that was killed starts with a dot and ends otherwise.
                if _SUFFIX in entry.name:
                    with suppress(OSError):
                        found = entry.stat()
                        age = self._ages.of(entry.name, found.st_mtime)
                        kept.append((self._seconds - age, found.st_size, Path(entry.path)))
        total = sum(size for _, size, _ in kept)
        self._ages.keep_only({path.name for _, _, path in kept})
        for left, size, path in sorted(kept):
            if left < 0 or total > room:
                with suppress(OSError):
                    path.unlink()
                    total -= size

    def _is_old(self, path: Path) -> bool:
        return self._ages.of(path.name, path.stat().st_mtime) > self._seconds

    def _path(self, job: str) -> Path:
        return self._folder / (hashlib.sha256(job.encode()).hexdigest() + _SUFFIX)
