"""What is no HTTP is refused in the same words as everything else."""

from __future__ import annotations

import sys

import h11
from maskel_core.errors import MaskelError
from maskel_server.errors import error_response
from maskel_server.guard import DRAIN_SECONDS, headers_too_large
from uvicorn.protocols.http.h11_impl import H11Protocol


class TypedH11Protocol(H11Protocol):
    """uvicorn's HTTP/1.1, with typed answers to requests that never reach the application."""

    _refused = False

    def data_received(self, data: bytes) -> None:
        """Read on, but drop what follows a refusal."""
        if not self._refused:
            super().data_received(data)

    def send_400_response(self, msg: str) -> None:
        """Answer ``headers_too_large`` or ``bad_http`` and close once the client has heard it."""
        self._refused = True
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            # An answer is under way already; a second one would be read as part of it.
            self.transport.close()
            return
        answer = error_response(refusal(sys.exception()))
        headers = [*answer.raw_headers, (b"connection", b"close")]
        for event in (
            h11.Response(status_code=answer.status_code, headers=headers),
            h11.Data(data=bytes(answer.body)),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        # Closing a socket with unread data resets it, and the client would never see the answer.
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(DRAIN_SECONDS, self.transport.close)


def refusal(error: BaseException | None) -> MaskelError:
    """The typed error for what h11 could not read.

    Args:
        error: h11's own; its status hint 431 tells a request head over the limit.
    """
    if isinstance(error, h11.RemoteProtocolError) and error.error_status_hint == 431:
        return headers_too_large()
    return MaskelError(
        "bad_http",
        "What was sent is not a valid HTTP/1.1 request.",
        "Use an ordinary HTTP client over http://.",
    )
