"""How far a job is, and how long it will take."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any, Protocol

MODEL_SHARE = 0.95
"""Progress of a running job stops here until its answer is there: the time it takes is an estimate."""

LOOK_SECONDS = 0.1
"""How often a waiting job looks up its place."""

WEIGHT = 0.2
"""Share of the newest job in the mean time of a job."""


class Places(Protocol):
    """What is asked of the engine here."""

    def place(self, future: asyncio.Future[Any]) -> int | None:
        """Jobs before this one; None when it no longer waits."""

    def numbers(self) -> dict[str, Any]:
        """The engine's figures."""


@dataclass
class Pace:
    """Mean time of a job in the model, in seconds; None before the first."""

    mean: float | None = None

    def note(self, seconds: float) -> None:
        """Count a job."""
        self.mean = seconds if self.mean is None else self.mean + WEIGHT * (seconds - self.mean)


@dataclass
class Progress:
    """One job's way from the queue to its answer. Times are of ``time.monotonic``."""

    pace: Pace
    submitted: float = field(default_factory=time.monotonic)
    position: int | None = 0
    running_since: float | None = None
    at_once: float = 1.0
    """Jobs the model takes at once, on average."""

    @property
    def waits(self) -> bool:
        """Whether the model has not begun."""
        return self.running_since is None

    def fraction(self, now: float) -> float:
        """0..1, estimated while the model works."""
        if self.running_since is None:
            return 0.0
        if not self.pace.mean:
            return 0.5 * MODEL_SHARE
        return min(MODEL_SHARE, MODEL_SHARE * (now - self.running_since) / self.pace.mean)

    def eta(self, now: float) -> float | None:
        """Seconds to go, or None before the first job has been measured."""
        if self.pace.mean is None:
            return None
        if self.running_since is not None:
            return max(0.0, self.pace.mean - (now - self.running_since))
        batches_before = (self.position or 0) / max(1.0, self.at_once)
        return (batches_before + 1) * self.pace.mean

    async def follow(self, engine: Places, future: asyncio.Future[Any]) -> None:
        """Note the place of a submitted job until the model has begun or it has ended."""
        while not future.done():
            self.position = engine.place(future)
            if self.position is None:
                break
            self.at_once = float(engine.numbers()["batch"]["mean"] or 1)
            await asyncio.wait({future}, timeout=LOOK_SECONDS)
        self.position = None
        self.running_since = time.monotonic()
