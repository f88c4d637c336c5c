"""How far a job is, from the reading of its picture to the bytes of its answer."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

from maskel_server.engine import Engine

ENCODING = 0.98
"""Progress once the model is done and the answer is being written."""


@dataclass
class Progress:
    """One job's way. ``submitted`` is of ``time.monotonic``; ``future`` is the engine's, once it has the job."""

    engine: Engine
    submitted: float = field(default_factory=time.monotonic)
    future: asyncio.Future[Any] | None = None

    def look(self) -> dict[str, Any]:
        """``status`` (``queued`` or ``running``), ``position``, ``progress`` and ``eta``."""
        if self.future is None:
            before = self.engine.figures().queue["waiting"]
            return {"status": "queued", "position": before, "progress": 0.0, "eta": None}
        state = self.engine.state(self.future)
        if state.position is not None:
            return {
                "status": "queued",
                "position": state.position,
                "progress": 0.0,
                "eta": _rounded(state.eta),
            }
        return {
            "status": "running",
            "position": None,
            "progress": round(min(ENCODING, state.progress), 3),
            "eta": _rounded(state.eta),
        }


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(max(0.0, seconds), 3)
