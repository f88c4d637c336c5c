"""What the add-on wants of a server; one real client speaks HTTP, tests may bring their own."""

from __future__ import annotations

from abc import ABC, abstractmethod

from .request import Health, XrayAnswer, XrayRequest

API_VERSION = 1
"""Version of the HTTP contract this add-on speaks."""


class Client(ABC):
    """Calls block, each with a timeout; all of them raise `ClientError`."""

    @abstractmethod
    def health(self) -> Health:
        """Ask how the server is; does not check versions."""

    @abstractmethod
    def wait_until_ready(self, seconds: float) -> Health:
        """Wait while the server is starting, and check that it speaks our version."""

    @abstractmethod
    def xray(self, request: XrayRequest) -> XrayAnswer:
        """Turn a mask into an X-ray."""

    @abstractmethod
    def abort(self) -> None:
        """End a call that another thread is waiting in; it raises there."""
