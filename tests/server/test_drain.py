"""Told to end: nothing new, what is in work is finished."""

from __future__ import annotations

import json
import os
import signal
import time

import numpy as np
import pytest

from tests.server.doubles import assert_typed, png_of
from tests.server.listening import KIND, Listening, form
from tests.server.test_process import Served

MASK = png_of(np.pad(np.full((20, 10), 255, np.uint8), 6))


@pytest.fixture
def server(tmp_path):
    listening = Listening(results=tmp_path / "results")
    yield listening
    listening.end()


def send(server, job):
    return server.ask("POST", "/v1/jobs", form(MASK), {"Content-Type": KIND, "X-MaSkel-Job": job})


def test_new_work_is_refused_and_old_work_is_finished(server):
    server.pipeline.gate.clear()
    assert send(server, "the-first-job").status == 202
    assert server.pipeline.entered.acquire(timeout=20)
    assert server.service.busy()
    server.service.drain.begin()
    for refused in (send(server, "the-second-job"), server.xray(MASK)):
        assert_typed(refused, 503, "draining")
        assert int(refused.headers["retry-after"]) >= 1
    assert send(server, "the-first-job").status == 200, "what is in work can be asked for"
    assert server.ask("GET", "/v1/health").json()["status"] == "draining"
    assert server.ask("GET", "/v1/status").json()["status"] == "draining"
    server.pipeline.gate.set()
    deadline = time.monotonic() + 20
    while server.service.busy() and time.monotonic() < deadline:
        time.sleep(0.005)
    assert not server.service.busy()
    assert server.ask("GET", "/v1/jobs/the-first-job/result").status == 200


def test_a_request_that_is_still_read_is_work_too(server):
    with server.engine.admit():
        assert server.service.busy()
    assert not server.service.busy()


@pytest.mark.skipif(os.name != "posix", reason="signals between processes are POSIX's")
def test_the_process_ends_by_itself_when_told(tmp_path):
    server = Served(tmp_path, "--model", "no-such-folder", "--log-format", "json")
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(30) == 0
    assert not server.publish.exists()
    server.process.stdin.close()
    server.process.stdout.close()
    logged = [json.loads(line) for line in server.logged().splitlines()]
    assert logged and all({"time", "level", "event"} <= set(line) for line in logged)
    assert str(tmp_path) not in server.logged() and server.token not in server.logged()
    server.log.close()
