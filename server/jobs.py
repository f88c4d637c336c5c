"""Jobs with a name of the client's choice: asked twice they are done once, and they can be taken back."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from maskel_core.errors import MaskelError
from maskel_server.engine import Ticket
from maskel_server.form import XrayForm
from maskel_server.results import Answer, ResultStore

Found = TypeVar("Found")

_NAME = re.compile(r"[A-Za-z0-9_-]{8,64}")


class JobBook:
    """The named jobs of one server, in work or finished.

    A named job goes on when its client hangs up, so that the answer is there when the client asks again. Lives on
    the event loop's thread.

    Args:
        store: Where answers are kept; None keeps none.
    """

    def __init__(self, store: ResultStore | None) -> None:
        self._store = store
        self._lock = asyncio.Lock()
        self._working: dict[str, tuple[str, asyncio.Task[Answer]]] = {}

    async def obtain(
        self, job: str, request: str, make: Callable[[], Coroutine[Any, Any, Answer]], ticket: Ticket
    ) -> asyncio.Task[Answer] | Answer:
        """The kept answer, the job in work under this name, or a new job.

        Args:
            job: Name from ``job_name``.
            request: Digest of what is asked for, from ``digest``.
            make: Makes the answer.
            ticket: The client's place; a new job takes it over until it ends.

        Raises:
            MaskelError: ``job_conflict`` when the name stands for another request.
        """
        # Held from the look at the disk to the start: two askers must not both find nothing.
        async with self._lock:
            if job in self._working:
                known, task = self._working[job]
                return _same(known, request, task)
            kept = await asyncio.to_thread(self._store.get, job) if self._store is not None else None
            if kept is not None:
                return _same(kept[0], request, kept[1])
            task = asyncio.get_running_loop().create_task(self._work(job, request, make))
            self._working[job] = (request, task)
            place = ticket.hand_over()

        def ended(task: asyncio.Task[Answer]) -> None:
            place.release()
            self._working.pop(job, None)
            if not task.cancelled():
                task.exception()  # without a client left nobody else looks at it

        # Not in the task itself, which never runs when it is cancelled at once.
        task.add_done_callback(ended)
        return task

    async def _work(self, job: str, request: str, make: Callable[[], Coroutine[Any, Any, Answer]]) -> Answer:
        answer = await make()
        if self._store is not None:
            # Kept before it is sent: what a client has seen it can ask for again.
            await asyncio.to_thread(self._store.put, job, request, answer)
        return answer

    @property
    def in_work(self) -> int:
        """Jobs that wait or are in work."""
        return len(self._working)

    async def take_back(self, job: str) -> str:
        """Cancel a job or forget its answer.

        A job that waits is never run; of one that the model has begun the result is dropped.

        Returns:
            ``cancelled`` or ``deleted``.

        Raises:
            MaskelError: ``job_unknown``.
        """
        entry = self._working.get(job)
        if entry is not None:
            entry[1].cancel()
            await asyncio.wait({entry[1]})
            if entry[1].cancelled():
                if self._store is not None:
                    # The cancel may have come while the answer was being written.
                    await asyncio.to_thread(self._store.drop, job)
                return "cancelled"
        if self._store is not None and await asyncio.to_thread(self._store.drop, job):
            return "deleted"
        raise MaskelError(
            "job_unknown",
            "There is no job with this id.",
            "It may have failed, been cancelled, or been kept for its time; send it again.",
        )

    async def close(self) -> None:
        """Cancel what is in work."""
        tasks = {task for _, task in self._working.values()}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)


def _same(known: str, request: str, found: Found) -> Found:
    if known != request:
        raise MaskelError(
            "job_conflict",
            "This job id stands for another request.",
            "Give every mask and set of options a job id of its own.",
        )
    return found


def job_name(text: str) -> str:
    """A job id as a client may choose it: 8 to 64 letters, digits, ``-`` and ``_``; a UUID fits.

    Raises:
        MaskelError: ``bad_job``.
    """
    if _NAME.fullmatch(text) is None:
        raise MaskelError(
            "bad_job",
            "A job id has 8 to 64 letters, digits, hyphens and underscores.",
            "Use a random UUID as the job id.",
        )
    return text


def digest(form: XrayForm) -> str:
    """SHA-256 of all that decides an answer: the mask file's bytes and the options."""
    options = f"{form.style}\n{form.size}\n{form.joints}\n{form.format}\n{form.view}\n{form.uncertainty}\n"
    return hashlib.sha256(options.encode() + form.mask).hexdigest()
