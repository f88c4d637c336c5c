"""POST /v1/xray: send a mask, wait, get the X-ray."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from fastapi import APIRouter, Request
from maskel_core.errors import MaskelError
from maskel_server.form import read_form
from maskel_server.jobs import Work, cancelled, digest, job_name
from maskel_server.openapi import FORM, JOB_HEADER, XRAY_ANSWER, XRAY_CODES, failures
from maskel_server.results import Answer
from maskel_server.service import Service
from starlette.responses import Response


def xray_router(service: Service) -> APIRouter:
    """POST /v1/xray."""
    router = APIRouter()
    book, maker = service.book, service.maker

    @router.post(
        "/v1/xray",
        operation_id="xray",
        response_model=None,
        responses=XRAY_ANSWER | failures(*XRAY_CODES, "job_conflict", "bad_job", "busy", "draining"),
        openapi_extra={"requestBody": FORM, "parameters": [JOB_HEADER]},
    )
    async def xray(request: Request) -> Response:
        """Turn a mask into an X-ray and wait for it."""
        named = request.headers.get("x-maskel-job")
        job = None if named is None else job_name(named)
        request.state.job = job
        with service.admit() as ticket:
            form = await read_form(request)
            progress = maker.progress()

            def make() -> Any:
                return maker.make(form, progress, job)

            if job is None:
                task = book.start(make)
                try:
                    answer = await _wait(request, task)
                finally:
                    task.cancel()
            else:
                found = await book.obtain(job, digest(form), progress, make, ticket.hand_over)
                answer = await _wait(request, found.task) if isinstance(found, Work) else found
        return as_response(answer)

    return router


def as_response(answer: Answer) -> Response:
    """An answer as HTTP sends it, the same bytes each time."""
    return Response(answer.body, media_type=answer.media_type, headers=answer.headers)


async def _wait(request: Request, work: asyncio.Future[Answer]) -> Answer:
    """The work's answer, or ``bad_request`` when the client hangs up and ``cancelled`` when the job was."""
    gone = asyncio.ensure_future(_disconnected(request))
    try:
        both: set[asyncio.Future[Any]] = {work, gone}
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        if work.cancelled():
            raise cancelled()
        if work.done():
            return work.result()
        raise MaskelError(
            "bad_request", "The client hung up.", "Keep the connection open until the answer is there."
        )
    finally:
        gone.cancel()
        with suppress(asyncio.CancelledError):
            await gone


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
