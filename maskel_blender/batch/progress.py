"""What a batch tells while it runs and at its end, and what it is told. No bpy."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any

from ..errors import MaskelError
from .manifest import Record


class Stop(enum.IntEnum):
    """Whether to go on."""

    NO = 0
    SOON = 1
    """After what is in flight."""
    NOW = 2
    """At once; what is in flight is cut off."""


@dataclass(frozen=True)
class Progress:
    """Where a batch stands.

    Args:
        done: Items that are finished, those found finished included.
        failed: Items that failed.
        total: All items.
        seconds: Since the batch began.
        seconds_left: By the pace so far; None before the first.
        record: What became of the item that was just dealt with; None at the beginning.
        skipped: Whether it was found finished.
    """

    done: int
    failed: int
    total: int
    seconds: float
    seconds_left: float | None = None
    record: Record | None = None
    skipped: bool = False


@dataclass(frozen=True)
class Report:
    """How a batch ended.

    Args:
        manifest: The manifest as plain values.
        done: Items that are finished, those found finished included.
        failed: Items that failed.
        skipped: Items found finished.
        interrupted: Whether it was told to stop before its end.
        objects: Names of the objects that were placed.
        error: What ended it before its time, an error that every further item would have met.
    """

    manifest: dict[str, Any]
    done: int
    failed: int
    skipped: int
    interrupted: bool
    objects: tuple[str, ...] = ()
    error: MaskelError | None = None
