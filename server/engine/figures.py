"""The engine in numbers."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from maskel_server.engine.contracts import ModelInfo
from maskel_server.engine.memory import device_bytes, resident_bytes
from maskel_server.engine.pace import Pace
from maskel_server.engine.runner import Runner


@dataclass(frozen=True)
class Figures:
    """What GET /v1/status and /metrics tell of the engine.

    Attributes:
        status: As `Engine.status`.
        loaded: Whether the model is in memory.
        model: Its name; None before it was loaded once.
        device: Where it runs, or ran.
        precision: Number format of its matrices; None while it is unloaded.
        threads: CPU threads of a lone job; None where torch's choice is left alone.
        memory_bytes: Resident memory of the process.
        device_memory_bytes: Memory held on an accelerator; None without one.
        uptime: Seconds since the engine was made.
        queue: ``waiting`` and ``running`` jobs, ``taken`` places (with requests still being read), ``limit`` of places.
        batch: ``largest`` and ``mean`` jobs of the batches so far, and their ``limit``.
        totals: Jobs ``done``, ``failed``, ``cancelled``, and requests ``refused`` because every place was taken.
        notice: What an administrator should know; None when all is well.
    """

    status: str
    loaded: bool
    model: str | None
    device: str | None
    precision: str | None
    threads: int | None
    memory_bytes: int
    device_memory_bytes: int | None
    uptime: float
    queue: dict[str, int]
    batch: dict[str, float]
    totals: dict[str, int]
    notice: str | None

    def as_dict(self) -> dict[str, Any]:
        """The numbers as JSON has them."""
        return asdict(self)


def figures_of(
    runner: Runner | None,
    info: ModelInfo | None,
    pace: Pace,
    *,
    status: str,
    uptime: float,
    queue: dict[str, int],
    totals: dict[str, int],
    notice: str | None,
) -> Figures:
    """Collect the numbers."""
    precision = None if runner is None else getattr(runner.pipeline, "precision", None)
    limit = 0 if runner is None else runner.plan.largest
    return Figures(
        status=status,
        loaded=runner is not None,
        model=info.id if info else None,
        device=info.device if info else None,
        precision=None if precision is None else str(precision).removeprefix("torch."),
        threads=None if runner is None else runner.plan.threads,
        memory_bytes=resident_bytes(),
        device_memory_bytes=device_bytes(info.device) if info else None,
        uptime=round(uptime, 1),
        queue=queue,
        batch={"largest": pace.largest, "mean": round(pace.mean, 3), "limit": limit},
        totals=totals,
        notice=notice,
    )
