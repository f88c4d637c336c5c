"""Finished answers on disk, so that a client that lost one can ask again and get the same bytes."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from maskel_core.errors import MaskelError
from maskel_server.ages import Ages
from maskel_server.private_files import write_private_bytes

log = logging.getLogger("maskel_server")

_SUFFIX = ".answer"


@dataclass(frozen=True)
class Answer:
    """The bytes of an answer with what HTTP needs to send them."""

    body: bytes
    media_type: str
    headers: dict[str, str]


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
            return values["request"], Answer(body, values["media_type"], dict(values["headers"]))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.warning("a kept answer could not be read: %s", error)
            return None

    def put(self, job: str, request: str, answer: Answer) -> bool:
        """Keep an answer; False when it is larger than the store or the disk refuses it."""
        head = {
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
