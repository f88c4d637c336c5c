"""The one parser of server addresses."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from ..errors import ClientError

DEFAULT_PORT = 8765


@dataclass(frozen=True)
class Address:
    """Where a server listens.

    Args:
        host: Name or IP address, without brackets.
        port: TCP port.
        secure: Whether to speak HTTPS.
        path: Prefix of all calls, without trailing slash, "" as a rule.
    """

    host: str
    port: int
    secure: bool = False
    path: str = ""

    @property
    def is_loopback(self) -> bool:
        """Whether the server is on this computer."""
        if self.host.lower() == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def url(self) -> str:
        """Normal form, without trailing slash."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.secure else 'http'}://{host}:{self.port}{self.path}"


def parse_address(text: str) -> Address:
    """Read an address as people write it: host, host:port, [IPv6]:port, or a URL, with or without trailing slash.

    Args:
        text: The address.

    Raises:
        ClientError: ``bad_address``.

    """
    wrong = ClientError(
        "bad_address",
        f'"{text}" is not a server address.',
        "Write it like 127.0.0.1:8765 or http://127.0.0.1:8765.",
    )
    stripped = text.strip()
    if "://" not in stripped:
        try:
            bare = ipaddress.ip_address(stripped.rstrip("/"))
        except ValueError:
            stripped = "http://" + stripped
        else:
            stripped = f"http://[{bare}]" if bare.version == 6 else f"http://{bare}"
    try:
        parts = urlsplit(stripped)
        port = parts.port
    except ValueError:
        raise wrong from None
    host = parts.hostname
    if (
        parts.scheme not in ("http", "https")
        or not host
        or any(c.isspace() for c in host)
        or parts.query
        or parts.fragment
    ):
        raise wrong
    if parts.username is not None or port == 0:
        raise wrong
    secure = parts.scheme == "https"
    return Address(host, port or (443 if secure else DEFAULT_PORT), secure, parts.path.rstrip("/"))
