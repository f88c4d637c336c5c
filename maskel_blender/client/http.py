"""The HTTP client: what the server can be asked, and how stubbornly."""

from __future__ import annotations

import contextlib
import json
import secrets
import threading
import time
from typing import Any

from ..errors import ClientError
from .address import Address
from .answer import read_answer
from .base import API_VERSION, Client
from .request import Health, ServerStatus, XrayAnswer, XrayRequest
from .transport import Reply, Transport, aborted_error, timeout_error

ATTEMPTS = 4
"""How often an X-ray is asked for when the connection is lost."""

_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 60.0
_LEAST_ATTEMPT_SECONDS = 20.0
_CANCEL_SECONDS = 2.0
_FREE_SECONDS = 30.0
_LOST = ("connection_lost", "timeout", "no_server")


class HttpClient(Client):
    """Speaks to one server.

    Args:
        address: Where the server listens.
        token: Its token; may be empty for the health call.
        timeout: Seconds an X-ray may take, with all attempts.
        allow_remote: Whether hosts other than this computer may be asked.
    """

    def __init__(
        self, address: Address, token: str = "", timeout: float = 120.0, allow_remote: bool = False
    ) -> None:
        if not address.is_loopback and not allow_remote:
            raise ClientError(
                "offline",
                f"{address.host} is not this computer, and Blender's online access is off.",
                "Allow Online Access in Preferences > System, or use a server on this computer.",
            )
        self.address = address
        self._token = token
        self._timeout = timeout
        self._transport = Transport(address, token)
        self._job = ""

    def health(self) -> Health:
        """Ask how the server is."""
        reply = self._transport.call("GET", "/v1/health")
        if reply.status != 200:
            raise _error_from(reply)
        values = _json_object(reply.body)
        if values is None or values.get("name") != "maskel":
            raise ClientError(
                "not_maskel",
                f"What answers at {self.address.url} is not a MaSkel server.",
                "Check the address in the add-on's preferences.",
            )
        return _health_from(values)

    def wait_until_ready(self, seconds: float) -> Health:
        """Wait while the server is starting or about to end, and check that it speaks our version."""
        end = time.monotonic() + seconds
        while True:
            health = self.health()
            check_version(health)
            if health.status in ("ready", "idle"):
                return health
            if health.status not in ("starting", "draining"):
                code, message, fix = health.error or (
                    "server_failed",
                    f"The server says: {health.status}.",
                    "Look at its log, then start it again.",
                )
                raise ClientError(code, message, fix)
            if time.monotonic() >= end:
                raise ClientError(
                    "not_ready", f"The server is still {health.status}.", "Wait a little and try again."
                )
            if self._transport.aborted.wait(0.2):
                raise aborted_error()

    def xray(self, request: XrayRequest) -> XrayAnswer:
        """Send the mask and wait for the picture; a lost connection is made again, a busy server waited for."""
        reply = self._obtain(request)
        return read_answer(reply.headers, reply.body)

    def status(self) -> ServerStatus:
        """How the server fares; of one that has no such call, its health."""
        reply = self._transport.call("GET", "/v1/status")
        if reply.status == 404:
            return ServerStatus(self.health())
        values = _json_object(reply.body)
        if reply.status != 200 or values is None:
            raise _error_from(reply)
        queue = values.get("queue")
        queue = queue if isinstance(queue, dict) else {}
        return ServerStatus(
            _health_from(values),
            _count(values.get("memory_bytes")),
            _count(values.get("device_memory_bytes")),
            _count(queue.get("waiting")),
            _count(queue.get("running")),
        )

    def free_memory(self) -> None:
        """Have the model unloaded; the next X-ray loads it again."""
        reply = self._transport.call("POST", "/v1/memory/free", b"", timeout=_FREE_SECONDS)
        if reply.status == 404:
            raise ClientError(
                "cannot_free", "This server cannot free its memory.", "Stop it, or update the back end."
            )
        if reply.status != 200:
            raise _error_from(reply)

    def cancel_job(self, job: str) -> None:
        """Tell the server that a job is not wanted any more; whether it hears it does not matter."""
        with contextlib.suppress(ClientError):
            Transport(self.address, self._token).call("DELETE", f"/v1/jobs/{job}", timeout=_CANCEL_SECONDS)

    def abort(self) -> None:
        """Cut the connection of a call in progress, refuse further ones, and have the server drop the work."""
        job = self._job
        self._transport.abort()
        if job:
            # a named job outlives its connection, so hanging up is not enough; and the caller must not wait
            threading.Thread(
                target=self.cancel_job, args=(job,), name="maskel-cancel-job", daemon=True
            ).start()

    def _obtain(self, request: XrayRequest) -> Reply:
        """The server's good answer; under one job name throughout, so that no work is done twice."""
        kind, body = _multipart(request)
        self._job = request.job
        try:
            reply = self._insist(body, {"Content-Type": kind, "X-MaSkel-Job": request.job})
        except ClientError as error:
            if error.code == "timeout":
                self.cancel_job(request.job)
            raise
        finally:
            self._job = ""
        if reply.status != 200:
            raise _error_from(reply)
        return reply

    def _insist(self, body: bytes, headers: dict[str, str]) -> Reply:
        end = time.monotonic() + self._timeout
        # a connection that has died silently must not use up all the time there is
        longest = max(_LEAST_ATTEMPT_SECONDS, self._timeout / ATTEMPTS)
        lost = 0
        while True:
            left = end - time.monotonic()
            if left <= 0:
                raise timeout_error(self._timeout)
            try:
                reply = self._transport.call("POST", "/v1/xray", body, headers, min(left, longest))
            except ClientError as error:
                lost += 1
                if error.code not in _LOST or (lost >= ATTEMPTS and error.code != "timeout"):
                    raise
                problem, pause = error, _FIRST_PAUSE * 2 ** (lost - 1)
            else:
                asked = _retry_after(reply)
                if asked is None:
                    return reply
                problem, pause = _error_from(reply), asked
            if time.monotonic() + pause >= end:
                raise timeout_error(self._timeout) if problem.code == "timeout" else problem
            if self._transport.aborted.wait(pause):
                raise aborted_error()


