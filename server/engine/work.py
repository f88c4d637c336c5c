"""One job on its way through the engine."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from maskel_server.engine.contracts import XrayJob

PREPARED, PREDICTED = 0.1, 0.8
"""Progress after the first and after the second step."""


class Work:
    """A job, the future of its answer, and how far it is. Changed by one lane at a time.

    Args:
        job: What to do.
        future: Gets ``(result, seconds)`` or an exception; cancelled when the job is no longer wanted.
        loop: The loop of the future.
    """

    def __init__(self, job: XrayJob, future: asyncio.Future[Any], loop: asyncio.AbstractEventLoop) -> None:
        self.job = job
        self._future: asyncio.Future[Any] | None = future
        self.loop = loop
        self.status = "queued"
        self.progress = 0.0
        self.submitted = time.monotonic()
        self.started: float | None = None
        self.ended: float | None = None

    @property
    def unwanted(self) -> bool:
        """Whether it was cancelled."""
        future = self._future
        return future is not None and future.cancelled()

    def begin(self) -> None:
        """It leaves the line."""
        self.status, self.started = "running", time.monotonic()

    def end(self, status: str) -> None:
        """It is ``done``, ``failed`` or ``cancelled``."""
        self.status, self.ended = status, time.monotonic()
        if status == "done":
            self.progress = 1.0

    def settle(self, result: Any, error: BaseException | None) -> None:
        """Hand the answer to the future, from any thread."""
        # Let go of, because the engine finds a job by its future as long as somebody has that.
        future, self._future = self._future, None
        if future is None:
            return

        def set_it() -> None:
            if future.done():
                return
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(result)

        # The loop may be closed by a shutdown that did not wait for this result, even between a look and the call.
        try:
            self.loop.call_soon_threadsafe(set_it)
        except RuntimeError:
            return
