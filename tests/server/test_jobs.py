"""Jobs with a name: asked twice they are done once; they can be taken back; their answers are kept for a while."""

from __future__ import annotations

import http.client
import os
import stat
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from maskel_server.results import Answer, ResultStore

from tests.server.doubles import TOKEN, assert_typed, png_of
from tests.server.listening import KIND, Listening, form

MASK = png_of(np.pad(np.full((20, 10), 255, np.uint8), 6))
OTHER = png_of(np.pad(np.full((20, 12), 255, np.uint8), 6))


@pytest.fixture
def serve(tmp_path):
    """Start a server that keeps answers; a second one finds the same folder."""
    open_servers = []

    def start(**limits):
        server = Listening(results=tmp_path / "results", **limits)
        open_servers.append(server)
        return server

    yield start
    for server in open_servers:
        server.end()


@pytest.fixture
def server(serve):
    return serve()


@pytest.fixture
def job():
    return {"X-MaSkel-Job": str(uuid.uuid4())}


def until(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.005)
    assert condition()


def hang_up_in_the_middle(server, job):
    """Send a whole request, wait until the model has it, and leave without the answer."""
    server.pipeline.gate.clear()
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    sent = {"Authorization": f"Bearer {TOKEN}", "Content-Type": KIND, **job}
    connection.request("POST", "/v1/xray", form(MASK), sent)
    assert server.pipeline.entered.acquire(timeout=20)
    connection.close()


@pytest.mark.parametrize("fields", [{}, {"format": "json", "joints": "true"}], ids=["png", "json"])
def test_asked_twice_the_same_bytes_come_back_and_the_model_ran_once(server, job, fields):
    first = server.xray(MASK, job, **fields)
    again = server.xray(MASK, job, **fields)
    assert first.status == again.status == 200 and len(server.pipeline.calls) == 1
    assert first.body == again.body
    for name in ("content-type", "x-maskel-model", "x-maskel-seconds"):
        assert first.headers.get(name) == again.headers.get(name)


def test_without_a_name_nothing_is_kept(server, tmp_path):
    assert server.xray(MASK).status == server.xray(MASK).status == 200
    assert len(server.pipeline.calls) == 2
    assert not list((tmp_path / "results").glob("*"))


def test_a_client_that_lost_its_answer_gets_it(server, job):
    hang_up_in_the_middle(server, job)
    time.sleep(0.1)  # the server notices
    server.pipeline.gate.set()
    until(lambda: server.engine._places == 9)
    answer = server.xray(MASK, job)
    assert answer.status == 200 and len(server.pipeline.calls) == 1


def test_a_client_that_comes_back_early_joins_the_job_in_work(server, job):
    hang_up_in_the_middle(server, job)
    with ThreadPoolExecutor(4) as pool:
        back = [pool.submit(server.xray, MASK, job) for _ in range(4)]
        until(lambda: server.engine._places == 4)  # one for the job, four who wait for it
        server.pipeline.gate.set()
        answers = [future.result(20) for future in back]
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers}) == 1 and len(server.pipeline.calls) == 1
    until(lambda: server.engine._places == 9)


def test_many_at_once_under_one_name_are_one_job(server, job):
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: server.xray(MASK, job, format="json"), range(8)))
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers}) == 1 and len(server.pipeline.calls) == 1


def test_the_answer_outlives_the_process(serve, job):
    first = serve()
    answer = first.xray(MASK, job)
    second = serve()
    assert second.xray(MASK, job).body == answer.body and not second.pipeline.calls


def test_a_name_stands_for_one_request(server, job):
    assert server.xray(MASK, job).status == 200
    assert_typed(server.xray(OTHER, job), 409, "job_conflict")
    assert_typed(server.xray(MASK, job, style="bone"), 409, "job_conflict")
    assert_typed(server.xray(MASK, job, size="64"), 409, "job_conflict")
    assert len(server.pipeline.calls) == 1


def test_a_job_that_failed_is_tried_again(server, job):
    server.pipeline.error = RuntimeError()
    assert_typed(server.xray(MASK, job), 500, "internal")
    server.pipeline.error = None
    assert server.xray(MASK, job).status == 200
    until(lambda: server.engine._places == 9)


@pytest.mark.parametrize(
    "name", ["short", "", "x" * 65, "../../../etc/passwd", "with space", "ümlautümlaut", "a.b.c.d.e"]
)
def test_names_that_are_none(server, name):
    answer = server.xray(MASK, {"X-MaSkel-Job": name.encode("latin-1")})
    assert_typed(answer, 422, "bad_job")
    assert not server.pipeline.calls


