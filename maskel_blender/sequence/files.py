"""Frames and their files: which there are, how they are named, which frames a picture holds for. No bpy."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import struct
from dataclasses import dataclass
from pathlib import Path

from ..errors import MaskelError
from ..files import put

MAX_FRAMES = 20_000
FOLDER = "//maskel/"
"""Where frames go unless the user says otherwise: next to the saved file."""
_HEAD = 24
"""Bytes of a PNG file up to its size, which are the last 8 of them."""


_HOLD = b"MaSkel: held before the first frame"
"""At the end of such a file, where readers of PNG do not look."""


@dataclass(frozen=True)
class FrameRange:
    """Every `step`-th frame from `start` to `end`.

    Raises:
        MaskelError: ``bad_frames``.
    """

    start: int
    end: int
    step: int = 1

    def __post_init__(self) -> None:
        """Check."""
        if self.end < self.start or self.step < 1 or self.end - self.start >= MAX_FRAMES:
            raise MaskelError(
                "bad_frames",
                f"{self.start} to {self.end}, step {self.step}, is not a range of frames.",
                f"The end must not come before the start, and there can be {MAX_FRAMES} frames at most.",
            )

    @property
    def frames(self) -> list[int]:
        """Those that a picture is made of."""
        return list(range(self.start, self.end + 1, self.step))

    def held(self, frame: int) -> range:
        """Frames that the picture of a frame is shown for: its own, and those that the step leaves out."""
        return range(frame, min(frame + self.step, self.end + 1))


@dataclass(frozen=True)
class SequenceFiles:
    """One PNG for every frame of the timeline, so that players that know no steps show them in time too.

    Args:
        folder: Where they lie.
        stem: What their names begin with.
        range: Which frames.
    """

    folder: Path
    stem: str
    range: FrameRange

    @property
    def offset(self) -> int:
        """What Blender adds to 1, 2, ... for the files' numbers: they are frame numbers unless these are negative."""
        return max(self.range.start - 1, 0)

    def path(self, frame: int) -> Path:
        """File of a frame."""
        number = frame - self.range.start + 1 + self.offset
        digits = max(4, len(str(self.range.end - self.range.start + 1 + self.offset)))
        return self.folder / f"{self.stem}_{number:0{digits}d}.png"

    def write(self, frame: int, png: bytes) -> None:
        """Write the picture of a frame, for all the frames it holds for.

        Raises:
            MaskelError: ``cannot_write``.

        """
        self._write([self.path(held) for held in self.range.held(frame)], png)

    def _write(self, paths: list[Path], png: bytes) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            for path in paths:
                # a player must never read half a picture
                draft = self.folder / f".{secrets.token_hex(6)}.part"
                try:
                    draft.write_bytes(png)
                    put(draft, path)
                finally:
                    draft.unlink(missing_ok=True)
        except OSError as error:
            raise MaskelError(
                "cannot_write",
                f"The frames cannot be written: {error.strerror or error} ({self.folder}).",
                "Name a folder you may write to, make room on the disk, or close what has the files open.",
            ) from None

    def size(self, frame: int) -> tuple[int, int]:
        """Width and height in pixels of a frame's picture.

        Raises:
            MaskelError: ``cannot_write`` where its file is gone.

        """
        try:
            with self.path(frame).open("rb") as file:
                head = file.read(_HEAD)
            width, height = struct.unpack(">II", head[-8:])
        except (OSError, struct.error) as error:
            raise self._unreadable(error) from None
        return width, height

    def fill_gaps(self, made: set[int]) -> None:
        """Where a picture failed, hold the one before it (at the beginning: the first one there is).

        Before the first frame Blender asks for the number under it, and renders magenta where there is no such file: the first
        picture is held there too, unless a frame of an earlier range has that number.

        Args:
            made: Frames whose picture was written, at least one.

        Raises:
            MaskelError: ``cannot_write``.

        """
        source = min(made)
        for frame in self.range.frames:
            if frame in made:
                source = frame
            else:
                try:
                    png = self.path(source).read_bytes()
                except OSError as error:
                    raise self._unreadable(error) from None
                self.write(frame, png)
        before = self.path(self.range.start - 1)
        try:
            if not before.exists() or before.read_bytes().endswith(_HOLD):
                self._write([before], self.path(self.range.start).read_bytes() + _HOLD)
        except OSError as error:
            raise self._unreadable(error) from None

    def _unreadable(self, error: Exception) -> MaskelError:
        return MaskelError(
            "cannot_write",
            f"The frames cannot be read: {getattr(error, 'strerror', None) or error} ({self.folder}).",
            "Generate them again.",
        )


def stem_of(*names: str) -> str:
    """A name that every file system takes and that no two lists of names share."""
    plain = "_" not in "".join(names[:-1])
    clean = "_".join(re.sub(r"[^A-Za-z0-9.-]+", "_", name)[:40].strip("._") or "x" for name in names)
    if plain and clean == "_".join(names):
        return clean
    return f"{clean}_{hashlib.sha256(os.fsencode(repr(names))).hexdigest()[:6]}"
