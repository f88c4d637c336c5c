"""Who may ask, and how much may be sent: checks in front of every route."""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import urllib.parse
from collections.abc import Awaitable, Callable

from maskel_core.errors import MaskelError
from maskel_core.version import API_MIN, API_VERSION, __version__
from maskel_server.errors import error_response
from maskel_server.settings import ServerSettings
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

OPEN_PATHS = frozenset({"/v1/health"})
"""Calls that need no token."""

MAX_HEAD_BYTES = 64 * 1024
"""Largest request target with its headers, in bytes."""

DRAIN_SECONDS = 5.0
"""How long the rest of a refused body is read and dropped, so that the client hears the refusal."""


class Guard:
    """ASGI middleware: host, origin, token, version and body size, before any handler runs."""

    def __init__(self, app: ASGIApp, settings: ServerSettings) -> None:
        self.app = app
        self.settings = settings
        self.token = settings.token.get_secret_value().encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer with why not."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        body = LimitedBody(receive, self.settings.max_body_bytes, self.settings.body_seconds)
        started = False

        async def watched_send(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start" and not started:
                started = True
                # Closing a socket with unread data resets it, and the client would never see the answer.
                await body.drain()
            await send(message)

        try:
            check_head(scope)
            self._check(scope["path"], Headers(scope=scope))
            await self.app(scope, body.receive, watched_send)
        except MaskelError as error:
            if started:
                raise
            await error_response(error)(scope, body.receive, watched_send)

    def _check(self, path: str, headers: Headers) -> None:
        if not host_allowed(headers.get("host", ""), self.settings):
            raise MaskelError(
                "bad_host",
                "The request was addressed to a name this server does not answer to.",
                "Use http://127.0.0.1:PORT, or name the host with --allow-host.",
            )
        origin = headers.get("origin")
        if origin is not None and not origin_allowed(origin):
            raise MaskelError(
                "bad_origin",
                "A web page from elsewhere asked for this.",
                "Only local pages may call this server.",
            )
        if path not in OPEN_PATHS:
            self._check_token(headers.get("authorization", ""))
            check_version(headers.get("x-maskel-api"), API_MIN, API_VERSION)
        declared = headers.get("content-length", "")
        if declared.isdigit() and int(declared) > self.settings.max_body_bytes:
            raise body_too_large(self.settings.max_body_bytes)

    def _check_token(self, authorization: str) -> None:
        scheme, _, token = authorization.partition(" ")
        right = hmac.compare_digest(token.strip().encode("utf-8", "replace"), self.token)
        if scheme.lower() != "bearer" or not right:
            raise MaskelError(
                "unauthorized",
                "The token is missing or wrong.",
                "Send 'Authorization: Bearer TOKEN' with the token from the server's token file.",
            )


class LimitedBody:
    """A request body that is counted and timed while it streams in."""

    def __init__(self, receive: Receive, limit: int, seconds: float) -> None:
        self._receive = receive
        self._limit = limit
        self._deadline = asyncio.get_running_loop().time() + seconds
        self._count = 0
        self._ended = False

    async def receive(self) -> Message:
        """The next ASGI message; raises ``body_too_large`` or ``request_timeout``."""
        if self._ended:
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive()
        except TimeoutError:
            raise MaskelError(
                "request_timeout",
                "The request took too long to arrive.",
                "Check the connection and send it again.",
            ) from None
        self._note(message)
        if self._count > self._limit:
            raise body_too_large(self._limit)
        return message

    async def drain(self) -> None:
        """Read and drop what is left, within reason."""
        await _quietly(self._drain, DRAIN_SECONDS)

    async def _drain(self) -> None:
        while not self._ended and self._count <= 4 * self._limit:
            self._note(await self._receive())

    def _note(self, message: Message) -> None:
        if message["type"] == "http.request":
            self._count += len(message.get("body", b""))
            self._ended = not message.get("more_body", False)
        else:
            self._ended = True


async def _quietly(work: Callable[[], Awaitable[None]], seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await work()
    except TimeoutError:
        return


def check_version(wanted: str | None, lowest: int, highest: int) -> None:
    """Refuse a client that speaks another interface, and say which side is older.

    Args:
        wanted: The header ``X-MaSkel-Api``; None when it was not sent.
        lowest: Oldest interface the server speaks.
        highest: Newest.

    Raises:
        MaskelError: ``version_mismatch``.
    """
    if wanted is None:
        return
    text = wanted.strip()
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise MaskelError(
            "version_mismatch",
            "The header X-MaSkel-Api is not a version number.",
            f"Send {highest}, or leave it out.",
        )
    number = int(text)
    spoken = f"{highest}" if lowest == highest else f"{lowest} to {highest}"
    if number < lowest:
        raise MaskelError(
            "version_mismatch",
            f"The client is older than the server: it speaks interface {number}, the server {spoken}.",
            f"Update the client: install the extension of MaSkel {__version__} in Blender.",
        )
    if number > highest:
        raise MaskelError(
            "version_mismatch",
            f"The server is older than the client: it speaks interface {spoken}, the client {number}.",
            "Update the server: install the release of maskel that came with the extension, and start it again.",
        )


def check_head(scope: Scope) -> None:
    """Refuse a request head over the limit; the parser's own limit lets through a head that came in one piece.

    Raises:
        MaskelError: ``headers_too_large``.
    """
    target = len(scope.get("raw_path") or b"") + len(scope.get("query_string") or b"")
    if target + sum(len(name) + len(value) for name, value in scope["headers"]) > MAX_HEAD_BYTES:
        raise headers_too_large()


def headers_too_large() -> MaskelError:
    """The error for a request head over the limit."""
    return MaskelError(
        "headers_too_large",
        f"The request line and headers are larger than {MAX_HEAD_BYTES:,} bytes.",
        "Send the mask as the request's body and only the documented headers.",
    )


def body_too_large(limit: int) -> MaskelError:
    """The error for a body over the limit (bytes)."""
    return MaskelError(
        "body_too_large",
        f"The request is larger than {limit:,} bytes.",
        "Send the mask as a compressed PNG, or render it at a lower resolution.",
    )


def host_allowed(host: str, settings: ServerSettings) -> bool:
    """Whether a Host header may be believed, so that a rebound DNS name cannot reach the server.

    Loopback names and the names it was told; on a server bound elsewhere also IP literals, which no DNS name
    can stand for.
    """
    name = _host_name(host)
    if name is None:
        return False
    if is_loopback(name) or name in {extra.lower() for extra in settings.allowed_hosts}:
        return True
    return not is_loopback(settings.host) and (name == settings.host.lower() or _is_ip(name))


def origin_allowed(origin: str) -> bool:
    """Whether a browser page with this Origin may call: only pages served from this machine."""
    try:
        parts = urllib.parse.urlsplit(origin)
        return parts.scheme in ("http", "https") and is_loopback(parts.hostname or "")
    except ValueError:  # an unclosed bracket
        return False


def is_loopback(name: str) -> bool:
    """Whether a host name or address is this machine: 127.0.0.0/8, ::1, localhost."""
    if name.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _is_ip(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _host_name(host: str) -> str | None:
    try:
        parts = urllib.parse.urlsplit(f"//{host}")
        _ = parts.port
    except ValueError:
        return None
    if parts.username is not None or parts.path or parts.query or parts.fragment:
        return None
    return (parts.hostname or "").lower() or None
