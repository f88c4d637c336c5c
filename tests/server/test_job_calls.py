"""Jobs in calls of their own: sent, followed, fetched, taken back; over a real socket."""

from __future__ import annotations

import http.client
import json
import socket
import time
import uuid

import numpy as np
import pytest
from maskel_server.jobs import MAX_ENDED

from tests.server.doubles import TOKEN, assert_typed, png_of
from tests.server.listening import KIND, Listening, form

MASK = png_of(np.pad(np.full((20, 10), 255, np.uint8), 6))
OTHER = png_of(np.pad(np.full((20, 12), 255, np.uint8), 6))
KEYS = {"id", "status", "position", "progress", "seconds", "eta"}


@pytest.fixture
def serve(tmp_path):
    open_servers = []

    def start(**limits):
        server = Listening(**{"results": tmp_path / "results", **limits})
        open_servers.append(server)
        return server

    yield start
    for server in open_servers:
        server.end()


@pytest.fixture
def server(serve):
    return serve()


def until(look, wanted, seconds=20):
    """What ``look`` answers once ``wanted`` holds of it."""
    deadline = time.monotonic() + seconds
    while not wanted(found := look()):
        assert time.monotonic() < deadline, found
        time.sleep(0.005)
    return found


def send(server, mask=MASK, job=None, **fields):
    headers = {"Content-Type": KIND} | ({"X-MaSkel-Job": job} if job else {})
    return server.ask("POST", "/v1/jobs", form(mask, **fields), headers)


def state(server, job):
    return server.ask("GET", f"/v1/jobs/{job}").json()


def ended(server, job):
    return until(lambda: state(server, job), lambda found: found["status"] not in ("queued", "running"))


def events(text):
    """The states of a stream; comments are left out."""
    blocks = [block.strip("\n") for block in text.split("\n\n") if block and not block.startswith(":")]
    for block in blocks:
        name, data = block.split("\n")
        assert name == "event: state" and data.startswith("data: ")
    return [json.loads(block.partition("data: ")[2]) for block in blocks]


def figure(server, name):
    """A figure of /metrics."""
    lines = server.ask("GET", "/metrics").text.splitlines()
    return float(next(line for line in lines if line.startswith(name + " ")).split()[1])


def new_id():
    return str(uuid.uuid4())


@pytest.fixture
def held(server):
    """A server whose model has a job and keeps it until ``pipeline.gate`` is set."""
    server.pipeline.gate.clear()
    assert send(server, job="the-first-job").status == 202
    assert server.pipeline.entered.acquire(timeout=20)
    return server


@pytest.mark.parametrize("fields", [{}, {"format": "json", "joints": "true"}], ids=["png", "json"])
def test_a_job_is_sent_polled_and_fetched(server, fields):
    sent = send(server, **fields)
    job = sent.json()["id"]
    assert sent.status == 202 and set(sent.json()) == KEYS
    assert sent.headers["location"] == f"/v1/jobs/{job}" and sent.headers["cache-control"] == "no-store"
    done = ended(server, job)
    assert set(done) == KEYS
    assert (done["status"], done["position"], done["progress"], done["eta"]) == ("done", None, 1.0, None)
    assert done["seconds"] > 0
    first, again = (server.ask("GET", f"/v1/jobs/{job}/result") for _ in range(2))
    direct = server.xray(MASK, {"X-MaSkel-Job": job}, **fields)
    assert first.status == 200 and first.body == again.body == direct.body
    for name in ("content-type", "x-maskel-model", "x-maskel-version", "x-maskel-seconds"):
        assert first.headers.get(name) == direct.headers.get(name)
    assert len(server.pipeline.calls) == 1


def test_a_result_that_is_not_there_is_its_state_and_a_time_to_wait(held):
    answer = held.ask("GET", "/v1/jobs/the-first-job/result")
    assert answer.status == 202 and answer.headers["retry-after"] == "1"
    assert answer.json()["status"] in ("queued", "running")
    running = until(lambda: state(held, "the-first-job"), lambda found: found["status"] == "running")
    assert running["position"] is None and 0 <= running["progress"] < 1
    held.pipeline.gate.set()
    ended(held, "the-first-job")
    assert held.ask("GET", "/v1/jobs/the-first-job/result").status == 200


def test_waiting_jobs_know_their_place_and_time(held):
    jobs = [new_id() for _ in range(3)]
    for job in jobs:
        assert send(held, job=job).status == 202
    for place, job in enumerate(jobs):
        waiting = until(
            lambda job=job: state(held, job), lambda found, place=place: found["position"] == place
        )
        assert waiting["status"] == "queued" and waiting["progress"] == 0
        assert waiting["eta"] is None or waiting["eta"] >= 0
    held.pipeline.gate.set()
    for job in jobs:
        assert ended(held, job)["status"] == "done"
    held.pipeline.gate.clear()
    late = send(held).json()["id"]
    assert until(lambda: state(held, late), lambda found: found["eta"] is not None)["eta"] >= 0


