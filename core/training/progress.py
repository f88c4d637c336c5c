"""What a user sees of a running stage: a bar in a terminal, a line now and then in a file."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import TextIO

from maskel_core.training.config import StageConfig
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

LINE_SECONDS = 30.0
"""Time between two lines where there is no terminal."""

REDRAW_SECONDS = 0.2


class Pace:
    """How far a stage is and how long it still takes.

    Args:
        config: The stage's limits.
        step: Steps done.
        elapsed: Seconds spent in them.
    """

    def __init__(self, config: StageConfig, step: int = 0, elapsed: float = 0.0) -> None:
        self.config, self.step, self.elapsed = config, step, elapsed
        self._seconds: float | None = None

    def add(self, step: int, elapsed: float) -> None:
        """Note the count of steps and the seconds so far."""
        if step > self.step:
            seconds = (elapsed - self.elapsed) / (step - self.step)
            # Steps take longer once windows of the finer size come in: the last dozens count, not all.
            self._seconds = seconds if self._seconds is None else 0.97 * self._seconds + 0.03 * seconds
        self.step, self.elapsed = step, elapsed

    @property
    def done(self) -> float:
        """Share of the stage that is done, 0 to 1: by time or by steps, whichever is further."""
        by_time = self.elapsed / self.config.max_seconds if self.config.max_seconds > 0 else 0.0
        return min(1.0, max(self.step / self.config.max_steps, by_time))

    @property
    def rate(self) -> float:
        """Samples a second lately; 0 before the first step."""
        return self.config.batch / self._seconds if self._seconds else 0.0

    @property
    def left(self) -> float | None:
        """Seconds to the end, by time or by steps, whichever comes first; None while nothing is known."""
        limits = []
        if self._seconds is not None:
            limits.append((self.config.max_steps - self.step) * self._seconds)
        if self.config.max_seconds > 0:
            limits.append(self.config.max_seconds - self.elapsed)
        return max(0.0, min(limits)) if limits else None


class StageDisplay:
    """Shows a stage's progress on stderr; as a context it clears its bar at the end.

    Args:
        name: Name of the stage.
        pace: Read at each update.
        shown: False shows nothing, for all processes but one.
        stream: Where to write; None is stderr.
        clock: Seconds.
    """

    def __init__(
        self,
        name: str,
        pace: Pace,
        shown: bool = True,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name, self.pace, self.shown, self.clock = name, pace, shown, clock
        self.stream = sys.stderr if stream is None else stream
        self._last = -float("inf")
        self._bar: Progress | None = None
        if shown and self.stream.isatty():
            columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[text]}"))
            self._bar = Progress(*columns, console=Console(file=self.stream))
            self._task = self._bar.add_task(name, total=1.0, text="")
            self._bar.update(self._task, completed=pace.done)

    def __enter__(self) -> StageDisplay:
        """Draw the bar."""
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the bar as it is and go to the next line."""
        if self._bar is not None:
            self._bar.stop()

    def update(self, loss: float, last: bool = False) -> None:
        """Show the present state, if it is time for it or this is the ``last`` one."""
        now = self.clock()
        pause = LINE_SECONDS if self._bar is None else REDRAW_SECONDS
        if not self.shown or (now - self._last < pause and not last):
            return
        self._last = now
        if self._bar is not None:
            self._bar.update(self._task, completed=self.pace.done, text=self.text(loss))
        else:
            print(f"{self.name}: {self.text(loss)}", file=self.stream, flush=True)

    def text(self, loss: float) -> str:
        """One line: share, step, loss, speed, time gone and left."""
        pace, left = self.pace, self.pace.left
        return (
            f"{pace.done:4.0%} step {pace.step} loss {loss:.4f} {pace.rate:.1f} samples/s "
            f"{duration(pace.elapsed)} gone, {'?' if left is None else duration(left)} left"
        )


def duration(seconds: float) -> str:
    """Seconds as ``M:SS`` or ``H:MM:SS``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
