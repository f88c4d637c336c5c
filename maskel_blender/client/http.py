"""The HTTP client: standard library, no proxies, a timeout on everything."""

from __future__ import annotations

import contextlib
import http.client
import json
import secrets
import socket
import threading
import time
from typing import Any

from ..errors import ClientError
from .address import Address
from .answer import read_answer
from .base import API_VERSION, Client
from .request import Health, XrayAnswer, XrayRequest

CONNECT_SECONDS = 5.0
MAX_ANSWER_BYTES = 256 * 1024 * 1024


class HttpClient(Client):
    """Speaks to one server.

    `http.client` knows no proxies, so none can swallow what goes to this computer.

    Args:
        address: Where the server listens.
        token: Its token; may be empty for the health call.
        timeout: Seconds an X-ray may take.
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
        self._lock = threading.Lock()
        self._aborted = False
        self._connection: http.client.HTTPConnection | None = None

    def health(self) -> Health:
        """Ask how the server is."""
        status, _, body = self._call("GET", "/v1/health", timeout=CONNECT_SECONDS)
        if status != 200:
            raise _error_from(status, body)
        values = _json_object(body)
        if values is None or values.get("name") != "maskel":
            raise ClientError(
                "not_maskel",
                f"What answers at {self.address.url} is not a MaSkel server.",
                "Check the address in the add-on's preferences.",
            )
        try:
            api = int(values["api"])
        except (KeyError, TypeError, ValueError):
            api = 0
        text = {key: str(values.get(key) or "") for key in ("status", "version", "model", "device")}
        return Health(api=api, **text)

    def wait_until_ready(self, seconds: float) -> Health:
        """Wait while the server says it is starting."""
        end = time.monotonic() + seconds
        while True:
            health = self.health()
            if health.api != API_VERSION:
                older = "server" if health.api < API_VERSION else "add-on"
                raise ClientError(
                    "version_mismatch",
                    f"The server (version {health.version}) speaks API {health.api}, this add-on API {API_VERSION}.",
                    f"Update the {older}, so that both have the same version.",
                )
            if health.status == "ready":
                return health
            if health.status != "starting":
                raise ClientError(
                    "server_failed",
                    f"The server says: {health.status}.",
                    "Look at its log, then start it again.",
                )
            if self._aborted or time.monotonic() >= end:
                raise ClientError(
                    "not_ready", "The server is still starting.", "Wait a little and try again."
                )
            time.sleep(0.2)

    def xray(self, request: XrayRequest) -> XrayAnswer:
        """Send the mask and wait for the picture."""
        kind, body = _multipart(request)
        status, headers, answer = self._call("POST", "/v1/xray", body, {"Content-Type": kind}, self._timeout)
        if status != 200:
            raise _error_from(status, answer)
        return read_answer(headers, answer)

    def abort(self) -> None:
        """Cut the connection of a call in progress, and refuse further ones."""
        with self._lock:
            self._aborted = True
            connection = self._connection
        sock = connection.sock if connection is not None else None
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def _call(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        timeout: float = CONNECT_SECONDS,
    ) -> tuple[int, dict[str, str], bytes]:
        end = time.monotonic() + timeout
        kind = http.client.HTTPSConnection if self.address.secure else http.client.HTTPConnection
        connection = kind(self.address.host, self.address.port, timeout=min(CONNECT_SECONDS, timeout))
        with self._lock:
            if self._aborted:
                raise ClientError("aborted", "The call was cancelled.", "Try again.")
            self._connection = connection
        sent = {"X-MaSkel-Api": str(API_VERSION), "Connection": "close"} | (headers or {})
        if self._token:
            sent["Authorization"] = f"Bearer {self._token}"
        try:
            connection.connect()
            connection.sock.settimeout(timeout)
            connection.request(method, self.address.path + path, body, sent)
            response = connection.getresponse()
            return (
                response.status,
                {k.lower(): v for k, v in response.getheaders()},
                _read(response, connection, end),
            )
        except ConnectionRefusedError:
            raise ClientError(
                "no_server",
                f"No server answers at {self.address.url}.",
                "Start the server, or correct its address in the preferences.",
            ) from None
        except TimeoutError:
            raise ClientError(
                "timeout",
                f"The server did not answer within {timeout:.0f} s.",
                "Look at its log; try again, or with a smaller picture.",
            ) from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            if self._aborted:
                raise ClientError("aborted", "The call was cancelled.", "Try again.") from None
            # a name that does not resolve, a reset, a server that speaks something else than HTTP
            raise ClientError(
                "connection_lost",
                f"The connection to {self.address.url} failed: {error or type(error).__name__}.",
                "Look at the server's log; start it again if it has ended.",
            ) from None
        finally:
            with self._lock:
                self._connection = None
            connection.close()


def _read(response: http.client.HTTPResponse, connection: http.client.HTTPConnection, end: float) -> bytes:
    """Read to the end; a server that trickles must not outlast the deadline."""
    parts, size = [], 0
    while True:
        left = end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        if connection.sock is not None:
            connection.sock.settimeout(left)
        part = response.read1(1 << 20)
        if not part:
            break
        size += len(part)
        if size > MAX_ANSWER_BYTES:
            raise ValueError("the answer is too large")
        parts.append(part)
    if response.length:
        raise http.client.IncompleteRead(b"", response.length)
    return b"".join(parts)


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


def _error_from(status: int, body: bytes) -> ClientError:
    """The server's own {code, message, fix}, or what can be said of an answer without it."""
    values = _json_object(body) or {}
    code, message, fix = (values.get(key) for key in ("code", "message", "fix"))
    if isinstance(code, str) and isinstance(message, str):
        return ClientError(code, message, fix if isinstance(fix, str) else "")
    return ClientError(
        "bad_answer",
        f"The server answered with HTTP status {status}.",
        "Check what listens at the server's address.",
    )
