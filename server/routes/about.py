"""How the server is: health, models, figures, memory, its own description."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Request
from maskel_server import metrics as figures
from maskel_server.openapi import METRICS_ANSWER, describe, failures
from maskel_server.schema import Batch, Freed, Health, Model, Models, Problem, Queue, Status, Totals
from maskel_server.service import Service
from starlette.responses import JSONResponse, Response


def about_router(service: Service) -> APIRouter:
    """GET /v1/health, /v1/models, /v1/status, /v1/openapi.json, /metrics; POST /v1/memory/free."""
    router = APIRouter()
    engine = service.engine

    @router.get(
        "/v1/health",
        operation_id="health",
        response_model_exclude_unset=True,
        responses=failures("bad_host", "bad_origin", token=False),
    )
    async def health() -> Health:
        """How the server is; needs no token, and any version of a client may ask."""
        info = engine.info()
        values: dict[str, Any] = {
            "status": service.status,
            "name": "maskel",
            **service.versions(),
            "model": info.id if info else None,
            "device": info.device if info else None,
        }
        if engine.failure is not None:
            values["error"] = Problem(**engine.failure.as_dict())
        return Health(**values)

    @router.get("/v1/models", operation_id="models", responses=failures("not_ready"))
    async def models() -> Models:
        """The models a client may use."""
        info = engine.info()
        if info is None:
            engine.admit().release()  # raises the reason
            return Models(models=[])
        entry = Model(
            id=info.id,
            default=True,
            native_size=info.native_size,
            styles=list(info.styles),
            description=info.description,
        )
        return Models(models=[entry])

    @router.get("/v1/status", operation_id="status", responses=failures())
    async def status() -> Status:
        """The server's figures: queue, batches, memory, totals."""
        now = engine.figures()
        return Status(
            status=service.status,
            **service.versions(),
            model=now.model,
            device=now.device,
            precision=now.precision,
            threads=now.threads,
            memory_bytes=now.memory_bytes,
            device_memory_bytes=now.device_memory_bytes,
            uptime=round(now.uptime, 3),
            queue=Queue.model_validate(now.queue),
            loaded=now.loaded,
            batch=Batch.model_validate(now.batch),
            totals=Totals.model_validate(now.totals),
            notice=now.notice,
        )

    @router.post("/v1/memory/free", operation_id="free_memory", responses=failures("not_ready", "busy"))
    async def free_memory() -> Freed:
        """Unload the model; the next job loads it again."""
        if engine.info() is None:
            engine.admit().release()  # raises the reason
        _, memory = await asyncio.to_thread(engine.free_memory)
        return Freed(status=service.status, memory_bytes=memory)

    @router.get("/v1/openapi.json", operation_id="openapi", response_model=None, responses=failures())
    async def openapi(request: Request) -> JSONResponse:
        """Describe every call (OpenAPI 3.1)."""
        return JSONResponse(describe(request.app))

    @router.get(
        "/metrics",
        operation_id="metrics",
        response_class=Response,
        responses=METRICS_ANSWER | failures(),
    )
    async def metrics() -> Response:
        """The figures for Prometheus."""
        return Response(service.metrics.text(), media_type=figures.CONTENT_TYPE)

    return router
