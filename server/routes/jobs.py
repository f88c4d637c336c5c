"""Jobs that are sent, followed and fetched in calls of their own."""

from __future__ import annotations

import uuid
from contextlib import nullcontext
from typing import Any

from fastapi import APIRouter, Request
from maskel_server.events import HEADERS, KEEP_ALIVE_SECONDS, event_stream
from maskel_server.form import read_form
from maskel_server.jobs import Work, digest, job_name
from maskel_server.openapi import (
    EVENTS_ANSWER,
    FORM,
    JOB_HEADER,
    JOB_PATH,
    STATE_ANSWER,
    SUBMIT_ANSWER,
    WAIT_ANSWER,
    XRAY_ANSWER,
    XRAY_CODES,
    failures,
)
from maskel_server.results import Answer
from maskel_server.routes.xray import as_response
from maskel_server.schema import AllCancelled, JobState, TakenBack
from maskel_server.service import Service
from starlette.responses import JSONResponse, Response, StreamingResponse


def jobs_router(service: Service) -> APIRouter:
    """POST and DELETE /v1/jobs; GET and DELETE /v1/jobs/ID; GET its /events and /result."""
    router = APIRouter()
    book, maker = service.book, service.maker

    @router.post(
        "/v1/jobs",
        operation_id="submit_job",
        response_model=None,
        status_code=202,
        responses=SUBMIT_ANSWER | failures("job_conflict", "bad_job", "busy", "draining", form=True),
        openapi_extra={"requestBody": FORM, "parameters": [JOB_HEADER]},
    )
    async def submit(request: Request) -> Response:
        """Send a mask and leave; a known id answers its state."""
        named = request.headers.get("x-maskel-job")
        job = uuid.uuid4().hex if named is None else job_name(named)
        request.state.job = job
        # Asking again for what is in work costs no place, so that a full queue does not refuse it.
        with nullcontext() if book.works_on(job) else service.admit() as ticket:
            form = await read_form(request)
            progress = maker.progress()

            def make() -> Any:
                return maker.make(form, progress, job)

            take_place = service.admit if ticket is None else ticket.hand_over
            found = await book.obtain(job, digest(form), progress, make, take_place)
        if isinstance(found, Work):
            known = found.progress is not progress
            return _state(found.state(), 200 if known else 202)
        return _state(await book.state(job), 200)

    @router.get(
        "/v1/jobs/{job}",
        operation_id="job",
        response_model=None,
        responses=STATE_ANSWER | failures("job_unknown", "bad_job"),
        openapi_extra={"parameters": [JOB_PATH]},
    )
    async def state(request: Request) -> Response:
        """Where a job stands."""
        return _state(await book.state(_named(request)), 200)

    @router.get(
        "/v1/jobs/{job}/events",
        operation_id="job_events",
        response_class=StreamingResponse,
        responses=EVENTS_ANSWER | failures("job_unknown", "bad_job"),
        openapi_extra={"parameters": [JOB_PATH]},
    )
    async def events(request: Request) -> Response:
        """Follow a job to its end as server-sent events."""
        job = _named(request)
        await book.state(job)  # an unknown job is told before the stream begins
        return StreamingResponse(
            event_stream(book.follow(job), service.metrics, KEEP_ALIVE_SECONDS),
            media_type="text/event-stream",
            headers=HEADERS,
        )

    @router.get(
        "/v1/jobs/{job}/result",
        operation_id="job_result",
        response_model=None,
        responses=XRAY_ANSWER | WAIT_ANSWER | failures(*XRAY_CODES, "job_unknown", "bad_job", "cancelled"),
        openapi_extra={"parameters": [JOB_PATH]},
    )
    async def result(request: Request) -> Response:
        """The job's answer, or its state while it has none."""
        found = await book.result(_named(request))
        if isinstance(found, Answer):
            return as_response(found)
        return _state(found, 202, {"Retry-After": "1"})

    @router.delete(
        "/v1/jobs/{job}",
        operation_id="take_back_job",
        responses=failures("job_unknown", "bad_job"),
        openapi_extra={"parameters": [JOB_PATH]},
    )
    async def take_back(request: Request) -> TakenBack:
        """Cancel a job in work, or forget a kept answer."""
        job = _named(request)
        status: Any = await book.take_back(job)
        return TakenBack(id=job, status=status)

    @router.delete("/v1/jobs", operation_id="cancel_jobs", responses=failures())
    async def cancel_all() -> AllCancelled:
        """Cancel every job that waits or is in work."""
        return AllCancelled(cancelled=await book.cancel_all())

    return router


def _named(request: Request) -> str:
    job = job_name(request.path_params["job"])
    request.state.job = job
    return job


def _state(state: JobState, status: int, headers: dict[str, str] | None = None) -> JSONResponse:
    if status == 202 and headers is None:
        headers = {"Location": f"/v1/jobs/{state.id}"}
    content = state.model_dump(mode="json", exclude_unset=True)
    return JSONResponse(content, status_code=status, headers={"Cache-Control": "no-store", **(headers or {})})
