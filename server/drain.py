"""Being told to end: no new work, what is in work is finished."""

from __future__ import annotations

from maskel_core.errors import MaskelError


class Drain:
    """A switch that is turned once."""

    def __init__(self) -> None:
        self.begun = False

    def begin(self) -> None:
        """Refuse new work from here on; safe from any thread and from a signal handler."""
        self.begun = True

    def check(self) -> None:
        """Let new work in, or not.

        Raises:
            MaskelError: ``draining``.
        """
        if self.begun:
            raise MaskelError(
                "draining",
                "The server is ending: it finishes what is in work and takes nothing new.",
                "Send it again when the server has been started again; finished jobs are kept.",
            )
