"""Jobs with a name of the client's choice: asked twice they are done once, and they can be taken back."""

from __future__ import annotations

import asyncio
import hashlib
import re
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from maskel_core.errors import MaskelError
from maskel_server.engine import Ticket
from maskel_server.errors import internal_error
from maskel_server.form import XrayForm
from maskel_server.progress import Progress
from maskel_server.results import Answer, Store
from maskel_server.schema import JobState, Problem

Found = TypeVar("Found")

TICK_SECONDS = 0.25
"""How often the state of a job in work is looked at for those who follow it."""

MAX_ENDED = 4096
"""Failed and cancelled jobs that are remembered; the oldest go first."""

_NAME = re.compile(r"[A-Za-z0-9_-]{8,64}")


@dataclass(frozen=True)
class Work:
    """A job in work, or one that has just ended."""

    job: str
    request: str
    progress: Progress
    task: asyncio.Task[Answer]

    def state(self) -> JobState:
        """Where it stands."""
        now = time.monotonic()
        progress = self.progress
        if not self.task.done():
            return JobState(id=self.job, seconds=round(now - progress.submitted, 3), **progress.look())
        seconds = now - progress.submitted
        if self.task.cancelled():
            return _ended(self.job, "cancelled", seconds)
        error = self.task.exception()
        if error is None:
            return _ended(self.job, "done", self.task.result().seconds)
        return _ended(self.job, "failed", seconds, as_problem(error))