def test_previews_come_first_and_batches_last(held):
    wanted = [("batch", 61), ("normal", 62), ("preview", 63), ("normal", 64), ("preview", 65)]
    jobs = [send(held, priority=priority, size=size).json()["id"] for priority, size in wanted]
    places = [
        until(lambda job=job: state(held, job), lambda found: found["position"] is not None)["id"]
        for job in jobs
    ]
    assert places == jobs
    until(lambda: state(held, jobs[0]), lambda found: found["position"] == 4)
    held.pipeline.gate.set()
    for job in jobs:
        assert ended(held, job)["status"] == "done"
    assert [call[2] for call in held.pipeline.calls[1:]] == [63, 65, 62, 64, 61]


def test_a_priority_that_is_none(server):
    assert_typed(send(server, priority="urgent"), 422, "bad_request")
    assert_typed(server.xray(MASK, priority="urgent"), 422, "bad_request")


def test_the_same_job_in_another_hurry_is_the_same_job(server):
    job = new_id()
    assert server.xray(MASK, {"X-MaSkel-Job": job}, priority="batch").status == 200
    assert server.xray(MASK, {"X-MaSkel-Job": job}, priority="preview").status == 200
    assert len(server.pipeline.calls) == 1


def test_a_known_id_answers_its_state_even_of_a_full_server(serve):
    server = serve(queue_size=1)
    server.pipeline.gate.clear()
    job = new_id()
    assert send(server, job=job).status == 202
    assert server.pipeline.entered.acquire(timeout=20)
    assert send(server).status == 202
    assert_typed(send(server), 429, "busy")
    again = send(server, job=job)
    assert again.status == 200 and again.json()["id"] == job
    assert_typed(send(server, OTHER, job=job), 409, "job_conflict")
    server.pipeline.gate.set()
    ended(server, job)
    known = until(lambda: send(server, job=job), lambda found: found.status != 429)
    assert known.status == 200 and known.json()["status"] == "done"
    assert_typed(send(server, OTHER, job=job), 409, "job_conflict")
    until(lambda: server.engine._places, lambda places: places == 2)
    assert len(server.pipeline.calls) == 2


def test_a_failed_job_says_why_and_is_tried_again(server):
    job = new_id()
    assert send(server, b"no picture", job=job).status == 202
    failed = ended(server, job)
    assert set(failed) == KEYS | {"error"} and failed["status"] == "failed"
    assert set(failed["error"]) == {"code", "message", "fix"} and failed["error"]["code"] == "not_an_image"
    assert_typed(server.ask("GET", f"/v1/jobs/{job}/result"), 415, "not_an_image")
    (event,) = events(server.ask("GET", f"/v1/jobs/{job}/events").text)
    assert event == failed
    server.pipeline.error = RuntimeError("secret detail")
    assert send(server, job=job).status == 202, "what failed is run anew, and may be another request"
    assert ended(server, job)["error"]["code"] == "internal"
    answer = server.ask("GET", f"/v1/jobs/{job}/result")
    assert_typed(answer, 500, "internal")
    assert "secret" not in answer.text
    server.pipeline.error = None
    assert send(server, job=job).status == 202
    assert ended(server, job)["status"] == "done"


def test_states_outlive_the_process(serve):
    first = serve()
    job = send(first).json()["id"]
    seconds = ended(first, job)["seconds"]
    second = serve()
    kept = state(second, job)
    assert (kept["status"], kept["progress"]) == ("done", 1.0) and abs(kept["seconds"] - seconds) < 0.01
    assert second.ask("GET", f"/v1/jobs/{job}/result").body == first.ask("GET", f"/v1/jobs/{job}/result").body
    assert send(second, job=job).status == 200 and not second.pipeline.calls


def test_a_server_without_a_folder_keeps_answers_in_memory(serve):
    server = serve(results=None)
    job = send(server).json()["id"]
    assert ended(server, job)["status"] == "done"
    assert server.ask("GET", f"/v1/jobs/{job}/result").status == 200
    assert server.ask("DELETE", f"/v1/jobs/{job}").json()["status"] == "deleted"
    assert_typed(server.ask("GET", f"/v1/jobs/{job}/result"), 404, "job_unknown")


