"""The log for machines: one object a line, and nothing private in it."""

from __future__ import annotations

import json
import logging

import numpy as np
import pytest
from maskel_server.logs import JsonFormatter, without_paths

from tests.server.doubles import TOKEN, png_of
from tests.server.listening import Listening

MASK = png_of(np.pad(np.full((20, 10), 255, np.uint8), 6))


@pytest.fixture
def lines():
    """What a server in this process logs, as JSON lines; read it with ``lines()``."""
    written = []

    class Keep(logging.Handler):
        def emit(self, record):
            written.append(self.format(record))

    handler = Keep(logging.DEBUG)
    handler.setFormatter(JsonFormatter())
    logger = logging.getLogger("maskel_server")
    level = logger.level
    logger.setLevel(logging.DEBUG)
    logger.addHandler(handler)
    yield lambda: [json.loads(line) for line in written]
    logger.removeHandler(handler)
    logger.setLevel(level)


def test_a_job_and_its_request_are_a_line_each(lines):
    server = Listening()
    assert server.xray(MASK, {"X-MaSkel-Job": "a-job-with-a-name"}).status == 200
    assert server.xray(b"no picture").status == 415
    assert server.ask("GET", "/v1/jobs/secret-word/../../etc").status == 404
    server.end()
    found = lines()
    (xray,) = [line for line in found if line["event"] == "xray"]
    assert set(xray) == {"time", "level", "event", "job", "status", "seconds", "sizes"}
    assert xray["job"] == "a-job-with-a-name" and xray["status"] == "done" and xray["level"] == "info"
    assert xray["sizes"] == {"width": 22, "height": 32, "mask_bytes": len(MASK)}
    answered, refused, lost = [line for line in found if line["event"] == "request"]
    assert (answered["call"], answered["status"], answered["job"]) == (
        "POST /v1/xray",
        200,
        "a-job-with-a-name",
    )
    assert answered["sizes"]["in"] > len(MASK) and answered["sizes"]["out"] > 0
    assert (refused["status"], refused["code"]) == (415, "not_an_image")
    assert (lost["call"], lost["code"]) == ("other", "not_found")
    text = json.dumps(found)
    assert TOKEN not in text and "secret-word" not in text and "PNG" not in text


def test_a_failure_says_where_without_the_user_s_folders(lines):
    server = Listening()
    server.pipeline.error = RuntimeError("cannot read /home/somebody/secret project/scene.blend")
    assert server.xray(MASK).status == 500
    server.end()
    (failed,) = [line for line in lines() if "error" in line]
    assert failed["level"] == "error" and failed["error"] == "RuntimeError"
    assert any(where.startswith("doubles.py:") for where in failed["where"])
    text = json.dumps(failed)
    assert "somebody" not in text and "secret project" not in text and "site-packages" not in text


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("/home/somebody/.local/state/maskel/token cannot be read", "PATH"),
        ("C:\\Users\\Some Body\\AppData\\Local\\maskel: denied", "PATH: denied"),
        ("\\\\farm\\somebody\\scenes", "PATH"),
        ("~/somebody/x", "PATH"),
        ("open '/Users/somebody/Library/Application Support/maskel/a'!", "open 'PATH'!"),
        ("GET /v1/health says ready", "GET /v1/health says ready"),
        ("answering at http://127.0.0.1:8765", "answering at http://127.0.0.1:8765"),
        ("float16/float32 and 3 / 4", "float16/float32 and 3 / 4"),
    ],
)
def test_paths_are_blotted_out(text, clean):
    assert without_paths(text) == clean