def test_a_waiting_job_is_cancelled_and_never_run(server, job):
    """One job in the model, one behind it: the second is taken back."""
    hang_up_in_the_middle(server, {"X-MaSkel-Job": "the-first-job"})
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(server.xray, OTHER, job)
        until(lambda: server.engine.figures().queue["waiting"] == 1)
        answer = server.ask("DELETE", f"/v1/jobs/{job['X-MaSkel-Job']}")
        assert answer.status == 200
        assert answer.json() == {"id": job["X-MaSkel-Job"], "status": "cancelled"}
        assert_typed(waiting.result(20), 409, "cancelled")
    server.pipeline.gate.set()
    until(lambda: server.engine._places == 9 and not server.engine.figures().queue["waiting"])
    assert len(server.pipeline.calls) == 1
    assert_typed(server.ask("DELETE", f"/v1/jobs/{job['X-MaSkel-Job']}"), 404, "job_unknown")
    assert server.xray(OTHER, job).status == 200, "what was cancelled can be asked for again"


def test_the_answer_of_a_job_cancelled_in_the_model_is_dropped(server, job, tmp_path):
    hang_up_in_the_middle(server, job)
    assert server.ask("DELETE", f"/v1/jobs/{job['X-MaSkel-Job']}").json()["status"] == "cancelled"
    server.pipeline.gate.set()
    assert server.xray(MASK).status == 200
    assert not list((tmp_path / "results").glob("*"))


def test_a_finished_job_is_deleted(server, job, tmp_path):
    path = f"/v1/jobs/{job['X-MaSkel-Job']}"
    server.xray(MASK, job)
    assert len(list((tmp_path / "results").iterdir())) == 1
    assert_typed(server.ask("DELETE", path, token=None), 401, "unauthorized")
    assert server.ask("DELETE", path).json()["status"] == "deleted"
    assert not list((tmp_path / "results").iterdir())
    assert_typed(server.ask("DELETE", path), 404, "job_unknown")
    assert_typed(server.ask("DELETE", "/v1/jobs/..%2f..%2ftoken"), 404, "not_found")
    assert_typed(server.ask("DELETE", "/v1/jobs/short"), 422, "bad_job")


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX's")
def test_kept_answers_are_private_and_not_named_by_the_client(server, job, tmp_path):
    server.xray(MASK, job)
    (path,) = (tmp_path / "results").iterdir()
    assert job["X-MaSkel-Job"] not in path.name
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_an_answer_the_disk_refuses_is_kept_in_memory(serve, job, tmp_path):
    (tmp_path / "results").write_text("in the way")
    server = serve()
    first = server.xray(MASK, job)
    assert first.status == 200 and server.xray(MASK, job).body == first.body
    assert len(server.pipeline.calls) == 1
    assert serve().xray(MASK, job).status == 200, "another process has to make it again"


def answer_of(size):
    return Answer(os.urandom(size), "image/png", {"X-MaSkel-Model": "m"})


def test_the_store_stays_under_its_size_and_drops_the_oldest(tmp_path):
    store = ResultStore(tmp_path, 3600, 10_000)
    for index in range(20):
        assert store.put(f"job-{index}", "r", answer_of(1000))
        for path in tmp_path.iterdir():  # a second between any two, without waiting for it
            os.utime(path, (path.stat().st_atime - 1, path.stat().st_mtime - 1))
        assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 10_000
    kept = [index for index in range(20) if store.get(f"job-{index}")]
    assert kept == list(range(20 - len(kept), 20)) and len(kept) >= 7
    assert not store.put("too-large", "r", answer_of(10_000))


@pytest.mark.parametrize("hours", [-2, 2], ids=["an old answer", "a clock that was set back"])
def test_the_store_forgets_after_its_time(tmp_path, hours):
    store = ResultStore(tmp_path, 3600, 10_000)
    store.put("a-job-name", "r", answer_of(100))
    assert store.get("a-job-name")
    (path,) = tmp_path.iterdir()
    os.utime(path, (time.time() + hours * 3600,) * 2)
    assert store.get("a-job-name") is None
    store.sweep()
    assert not list(tmp_path.iterdir())


def test_a_damaged_file_is_no_answer(tmp_path):
    store = ResultStore(tmp_path, 3600, 100_000)
    store.put("a-job-name", "r", answer_of(500))
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    for cut in (*range(0, len(whole), 37), len(whole) - 1):
        path.write_bytes(whole[:cut])
        assert store.get("a-job-name") is None
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert store.get("a-job-name") is None
    path.write_bytes(whole)
    assert store.get("a-job-name") is not None
