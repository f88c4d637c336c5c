"""One HTTP call at a time: standard library, no proxies, a timeout on everything, cut off from another thread."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
import time
from dataclasses import dataclass

from ..errors import ClientError
from .address import Address
from .base import API_VERSION

CONNECT_SECONDS = 5.0
MAX_ANSWER_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True)
class Reply:
    """What came back; names of headers in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


def aborted_error() -> ClientError:
    """What a call raises that was cut off."""
    return ClientError("aborted", "The call was cancelled.", "Try again.")


class Transport:
    """Calls to one server.

    `http.client` knows no proxies, so none can swallow what goes to this computer.

    Args:
        address: Where the server listens.
        token: Its token; may be empty for the open calls.
    """

    def __init__(self, address: Address, token: str = "") -> None:
        self.address = address
        self.aborted = threading.Event()
        self._token = token
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None

    def abort(self) -> None:
        """Cut the connection of a call in progress, and refuse further ones."""
        with self._lock:
            self.aborted.set()
            if self._socket is not None:
                with contextlib.suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)

    def call(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        timeout: float = CONNECT_SECONDS,
    ) -> Reply:
        """Ask and wait for the whole answer.

        Raises:
            ClientError: ``no_server``, ``timeout``, ``connection_lost``, ``aborted``.

        """
        end = time.monotonic() + timeout
        kind = http.client.HTTPSConnection if self.address.secure else http.client.HTTPConnection
        connection = kind(self.address.host, self.address.port, timeout=min(CONNECT_SECONDS, timeout))
        sent = {"X-MaSkel-Api": str(API_VERSION), "Connection": "close"} | (headers or {})
        if self._token:
            sent["Authorization"] = f"Bearer {self._token}"
        try:
            if self.aborted.is_set():
                raise aborted_error()
            connection.connect()
            with self._lock:
                # an abort while it was being connected had nothing to cut
                if self.aborted.is_set():
                    raise aborted_error()
                # kept here, for the connection lets go of it as soon as the answer begins
                sock = self._socket = connection.sock
            sock.settimeout(timeout)
            connection.request(method, self.address.path + path, body, sent)
            response = connection.getresponse()
            values = {name.lower(): value for name, value in response.getheaders()}
            return Reply(response.status, values, _read(response, sock, end))
        except ConnectionRefusedError:
            raise ClientError(
                "no_server",
                f"No server answers at {self.address.url}.",
                "Start the server, or correct its address in the preferences.",
            ) from None
        except TimeoutError:
            raise timeout_error(timeout) from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            if self.aborted.is_set():
                raise aborted_error() from None
            # a name that does not resolve, a reset, a server that speaks something else than HTTP
            raise ClientError(
                "connection_lost",
                f"The connection to {self.address.url} failed: {error or type(error).__name__}.",
                "Look at the server's log; start it again if it has ended.",
            ) from None
        finally:
            with self._lock:
                self._socket = None
            connection.close()


def timeout_error(seconds: float) -> ClientError:
    """The server was silent for too long."""
    return ClientError(
        "timeout",
        f"The server did not answer within {seconds:.0f} s.",
        "Look at its log; try again, or with a smaller picture.",
    )


def _read(response: http.client.HTTPResponse, sock: socket.socket, end: float) -> bytes:
    """Read to the end; a server that trickles must not outlast the deadline."""
    parts, size = [], 0
    while True:
        left = end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        if not response.isclosed():
            sock.settimeout(left)
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
