"""Places for requests, in work or waiting: as many as there are, and no more."""

from __future__ import annotations

from typing import Protocol


class Releasing(Protocol):
    """Where a place goes back to."""

    def _release(self) -> None:
        """Free a place."""


class Ticket:
    """A place in the engine: one request in work or waiting. Hand it back with ``release``."""

    def __init__(self, engine: Releasing) -> None:
        self._engine = engine
        self._held = True

    def release(self) -> None:
        """Free the place; a second call does nothing."""
        if self._held:
            self._held = False
            self._engine._release()

    def hand_over(self) -> Ticket:
        """The same place as another ticket; this one no longer holds it."""
        self._held = False
        return Ticket(self._engine)

    def __enter__(self) -> Ticket:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.release()
