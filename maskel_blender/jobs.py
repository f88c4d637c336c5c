"""One X-ray in the making, on a thread of its own. Never touches bpy."""

from __future__ import annotations

import enum
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from .backend.command import OwnServer, RunningServer
from .backend.process import Backend
from .client.base import Client
from .client.http import HttpClient
from .client.request import XrayAnswer, XrayRequest
from .errors import Cancelled, ClientError, MaskelError, unforeseen
from .queue.keys import answer_key, answer_keys

START_SECONDS = 120.0


class AnswerStore(Protocol):
    """Keeps answers by digest; see `queue.cache.ResultCache`."""

    def get(self, key: str) -> XrayAnswer | None:
        """The answer, if it is kept."""

    def put(self, key: str, answer: XrayAnswer) -> None:
        """Keep an answer."""

    def forget(self, key: str) -> None:
        """Keep an answer no longer."""


class JobState(enum.Enum):
    """Where a job stands."""

    WAITING_FOR_SERVER = "Waiting for the server"
    WAITING_FOR_XRAY = "Making the X-ray"
    DONE = "Done"
    FAILED = "Failed"
    CANCELLED = "Cancelled"


_SHARE = {JobState.WAITING_FOR_SERVER: 0.1, JobState.WAITING_FOR_XRAY: 0.5}


@dataclass(frozen=True)
class JobOptions:
    """How to reach a server.

    Args:
        server: Which one.
        timeout: Seconds the X-ray may take.
        allow_remote: Whether hosts other than this computer may be asked.
    """

    server: RunningServer | OwnServer
    timeout: float = 120.0
    allow_remote: bool = False


class Job:
    """Starts at once; ask `state`, or `wait`.

    Args:
        request: What is asked.
        options: How to reach the server.
        backend: The server of our own.
        cache: Answers of before. One with layers serves every style, so its picture may be in another.
        ended: Called with the job on its thread when it has ended.
        finish: Called with the answer on the job's thread; what it raises fails the job.
    """

    def __init__(
        self,
        request: XrayRequest,
        options: JobOptions,
        backend: Backend,
        cache: AnswerStore | None = None,
        ended: Callable[[Job], None] | None = None,
        finish: Callable[[XrayAnswer], None] | None = None,
    ) -> None:
        self.request = request
        self.cached = False
        """Whether the answer was kept from before."""
        self._cache, self._call_ended, self._finish = cache, ended, finish
        self._options = options
        self._backend = backend
        self._state = JobState.WAITING_FOR_SERVER
        self._answer: XrayAnswer | None = None
        self._error: MaskelError | None = None
        self._client: Client | None = None
        self._cancelled = threading.Event()
        self._ended = threading.Event()
        self._began = time.monotonic()
        threading.Thread(target=self._run, name="maskel-job", daemon=True).start()

    @property
    def state(self) -> JobState:
        """Where the job stands."""
        return self._state

    @property
    def running(self) -> bool:
        """Whether there is something to wait for."""
        return not self._ended.is_set()

    @property
    def progress(self) -> float:
        """0..1, by steps: a single X-ray has no finer measure."""
        return _SHARE.get(self._state, 1.0)

    @property
    def seconds(self) -> float:
        """Since the job began."""
        return time.monotonic() - self._began

    def cancel(self) -> None:
        """End the job; what it waits for is cut off."""
        self._cancelled.set()
        client = self._client
        if client is not None:
            client.abort()

    def poll(self, seconds: float) -> bool:
        """Wait for the end, at most so long; whether it has come."""
        return self._ended.wait(seconds)

    def wait(self, seconds: float) -> None:
        """Wait until the job ends.

        Raises:
            MaskelError: ``timeout``; the job is cancelled then.

        """
        if not self._ended.wait(seconds):
            self.cancel()
            raise MaskelError(
                "timeout",
                f"No X-ray within {seconds:.0f} s.",
                "Raise the timeout, or look at the server's log.",
            )

    def result(self) -> XrayAnswer:
        """The answer of an ended job.

        Raises:
            MaskelError: What made it fail, or ``cancelled``.

        """
        if self._answer is not None:
            return self._answer
        raise self._error or Cancelled()

    def _run(self) -> None:
        try:
            answer = self._work()
            self._try_to_finish(answer)
            self._answer = answer
            self._state = JobState.DONE
        except MaskelError as error:
            self._end(error)
        except Exception as error:
            # a thread that dies silently would leave the panel waiting for ever
            self._end(unforeseen(error))
        finally:
            self._ended.set()
            if self._call_ended is not None:
                self._call_ended(self)

    def _try_to_finish(self, answer: XrayAnswer) -> None:
        if self._finish is None:
            return
        try:
            self._finish(answer)
        except MaskelError:
            if self._cache is not None:
                self._cache.forget(answer_key(self.request, answer))
            raise

    def _end(self, error: MaskelError) -> None:
        cancelled = self._cancelled.is_set()
        self._error = Cancelled() if cancelled else error
        self._state = JobState.CANCELLED if cancelled else JobState.FAILED

    def _work(self) -> XrayAnswer:
        try:
            return self._ask()
        except ClientError as error:
            gone = error.code in ("no_server", "connection_lost") and isinstance(
                self._options.server, OwnServer
            )
            if not gone or self._cancelled.is_set() or not self._backend.lost():
                raise
        # our server has ended in the middle: once more, under the same name, so that a kept answer is found
        self._state = JobState.WAITING_FOR_SERVER
        return self._ask()

    def _ask(self) -> XrayAnswer:
        options = self._options
        if isinstance(options.server, OwnServer):
            self._backend.start(options.server.command, options.server.published)
            address, token = self._backend.wait_ready(START_SECONDS, self._cancelled.is_set)
        else:
            address, token = options.server.address, options.server.token
        client = HttpClient(address, token, options.timeout, options.allow_remote)
        self._client = client
        if self._cancelled.is_set():
            raise Cancelled
        health = client.wait_until_ready(START_SECONDS)
        kept = None
        if self._cache is not None and health.model:
            of_layers, of_picture = answer_keys(self.request, health.model, health.version)
            kept = self._cache.get(of_layers) if self.request.layers else None
            kept = kept or self._cache.get(of_picture)
        if kept is not None:
            self.cached = True
            return kept
        self._state = JobState.WAITING_FOR_XRAY
        answer = client.xray(self.request)
        if self._cancelled.is_set():
            raise Cancelled
        if self._cache is not None:
            self._cache.put(answer_key(self.request, answer), answer)
        return answer
