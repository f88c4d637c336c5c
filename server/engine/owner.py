"""The model in memory: loaded, warmed up, let go, loaded again."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from maskel_core.errors import MaskelError
from maskel_server.engine import faults
from maskel_server.engine.contracts import ModelInfo, PipelineLike, describe, warm_up
from maskel_server.engine.memory import give_back, resident_bytes
from maskel_server.engine.plan import cpu_threads, use_threads
from maskel_server.engine.runner import Runner

log = logging.getLogger("maskel_server")


class ModelOwner:
    """Holds the one pipeline. `load` and `unload` are called by one thread at a time.

    Args:
        load: Makes the pipeline.
        batch: Most masks in the model at once; None for what suits the device.

    Attributes:
        runner: Runs batches on the loaded model; None while there is none.
        failure: Why the first load failed; there will be no other.
    """

    def __init__(self, load: Callable[[], PipelineLike], batch: int | None) -> None:
        self.runner: Runner | None = None
        self.failure: MaskelError | None = None
        self._load = load
        self._batch = batch
        self._info: ModelInfo | None = None
        self._notice: str | None = None
        self._threads: int | None = None
        # Outlives the model: a size that did not fit once is not tried again.
        self._limits: dict[str, int] = {}

    @property
    def info(self) -> ModelInfo | None:
        """The model, also while it is unloaded; None before it was loaded."""
        runner = self.runner
        return self._info if runner is None else describe(runner.pipeline)

    @property
    def notice(self) -> str | None:
        """What an administrator should know; None when all is well."""
        runner = self.runner
        return runner.notice if runner is not None else self._notice

    def load(self) -> float:
        """Load and warm up.

        Returns:
            Seconds of the warm-up's X-ray.

        Raises:
            MaskelError: Why it failed, also noted: as ``failure`` the first time, else as a notice, for a model that was there
                once may be again.
        """
        started = time.perf_counter()
        try:
            # This thread may have been left with its lane's share.
            use_threads(self._threads)
            pipeline = self._load()
            self._threads = self._threads or cpu_threads()
            loaded = time.perf_counter()
            warm_up(pipeline)
            warming = time.perf_counter() - loaded
            runner = Runner(pipeline, self._batch, self._limits, self._threads)
        except Exception as error:
            if isinstance(error, MaskelError):
                log.error("the model could not be loaded: %s %s", error.message, error.fix)
            else:
                log.exception("the model could not be loaded")
            typed = faults.as_typed(error)
            if self._info is None:
                self.failure = typed
            else:
                self._notice = f"The model could not be loaded again: {typed.message}"
            raise typed from error
        self._notice, self._info, self.runner = None, describe(pipeline), runner
        log.info("model %s ready after %.1f s", pipeline.model_id, time.perf_counter() - started)
        return warming

    def unload(self, before: int) -> int:
        """Drop the model, if it is there.

        Args:
            before: Resident bytes of the process, for the log.

        Returns:
            Resident bytes afterwards.
        """
        self._info = self.info
        runner, self.runner = self.runner, None
        had = runner is not None
        if runner is not None:
            runner.close()
        del runner
        give_back()
        after = resident_bytes()
        if had:
            log.info("model unloaded: %d MiB resident before, %d MiB after", before >> 20, after >> 20)
        return after
