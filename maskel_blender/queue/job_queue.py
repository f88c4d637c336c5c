"""The queue: X-rays in order, a few at a time."""

from __future__ import annotations

import itertools
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from ..client.request import XrayAnswer, XrayRequest
from ..errors import MaskelError
from ..jobs import Job, JobOptions
from .entry import ENDED, Entry, EntryState
from .keys import request_key

IN_FLIGHT = 2
"""One is inferred while the next travels."""

_BUSY = frozenset({"busy", "not_ready", "draining"})
_BUSY_SECONDS = 5.0
_BUSY_ATTEMPTS = 6
_MEASURED = 16


class Starter(Protocol):
    """Starts a job; calls `ended` with it on the job's thread once it has ended."""

    def __call__(
        self,
        request: XrayRequest,
        options: JobOptions,
        ended: Callable[[Job], None],
        finish: Callable[[XrayAnswer], None] | None,
    ) -> Job:
        """See the class."""


@dataclass(frozen=True)
class Summary:
    """How a queue stands.

    Args:
        total: X-rays asked for since the queue was last empty.
        made: Of these, those that are made, placed or not.
        failed: Those that failed.
        progress: 0..1.
        seconds_left: By what the X-rays so far took; None until one is measured.
    """

    total: int
    made: int
    failed: int
    progress: float
    seconds_left: float | None


