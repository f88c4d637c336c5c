"""One X-ray of a queue, and where it stands."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..client.request import XrayAnswer, XrayRequest
from ..errors import MaskelError
from ..jobs import Job, JobOptions


class EntryState(enum.Enum):
    """Where an X-ray stands, in words for the panel."""

    PLANNED = "Waits for its silhouette"
    WAITING = "Waits in line"
    IN_FLIGHT = "Making the X-ray"
    RETRYING = "Server busy, tries again"
    DONE = "Ready to place"
    PLACED = "Placed"
    FAILED = "Failed"
    CANCELLED = "Cancelled"


PENDING = frozenset({EntryState.PLANNED, EntryState.WAITING, EntryState.IN_FLIGHT, EntryState.RETRYING})
ENDED = frozenset({EntryState.PLACED, EntryState.FAILED, EntryState.CANCELLED})


@dataclass(eq=False)
class Entry:
    """Read it freely; only its queue changes it.

    Args:
        id: Unique within the queue.
        label: For the panel.
        options: How to reach the server.
        group: What it belongs to; whole groups can be cancelled.
        tag: The caller's own.
        request: What is asked; None until its silhouette is taken.
        finish: Called with the answer on the job's thread; what it raises fails the X-ray.
        key: Digest of what is asked.
    """

    id: int
    label: str
    options: JobOptions
    group: str
    tag: Any = None
    request: XrayRequest | None = None
    finish: Callable[[XrayAnswer], None] | None = None
    key: str = ""
    state: EntryState = EntryState.PLANNED
    job: Job | None = None
    answer: XrayAnswer | None = None
    error: MaskelError | None = None
    attempts: int = 0
    not_before: float = 0.0
    seconds: float = 0.0
    cached: bool = False

    @property
    def pending(self) -> bool:
        """Whether it is still to be made."""
        return self.state in PENDING

    @property
    def words(self) -> str:
        """Its state for the panel, as exact as is known."""
        job = self.job
        return job.state.value if self.state is EntryState.IN_FLIGHT and job is not None else self.state.value

    @property
    def progress(self) -> float:
        """0..1."""
        if self.state is EntryState.IN_FLIGHT:
            return self.job.progress if self.job is not None else 0.0
        return 0.0 if self.pending else 1.0
