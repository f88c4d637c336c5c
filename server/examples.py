"""One example of every answer and of every error, for the OpenAPI page."""

from __future__ import annotations

from typing import Any

from maskel_core.version import API_MIN, API_VERSION, __version__
from maskel_server.errors import FORM_FIX

_JOB = "0b9d2a4e7c1f4e4f9a6d3c5b8e7f1a2d"
_VERSIONS = {"version": __version__, "api": API_VERSION, "api_min": API_MIN}
_PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGPYAAAAwwDClhEpqwAAAABJRU5ErkJggg=="

QUEUED = {
    "id": _JOB,
    "status": "queued",
    "position": 2,
    "progress": 0.0,
    "seconds": 0.4,
    "eta": 2.7,
}
RUNNING = {**QUEUED, "status": "running", "position": None, "progress": 0.4, "seconds": 2.2, "eta": 0.5}
DONE = {**RUNNING, "status": "done", "progress": 1.0, "seconds": 2.9, "eta": None}
FAILED = {
    **RUNNING,
    "status": "failed",
    "progress": 0.0,
    "eta": None,
    "error": {"code": "empty_mask", "message": "The mask is empty.", "fix": "Render the body in white."},
}

ANSWERS: dict[tuple[str, str, str], dict[str, Any]] = {
    ("health", "200", "application/json"): {
        "ready": {
            "status": "ready",
            "name": "maskel",
            **_VERSIONS,
            "model": "maskel-base",
            "device": "cpu",
        },
        "failed": {
            "status": "failed",
            "name": "maskel",
            **_VERSIONS,
            "model": None,
            "device": None,
            "error": {
                "code": "model_missing",
                "message": "There is no model in this folder.",
                "fix": "Name a folder with config.json and a safetensors file.",
            },
        },
    },
    ("models", "200", "application/json"): {
        "one": {
            "models": [
                {
                    "id": "maskel-base",
                    "default": True,
                    "native_size": 512,
                    "styles": ["dxa", "radiograph", "bone", "inverted"],
                    "description": "Whole-body X-rays from silhouettes.",
                }
            ]
        }
    },
    ("status", "200", "application/json"): {
        "at work": {
            "status": "ready",
            **_VERSIONS,
            "model": "maskel-base",
            "device": "cpu",
            "precision": "float32",
            "threads": 2,
            "memory_bytes": 640_000_000,
            "device_memory_bytes": None,
            "uptime": 3600.0,
            "queue": {"waiting": 3, "running": 4, "taken": 7, "limit": 65},
            "loaded": True,
            "batch": {"largest": 4, "mean": 2.3, "limit": 4},
            "totals": {"done": 812, "failed": 1, "cancelled": 3, "refused": 12},
            "notice": None,
        }
    },
    ("free_memory", "200", "application/json"): {"freed": {"status": "idle", "memory_bytes": 210_000_000}},
    ("openapi", "200", "application/json"): {"this": {"openapi": "3.1.0", "info": {"title": "MaSkel"}}},
    ("metrics", "200", "text/plain"): {
        "some": "# TYPE maskel_queue_waiting gauge\nmaskel_queue_waiting 3.0\n",
    },
    ("xray", "200", "application/json"): {
        "with joints": {
            "model": "maskel-base",
            "version": __version__,
            "width": 1,
            "height": 1,
            "style": "dxa",
            "seconds": 0.31,
            "image": _PNG,
            "layers": {"bone": {"png": _PNG, "scale": 0.0001}, "soft": {"png": _PNG, "scale": 0.0001}},
            "joints": {"head": {"x": 0.5, "y": 0.1, "confidence": 0.9}},
            "familiarity": 0.8,
        }
    },
    ("submit_job", "202", "application/json"): {"a new job": QUEUED},
    ("submit_job", "200", "application/json"): {"a known job": RUNNING},
    ("job", "200", "application/json"): {
        "queued": QUEUED,
        "running": RUNNING,
        "done": DONE,
        "failed": FAILED,
    },
    ("job_events", "200", "text/event-stream"): {
        "one": 'event: state\ndata: {"id":"0b9d2a4e","status":"running","position":null,"progress":0.4,'
        '"seconds":2.2,"eta":0.5}\n\n: keep-alive\n\n'
    },
    ("job_result", "202", "application/json"): {"not yet": RUNNING},
    ("take_back_job", "200", "application/json"): {
        "in work": {"id": _JOB, "status": "cancelled"},
        "done": {"id": _JOB, "status": "deleted"},
    },
    ("cancel_jobs", "200", "application/json"): {"some": {"cancelled": 3}},
}
ANSWERS["job_result", "200", "application/json"] = ANSWERS["xray", "200", "application/json"]
"""Examples by operation, status and media type."""

