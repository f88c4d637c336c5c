"""Answers that are kept: in memory, and in a private folder that outlives Blender. Both are bounded in bytes."""

from __future__ import annotations

import contextlib
import os
import secrets
import threading
from collections import OrderedDict
from pathlib import Path

from ..client.request import XrayAnswer
from ..files import put
from .packing import pack, unpack

MEMORY_BYTES = 64 * 1024**2
DISK_BYTES = 512 * 1024**2
_SUFFIX = ".xray"
_KEPT_SHARE = 0.8
"""What is left of the limit after clearing, so that not every new answer clears again."""


class ResultCache:
    """Least recently used goes first. All methods may be called from any thread; a disk that fails only costs time.

    Args:
        folder: Where answers are kept; made if it is missing. None keeps them in memory alone.
        memory_bytes: Limit in memory.
        disk_bytes: Limit on disk; other Blenders may share the folder.
    """

    def __init__(
        self, folder: Path | None = None, memory_bytes: int = MEMORY_BYTES, disk_bytes: int = DISK_BYTES
    ) -> None:
        self.folder = folder
        self._memory_bytes, self._disk_bytes = memory_bytes, disk_bytes
        self._lock = threading.Lock()
        self._packed: OrderedDict[str, bytes] = OrderedDict()
        self._in_memory = 0
        self._on_disk: int | None = None

    def get(self, key: str) -> XrayAnswer | None:
        """The answer under a key, None if there is none; what is damaged is deleted and counts as none."""
        with self._lock:
            data = self._packed.get(key)
            if data is not None:
                self._packed.move_to_end(key)
        if data is None:
            data = self._read(key)
        if data is None:
            return None
        try:
            answer = unpack(data)
        except ValueError:
            self.forget(key)
            return None
        self._remember(key, data)
        return answer

    def put(self, key: str, answer: XrayAnswer) -> None:
        """Keep an answer."""
        data = pack(answer)
        self._remember(key, data)
        if self.folder is not None and len(data) <= self._disk_bytes:
            with contextlib.suppress(OSError):
                self._write(key, data)

    def forget(self, key: str) -> None:
        """Keep an answer no longer, for it cannot be used."""
        with self._lock:
            self._in_memory -= len(self._packed.pop(key, b""))
        if self.folder is not None:
            with contextlib.suppress(OSError):
                self._file(key).unlink()

    def clear(self) -> None:
        """Forget everything, on disk too."""
        with self._lock:
            self._packed.clear()
            self._in_memory = 0
            self._on_disk = None
            for path, _, _ in self._files():
                with contextlib.suppress(OSError):
                    path.unlink()

    @property
    def memory_bytes(self) -> int:
        """What is held in memory."""
        return self._in_memory

    def _remember(self, key: str, data: bytes) -> None:
        with self._lock:
            old = self._packed.pop(key, b"")
            self._in_memory -= len(old)
            if len(data) > self._memory_bytes:
                return
            self._packed[key] = data
            self._in_memory += len(data)
            while self._in_memory > self._memory_bytes:
                self._in_memory -= len(self._packed.popitem(last=False)[1])

    def _file(self, key: str) -> Path:
        return (self.folder or Path()) / f"{key}{_SUFFIX}"

    def _read(self, key: str) -> bytes | None:
        if self.folder is None:
            return None
        try:
            data = self._file(key).read_bytes()
            # the time of use, by which the least recently used is found
            os.utime(self._file(key))
        except OSError:
            return None
        return data

    def _write(self, key: str, data: bytes) -> None:
        if self.folder is None:
            return
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # another Blender must never read half a file
        draft = self.folder / f"{secrets.token_hex(8)}.part"
        try:
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(data)
            put(draft, self._file(key))
        finally:
            draft.unlink(missing_ok=True)
        with self._lock:
            if self._on_disk is None:
                self._on_disk = sum(size for _, size, _ in self._files())
            else:
                self._on_disk += len(data)
            if self._on_disk > self._disk_bytes:
                self._on_disk = self._make_room()

    def _make_room(self) -> int:
        """Delete what was used longest ago; returns what is left in bytes."""
        files = sorted(self._files(), key=lambda item: item[2])
        total = sum(size for _, size, _ in files)
        for path, size, _ in files:
            if total <= self._disk_bytes * _KEPT_SHARE:
                break
            with contextlib.suppress(OSError):
                path.unlink()
                total -= size
        return total

    def _files(self) -> list[tuple[Path, int, float]]:
        found: list[tuple[Path, int, float]] = []
        if self.folder is None:
            return found
        with contextlib.suppress(OSError), os.scandir(self.folder) as entries:
            for item in entries:
                if item.name.endswith(_SUFFIX) and item.is_file(follow_symlinks=False):
                    facts = item.stat(follow_symlinks=False)
                    found.append((Path(item.path), facts.st_size, facts.st_mtime))
        return found
