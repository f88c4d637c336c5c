"""The one owner of the model: loads it in the background and runs one request at a time."""

from __future__ import annotations

import asyncio
import logging
import queue
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
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
        self._inbox: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
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
        self._inbox.put(None)

    def wait(self, seconds: float | None = None) -> bool:
        """Block until the model is loaded or has failed; False when the time ran out first."""
        return self._loaded.wait(seconds)

    @property
    def status(self) -> str:
        """``starting``, ``ready`` or ``failed``."""
        if self._failure is not None:
            return "failed"
        return "ready" if self._pipeline is not None else "starting"

    @property
    def failure(self) -> MaskelError | None:
        """Why loading failed."""
        return self._failure

    def info(self) -> ModelInfo | None:
        """The loaded model, or None."""
        pipeline = self._pipeline
        return None if pipeline is None else describe(pipeline)

    def admit(self) -> Ticket:
        """Take a place.

        Raises:
            MaskelError: ``not_ready`` while loading or after a failure, ``busy`` when every place is taken.
        """
        if self._failure is not None:
            raise MaskelError(
                "not_ready", f"The model could not be loaded: {self._failure.message}", self._failure.fix
            )
        if self._pipeline is None:
            raise MaskelError(
                "not_ready",
                "The model is still loading.",
                "Wait until /v1/health says ready, then ask again.",
            )
        with self._lock:
            if self._places <= 0:
                raise MaskelError(
                    "busy",
                    "The server has as many requests as it accepts.",
                    "Wait a moment and send it again.",
                )
            self._places -= 1
        return Ticket(self)

    def submit(self, job: XrayJob) -> asyncio.Future[Any]:
        """Queue a job from the running event loop; cancel the future to drop a job that still waits."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        self._inbox.put(_Work(job, future, loop))
        return future

    def _release(self) -> None:
        with self._lock:
            self._places += 1

    def _run(self) -> None:
        try:
            started = time.perf_counter()
            pipeline = self._load()
            warm_up(pipeline)
            self._pipeline = pipeline
            log.info("model %s ready after %.1f s", describe(pipeline).id, time.perf_counter() - started)
        except MaskelError as error:
            log.error("the model could not be loaded: %s %s", error.message, error.fix)
            self._failure = error
        except Exception as error:
            log.exception("the model could not be loaded")
            self._failure = as_typed(error)
        finally:
            self._loaded.set()
        while (work := self._inbox.get()) is not None:
            if not work.future.cancelled():
                self._work_off(work)

    def _work_off(self, work: _Work) -> None:
        assert self._pipeline is not None
        job = work.job
        try:
            started = time.perf_counter()
            result = self._pipeline(
                job.mask,
                style=job.style,
                size=job.size,
                joints=job.joints,
                view=job.view,
                uncertainty=job.uncertainty,
            )
            work.settle((result, time.perf_counter() - started), None)
        except Exception as error:
            if not isinstance(error, MaskelError):
                log.exception("the model failed on a %d x %d mask", job.mask.shape[1], job.mask.shape[0])
            work.settle(None, as_typed(error))


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
