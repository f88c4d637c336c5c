"""Every request seen from outside: counted, timed, logged."""

from __future__ import annotations

import logging
import time

from maskel_server.metrics import Metrics
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger("maskel_server.requests")


class Observe:
    """ASGI middleware in front of everything else."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and note what became of it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        status = sent = taken = 0

        async def watched_receive() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            return message

        async def watched_send(message: Message) -> None:
            nonlocal status, sent
            if message["type"] == "http.response.start":
                status = message["status"]
            sent += len(message.get("body", b""))
            await send(message)

        try:
            await self.app(scope, watched_receive, watched_send)
        except Exception:
            # What answers it stands outside and logs the failure itself.
            status = status or 500
            raise
        finally:
            self._note(scope, status, time.perf_counter() - started, {"in": taken, "out": sent})

    def _note(self, scope: Scope, status: int, seconds: float, sizes: dict[str, int]) -> None:
        state = scope.get("state", {})
        # The route and never the path: a path is the client's own words.
        call = f"{scope['method']} {route.path}" if (route := scope.get("route")) is not None else "other"
        code = state.get("code") or ("internal" if status == 500 else None)
        self.metrics.note(call, status, seconds, code)
        log.log(
            logging.INFO if code or scope["method"] != "GET" else logging.DEBUG,
            "%s %d%s, %.3f s",
            call,
            status,
            f" {code}" if code else "",
            seconds,
            extra={
                "event": "request",
                "call": call,
                "job": state.get("job"),
                "status": status,
                "code": code,
                "seconds": round(seconds, 4),
                "sizes": sizes,
            },
        )
