"""Server-sent events: a job's states as they come."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

from maskel_server.metrics import Metrics
from maskel_server.schema import JobState

KEEP_ALIVE_SECONDS = 10.0
"""Longest silence, so that a proxy does not take the connection for dead."""

HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
"""Kept from caches, and told to nginx: pass on at once."""


async def event_stream(
    states: AsyncIterator[JobState], metrics: Metrics, silence: float
) -> AsyncIterator[str]:
    """Text of the stream: an event for every change, a comment after ``silence`` seconds without one.

    A state is made when the client can take it, so a slow client gets fewer of them and nothing piles up.
    """
    metrics.streams.inc()
    try:
        last, quiet_since = None, time.monotonic()
        async for state in states:
            seen = (state.status, state.position, round(state.progress, 2))
            if seen != last:
                last, quiet_since = seen, time.monotonic()
                yield event(state)
            elif time.monotonic() - quiet_since >= silence:
                quiet_since = time.monotonic()
                yield ": keep-alive\n\n"
    finally:
        metrics.streams.dec()


def event(state: JobState) -> str:
    """One event."""
    return f"event: state\ndata: {state.model_dump_json(exclude_unset=True)}\n\n"
