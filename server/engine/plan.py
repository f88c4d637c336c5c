"""How a pipeline is run on its device: how many batches side by side, how large, with how many threads."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

from maskel_server.engine.contracts import StagedPipeline

GATHER_SECONDS = 0.004
"""How long a batch that is not full waits for more, where a fuller one is worth it."""


@dataclass(frozen=True)
class Plan:
    """How one pipeline is run.

    Attributes:
        lanes: Threads that each take a batch through all its steps.
        largest: Most masks of a batch.
        exclusive: The lanes take turns at the model, and the last step of each job is done on threads of its own.
        threads: CPU threads of a lone job; None leaves them as they are.
        gather: Seconds that a batch of several waits for more.
    """

    lanes: int
    largest: int
    exclusive: bool
    threads: int | None
    gather: float

    @property
    def shared_threads(self) -> int | None:
        """CPU threads of a lane beside which others work."""
        return None if self.threads is None else max(1, self.threads // self.lanes)


def plan_for(pipeline: Any, largest: int | None = None, threads: int | None = None) -> Plan:
    """The plan for a loaded pipeline.

    Args:
        pipeline: One with a ``plan`` is run by that; one without stages one mask at a time.
        largest: Most masks of a batch over all lanes; None for what the pipeline says of its device.
        threads: CPU threads in all, from `cpu_threads`.
    """
    own = getattr(pipeline, "plan", None)
    if isinstance(own, Plan):
        return own
    if not isinstance(pipeline, StagedPipeline):
        return Plan(1, 1, False, None, 0.0)
    largest = largest or pipeline.largest_batch
    if str(pipeline.device) != "cpu":
        # While one batch is on the device, the other lane letterboxes the next.
        return Plan(2, largest, True, None, GATHER_SECONDS)
    if threads is None or threads < 2:
        return Plan(1, largest, False, threads, 0.0)
    # Measured: two batches side by side on half the threads each get more done than one on all, and neither waits for
    # the other's thread at every layer. A fuller batch saves less than waiting for it costs.
    return Plan(2, max(1, largest // 2), False, threads, 0.0)


def cpu_threads() -> int | None:
    """CPU threads of torch for a new thread; None when they cannot be chosen for each thread apart."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.backends.openmp.is_available():
        return None
    return int(torch.get_num_threads())


def use_threads(count: int | None) -> None:
    """Let what this thread runs use so many CPU threads; None changes nothing."""
    if count is not None:
        # Every time: the BLAS behind torch has one number for the whole process.
        sys.modules["torch"].set_num_threads(count)
