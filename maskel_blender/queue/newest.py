"""For live preview: one X-ray at a time, and of what comes meanwhile only the newest counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from ..client.request import XrayAnswer, XrayRequest
from ..errors import MaskelError
from ..jobs import Job
from .keys import request_key

T = TypeVar("T")


@dataclass(frozen=True)
class Shown(Generic[T]):
    """An answer with the caller's tag of its request."""

    tag: T
    answer: XrayAnswer


class Newest(Generic[T]):
    """Called on one thread; starts jobs, which have their own.

    Args:
        start: Starts a job.
    """

    def __init__(self, start: Callable[[XrayRequest], Job]) -> None:
        self._start = start
        self._flying: tuple[Job, T] | None = None
        self._next: tuple[XrayRequest, T] | None = None
        self._last_key = ""
        self.error: MaskelError | None = None

    @property
    def busy(self) -> bool:
        """Whether an X-ray is in flight."""
        return self._flying is not None

    def offer(self, request: XrayRequest, tag: T) -> bool:
        """Ask for an X-ray, in place of one that waits; whether it is not the last one again."""
        key = request_key(request)
        if key == self._last_key:
            return False
        self._last_key, self._next = key, (request, tag)
        self._advance()
        return True

    def poll(self) -> Shown[T] | None:
        """The answer that has come since, if one has."""
        if self._flying is None or self._flying[0].running:
            return None
        job, tag = self._flying
        self._flying = None
        shown = None
        try:
            shown, self.error = Shown(tag, job.result()), None
        except MaskelError as error:
            self.error = error
            # the same silhouette may be tried again
            self._last_key = ""
        self._advance()
        return shown

    def cancel(self) -> None:
        """Drop what is in flight and what waits."""
        if self._flying is not None:
            self._flying[0].cancel()
        self._flying = self._next = None
        self._last_key = ""

    def _advance(self) -> None:
        if self._flying is None and self._next is not None:
            (request, tag), self._next = self._next, None
            self._flying = self._start(request), tag
