"""Every failure as JSON ``{code, message, fix}`` with its HTTP status."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from maskel_core.errors import MaskelError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.routing import Match
from starlette.types import Receive, Scope, Send

FORM_FIX = (
    "Send multipart/form-data with the file 'mask' and the fields "
    "style, size, joints, format, view, uncertainty, priority."
)

STATUS = {
    "bad_http": 400,
    "bad_request": 422,
    "unauthorized": 401,
    "bad_host": 403,
    "bad_origin": 403,
    "not_found": 404,
    "method_not_allowed": 405,
    "request_timeout": 408,
    "job_unknown": 404,
    "version_mismatch": 409,
    "job_conflict": 409,
    "cancelled": 409,
    "body_too_large": 413,
    "too_many_pixels": 413,
    "not_an_image": 415,
    "empty_mask": 422,
    "full_mask": 422,
    "bad_mask": 422,
    "bad_style": 422,
    "bad_view": 422,
    "bad_size": 422,
    "bad_job": 422,
    "busy": 429,
    "headers_too_large": 431,
    "internal": 500,
    "draining": 503,
    "not_ready": 503,
    "out_of_memory": 503,
    "replica_lost": 503,
    "timed_out": 504,
}
"""HTTP status of each error code; a code that is not here answers 500."""

EXTRA_HEADERS = {
    "unauthorized": {"WWW-Authenticate": "Bearer"},
    "busy": {"Retry-After": "1"},
    "draining": {"Retry-After": "5"},
    "not_ready": {"Retry-After": "2"},
}


class ErrorResponse(JSONResponse):
    """A typed error on its way out; leaves its code in the request's state for log and metrics."""

    def __init__(self, error: MaskelError, headers: Mapping[str, str] | None = None) -> None:
        self.code = error.code
        extra = {**EXTRA_HEADERS.get(error.code, {}), **(headers or {})}
        super().__init__(error.as_dict(), status_code=STATUS.get(error.code, 500), headers=extra)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        scope.setdefault("state", {})["code"] = self.code
        await super().__call__(scope, receive, send)


def error_response(error: MaskelError, headers: Mapping[str, str] | None = None) -> ErrorResponse:
    """The answer for a typed error, with further headers."""
    return ErrorResponse(error, headers)


def internal_error() -> MaskelError:
    """What a client may know of a failure nobody foresaw: nothing of its inside."""
    return MaskelError(
        "internal", "The server met an unexpected error.", "Look at the server's log and report what it says."
    )


def install_error_handlers(app: FastAPI) -> None:
    """Make every way a request can fail answer with the typed JSON."""

    @app.exception_handler(MaskelError)
    async def typed(request: Request, error: MaskelError) -> JSONResponse:
        headers = {}
        if error.code == "busy":
            headers["Retry-After"] = str(request.app.state.service.engine.retry_seconds())
        return error_response(error, headers)

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> JSONResponse:
        allow = {"Allow": ", ".join(_allowed(request))} if error.status_code == 405 else None
        return error_response(_from_http(request, error), allow)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        fields = ", ".join(sorted({str(item["loc"][-1]) for item in error.errors()}))
        return error_response(_bad_request(f"These parts of the request are wrong: {fields}."))

    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> JSONResponse:
        return error_response(internal_error())


def _from_http(request: Request, error: HTTPException) -> MaskelError:
    if error.status_code == 404:
        return MaskelError(
            "not_found",
            f"There is nothing at {request.url.path[:80]}.",
            "GET /v1/openapi.json lists every call.",
        )
    if error.status_code == 405:
        return MaskelError(
            "method_not_allowed",
            f"{request.method} is not possible at {request.url.path[:80]}.",
            f"Use {' or '.join(_allowed(request))}; GET /v1/openapi.json lists every call.",
        )
    if error.status_code < 500:
        return _bad_request(f"The request could not be read: {error.detail}.")
    return internal_error()


def _allowed(request: Request) -> list[str]:
    """Methods of all calls at a path; a router's own answer names only those of the first."""
    return sorted(
        method
        for method in ("DELETE", "GET", "POST")
        if any(
            route.matches({**request.scope, "method": method})[0] is Match.FULL
            for route in request.app.router.routes
        )
    )


def _bad_request(message: str) -> MaskelError:
    return MaskelError("bad_request", message, FORM_FIX)
