"""The one owner of the model: loads it in the background and runs one request at a time."""

from __future__ import annotations

import asyncio
import gc
import itertools
import logging
import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from maskel_core.errors import MaskelError

log = logging.getLogger("maskel_server")


class JointLike(Protocol):
    """A joint of an answer: pixels of the answer's image and a confidence 0..1."""

    x: float
    y: float
    confidence: float


class XrayLike(Protocol):
    """What a pipeline answers; see ``maskel_core.pipeline``."""

    image: np.ndarray
    bone: np.ndarray
    soft: np.ndarray
    joints: Mapping[str, Any]
    uncertainty: np.ndarray | None


class PipelineLike(Protocol):
    """What the engine needs of a pipeline."""

    model_id: str
    description: str
    device: Any

    @property
    def native_size(self) -> int:
        """Pixels per side at which the model works."""

    def __call__(
        self,
        mask: np.ndarray,
        *,
        style: str,
        size: int | None,
        joints: bool,
        view: str = "unknown",
        uncertainty: bool = False,
    ) -> Any:
        """Turn a mask into an X-ray."""


@dataclass(frozen=True)
class XrayJob:
    """One mask and what to make of it."""

    mask: np.ndarray
    """uint8 (H, W), 255 = body."""
    style: str = "dxa"
    size: int | None = None
    joints: bool = False
    view: str = "unknown"
    uncertainty: bool = False


@dataclass(frozen=True)
class ModelInfo:
    """What a client may know of a model."""

    id: str
    device: str
    native_size: int
    styles: tuple[str, ...]
    description: str