def check_version(health: Health) -> None:
    """Refuse a server whose contracts do not include ours.

    Raises:
        ClientError: ``version_mismatch``; its fix says which side to update.

    """
    if health.api_min <= API_VERSION <= health.api:
        return
    if health.api < API_VERSION:
        fix = "Update the back end to the add-on's version: both must have the same version."
    else:
        fix = "Update the add-on to the server's version: both must have the same version."
    spoken = str(health.api) if health.api_min == health.api else f"{health.api_min} to {health.api}"
    raise ClientError(
        "version_mismatch",
        f"The server (version {health.version or 'unknown'}) speaks API {spoken}, this add-on API {API_VERSION}.",
        fix,
    )


def _health_from(values: dict[str, Any]) -> Health:
    text = {key: str(values.get(key) or "") for key in ("status", "version", "model", "device")}
    api = _count(values.get("api")) or 0
    oldest = _count(values.get("api_min"))
    error = values.get("error")
    told = None
    if isinstance(error, dict) and isinstance(error.get("message"), str):
        told = (
            str(error.get("code") or "server_failed"),
            error["message"],
            str(error.get("fix") or "Look at its log."),
        )
    return Health(api=api, api_min=api if oldest is None else oldest, error=told, **text)


def _retry_after(reply: Reply) -> float | None:
    """Seconds after which the server wants to be asked again; None if it is not only busy."""
    asked = reply.headers.get("retry-after", "").strip()
    if reply.status not in (429, 503) or not (asked.isascii() and asked.isdigit()):
        return None
    return min(max(float(asked), _FIRST_PAUSE), _LONGEST_PAUSE)


def _multipart(request: XrayRequest) -> tuple[str, bytes]:
    """Content type and body of a multipart form (RFC 7578)."""
    boundary = f"maskel-{secrets.token_hex(16)}"
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in request.fields().items()
    ]
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="mask"; filename="mask.png"\r\nContent-Type: image/png\r\n\r\n'
    parts += [head.encode(), request.mask_png, f"\r\n--{boundary}--\r\n".encode()]
    return f"multipart/form-data; boundary={boundary}", b"".join(parts)


def _json_object(body: bytes) -> dict[str, Any] | None:
    try:
        values = json.loads(body)
    except ValueError:
        return None
    return values if isinstance(values, dict) else None


def _count(value: object) -> int | None:
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _error_from(reply: Reply) -> ClientError:
    """The server's own {code, message, fix}, or what can be said of an answer without it."""
    values = _json_object(reply.body) or {}
    code, message, fix = (values.get(key) for key in ("code", "message", "fix"))
    if isinstance(code, str) and isinstance(message, str):
        return ClientError(code, message, fix if isinstance(fix, str) else "")
    return ClientError(
        "bad_answer",
        f"The server answered with HTTP status {reply.status}.",
        "Check what listens at the server's address.",
    )