class JobQueue:
    """All methods may be called from any thread; none but `wait` waits.

    Args:
        start: Starts a job.
        limit: Jobs in flight at once.
        ahead: Silhouettes to have ready beyond those in flight.
        busy_seconds: Pause before a server that is busy is asked again, unless it names one itself.
    """

    def __init__(
        self, start: Starter, limit: int = IN_FLIGHT, ahead: int = 2, busy_seconds: float = _BUSY_SECONDS
    ) -> None:
        self._start = start
        self._limit, self._ahead, self.busy_seconds = limit, ahead, busy_seconds
        self._changed = threading.Condition(threading.RLock())
        self._entries: list[Entry] = []
        self._numbers = itertools.count(1)
        self._durations: deque[float] = deque(maxlen=_MEASURED)
        self._timer: threading.Timer | None = None

    @property
    def entries(self) -> list[Entry]:
        """All, in order."""
        with self._changed:
            return list(self._entries)

    @property
    def active(self) -> bool:
        """Whether anything is to be made or placed."""
        with self._changed:
            return any(entry.state not in ENDED for entry in self._entries)

    def add(
        self,
        label: str,
        options: JobOptions,
        group: str = "",
        tag: Any = None,
        request: XrayRequest | None = None,
        finish: Callable[[XrayAnswer], None] | None = None,
    ) -> Entry:
        """Put an X-ray at the end; without a request it waits until `fill` brings it. See `Entry` for the arguments."""
        with self._changed:
            if not self.active:
                self._entries.clear()
            entry = Entry(next(self._numbers), label, options, group, tag)
            self._entries.append(entry)
            if request is not None:
                self.fill(entry, request, tag, finish)
            return entry

    def next_planned(self) -> Entry | None:
        """The X-ray whose silhouette is wanted now; None if none is, or enough are ready."""
        with self._changed:
            ready = sum(
                entry.state in (EntryState.WAITING, EntryState.IN_FLIGHT, EntryState.RETRYING)
                for entry in self._entries
            )
            if ready >= self._limit + self._ahead:
                return None
            return next((entry for entry in self._entries if entry.state is EntryState.PLANNED), None)

    def fill(
        self,
        entry: Entry,
        request: XrayRequest,
        tag: Any = None,
        finish: Callable[[XrayAnswer], None] | None = None,
    ) -> None:
        """Give a planned X-ray its request, and the tag that goes with it."""
        with self._changed:
            if entry.state is EntryState.PLANNED:
                entry.request, entry.tag, entry.finish = request, tag, finish
                entry.key = request_key(request, styled=not request.layers)
                self._set(entry, EntryState.WAITING)
                self._advance()

    def fail(self, entry: Entry, error: MaskelError) -> None:
        """An X-ray cannot be made, or not be placed."""
        with self._changed:
            if entry.state not in ENDED:
                entry.error, entry.job = error, None
                self._set(entry, EntryState.FAILED)

    def done(self) -> list[Entry]:
        """Those that are made and not placed, in order."""
        with self._changed:
            return [entry for entry in self._entries if entry.state is EntryState.DONE]

    def placed(self, entry: Entry) -> None:
        """An X-ray is where it belongs; what was kept for that is let go."""
        with self._changed:
            if entry.state is EntryState.DONE:
                entry.answer = entry.request = entry.finish = entry.tag = None
                self._set(entry, EntryState.PLACED)

    def cancel(self, number: int | None = None, group: str | None = None) -> int:
        """Cancel what is still to be made.

        Args:
            number: One X-ray; None for all.
            group: Those of a group alone.

        Returns:
            How many were cancelled.

        """
        with self._changed:
            chosen = [
                entry
                for entry in self._entries
                if entry.pending and number in (None, entry.id) and group in (None, entry.group)
            ]
            for entry in chosen:
                job, entry.job = entry.job, None
                if job is not None:
                    job.cancel()
                self._set(entry, EntryState.CANCELLED)
            self._advance()
            return len(chosen)

    def retry(self, number: int | None = None) -> int:
        """Try again what failed: one X-ray, or all; returns how many."""
        with self._changed:
            chosen = [
                entry
                for entry in self._entries
                if entry.state is EntryState.FAILED and number in (None, entry.id)
            ]
            for entry in chosen:
                entry.error, entry.attempts, entry.answer = None, 0, None
                self._set(entry, EntryState.WAITING if entry.request is not None else EntryState.PLANNED)
            self._advance()
            return len(chosen)

    def close(self) -> None:
        """Cancel everything and forget it."""
        with self._changed:
            self.cancel()
            self._entries.clear()
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            self._changed.notify_all()

    def wait(self, seconds: float) -> bool:
        """Wait until nothing is to be made any more, at most so long; whether it is so."""
        with self._changed:
            return self._changed.wait_for(
                lambda: not any(entry.pending for entry in self._entries), timeout=seconds
            )

    def wait_change(self, seconds: float) -> None:
        """Wait until some X-ray is in another state, at most so long."""
        with self._changed:
            self._changed.wait(seconds)

    def summary(self, group: str | None = None) -> Summary:
        """How all, or those of a group, stand; cancelled ones do not count."""
        with self._changed:
            counted = [
                entry
                for entry in self._entries
                if entry.state is not EntryState.CANCELLED and group in (None, entry.group)
            ]
            made = sum(entry.state in (EntryState.DONE, EntryState.PLACED) for entry in counted)
            failed = sum(entry.state is EntryState.FAILED for entry in counted)
            progress = sum(entry.progress for entry in counted) / len(counted) if counted else 1.0
            return Summary(len(counted), made, failed, progress, self._seconds_left(counted))

    def _seconds_left(self, counted: list[Entry]) -> float | None:
        pending = [entry for entry in counted if entry.pending]
        if not pending:
            return 0.0
        if not self._durations:
            return None
        mean = sum(self._durations) / len(self._durations)
        work = 0.0
        for entry in pending:
            job = entry.job
            work += max(mean - job.seconds, 0.0) if job is not None else mean
        return work / min(self._limit, len(pending))

    def _set(self, entry: Entry, state: EntryState) -> None:
        entry.state = state
        self._changed.notify_all()

    def _advance(self) -> None:
        """Start what may start; the lock is held."""
        flying = [entry for entry in self._entries if entry.state is EntryState.IN_FLIGHT]
        # of equal requests one is made; the others find its answer kept
        keys = {entry.key for entry in flying}
        now, due = time.monotonic(), None
        for entry in self._entries:
            if len(keys) >= self._limit:
                break
            if entry.request is None or entry.key in keys:
                continue
            if entry.state is EntryState.RETRYING and entry.not_before > now:
                due = min(due or entry.not_before, entry.not_before)
                continue
            if entry.state in (EntryState.WAITING, EntryState.RETRYING):
                keys.add(entry.key)
                entry.attempts += 1
                self._set(entry, EntryState.IN_FLIGHT)
                entry.job = self._start(entry.request, entry.options, self._ended, entry.finish)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if due is not None:
            self._timer = threading.Timer(max(due - now, 0.0), self._wake)
            self._timer.daemon = True
            self._timer.start()

    def _wake(self) -> None:
        with self._changed:
            self._advance()

    def _ended(self, job: Job) -> None:
        """On the job's thread."""
        with self._changed:
            entry = next((entry for entry in self._entries if entry.job is job), None)
            if entry is not None:
                entry.job, entry.seconds, entry.cached = None, job.seconds, job.cached
                try:
                    entry.answer = job.result()
                except MaskelError as error:
                    self._failed(entry, error)
                else:
                    if not job.cached:
                        self._durations.append(job.seconds)
                    self._set(entry, EntryState.DONE)
            self._advance()

    def _failed(self, entry: Entry, error: MaskelError) -> None:
        if error.code in _BUSY and entry.attempts < _BUSY_ATTEMPTS:
            pause = getattr(error, "retry_after", None)
            entry.not_before = time.monotonic() + (self.busy_seconds if pause is None else pause)
            self._set(entry, EntryState.RETRYING)
        else:
            entry.error = error
            self._set(entry, EntryState.FAILED)
