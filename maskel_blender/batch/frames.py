"""Frame lists as people write them: ``1-50``, ``1-50x2``, ``1,5,9``. No bpy."""

from __future__ import annotations

import re

from ..errors import PlanError

FIRST, LAST = -1_048_574, 1_048_574
"""Frames Blender's timeline can reach."""

_PART = re.compile(r"(-?\d{1,9})(?:(?:-|\.\.)(-?\d{1,9})(?:x(\d{1,9}))?)?", re.ASCII)


def parse_frames(text: str) -> tuple[int, ...]:
    """Read a frame list.

    Args:
        text: Frames and ranges between commas; a range is ``A-B`` or ``A..B``, both ends included, with ``xN`` every Nth.

    Returns:
        Ascending, each frame once.

    Raises:
        PlanError: ``bad_frames``.

    """
    frames: set[int] = set()
    for part in text.split(","):
        match = _PART.fullmatch(part.strip())
        if match is None:
            raise _wrong(text, f'"{part.strip()}" is not a frame or a range')
        first = int(match[1])
        last = first if match[2] is None else int(match[2])
        step = 1 if match[3] is None else int(match[3])
        if not FIRST <= first <= LAST or not FIRST <= last <= LAST:
            raise _wrong(text, f"frames go from {FIRST} to {LAST}")
        if last < first or step < 1:
            raise _wrong(text, f'"{part.strip()}" holds no frame')
        frames.update(range(first, last + 1, step))
    return tuple(sorted(frames))


def _wrong(text: str, why: str) -> PlanError:
    return PlanError(
        "bad_frames", f'"{text}" is not a list of frames: {why}.', "Write them like 1-50, 1-50x2 or 1,5,9."
    )
