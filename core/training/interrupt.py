"""Ctrl-C and termination during training: finish the step, save, say how to go on."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from types import FrameType
from typing import Any

from maskel_core.errors import MaskelError

EXIT_STATUS = 130
"""What a command ends with that was stopped by Ctrl-C: 128 + SIGINT, as shells count."""

ECHO_SECONDS = 2.0
"""A second Ctrl-C within this time is the launcher's echo of the first; after it, it ends the process at once."""


class TrainingInterrupted(MaskelError):
    """Training stopped because it was asked to; everything is saved.

    Args:
        stage: Name of the stage.
        step: Steps done.
    """

    def __init__(self, stage: str, step: int) -> None:
        super().__init__(
            "interrupted", f"Stopped at step {step} of the stage {stage}.", "Resume with --resume."
        )


class Interrupts:
    """While entered, SIGINT and SIGTERM set `asked` instead of ending the process.

    Outside the main thread, where Python takes no handlers, nothing changes.
    """

    def __init__(self) -> None:
        self.asked = False
        self._since = 0.0
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Interrupts:
        """Take the signals."""
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._ask)
        return self

    def __exit__(self, *_: object) -> None:
        """Give them back."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self.asked and number == signal.SIGINT and time.monotonic() - self._since > ECHO_SECONDS:
            raise KeyboardInterrupt
        if not self.asked:
            self.asked, self._since = True, time.monotonic()


def ignore_interrupts(_worker: int = 0) -> None:
    """For worker processes: their parent decides when they end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def resume_command(program: list[str], arguments: list[str] | None = None) -> str:
    """The command that goes on with this run, as its user would type it.

    Args:
        program: How the program is started, e.g. ``["maskel"]``.
        arguments: Its arguments; None takes this process's.
    """
    words = program + (sys.argv[1:] if arguments is None else arguments)
    if "--resume" not in words:
        words = [*words, "--resume"]
    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)