class Ticket:
    """A place in the engine: one request in work or waiting. Hand it back with ``release``."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._held = True

    def release(self) -> None:
        """Free the place; a second call does nothing."""
        if self._held:
            self._held = False
            self._engine._release()

    def hand_over(self) -> Ticket:
        """The same place as another ticket; this one no longer holds it."""
        self._held = False
        return Ticket(self._engine)

    def __enter__(self) -> Ticket:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.release()


RANKS = {"preview": 0, "normal": 1, "batch": 2}
"""Order of the priorities."""


class _Free:
    """Asks the worker to let go of the model."""

    def __init__(self) -> None:
        self.done = threading.Event()


class _Work:
    def __init__(self, job: XrayJob, future: asyncio.Future[Any], loop: asyncio.AbstractEventLoop) -> None:
        self.job = job
        self.future = future
        self.loop = loop

    def settle(self, result: Any, error: BaseException | None) -> None:
        def set_it() -> None:
            if self.future.done():
                return
            if error is not None:
                self.future.set_exception(error)
            else:
                self.future.set_result(result)

        # The loop may have been closed by a shutdown that did not wait for this result.
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(set_it)


class Engine:
    """Loads a pipeline with ``load`` on a worker thread, warms it up, then serves jobs in order.

    Args:
        load: Makes the pipeline; runs once, on the worker thread.
        queue_size: Jobs that may wait behind the one in work.
    """

    def __init__(self, load: Callable[[], PipelineLike], queue_size: int = 8) -> None:
        self._load = load
        self._places = queue_size + 1
        self._lock = threading.Lock()
        self._inbox: queue.PriorityQueue[tuple[int, int, _Work | _Free | None]] = queue.PriorityQueue()
        self._count = itertools.count()
        self._limit = queue_size
        self._info: ModelInfo | None = None
        self._running = 0
        self._totals = {"done": 0, "failed": 0, "refused": 0}
        self._thread: threading.Thread | None = None
        self._pipeline: PipelineLike | None = None
        self._failure: MaskelError | None = None
        self._loaded = threading.Event()

    def start(self) -> None:
        """Begin to load; returns at once. A second call does nothing."""
        if self._thread is None:
            # A daemon: a stuck model must not keep the process alive after its parent is gone.
            self._thread = threading.Thread(target=self._run, name="maskel-engine", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Take no more jobs; the one in work is not waited for."""
        self._inbox.put((3, next(self._count), None))

    def wait(self, seconds: float | None = None) -> bool:
        """Block until the model is loaded or has failed; False when the time ran out first."""
        return self._loaded.wait(seconds)

    @property
    def status(self) -> str:
        """``starting``, ``ready``, ``idle`` (unloaded; the next job loads it) or ``failed``."""
        if self._failure is not None:
            return "failed"
        if self._info is None:
            return "starting"
        return "ready" if self._pipeline is not None else "idle"

    @property
    def failure(self) -> MaskelError | None:
        """Why loading failed."""
        return self._failure

    def info(self) -> ModelInfo | None:
        """The model, or None before it was loaded for the first time."""
        return self._info

    def admit(self) -> Ticket:
        """Take a place.

        Raises:
            MaskelError: ``not_ready`` while loading or after a failure, ``busy`` when every place is taken.
        """
        if self._failure is not None:
            raise MaskelError(
                "not_ready", f"The model could not be loaded: {self._failure.message}", self._failure.fix
            )
        if self._info is None:
            raise MaskelError(
                "not_ready",
                "The model is still loading.",
                "Wait until /v1/health says ready, then ask again.",
            )
        with self._lock:
            if self._places <= 0:
                self._totals["refused"] += 1
                raise MaskelError(
                    "busy",
                    "The server has as many requests as it accepts.",
                    "Wait a moment and send it again.",
                )
            self._places -= 1
        return Ticket(self)

    def submit(self, job: XrayJob, priority: str = "normal") -> asyncio.Future[Any]:
        """Queue a job from the running event loop; cancel the future to drop a job that still waits."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        self._inbox.put((RANKS[priority], next(self._count), _Work(job, future, loop)))
        return future

    def place(self, future: asyncio.Future[Any]) -> int | None:
        """Jobs before this one; None when it does not wait."""
        with self._inbox.mutex:
            waiting = sorted(self._inbox.queue)
        works = [work for _, _, work in waiting if isinstance(work, _Work) and not work.future.done()]
        return next((at for at, work in enumerate(works) if work.future is future), None)

    def free_memory(self) -> int:
        """Unload the model and wait for that; resident bytes after it. The next job loads it again.

        Raises:
            MaskelError: ``not_ready`` while loading or after a failure.
        """
        self.admit().release()
        free = _Free()
        self._inbox.put((-1, next(self._count), free))
        free.done.wait()
        return resident_bytes()

    def numbers(self) -> dict[str, Any]:
        """The engine's figures for ``GET /v1/status``."""
        with self._inbox.mutex:
            waiting = sum(
                isinstance(work, _Work) and not work.future.done() for _, _, work in self._inbox.queue
            )
        done = self._totals["done"]
        return {
            "queue": {"waiting": waiting, "running": self._running, "limit": self._limit},
            "loaded": self._pipeline is not None,
            "batch": {"largest": min(1, done), "mean": float(min(1, done))},
            "totals": dict(self._totals),
            "device": self._info.device if self._info else None,
            "precision": str(getattr(self._pipeline, "precision", "")).removeprefix("torch.") or None,
            "memory_bytes": resident_bytes(),
        }

    def _release(self) -> None:
        with self._lock:
            self._places += 1

    def _run(self) -> None:
        try:
            self._open()
        except MaskelError as error:
            log.error("the model could not be loaded: %s %s", error.message, error.fix)
            self._failure = error
        except Exception as error:
            log.exception("the model could not be loaded")
            self._failure = as_typed(error)
        finally:
            self._loaded.set()
        while (work := self._inbox.get()[2]) is not None:
            if isinstance(work, _Free):
                self._pipeline = None
                gc.collect()
                work.done.set()
            elif not work.future.cancelled():
                self._running = 1
                self._work_off(work)
                self._running = 0

    def _open(self) -> PipelineLike:
        started = time.perf_counter()
        pipeline = self._load()
        warm_up(pipeline)
        self._info = describe(pipeline)
        self._pipeline = pipeline
        log.info("model %s ready after %.1f s", self._info.id, time.perf_counter() - started)
        return pipeline

    def _work_off(self, work: _Work) -> None:
        job = work.job
        try:
            pipeline = self._pipeline or self._open()
            started = time.perf_counter()
            result = pipeline(
                job.mask,
                style=job.style,
                size=job.size,
                joints=job.joints,
                view=job.view,
                uncertainty=job.uncertainty,
            )
            self._totals["done"] += 1
            work.settle((result, time.perf_counter() - started), None)
        except Exception as error:
            if not isinstance(error, MaskelError):
                log.exception("the model failed on a %d x %d mask", job.mask.shape[1], job.mask.shape[0])
            self._totals["failed"] += 1
            work.settle(None, as_typed(error))


def resident_bytes() -> int:
    """Resident memory of this process, in bytes; where the system does not say it, the most it ever was."""
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        try:
            import resource
        except ImportError:
            return 0
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def warm_up(pipeline: PipelineLike) -> None:
    """Run one small figure through the model, so that the first request pays for nothing."""
    mask = np.zeros((256, 256), np.uint8)
    mask[32:224, 104:152] = 255
    pipeline(mask, style="dxa", size=None, joints=True)


def describe(pipeline: PipelineLike) -> ModelInfo:
    """The public facts of a pipeline."""
    from maskel_core.pipeline import STYLES

    return ModelInfo(
        id=pipeline.model_id,
        device=str(pipeline.device),
        native_size=pipeline.native_size,
        styles=STYLES,
        description=pipeline.description,
    )


def as_typed(error: BaseException) -> MaskelError:
    """An exception of the model as a typed error, without its inside."""
    if isinstance(error, MaskelError):
        return error
    torch = sys.modules.get("torch")
    gpu_full = torch is not None and isinstance(error, torch.OutOfMemoryError)
    if gpu_full or isinstance(error, MemoryError):
        return MaskelError(
            "out_of_memory",
            "There was not enough memory for this X-ray.",
            "Close other programs, ask for a smaller size, or start the server with --device cpu.",
        )
    return MaskelError(
        "internal", "The model met an unexpected error.", "Look at the server's log and report what it says."
    )