def test_failed_jobs_are_forgotten_after_their_time_and_number(server):
    job = send(server, b"no").json()["id"]
    ended(server, job)
    book = server.service.book
    kept_at, kept = book._ended[job]
    for index in range(MAX_ENDED):
        book._remember(kept.model_copy(update={"id": f"another-job-{index}"}))
    assert len(book._ended) == MAX_ENDED
    assert_typed(server.ask("GET", f"/v1/jobs/{job}"), 404, "job_unknown")
    book._ended["an-old-job"] = (kept_at - 3601, kept)
    book._ended.move_to_end("an-old-job", last=False)
    assert_typed(server.ask("GET", "/v1/jobs/an-old-job"), 404, "job_unknown")


def test_a_cancelled_job_says_so(held):
    job = send(held).json()["id"]
    assert held.ask("DELETE", f"/v1/jobs/{job}").json() == {"id": job, "status": "cancelled"}
    assert state(held, job)["status"] == "cancelled"
    assert_typed(held.ask("GET", f"/v1/jobs/{job}/result"), 409, "cancelled")
    held.pipeline.gate.set()
    assert ended(held, "the-first-job")["status"] == "done" and len(held.pipeline.calls) == 1


def test_all_are_cancelled_at_once(held):
    jobs = ["the-first-job", *(send(held).json()["id"] for _ in range(3))]
    assert held.ask("DELETE", "/v1/jobs").json() == {"cancelled": 4}
    assert {state(held, job)["status"] for job in jobs} == {"cancelled"}
    held.pipeline.gate.set()
    assert held.ask("DELETE", "/v1/jobs").json() == {"cancelled": 0}
    assert held.xray(MASK).status == 200
    assert len(held.pipeline.calls) == 2, "what waited was never run"
    until(lambda: held.engine._places, lambda places: places == 9)


@pytest.mark.parametrize("call", ["", "/events", "/result"])
def test_jobs_nobody_knows(server, call):
    assert_typed(server.ask("GET", f"/v1/jobs/{new_id()}{call}"), 404, "job_unknown")
    assert_typed(server.ask("GET", f"/v1/jobs/short{call}"), 422, "bad_job")


class Follower:
    """A client of /events that can read slowly or hang up."""

    def __init__(self, server, job):
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
        self.connection.request("GET", f"/v1/jobs/{job}/events", headers={"Authorization": f"Bearer {TOKEN}"})
        self.response = self.connection.getresponse()

    def next(self):
        lines = []
        while (line := self.response.readline().decode()) != "\n":
            lines.append(line)
        return "".join(lines)


def test_events_tell_every_change_and_end(held):
    job = send(held).json()["id"]
    follower = Follower(held, job)
    assert follower.response.status == 200
    assert follower.response.headers["content-type"].startswith("text/event-stream")
    assert follower.response.headers["x-accel-buffering"] == "no"
    (first,) = events(follower.next())
    assert first["status"] == "queued" and set(first) == KEYS
    held.pipeline.gate.set()
    told = events(follower.response.read().decode())
    order = ["queued", "running", "done"]
    ranks = [order.index(event["status"]) for event in told]
    assert ranks == sorted(ranks) and told[-1]["status"] == "done"
    assert [event["progress"] for event in told] == sorted(event["progress"] for event in told)
    follower.connection.close()
    (again,) = events(held.ask("GET", f"/v1/jobs/{job}/events").text)
    assert again["status"] == "done"


def test_events_of_a_job_that_is_cancelled_end(held):
    follower = Follower(held, "the-first-job")
    follower.next()
    held.ask("DELETE", "/v1/jobs")
    assert events(follower.response.read().decode())[-1]["status"] == "cancelled"
    follower.connection.close()


def test_silence_is_filled(held, monkeypatch):
    monkeypatch.setattr("maskel_server.routes.jobs.KEEP_ALIVE_SECONDS", 0.0)
    follower = Follower(held, "the-first-job")
    seen = [follower.next() for _ in range(4)]
    assert any(text.startswith(": keep-alive") for text in seen)
    follower.connection.close()


def test_followers_that_leave_or_never_read_leak_nothing(held):
    """Forty hang up, ten more never read: none is left when the job has ended, and it ends in time."""
    gone = [Follower(held, "the-first-job") for _ in range(40)]
    deaf = []
    for _ in range(10):
        raw = socket.create_connection(("127.0.0.1", held.port), 20)
        head = f"GET /v1/jobs/the-first-job/events HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
        raw.sendall(head.encode())
        deaf.append(raw)
    until(lambda: figure(held, "maskel_event_streams"), lambda streams: streams == 50)
    for follower in gone:
        follower.connection.close()
        follower.response.close()
    until(lambda: figure(held, "maskel_event_streams"), lambda streams: streams == 10)
    held.pipeline.gate.set()
    assert ended(held, "the-first-job")["status"] == "done"
    until(lambda: figure(held, "maskel_event_streams"), lambda streams: streams == 0)
    for raw in deaf:
        raw.close()
    assert held.engine._places == 9
