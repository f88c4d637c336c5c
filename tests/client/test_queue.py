"""The queue of jobs against a server that honours the contract, over real HTTP."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from maskel_blender.backend.command import RunningServer
from maskel_blender.backend.process import Backend
from maskel_blender.client.address import parse_address
from maskel_blender.client.png import encode_png
from maskel_blender.client.request import XrayRequest
from maskel_blender.errors import MaskelError
from maskel_blender.jobs import Job, JobOptions
from maskel_blender.queue.cache import ResultCache
from maskel_blender.queue.entry import EntryState
from maskel_blender.queue.job_queue import JobQueue
from maskel_blender.queue.newest import Newest
from tests.fakes.xray_server import FakeServer

SECONDS = 20.0


def request(seed=1, **options):
    mask = np.zeros((32, 24), np.uint8)
    mask[4 : 8 + seed % 20, 3:20] = 255
    return XrayRequest(encode_png(mask), **options)


def until(condition):
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end, "not within the deadline"
        time.sleep(0.01)


@pytest.fixture
def server():
    with FakeServer() as running:
        yield running


@pytest.fixture
def options(server):
    return JobOptions(RunningServer(parse_address(server.url), server.token), timeout=SECONDS)


@pytest.fixture
def make():
    made = []

    def make(cache=None, **settings):
        backend = Backend()

        def start(request, options, ended, finish):
            return Job(request, options, backend, cache, ended, finish)

        made.append(JobQueue(start, **settings))
        return made[-1]

    yield make
    for queue in made:
        queue.close()


def states(queue):
    return [entry.state for entry in queue.entries]


def test_all_are_made_in_order(make, options, server):
    queue = make(limit=1)
    for seed in range(6):
        queue.add(f"number {seed}", options, request=request(seed))
    assert queue.wait(SECONDS)
    assert [entry.label for entry in queue.done()] == [f"number {seed}" for seed in range(6)]
    assert [form["mask"] for form in server.forms] == [request(seed).mask_png for seed in range(6)]
    assert queue.active
    for entry in queue.done():
        assert entry.answer.model == "fake"
        queue.placed(entry)
    assert not queue.active
    assert all(entry.answer is None and entry.request is None for entry in queue.entries)


def test_no_more_than_the_limit_is_in_flight(make, options, server):
    server.faults.delay = SECONDS
    queue = make(limit=2)
    for seed in range(5):
        queue.add("", options, request=request(seed))
    until(lambda: server.running == 2)
    assert states(queue).count(EntryState.IN_FLIGHT) == 2
    assert states(queue).count(EntryState.WAITING) == 3
    server.faults.delay = 0
    server.released.set()
    assert queue.wait(SECONDS)
    assert states(queue) == [EntryState.DONE] * 5


def test_silhouettes_are_asked_for_only_a_little_ahead(make, options, server):
    server.faults.delay = SECONDS
    queue = make(limit=2, ahead=1)
    entries = [queue.add("", options) for _ in range(6)]
    for number in range(3):
        assert queue.next_planned() is entries[number]
        queue.fill(entries[number], request(number))
    assert queue.next_planned() is None
    server.released.set()
    until(lambda: len(queue.done()) == 3)
    assert queue.next_planned() is entries[3]
    queue.fail(entries[3], MaskelError("not_in_view", "Not seen.", "Aim."))
    assert queue.next_planned() is entries[4]


def test_cancel_one_and_all(make, options, server):
    server.faults.delay = SECONDS
    queue = make(limit=1)
    first, second, third, planned = (
        queue.add("", options, request=made) for made in (request(1), request(2), request(3), None)
    )
    until(lambda: server.running == 1)
    assert queue.cancel(second.id) == 1
    assert states(queue) == [
        EntryState.IN_FLIGHT,
        EntryState.CANCELLED,
        EntryState.WAITING,
        EntryState.PLANNED,
    ]
    assert queue.cancel(first.id) == 1
    # the line moves up, and the server is told
    until(lambda: third.state is EntryState.IN_FLIGHT)
    until(lambda: server.taken_back)
    assert queue.cancel() == 2
    assert queue.wait(SECONDS)
    assert states(queue) == [EntryState.CANCELLED] * 4
    assert planned.request is None
    assert not queue.active
    assert queue.summary().total == 0


def test_groups_are_cancelled_alone(make, options, server):
    server.faults.delay = SECONDS
    queue = make(limit=1)
    kept = queue.add("", options, "a", request=request(1))
    queue.add("", options, "b", request=request(2))
    assert queue.cancel(group="b") == 1
    server.released.set()
    assert queue.wait(SECONDS)
    assert kept.state is EntryState.DONE


def test_failed_are_tried_again(make, options, server):
    server.faults.error = (500, {"code": "internal", "message": "Broken.", "fix": "Mend it."})
    queue = make()
    entry = queue.add("", options, request=request())
    assert queue.wait(SECONDS)
    assert (entry.state, entry.error.code) == (EntryState.FAILED, "internal")
    assert not queue.active
    server.faults.error = None
    assert queue.retry() == 1
    assert queue.wait(SECONDS)
    assert (entry.state, entry.error) == (EntryState.DONE, None)


def test_a_busy_server_is_asked_again(make, options, server):
    server.faults.error = (503, {"code": "not_ready", "message": "Loading.", "fix": "Wait."})
    queue = make(busy_seconds=0.05)
    entry = queue.add("", options, request=request())
    until(lambda: entry.attempts >= 2)
    server.faults.error = None
    assert queue.wait(SECONDS)
    assert entry.state is EntryState.DONE


def test_a_busy_server_is_not_asked_for_ever(make, options, server):
    server.faults.error = (429, {"code": "busy", "message": "Busy.", "fix": "Wait."})
    queue = make(busy_seconds=0.0)
    entry = queue.add("", options, request=request())
    assert queue.wait(SECONDS)
    assert (entry.state, entry.error.code, entry.attempts) == (EntryState.FAILED, "busy", 6)


def test_one_that_waits_for_a_busy_server_lets_others_by(make, options, server):
    server.faults.error = (429, {"code": "busy", "message": "Busy.", "fix": "Wait."})
    queue = make(limit=1, busy_seconds=SECONDS)
    waits = queue.add("", options, request=request(1))
    until(lambda: waits.state is EntryState.RETRYING)
    server.faults.error = None
    other = queue.add("", options, request=request(2))
    until(lambda: other.state is EntryState.DONE)
    assert waits.state is EntryState.RETRYING
    queue.cancel()
    assert waits.state is EntryState.CANCELLED


def test_equal_requests_are_made_once(make, options, server):
    queue = make(ResultCache())
    entries = [queue.add("", options, request=request(seed)) for seed in (1, 1, 2, 1, 2)]
    assert queue.wait(SECONDS)
    assert server.runs == 2
    assert [entry.cached for entry in entries] == [False, True, False, True, True]
    assert entries[0].answer == entries[3].answer
    toned = queue.add("", options, request=request(1, style="bone"))
    assert queue.wait(SECONDS)
    assert toned.cached


def test_answers_without_layers_serve_one_style(make, options, server):
    server.faults.without_layers = True
    queue = make(ResultCache())
    for style, cached in (("dxa", False), ("bone", False), ("dxa", True)):
        entry = queue.add("", options, request=request(1, style=style))
        assert queue.wait(SECONDS)
        assert entry.cached is cached


def test_another_model_has_other_answers(make, options, server, monkeypatch):
    queue = make(ResultCache())
    queue.add("", options, request=request())
    assert queue.wait(SECONDS)
    monkeypatch.setattr("tests.fakes.xray_server.MODEL", "other")
    entry = queue.add("", options, request=request())
    assert queue.wait(SECONDS)
    assert (entry.cached, entry.answer.model) == (False, "other")


def test_finish_runs_off_the_callers_thread_and_may_fail(make, options):
    threads = []

    def broken(_answer):
        raise MaskelError("cannot_write", "The disk is full.", "Make room.")

    queue = make()
    good = queue.add(
        "", options, request=request(1), finish=lambda _: threads.append(threading.current_thread())
    )
    bad = queue.add("", options, request=request(2), finish=broken)
    assert queue.wait(SECONDS)
    assert threads[0] is not threading.main_thread()
    assert good.state is EntryState.DONE
    assert bad.error.code == "cannot_write"


def test_summary(make, options, server):
    queue = make(limit=1)
    assert queue.summary().progress == 1.0
    queue.add("", options, request=request(1))
    assert queue.wait(SECONDS)
    server.faults.delay = SECONDS
    server.released.clear()
    queue.add("", options, request=request(2))
    queue.add("", options, request=request(3))
    planned = queue.add("", options)
    until(lambda: server.running == 1)
    summary = queue.summary()
    assert (summary.total, summary.made, summary.failed) == (4, 1, 0)
    assert 0.25 < summary.progress < 0.5
    assert summary.seconds_left > 0.0
    queue.fail(planned, MaskelError("a", "b", "c"))
    assert queue.summary().failed == 1


def test_ended_ones_are_forgotten_when_new_ones_come(make, options):
    queue = make()
    for entry in [queue.add("", options, request=request(seed)) for seed in (1, 2)]:
        assert queue.wait(SECONDS)
        queue.placed(entry)
    queue.add("", options)
    assert len(queue.entries) == 1


def test_closing_ends_everything(make, options, server):
    server.faults.delay = SECONDS
    queue = make()
    for seed in range(4):
        queue.add("", options, request=request(seed))
    jobs = [entry.job for entry in queue.entries if entry.job]
    queue.close()
    assert queue.entries == []
    until(lambda: not any(job.running for job in jobs))


def test_threads_may_use_it_at_once(make, options):
    queue = make(limit=4)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda seed: queue.add("", options, request=request(seed)), range(24)))
        numbers = [entry.id for entry in queue.entries]
        list(pool.map(queue.cancel, numbers[::3]))
        assert queue.wait(SECONDS)
    assert len(set(numbers)) == 24
    assert not {EntryState.WAITING, EntryState.IN_FLIGHT, EntryState.FAILED} & set(states(queue))


def test_of_previews_the_newest_wins(options, server):
    server.faults.delay = SECONDS
    newest = Newest(lambda made: Job(made, options, Backend()))
    assert newest.offer(request(1), "first")
    until(lambda: server.running == 1)
    assert newest.offer(request(2), "second")
    assert newest.offer(request(3), "third")
    assert not newest.offer(request(3), "third again")
    assert newest.poll() is None
    server.faults.delay = 0
    server.released.set()
    shown = []
    until(lambda: (answer := newest.poll()) is not None and not shown.append(answer.tag))
    until(lambda: (answer := newest.poll()) is not None and not shown.append(answer.tag))
    assert shown == ["first", "third"]
    assert server.runs == 2
    assert not newest.busy


def test_a_preview_that_failed_may_be_tried_again(options, server):
    server.faults.error = (500, {"code": "internal", "message": "Broken.", "fix": "Mend it."})
    newest = Newest(lambda made: Job(made, options, Backend()))
    newest.offer(request(), None)
    until(lambda: newest.poll() is None and not newest.busy)
    assert newest.error.code == "internal"
    server.faults.error = None
    assert newest.offer(request(), None)
    until(lambda: newest.poll() is not None)
    assert newest.error is None
