"""Ctrl-C, and what a farm sends to end a process: the item in work is finished, then the batch ends. No bpy."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGBREAK") if hasattr(signal, name))


class StopOnSignal:
    """Counts signals while it is entered.

    Args:
        told: Called from the handler with the number of signals so far.
    """

    def __init__(self, told: Callable[[int], None] = lambda _count: None) -> None:
        self._told = told
        self._before: dict[int, Any] = {}
        self.count = 0

    def __enter__(self) -> StopOnSignal:
        # elsewhere than on the main thread Python cannot listen
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            # None: it was Blender's own, which Python cannot give back
            signal.signal(number, signal.SIG_DFL if handler is None else handler)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self.count += 1
        self._told(self.count)
