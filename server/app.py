"""The HTTP application; its calls are described in docs/architecture.md."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from maskel_core.version import __version__
from maskel_server.drain import Drain
from maskel_server.engine import Engine
from maskel_server.errors import install_error_handlers
from maskel_server.guard import Guard
from maskel_server.jobs import JobBook
from maskel_server.observe import Observe
from maskel_server.routes.about import about_router
from maskel_server.routes.jobs import jobs_router
from maskel_server.routes.xray import xray_router
from maskel_server.service import make_service
from maskel_server.settings import ServerSettings

SWEEP_SECONDS = 300.0
"""How often kept answers that are too old are deleted."""


def create_app(settings: ServerSettings, engine: Engine, drain: Drain | None = None) -> FastAPI:
    """The application around an engine; the engine starts to load when the application starts.

    Args:
        settings: Token and limits.
        engine: Owner of the model, not started yet.
        drain: Turned when the server is told to end; None when nobody turns it.

    Returns:
        An ASGI application; ``app.state.service`` holds its parts.
    """
    service = make_service(settings, engine, drain)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        engine.start()
        sweeper = asyncio.ensure_future(_sweep(service.book))
        yield
        sweeper.cancel()
        await service.book.cancel_all()
        engine.stop()

    # No generated documentation pages: they would load scripts from elsewhere.
    app = FastAPI(
        title="MaSkel", version=__version__, lifespan=lifespan, openapi_url=None, redirect_slashes=False
    )
    app.state.service = service
    install_error_handlers(app)
    app.add_middleware(Guard, settings=settings)
    app.add_middleware(Observe, metrics=service.metrics)
    app.include_router(about_router(service))
    app.include_router(xray_router(service))
    app.include_router(jobs_router(service))
    return app


async def _sweep(book: JobBook) -> None:
    while True:
        await asyncio.to_thread(book.sweep)
        await asyncio.sleep(SWEEP_SECONDS)
