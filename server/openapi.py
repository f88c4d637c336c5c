"""The OpenAPI page: what FastAPI reads off the calls, with the token, every error and an example of each answer."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from maskel_core.version import API_VERSION
from maskel_server.errors import EXTRA_HEADERS, STATUS
from maskel_server.examples import ANSWERS, PROBLEMS
from maskel_server.form import FORMATS, PRIORITIES, STYLES, VIEWS
from maskel_server.schema import JobState, Problem, XrayAnswer

Responses = dict[int | str, dict[str, Any]]

_ALWAYS = ("bad_http", "bad_host", "bad_origin", "body_too_large", "headers_too_large", "internal")
_WITH_TOKEN = ("unauthorized", "version_mismatch")
_WITH_FORM = ("bad_request", "bad_size", "bad_style", "bad_view", "request_timeout", "not_ready")

XRAY_CODES = (
    "too_many_pixels",
    "not_an_image",
    "empty_mask",
    "full_mask",
    "bad_mask",
    *_WITH_FORM,
    "cancelled",
    "out_of_memory",
    "replica_lost",
    "timed_out",
)
"""What an X-ray may be refused for."""

_STRING = {"schema": {"type": "string"}}

JOB_HEADER = {
    "name": "X-MaSkel-Job",
    "in": "header",
    "required": False,
    "description": "Names the job; asked again with the same id and request, the same bytes come back.",
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]{8,64}$"},
}
JOB_PATH = {**JOB_HEADER, "name": "job", "in": "path", "required": True, "description": "The job's id."}

_API_HEADER = {
    "name": "X-MaSkel-Api",
    "in": "header",
    "required": False,
    "description": "Version of the interface the client speaks.",
    "schema": {"type": "integer", "enum": [API_VERSION]},
}


def _choice(*values: str, default: str) -> dict[str, Any]:
    return {"type": "string", "enum": [*values, ""], "default": default}


def _flag(description: str) -> dict[str, Any]:
    words = ["true", "false", "1", "0", "yes", "no", "on", "off", ""]
    return {
        "anyOf": [{"type": "boolean"}, {"type": "string", "enum": words}],
        "default": False,
        "description": description,
    }


def _needs_json(field: str) -> dict[str, Any]:
    """The field is only accepted with format=json."""
    asked = {"enum": [True, "true", "1", "yes", "on"]}
    return {
        "if": {"required": [field], "properties": {field: asked}},
        "then": {"required": ["format"], "properties": {"format": {"const": "json"}}},
    }


FORM: dict[str, Any] = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["mask"],
                "additionalProperties": False,
                "properties": {
                    "mask": {
                        "type": "string",
                        "format": "binary",
                        "description": "PNG, JPEG or WebP; white is the body.",
                    },
                    "style": _choice(*STYLES, default="dxa"),
                    "size": {
                        "anyOf": [
                            {"type": "integer", "minimum": 0, "maximum": 999_999_999},
                            {"type": "string", "enum": [""]},
                        ],
                        "default": 0,
                        "description": "Longer side in pixels; 0 is the mask's own.",
                    },
                    "joints": _flag("Joint centres too; with format=json."),
                    "uncertainty": _flag("How far the bone layer may be off; with format=json."),
                    "format": _choice(*FORMATS, default="png"),
                    "view": _choice(*VIEWS, default="unknown"),
                    "priority": _choice(*PRIORITIES, default="normal"),
                },
                "allOf": [_needs_json("joints"), _needs_json("uncertainty")],
            },
            "encoding": {"mask": {"contentType": "image/png, image/jpeg, image/webp"}},
            "examples": {
                "a preview": {
                    "value": {"mask": "the bytes of mask.png", "style": "dxa", "priority": "preview"}
                }
            },
        }
    },
}

XRAY_ANSWER: Responses = {
    200: {
        "model": XrayAnswer,
        "description": "The X-ray: a PNG, or with format=json the picture, its layers and joints.",
        "headers": {
            name: {"description": what, **_STRING}
            for name, what in {
                "X-MaSkel-Model": "The model (PNG answers).",
                "X-MaSkel-Version": "The server's release (PNG answers).",
                "X-MaSkel-Seconds": "Time in the model (PNG answers).",
                "X-MaSkel-Familiarity": "0..1, how like the training masks the mask is (PNG answers).",
            }.items()
        },
        "content": {"image/png": {"schema": {"type": "string", "format": "binary"}}},
    }
}
STATE_ANSWER: Responses = {200: {"model": JobState, "description": "The job's state."}}
SUBMIT_ANSWER: Responses = {
    200: {"model": JobState, "description": "The state of a job that was known."},
    202: {
        "model": JobState,
        "description": "A new job's state.",
        "headers": {"Location": {"description": "Where the job is.", **_STRING}},
    },
}
WAIT_ANSWER: Responses = {
    202: {
        "model": JobState,
        "description": "Not done: the state.",
        "headers": {"Retry-After": {"description": "Seconds to wait.", **_STRING}},
    }
}
_EVENT = {
    "type": "object",
    "required": ["event", "data"],
    "properties": {
        "event": {"const": "state"},
        "data": {
            "type": "string",
            "contentMediaType": "application/json",
            "contentSchema": {"$ref": "#/components/schemas/JobState"},
        },
    },
}
EVENTS_ANSWER: Responses = {
    200: {
        "description": "An event `state` for every change until the job has ended; its data is the job's state.",
        # Before OpenAPI 3.2 the schema of a stream is that of one event.
        "content": {"text/event-stream": {"schema": _EVENT}},
    }
}
METRICS_ANSWER: Responses = {
    200: {
        "description": "The figures in Prometheus' text format.",
        "content": {"text/plain": {"schema": {"type": "string"}}},
    }
}


def failures(*codes: str, token: bool = True, form: bool = False) -> Responses:
    """The error answers of a call, by status.

    Args:
        codes: Error codes beside those every call may answer.
        token: Whether the call needs the token.
        form: Whether it reads the form.
    """
    every = {*_ALWAYS, *codes, *(_WITH_TOKEN if token else ()), *(_WITH_FORM if form else ())}
    found: Responses = {}
    for code in sorted(every):
        answer = found.setdefault(STATUS[code], {"model": Problem, "description": "", "content": {}})
        answer["description"] = f"{answer['description']}, `{code}`".removeprefix(", ")
        content = answer["content"].setdefault("application/json", {"examples": {}})
        content["examples"][code] = {"$ref": f"#/components/examples/{code}"}
        for name in EXTRA_HEADERS.get(code, {}):
            answer.setdefault("headers", {})[name] = _STRING
    return found


def describe(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document of an application."""
    page = app.openapi()
    page["info"]["description"] = "Whole-body X-rays of characters from their silhouettes."
    page["info"]["license"] = {"name": "GPL-3.0-or-later", "identifier": "GPL-3.0-or-later"}
    page["security"] = [{"token": []}]
    components = page["components"]
    components["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer", "description": "From the server's token file."}
    }
    components["examples"] = {
        code: {"value": {"code": code, "message": message, "fix": fix}}
        for code, (message, fix) in PROBLEMS.items()
    }
    for calls in page["paths"].values():
        for call in calls.values():
            _complete(call)
    return page


def _complete(call: dict[str, Any]) -> None:
    name = call["operationId"]
    if name == "health":
        call["security"] = []
    else:
        parameters = call.setdefault("parameters", [])
        if _API_HEADER not in parameters:
            parameters.append(_API_HEADER)
    for status, answer in call["responses"].items():
        for kind, content in answer.get("content", {}).items():
            examples = ANSWERS.get((name, status, kind))
            if examples is not None:
                content["examples"] = {key: {"value": value} for key, value in examples.items()}
