"""How fast jobs have been done lately, and so how long the next ones will take."""

from __future__ import annotations

from dataclasses import dataclass

_WEIGHT = 0.2


@dataclass
class Pace:
    """Running means over the last batches.

    Attributes:
        span: Seconds from the start of a job's batch to its answer; None before the first.
        spacing: Seconds between two answers when there is always something to do; None before the first.
        batches: Batches so far.
        jobs: Jobs in them.
        largest: Most jobs of one.
    """

    span: float | None = None
    spacing: float | None = None
    batches: int = 0
    jobs: int = 0
    largest: int = 0

    def begin(self, jobs: int) -> None:
        """Count a batch."""
        self.batches += 1
        self.jobs += jobs
        self.largest = max(self.largest, jobs)

    def took(self, seconds: float) -> None:
        """Learn from a job: its seconds from the start of its batch to its answer."""
        self.span = _blend(self.span, seconds)

    def passed(self, seconds: float, jobs: int, lanes: int) -> None:
        """Learn from a batch: its seconds, its jobs, and how many ran side by side."""
        self.spacing = _blend(self.spacing, seconds / (jobs * lanes))

    def until_done(self, position: int, running: int) -> float | None:
        """Seconds until a waiting job is done: so many wait before it, so many are in work."""
        if self.span is None or self.spacing is None:
            return None
        return self.span + (position + running / 2) * self.spacing

    @property
    def mean(self) -> float:
        """Jobs of a batch on average; 0 before the first."""
        return self.jobs / self.batches if self.batches else 0.0


def _blend(mean: float | None, value: float) -> float:
    return value if mean is None else mean + _WEIGHT * (value - mean)
