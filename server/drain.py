"""The end of a server: what is in work is finished, what comes is sent elsewhere."""

from __future__ import annotations

from collections.abc import Callable

from maskel_core.errors import MaskelError
from maskel_server.errors import error_response
from starlette.types import ASGIApp, Receive, Scope, Send

WORK_PATHS = frozenset({"/v1/xray", "/v1/jobs"})
"""Calls that bring work when they are POST."""


class Drain:
    """Whether the server is ending, and what is still in work.

    Args:
        jobs: Number of jobs in work or waiting, whoever asked for them.
    """

    def __init__(self, jobs: Callable[[], int]) -> None:
        self._jobs = jobs
        self.requests = 0
        self.begun = False

    def begin(self) -> None:
        """Refuse work from here on."""
        self.begun = True

    def busy(self) -> bool:
        """Whether anything is in work."""
        return self.requests > 0 or self._jobs() > 0


class DrainGate:
    """ASGI middleware that counts requests for work, and refuses them once the drain has begun."""

    def __init__(self, app: ASGIApp, drain: Drain) -> None:
        self.app = app
        self.drain = drain

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer ``draining``."""
        if scope["type"] != "http" or scope["method"] != "POST" or scope["path"] not in WORK_PATHS:
            await self.app(scope, receive, send)
            return
        if self.drain.begun:
            await error_response(draining())(scope, receive, send)
            return
        self.drain.requests += 1
        try:
            await self.app(scope, receive, send)
        finally:
            self.drain.requests -= 1


def draining() -> MaskelError:
    """The error for work that comes too late."""
    return MaskelError(
        "draining",
        "The server is ending and takes no more work.",
        "Send it again in a moment, to the server that follows; a named job that was finished is kept.",
    )