class JobBook:
    """The named jobs of one server, in work or ended.

    A named job goes on when its client hangs up, so that the answer is there when the client asks again. Lives on
    the event loop's thread.

    Args:
        stores: Where answers are kept; the first that takes one has it.
        seconds: How long a failed or cancelled job is remembered.
    """

    def __init__(self, stores: tuple[Store, ...], seconds: float) -> None:
        self._stores = stores
        self._seconds = seconds
        self._lock = asyncio.Lock()
        self._working: dict[str, Work] = {}
        self._nameless: set[asyncio.Task[Answer]] = set()
        self._ended: OrderedDict[str, tuple[float, JobState]] = OrderedDict()

    def start(self, make: Callable[[], Coroutine[Any, Any, Answer]]) -> asyncio.Task[Answer]:
        """Work without a name: nothing is kept, and it ends with its client, who holds its place."""
        task = asyncio.get_running_loop().create_task(make())
        self._nameless.add(task)

        def ended(task: asyncio.Task[Answer]) -> None:
            self._nameless.discard(task)
            if not task.cancelled():
                task.exception()

        task.add_done_callback(ended)
        return task

    async def obtain(
        self,
        job: str,
        request: str,
        progress: Progress,
        make: Callable[[], Coroutine[Any, Any, Answer]],
        take_place: Callable[[], Ticket],
    ) -> Work | Answer:
        """The kept answer, the job in work under this name, or a new job.

        Args:
            job: Name from ``job_name``.
            request: Digest of what is asked for, from ``digest``.
            progress: A new job's.
            make: Makes the answer.
            take_place: Gives a new job its place in the engine, which it holds until it ends.

        Raises:
            MaskelError: ``job_conflict`` when the name stands for another request, and what ``take_place`` raises.
        """
        # Held from the look at the disk to the start: two askers must not both find nothing.
        async with self._lock:
            if job in self._working:
                return _same(self._working[job].request, request, self._working[job])
            kept = await self._kept(job)
            if kept is not None:
                return _same(kept[0], request, kept[1])
            place = take_place()
            task = asyncio.get_running_loop().create_task(self._work(job, request, progress, make))
            work = Work(job, request, progress, task)
            self._working[job] = work
            self._ended.pop(job, None)

        def ended(task: asyncio.Task[Answer]) -> None:
            place.release()
            self._working.pop(job, None)
            # Also looks at the exception, which without a client left nobody else does.
            if task.cancelled() or task.exception() is not None:
                self._remember(work.state())

        # Not in the task itself, which never runs when it is cancelled at once.
        task.add_done_callback(ended)
        return work

    def works_on(self, job: str) -> bool:
        """Whether the job is in work."""
        return job in self._working

    def busy(self) -> bool:
        """Whether anything is in work, named or not."""
        return bool(self._working or self._nameless)

    async def state(self, job: str) -> JobState:
        """Where a job stands, in work or ended.

        Raises:
            MaskelError: ``job_unknown``.
        """
        work = self._working.get(job)
        if work is not None:
            return work.state()
        self._forget()
        if job in self._ended:
            return self._ended[job][1]
        for store in self._stores:
            seconds = await asyncio.to_thread(store.took, job)
            if seconds is not None:
                return _ended(job, "done", seconds)
        raise job_unknown()

    async def follow(self, job: str) -> AsyncIterator[JobState]:
        """The states of a job from here to its end; the same state again each ``TICK_SECONDS``.

        Raises:
            MaskelError: ``job_unknown``.
        """
        work = self._working.get(job)
        if work is None:
            yield await self.state(job)
            return
        while not work.task.done():
            yield work.state()
            await asyncio.wait({work.task}, timeout=TICK_SECONDS)
        yield work.state()

    async def result(self, job: str) -> Answer | JobState:
        """The answer of a job that is done, the state of one in work.

        Raises:
            MaskelError: ``job_unknown``, ``cancelled``, and what the job failed with.
        """
        if job in self._working:
            return self._working[job].state()
        kept = await self._kept(job)
        if kept is not None:
            return kept[1]
        state = await self.state(job)
        if state.error is not None:
            raise MaskelError(state.error.code, state.error.message, state.error.fix)
        if state.status == "cancelled":
            raise cancelled()
        if state.status == "done":  # the file was damaged between the two looks, or its body is
            raise job_unknown()
        return state

    async def take_back(self, job: str) -> str:
        """Cancel a job or forget its answer.

        A job that waits is never run; of one that the model has begun the result is dropped.

        Returns:
            ``cancelled`` or ``deleted``.

        Raises:
            MaskelError: ``job_unknown``.
        """
        work = self._working.get(job)
        if work is not None:
            work.task.cancel()
            await asyncio.wait({work.task})
            if work.task.cancelled():
                # The cancel may have come while the answer was being written.
                await self._drop(job)
                return "cancelled"
        if await self._drop(job):
            return "deleted"
        raise job_unknown()

    async def cancel_all(self) -> int:
        """Cancel what waits and what is in work, named or not; how many there were."""
        tasks = {work.task for work in self._working.values()} | self._nameless
        names = list(self._working)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        for job in names:
            if job in self._ended:
                await self._drop(job)
        return sum(task.cancelled() for task in tasks)

    def sweep(self) -> None:
        """Delete kept answers that are too old; blocks."""
        for store in self._stores:
            store.sweep()

    async def _work(
        self, job: str, request: str, progress: Progress, make: Callable[[], Coroutine[Any, Any, Answer]]
    ) -> Answer:
        answer = replace(await make(), seconds=time.monotonic() - progress.submitted)
        for store in self._stores:
            # Kept before it is sent: what a client has seen it can ask for again.
            if await asyncio.to_thread(store.put, job, request, answer):
                break
        return answer

    async def _kept(self, job: str) -> tuple[str, Answer] | None:
        for store in self._stores:
            found = await asyncio.to_thread(store.get, job)
            if found is not None:
                return found
        return None

    async def _drop(self, job: str) -> bool:
        return any([await asyncio.to_thread(store.drop, job) for store in self._stores])

    def _remember(self, state: JobState) -> None:
        self._ended[state.id] = (time.monotonic(), state)
        self._forget()

    def _forget(self) -> None:
        oldest = time.monotonic() - self._seconds
        while self._ended and (len(self._ended) > MAX_ENDED or next(iter(self._ended.values()))[0] < oldest):
            self._ended.popitem(last=False)


def _ended(job: str, status: Any, seconds: float, error: Problem | None = None) -> JobState:
    values: dict[str, Any] = {} if error is None else {"error": error}
    return JobState(
        id=job,
        status=status,
        position=None,
        progress=1.0 if status == "done" else 0.0,
        seconds=round(seconds, 3),
        eta=None,
        **values,
    )


def as_problem(error: BaseException) -> Problem:
    """An error as a client may read it."""
    if not isinstance(error, MaskelError):
        error = internal_error()
    return Problem(code=error.code, message=error.message, fix=error.fix)


def cancelled() -> MaskelError:
    """The error of a job that was cancelled."""
    return MaskelError(
        "cancelled", "The job was cancelled.", "Send it again if the X-ray is wanted after all."
    )


def job_unknown() -> MaskelError:
    """The error for a name that stands for nothing."""
    return MaskelError(
        "job_unknown",
        "There is no job with this id.",
        "It may have failed, been cancelled, or been kept for its time; send it again.",
    )


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
    """SHA-256 of all that decides an answer: the mask file's bytes and the options, not the priority."""
    options = f"{form.style}\n{form.size}\n{form.joints}\n{form.format}\n{form.view}\n{form.uncertainty}\n"
    return hashlib.sha256(options.encode() + form.mask).hexdigest()