PROBLEMS: dict[str, tuple[str, str]] = {
    "bad_http": (
        "What was sent is not a valid HTTP/1.1 request.",
        "Use an ordinary HTTP client over http://.",
    ),
    "bad_request": ("The file 'mask' is missing.", FORM_FIX),
    "unauthorized": (
        "The token is missing or wrong.",
        "Send 'Authorization: Bearer TOKEN' with the token from the server's token file.",
    ),
    "bad_host": (
        "The request was addressed to a name this server does not answer to.",
        "Use http://127.0.0.1:PORT, or name the host with --allow-host.",
    ),
    "bad_origin": ("A web page from elsewhere asked for this.", "Only local pages may call this server."),
    "not_found": ("There is nothing at /v2/xray.", "GET /v1/openapi.json lists every call."),
    "method_not_allowed": (
        "PUT is not possible at /v1/xray.",
        "Use POST; GET /v1/openapi.json lists every call.",
    ),
    "request_timeout": (
        "The request took too long to arrive.",
        "Check the connection and send it again.",
    ),
    "job_unknown": (
        "There is no job with this id.",
        "It may have failed, been cancelled, or been kept for its time; send it again.",
    ),
    "version_mismatch": (
        "The server is older than the client: it speaks interface 1, the client 2.",
        "Update the server: install the release of maskel that came with the extension, and start it again.",
    ),
    "job_conflict": (
        "This job id stands for another request.",
        "Give every mask and set of options a job id of its own.",
    ),
    "cancelled": ("The job was cancelled.", "Send it again if the X-ray is wanted after all."),
    "body_too_large": (
        "The request is larger than 33,554,432 bytes.",
        "Send the mask as a compressed PNG, or render it at a lower resolution.",
    ),
    "too_many_pixels": ("The mask has too many pixels.", "Render it at a lower resolution."),
    "not_an_image": ("The mask is not a PNG, JPEG or WebP picture.", "Send the mask as a PNG."),
    "empty_mask": ("The mask is empty.", "Render the body in white."),
    "full_mask": ("The mask is white everywhere.", "Leave the background black."),
    "bad_mask": ("The mask is not a uint8 array of two dimensions.", "Send a grey picture."),
    "bad_style": ("There is no style 'sepia'.", "Use dxa, radiograph, bone or inverted."),
    "bad_view": ("There is no view 'above'.", "Use unknown, front, back, left or right."),
    "bad_size": (
        "The size is not a whole number of pixels.",
        "Send the longer side in pixels, or leave it out.",
    ),
    "bad_job": (
        "A job id has 8 to 64 letters, digits, hyphens and underscores.",
        "Use a random UUID as the job id.",
    ),
    "busy": ("The server has as many requests as it accepts.", "Wait a moment and send it again."),
    "headers_too_large": (
        "The request line and headers are larger than 65,536 bytes.",
        "Send the mask as the request's body and only the documented headers.",
    ),
    "internal": (
        "The server met an unexpected error.",
        "Look at the server's log and report what it says.",
    ),
    "draining": (
        "The server is ending: it finishes what is in work and takes nothing new.",
        "Send it again when the server has been started again; finished jobs are kept.",
    ),
    "not_ready": ("The model is still loading.", "Wait until /v1/health says ready, then ask again."),
    "out_of_memory": (
        "There was not enough memory for this X-ray.",
        "Close other programs, ask for a smaller size, or start the server with --device cpu.",
    ),
    "replica_lost": (
        "4 replicas were lost with this job.",
        "Send it again; if it happens again, look at the log of the replicas.",
    ),
    "timed_out": (
        "The X-ray took longer than 300 seconds.",
        "Ask for a smaller size, or try again when the machine is less busy.",
    ),
}
"""Message and fix by code."""
