"""The one owner of the model: loads it, runs jobs by priority in batches, and lets it go when nobody needs it."""

from __future__ import annotations

import asyncio
import logging
import math
import threading
import time
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

from maskel_core.errors import MaskelError
from maskel_server.engine import faults
from maskel_server.engine.contracts import PRIORITIES, JobState, ModelInfo, PipelineLike, XrayJob
from maskel_server.engine.figures import Figures, figures_of
from maskel_server.engine.memory import resident_bytes
from maskel_server.engine.owner import ModelOwner
from maskel_server.engine.pace import Pace
from maskel_server.engine.runner import Runner
from maskel_server.engine.ticket import Ticket
from maskel_server.engine.waiting import WaitingLine
from maskel_server.engine.work import Work

log = logging.getLogger("maskel_server")

FREE_SECONDS = 120.0
"""How long `Engine.free_memory` waits for the jobs in work."""


class Engine:
    """Loads a pipeline with ``load`` on a thread of its own, warms it up, then serves jobs.

    Args:
        load: Makes the pipeline; runs on the engine's thread, again after the model was unloaded.
        queue_size: Jobs that may wait behind the one in work.
        idle_seconds: Seconds without a job after which the model is unloaded; 0 = never.
        batch: Most masks in the model at once; None for what suits the device.
    """

    def __init__(
        self,
        load: Callable[[], PipelineLike],
        queue_size: int = 8,
        idle_seconds: float = 900.0,
        batch: int | None = None,
    ) -> None:
        self._owner = ModelOwner(load, batch)
        self._limit = self._places = queue_size + 1
        self._idle_seconds = idle_seconds
        # One condition guards all that follows; nothing slow is done while it is held.
        self._changed = threading.Condition()
        self._line: WaitingLine[Work] = WaitingLine()
        self._works: WeakKeyDictionary[asyncio.Future[Any], Work] = WeakKeyDictionary()
        self._running: set[Work] = set()
        self._busy_lanes = 0
        self._alone = False
        self._moving = False
        self._asked_to_free = 0
        self._stopped = self._draining = False
        self._lanes: list[threading.Thread] = []
        self._loaded = threading.Event()
        self._last_used = self._born = time.monotonic()
        self._pace = Pace()
        self._totals = {"done": 0, "failed": 0, "cancelled": 0, "refused": 0}

    def start(self) -> None:
        """Begin to load; returns at once. A second call does nothing."""
        with self._changed:
            self._need_lanes(1)

    def stop(self) -> None:
        """Take no more jobs and refuse those that wait; the ones in work are not waited for."""
        with self._changed:
            self._stopped = self._draining = True
            left = self._line.take_all()
            self._changed.notify_all()
        for work in left:
            self._settled(work, None, faults.draining())

    def drain(self) -> None:
        """Admit no more jobs; those that are in go on."""
        self._draining = True

    def wait(self, seconds: float | None = None) -> bool:
        """Block until the model is loaded or has failed; False when the time ran out first."""
        return self._loaded.wait(seconds)

    def wait_until_empty(self, seconds: float | None = None) -> bool:
        """Block until nothing waits or runs; False when the time ran out first."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._line and not self._running, seconds)

    @property
    def status(self) -> str:
        """``starting``, ``ready``, ``idle`` (unloaded; the next job loads it), ``draining`` or ``failed``."""
        if self._owner.failure is not None:
            return "failed"
        if self._draining:
            return "draining"
        if self._owner.runner is not None:
            return "ready"
        return "idle" if self._owner.info is not None and not self._moving else "starting"

    @property
    def failure(self) -> MaskelError | None:
        """Why loading failed."""
        return self._owner.failure

    @property
    def notice(self) -> str | None:
        """What an administrator should know, such as that the device's memory ran out."""
        return self._owner.notice

    def info(self) -> ModelInfo | None:
        """The model, also while it is unloaded; None before it was loaded."""
        return self._owner.info

    def admit(self) -> Ticket:
        """Take a place.

        Raises:
            MaskelError: ``not_ready`` before the model was loaded or after that failed, ``busy`` when every place is
                taken, ``draining``.
        """
        if self._owner.failure is not None:
            raise faults.not_loaded(self._owner.failure)
        if self._draining:
            raise faults.draining()
        if self._owner.info is None:
            raise faults.loading()
        with self._changed:
            if self._places <= 0:
                self._totals["refused"] += 1
                raise faults.full()
            self._places -= 1
        return Ticket(self)

    def submit(self, job: XrayJob) -> asyncio.Future[Any]:
        """Queue a job from the running event loop.

        Returns:
            Future of (what the pipeline answers, seconds in work). Cancel it to drop the job: one that waits is never
            run, of one that the model has begun the result is dropped.
        """
        if job.priority not in PRIORITIES:
            raise MaskelError(
                "bad_request",
                f"There is no priority {job.priority[:40]!r}.",
                f"Choose one of {', '.join(PRIORITIES)}.",
            )
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        work = Work(job, future, loop)
        future.add_done_callback(lambda _: self._drop(work))
        with self._changed:
            self._works[future] = work
            refusal = faults.not_loaded(self._owner.failure) if self._owner.failure is not None else None
            if self._stopped:
                refusal = faults.draining()
            if refusal is None:
                self._line.add(work, job.priority, work.submitted)
                self._changed.notify_all()
        if refusal is not None:
            self._settled(work, None, refusal)
        return future

    def state(self, future: asyncio.Future[Any]) -> JobState:
        """How far the job of a future from `submit` is."""
        with self._changed:
            work = self._works[future]
            position = self._line.position(work)
            now = time.monotonic()
            eta = None
            if position is not None:
                eta = self._pace.until_done(position, len(self._running))
            elif work.started is not None and work.ended is None and self._pace.span is not None:
                eta = max(0.0, work.started + self._pace.span - now)
            passed = (work.ended or now) - work.submitted
            status = "cancelled" if work.unwanted else work.status
            return JobState(status, position, work.progress, passed, eta)

    def figures(self) -> Figures:
        """Numbers for an administrator: queue, batches, totals, memory."""
        with self._changed:
            taken = self._limit - self._places
            queue = {"waiting": len(self._line), "running": len(self._running), "limit": self._limit}
            return figures_of(
                self._owner.runner,
                self.info(),
                self._pace,
                status=self.status,
                uptime=time.monotonic() - self._born,
                queue={**queue, "taken": taken},
                totals=dict(self._totals),
                notice=self.notice,
            )

    def retry_seconds(self) -> int:
        """When a refused client should ask again: once those that are in now are done, 1 to 60 seconds."""
        with self._changed:
            left = self._pace.until_done(len(self._line), len(self._running))
        return min(60, max(1, math.ceil(left or 1)))

    def free_memory(self, seconds: float = FREE_SECONDS) -> tuple[int, int]:
        """Unload the model once the jobs in work are done; jobs that wait load it again. Blocks.

        Args:
            seconds: How long to wait for the jobs in work.

        Returns:
            Resident bytes of the process before and after.

        Raises:
            MaskelError: ``busy`` when the time ran out.
        """
        before = resident_bytes()
        with self._changed:
            self._asked_to_free += 1
            try:
                if not self._changed.wait_for(lambda: not self._running and not self._moving, seconds):
                    raise MaskelError(
                        "busy", "The jobs in work are not done yet.", "Wait a moment and ask again."
                    )
                self._moving = True
            finally:
                self._asked_to_free -= 1
                self._changed.notify_all()
        return before, self._unload(before)

    def _release(self) -> None:
        with self._changed:
            self._places += 1

    def _drop(self, work: Work) -> None:
        """A future is done: if it was cancelled while it waited, the job goes."""
        if work.unwanted:
            with self._changed:
                self._drop_unwanted()

    def _drop_unwanted(self) -> None:
        for work in self._line.take_if(lambda work: work.unwanted):
            work.end("cancelled")
            work.settle(None, None)
            self._totals["cancelled"] += 1
            self._changed.notify_all()

    def _settled(self, work: Work, result: Any, error: BaseException | None) -> None:
        status = "cancelled" if work.unwanted else "done" if error is None else "failed"
        with self._changed:
            work.end(status)
            self._totals[status] += 1
            self._running.discard(work)
            if status == "done" and work.started is not None and work.ended is not None:
                self._pace.took(work.ended - work.started)
            self._last_used = time.monotonic()
            self._changed.notify_all()
        work.settle(result, error)

    def _need_lanes(self, count: int) -> None:
        while len(self._lanes) < count:
            # A daemon: a stuck model must not keep the process alive after its parent is gone.
            index = len(self._lanes)
            lane = threading.Thread(
                target=self._lane, args=(index,), name=f"maskel-engine-{index}", daemon=True
            )
            self._lanes.append(lane)
            lane.start()

    def _lane(self, index: int) -> None:
        while True:
            step = self._next(index)
            if step is None:
                return
            step()
            # What it refers to would be kept while the lane waits: the model, the masks.
            del step

    def _next(self, index: int) -> Callable[[], None] | None:
        """Wait for something to do; None when the engine has ended."""
        gathered = False
        with self._changed:
            while not self._stopped and self._owner.failure is None:
                # A cancelled future calls `_drop` one step of its loop later, and a lane may come before that.
                self._drop_unwanted()
                left: float | None = None
                runner = self._owner.runner
                if self._moving or self._asked_to_free:
                    pass
                elif runner is None:
                    if index == 0 and (self._owner.info is None or self._line):
                        self._moving = True
                        return self._load_model
                elif index >= runner.plan.lanes or self._alone:
                    pass
                elif self._line:
                    wanted = runner.plan.largest * (runner.plan.lanes - self._busy_lanes)
                    if gathered or not runner.plan.gather or not 1 < len(self._line) < wanted:
                        return self._take(runner)
                    gathered = True
                    left = runner.plan.gather
                elif index == 0 and self._idle_seconds and not self._running:
                    left = self._last_used + self._idle_seconds - time.monotonic()
                    if left <= 0:
                        self._moving = True
                        return self._unload_idle
                # A lane that waits must not keep an unloaded model in memory.
                del runner
                self._changed.wait(left)
        return None

    def _take(self, runner: Runner) -> Callable[[], None]:
        plan = runner.plan
        idle = max(1, plan.lanes - self._busy_lanes)
        # Jobs are spread over the lanes that have nothing to do before any of them gets a batch.
        count = min(plan.largest, -(-len(self._line) // idle))
        works = self._line.take(count)
        alone = self._alone = (
            not plan.exclusive and len(works) == 1 and not self._busy_lanes and not self._line
        )
        self._busy_lanes += 1
        self._running.update(works)
        self._pace.begin(len(works))
        for work in works:
            work.begin()
        lanes = self._busy_lanes
        return lambda: self._run(runner, works, alone, lanes)

    def _run(self, runner: Runner, works: list[Work], alone: bool, lanes: int) -> None:
        started = time.perf_counter()
        passed = False

        def let_others_in() -> None:
            nonlocal passed
            with self._changed:
                if alone and not passed:
                    self._alone = False
                    self._changed.notify_all()
            passed = True

        try:
            runner.run(works, alone, self._settled, let_others_in)
        except Exception as error:
            log.exception("a batch ended before its jobs did")
            for work in works:
                if work.ended is None:
                    self._settled(work, None, faults.as_typed(error))
        finally:
            let_others_in()
            with self._changed:
                self._busy_lanes -= 1
                self._pace.passed(time.perf_counter() - started, len(works), lanes)
                self._need_lanes(runner.plan.lanes)
                self._changed.notify_all()

    def _load_model(self) -> None:
        left: list[Work] = []
        failure: MaskelError | None = None
        warming = 0.0
        try:
            warming = self._owner.load()
        except MaskelError as error:
            failure = error.with_traceback(None)
        with self._changed:
            self._moving = False
            self._last_used = time.monotonic()
            if failure is not None:
                left = self._line.take_all()
            elif self._pace.span is None:
                self._pace.took(warming)
                self._pace.passed(warming, 1, 1)
            if self._owner.runner is not None:
                self._need_lanes(self._owner.runner.plan.lanes)
            self._changed.notify_all()
        for work in left:
            assert failure is not None
            self._settled(work, None, faults.not_loaded(failure))
        self._loaded.set()

    def _unload_idle(self) -> None:
        log.info("no job for %g s", self._idle_seconds)
        self._unload(resident_bytes())

    def _unload(self, before: int) -> int:
        """Drop the model; the caller has set ``_moving``. Resident bytes afterwards."""
        after = self._owner.unload(before)
        with self._changed:
            self._moving = False
            self._last_used = time.monotonic()
            self._changed.notify_all()
        return after
