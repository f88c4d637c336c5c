"""Batches through one loaded pipeline: three steps, and what happens when memory runs out."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

from maskel_core.errors import MaskelError
from maskel_server.engine.contracts import PipelineLike, XrayJob
from maskel_server.engine.faults import as_typed, is_out_of_memory
from maskel_server.engine.memory import give_back
from maskel_server.engine.plan import plan_for, use_threads
from maskel_server.engine.work import PREDICTED, PREPARED, Work

log = logging.getLogger("maskel_server")

Settle = Callable[[Work, Any, BaseException | None], None]


class Runner:
    """Runs batches; several lanes may call `run` at once.

    Args:
        pipeline: Loaded and warm.
        largest: Most masks of a batch over all lanes; None for what the pipeline says of its device.
        limits: Batch sizes known to fit where larger ones did not, by device; what is learned is noted here.
        threads: CPU threads in all; None leaves them as they are.

    Attributes:
        plan: How it is run.
        notice: What an administrator should know, such as that the device's memory ran out; None when all is well.
    """

    def __init__(
        self, pipeline: Any, largest: int | None, limits: dict[str, int], threads: int | None
    ) -> None:
        self.pipeline: PipelineLike = pipeline
        self.notice: str | None = None
        self._stages: Any = pipeline
        self._asked = largest
        self._limits = limits
        self._threads = threads
        self._model = threading.Lock()
        self._replan()
        self._finishers: ThreadPoolExecutor | None = None
        if self.plan.exclusive:
            # One thread a picture: torch's own would be as many again for each of them.
            self._finishers = ThreadPoolExecutor(
                min(8, os.cpu_count() or 1), "maskel-finish", initializer=use_threads, initargs=(1,)
            )

    def close(self) -> None:
        """Let the threads go; what they have begun is finished."""
        if self._finishers is not None:
            self._finishers.shutdown(wait=False)

    def run(self, works: Sequence[Work], alone: bool, settle: Settle, passed: Callable[[], None]) -> None:
        """Work off a batch.

        Args:
            works: At most ``plan.largest`` of them.
            alone: Nothing else is run meanwhile, so all threads may be used.
            settle: Called once for each job, from any thread.
            passed: Called when the model is done with them.
        """
        started = time.perf_counter()
        if self.plan.largest == 1 and not hasattr(self._stages, "predict"):
            self._run_whole(works, started, settle)
            return
        use_threads(self.plan.threads if alone else self.plan.shared_threads)
        ready = []
        for work in works:
            if work.unwanted:
                settle(work, None, None)
                continue
            try:
                ready.append((work, self._stages.prepare(work.job)))
                work.progress = PREPARED
            except Exception as error:
                settle(work, None, _told(error, work.job))
        predicted = self._predict(ready, settle)
        passed()
        for work, prepared, prediction in predicted:
            work.progress = PREDICTED
            if self._finishers is not None and self.plan.exclusive:
                self._finishers.submit(self._finish, work, prepared, prediction, started, settle)
            else:
                self._finish(work, prepared, prediction, started, settle)

    def _run_whole(self, works: Sequence[Work], started: float, settle: Settle) -> None:
        for work in works:
            if work.unwanted:
                settle(work, None, None)
                continue
            job = work.job
            try:
                result = self.pipeline(
                    job.mask,
                    style=job.style,
                    size=job.size,
                    joints=job.joints,
                    view=job.view,
                    uncertainty=job.uncertainty,
                )
            except Exception as error:
                settle(work, None, _told(error, job))
            else:
                settle(work, (result, time.perf_counter() - started), None)

    def _finish(self, work: Work, prepared: Any, prediction: Any, started: float, settle: Settle) -> None:
        if work.unwanted:
            settle(work, None, None)
            return
        try:
            result = self._stages.finish(prepared, prediction)
        except Exception as error:
            settle(work, None, _told(error, work.job))
        else:
            settle(work, (result, time.perf_counter() - started), None)

    def _predict(self, ready: list[tuple[Work, Any]], settle: Settle) -> list[tuple[Work, Any, Any]]:
        done: list[tuple[Work, Any, Any]] = []
        parts = [ready] if ready else []
        while parts:
            limit, part = self.plan.largest, parts.pop(0)
            part, rest = part[:limit], part[limit:]
            parts[:0] = [rest] if rest else []
            with self._model if self.plan.exclusive else nullcontext():
                try:
                    found = self._stages.predict([prepared for _, prepared in part])
                    fault = None
                except Exception as error:
                    found, fault = [], error
                    if is_out_of_memory(error):
                        # Its traceback would hold on to what has filled the memory.
                        fault = error.with_traceback(None)
                if fault is None:
                    done += [(*pair, one) for pair, one in zip(part, found, strict=True)]
                    continue
                if is_out_of_memory(fault) and self._made_room(len(part)):
                    parts.insert(0, part)
                    continue
            if len(part) > 1:
                # One of them may be to blame; the others shall not suffer for it.
                parts[:0] = [[one] for one in part]
            else:
                settle(part[0][0], None, _told(fault, part[0][0].job))
        return done

    def _made_room(self, tried: int) -> bool:
        """After memory ran out: plan for smaller batches or for the CPU; False when there is nothing left to try."""
        device = str(self.pipeline.device)
        give_back()
        if tried > 1:
            # Another lane may have found less meanwhile.
            self._limits[device] = min(self._limits.get(device, tried), tried // 2)
            self._replan()
            self.notice = f"The memory of {device} ran out with {tried} masks at once; at most {tried // 2} are run together."
            log.warning(self.notice)
            return True
        if device == "cpu":
            return False
        self._stages.to("cpu")
        give_back()
        self._replan()
        self.notice = f"The memory of {device} ran out; X-rays are made on the CPU, which is slower."
        log.warning(self.notice)
        return True

    def _replan(self) -> None:
        plan = plan_for(self.pipeline, self._asked, self._threads)
        limit = self._limits.get(str(self.pipeline.device), plan.largest)
        self.plan = replace(plan, largest=min(plan.largest, limit))


def _told(error: BaseException, job: XrayJob) -> MaskelError:
    if not isinstance(error, MaskelError):
        log.error("the model failed on a %d x %d mask", job.mask.shape[1], job.mask.shape[0], exc_info=error)
    return as_typed(error)
