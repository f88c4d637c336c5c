"""What the calls share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from maskel_core.version import API_MIN, API_VERSION, __version__
from maskel_server.answers import Maker
from maskel_server.drain import Drain
from maskel_server.engine import Engine, Ticket
from maskel_server.jobs import JobBook
from maskel_server.metrics import Metrics
from maskel_server.results import MemoryStore, ResultStore, Store
from maskel_server.settings import ServerSettings

MEMORY_RESULTS_BYTES = 64 * 1024 * 1024
"""Answers held in memory when there is no folder for them, or the disk refuses."""


@dataclass(frozen=True)
class Service:
    """One application's parts."""

    settings: ServerSettings
    engine: Engine
    book: JobBook
    maker: Maker
    metrics: Metrics
    drain: Drain

    @property
    def status(self) -> Any:
        """``starting``, ``ready``, ``idle``, ``draining`` or ``failed``."""
        return "draining" if self.drain.begun else self.engine.status

    def versions(self) -> dict[str, Any]:
        """What the version handshake needs."""
        return {"version": __version__, "api": API_VERSION, "api_min": API_MIN}

    def admit(self) -> Ticket:
        """A place in the engine for new work.

        Raises:
            MaskelError: ``draining``, ``not_ready``, ``busy``.
        """
        self.drain.check()
        return self.engine.admit()

    def busy(self) -> bool:
        """Whether there is work that an ending server should finish."""
        queue = self.engine.figures().queue
        return bool(queue["waiting"] or queue["running"] or queue["taken"] or self.book.busy())


def make_service(settings: ServerSettings, engine: Engine, drain: Drain | None = None) -> Service:
    """Put the parts together."""
    stores: list[Store] = [MemoryStore(settings.results_seconds, MEMORY_RESULTS_BYTES)]
    if settings.results is not None:
        stores.insert(0, ResultStore(settings.results, settings.results_seconds, settings.results_bytes))
    return Service(
        settings=settings,
        engine=engine,
        book=JobBook(tuple(stores), settings.results_seconds),
        maker=Maker(settings, engine),
        metrics=Metrics(engine),
        drain=drain or Drain(),
    )
