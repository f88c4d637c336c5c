"""Requests in flight: while the model works on one, the next is at the server already. No bpy."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from ..backend.process import Backend
from ..client.request import XrayAnswer, XrayRequest
from ..errors import Cancelled, MaskelError
from ..jobs import START_SECONDS, Job, JobOptions
from ..queue.job_queue import IN_FLIGHT

_LOOK_SECONDS = 0.2

Luggage = TypeVar("Luggage")


@dataclass(frozen=True)
class Landed(Generic[Luggage]):
    """What came back, with what was given along; either answer or error."""

    luggage: Luggage
    answer: XrayAnswer | None
    error: MaskelError | None


class Flight(Generic[Luggage]):
    """Jobs in the order they were sent.

    Args:
        options: How to reach the server.
        backend: The server of this Blender, for the case that it has to be started.
        aborted: Asked while waiting; True cuts off all that is in flight.
    """

    def __init__(
        self, options: JobOptions, backend: Backend, aborted: Callable[[], bool] = lambda: False
    ) -> None:
        self._options = options
        self._backend = backend
        self._aborted = aborted
        self._jobs: deque[tuple[Job, Luggage]] = deque()

    def __len__(self) -> int:
        return len(self._jobs)

    @property
    def full(self) -> bool:
        """Whether one has to land before another is sent."""
        return len(self._jobs) >= IN_FLIGHT

    def send(self, request: XrayRequest, luggage: Luggage) -> None:
        """Send a request; returns at once."""
        self._jobs.append((Job(request, self._options, self._backend), luggage))

    def land(self) -> Landed[Luggage]:
        """Wait for the request that was sent first."""
        job, luggage = self._jobs.popleft()
        try:
            self._wait(job)
            return Landed(luggage, job.result(), None)
        except MaskelError as error:
            return Landed(luggage, None, error)

    def cut_off(self) -> None:
        """Cancel all that is in flight."""
        while self._jobs:
            self._jobs.popleft()[0].cancel()

    def _wait(self, job: Job) -> None:
        # jobs run beside each other, so one may wait for the model as long as those before it
        seconds = START_SECONDS + IN_FLIGHT * self._options.timeout
        end = time.monotonic() + seconds
        while job.running:
            if self._aborted():
                job.cancel()
                raise Cancelled
            if time.monotonic() > end:
                job.cancel()
                raise MaskelError(
                    "timeout",
                    f"No X-ray within {seconds:.0f} s.",
                    "Raise the timeout, or look at the server's log.",
                )
            job.poll(_LOOK_SECONDS)
