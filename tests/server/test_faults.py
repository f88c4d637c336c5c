"""What must not be lost, done twice or broken when machine, disk, clock or client fail."""

from __future__ import annotations

import errno
import itertools
import os
import socket
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from http.client import HTTPException

import numpy as np
import pytest
from maskel_core.errors import MaskelError
from maskel_server.ages import Ages
from maskel_server.private_files import load_or_create_token
from maskel_server.results import Answer, ResultStore

from tests.server.doubles import assert_typed, png_of
from tests.server.held import HeldServer, wait_for
from tests.server.listening import KIND, Listening, form
from tests.server.volumes import volume

BATCH = 500


def numbered_mask(number):
    """A PNG that no other number has: 32 x 32 pixels, its first ``number + 1`` of body."""
    mask = np.zeros(32 * 32, np.uint8)
    mask[: number + 1] = 255
    return png_of(mask.reshape(32, 32))


def mark(number):
    """The line of ``HeldServer.entered`` for a numbered mask."""
    return f"32x32 {(number + 1) * 255 / 1024:.6f}"


@contextmanager
def running(folder, *arguments, **options):
    server = HeldServer(folder, *arguments, **options)
    try:
        yield server
    finally:
        server.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running(tmp_path_factory.mktemp("server"), MASKEL_SERVE_BODY_SECONDS="2") as server:
        yield server


@pytest.mark.slow
def test_a_killed_batch_is_resumed_and_nothing_is_lost_or_done_twice(tmp_path):
    state = tmp_path / "state"
    jobs = {number: f"batch-job-{number:04d}" for number in range(BATCH)}
    masks = {number: numbered_mask(number) for number in jobs}
    first = {}

    def ask(server, number):
        answer = server.xray(masks[number], jobs[number])
        assert answer.status == 200, answer.text
        return answer

    with running(tmp_path / "first", state=state) as server, ThreadPoolExecutor(4) as pool:

        def try_it(number):
            with suppress(OSError, HTTPException):  # the connection broke
                first[number] = ask(server, number)

        asked = [pool.submit(try_it, number) for number in jobs]
        wait_for(lambda: len(first) >= BATCH // 2 or all(one.done() for one in asked), 120)
        server.process.kill()
        for one in asked:
            one.result(60)
        begun = server.entered()
    kept = len(list((state / "results").glob("[!.]*.answer")))
    assert BATCH // 2 <= len(first) <= kept < BATCH, "killed in the middle"

    with running(tmp_path / "second", state=state) as server, ThreadPoolExecutor(4) as pool:
        second = dict(zip(jobs, pool.map(lambda number: ask(server, number), jobs), strict=True))
        done_again = server.entered()
    for number, answer in first.items():
        assert (
            second[number].body == answer.body
            and second[number].headers["x-maskel-seconds"] == (answer.headers["x-maskel-seconds"])
        )
    assert len(done_again) == len(set(done_again)) == BATCH - kept, "what was kept is not done again"
    assert set(begun) | set(done_again) == {mark(number) for number in jobs}
    assert not {mark(number) for number in first} & set(done_again)


@pytest.mark.slow
def test_a_full_disk_costs_only_the_memory_of_answers(tmp_path):
    rng = np.random.default_rng(5)
    masks = [png_of(rng.integers(0, 255, (128, 128), np.uint8)) for _ in range(3)]
    with (
        volume(tmp_path / "disk", "size=64k") as disk,
        running(tmp_path / "server", MASKEL_SERVE_RESULTS=str(disk / "results")) as server,
    ):
        assert server.xray(masks[0], "before-it-is-full").status == 200
        with pytest.raises(OSError) as caught, (disk / "filler").open("wb", buffering=0) as filler:
            while True:
                filler.write(bytes(4096))
        assert caught.value.errno == errno.ENOSPC
        for _ in range(2):
            assert server.xray(masks[1], "while-it-is-full").status == 200
        again = server.xray(masks[0], "before-it-is-full")
        assert again.status == 200 and "could not be kept" in server.logged()
        assert not [path for path in (disk / "results").iterdir() if path.name.startswith(".")]
        (disk / "filler").unlink()
        assert server.xray(masks[2], "after-it-was-full").status == 200
        runs = len(server.entered())
        assert server.xray(masks[2], "after-it-was-full").status == 200
        assert len(server.entered()) == runs, "answers are kept again"
        assert server.health()["status"] == "ready"


def test_a_write_that_fails_half_way_leaves_nothing(tmp_path, monkeypatch):
    store = ResultStore(tmp_path, 3600, 100_000)
    answer = Answer(bytes(5000), "image/png", {})
    assert store.put("there-before", "r", answer)
    real = os.fdopen

    class Full:
        def __init__(self, stream):
            self.stream = stream

        def __enter__(self):
            return self

        def __exit__(self, *exc_info):
            self.stream.close()

        def write(self, data):
            self.stream.write(data[: len(data) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("os.fdopen", lambda *arguments, **options: Full(real(*arguments, **options)))
    assert not store.put("never-kept", "r", answer) and not store.put("there-before", "r2", answer)
    with pytest.raises(MaskelError) as caught:
        load_or_create_token(tmp_path / "token")
    assert caught.value.code == "cannot_write"
    monkeypatch.undo()
    assert store.get("never-kept") is None and store.get("there-before") == ("r", answer)
    assert len(list(tmp_path.iterdir())) == 1
    assert load_or_create_token(tmp_path / "token")


@pytest.mark.slow
def test_a_read_only_folder_costs_only_the_memory_of_answers(tmp_path, mask_png):
    with (
        volume(tmp_path / "disk", "size=64k,ro") as disk,
        running(tmp_path / "server", MASKEL_SERVE_RESULTS=str(disk / "results")) as server,
    ):
        for _ in range(2):
            assert server.xray(mask_png, "cannot-be-kept").status == 200
        assert "could not be kept" in server.logged() and "Traceback" not in server.logged()


def connect(server):
    host, _, port = server.ready["url"].removeprefix("http://").partition(":")
    return socket.create_connection((host, int(port)), 30)


def head(server, length, **headers):
    lines = [
        "POST /v1/xray HTTP/1.1",
        "Host: 127.0.0.1",
        f"Authorization: Bearer {server.token}",
        f"Content-Type: {KIND}",
        f"Content-Length: {length}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


@pytest.mark.slow
def test_half_a_request_holds_nothing(server, mask_png):
    """Connections that stop anywhere neither run a job nor keep others out."""
    body = form(mask_png)
    whole = head(server, len(body)) + body
    before = len(server.entered())
    for cut in (1, 30, len(whole) - len(body) - 2, len(whole) - len(body), len(whole) - 200, len(whole) - 1):
        with connect(server) as half:
            half.sendall(whole[:cut])
    open_ones = [connect(server) for _ in range(30)]
    for one in open_ones:
        one.sendall(whole[:-1])
    assert wait_for(lambda: server.xray(mask_png).status == 200, 30)
    for one in open_ones:
        assert one.recv(65536).split(b" ", 2)[1] in (b"408", b"429")
        one.close()
    assert server.xray(mask_png).status == 200
    assert len(server.entered()) == before + 2


@pytest.mark.slow
def test_a_client_that_reads_slowly_keeps_nobody_waiting(server):
    noise = np.random.default_rng(1).integers(0, 255, (1500, 1500), np.uint8)
    body = form(png_of(noise), format="json")
    with connect(server) as slow:
        slow.sendall(head(server, len(body), Connection="close") + body)
        first = slow.recv(1)
        small = numbered_mask(7)
        assert [server.xray(small).status for _ in range(3)] == [200, 200, 200]
        data = first + b"".join(iter(lambda: slow.recv(1 << 20), b""))
    answer_head, _, rest = data.partition(b"\r\n\r\n")
    assert b" 200 " in answer_head.partition(b"\r\n")[0]
    assert f"content-length: {len(rest)}" in answer_head.decode().lower() and len(rest) > 1_000_000


@pytest.mark.slow
def test_clients_that_leave_give_their_places_back(server, mask_png):
    server.hold()
    body = form(mask_png)
    before = len(server.entered())
    gone = [connect(server) for _ in range(6)]
    for one in gone:
        one.sendall(head(server, len(body)) + body)
    wait_for(lambda: len(server.entered()) > before)
    for one in gone:
        one.close()
    server.let_go()
    assert wait_for(lambda: server.xray(mask_png).status == 200)
    assert len(server.entered()) - before < 7, "what nobody waits for is not run"


def test_a_clock_that_jumps_changes_no_age():
    steady, wall = [1000.0], [5_000_000.0]
    ages = Ages(lambda: steady[0], lambda: wall[0])
    assert ages.of("own", wall[0]) == 0 and ages.of("earlier", wall[0] - 600) == 600
    assert ages.of("of the future", wall[0] + 600) == 600, "or it would never go"
    own = wall[0]
    for jump in (86_400, -400_000, 1):
        wall[0] += jump
        steady[0] += 10
    assert ages.of("own", own) == 30
    assert ages.of("own", own + 5) == abs(wall[0] - own - 5), "written anew: another file"
    ages.keep_only({"own"})
    steady[0] += 1
    assert ages.of("earlier", wall[0]) == 0, "forgotten and seen again"


@pytest.mark.parametrize("hours", [30, -30])
def test_a_clock_that_jumps_loses_no_answer(tmp_path, monkeypatch, mask_png, hours):
    real = time.time
    server = Listening(results=tmp_path / "results")
    try:
        before = server.xray(mask_png, {"X-MaSkel-Job": "before-the-jump"})
        monkeypatch.setattr(time, "time", lambda: real() + hours * 3600)
        after = server.xray(mask_png, {"X-MaSkel-Job": "before-the-jump"})
        assert (before.status, after.status) == (200, 200) and after.body == before.body
        assert len(server.pipeline.calls) == 1, "the answer was kept"
        assert server.xray(mask_png, {"X-MaSkel-Job": "after-the-jump"}).status == 200
    finally:
        server.end()


@pytest.mark.slow
def test_two_versions_share_their_answers(tmp_path, mask_png):
    state = tmp_path / "state"
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "version").write_text("0.0.9")
    with (
        running(tmp_path / "old", state=state) as old,
        running(tmp_path / "new", "--another", state=state) as new,
    ):
        for here, there, job in ((old, new, "made-by-the-old"), (new, old, "made-by-the-new")):
            made = here.xray(mask_png, job)
            again = there.xray(mask_png, job)
            assert (made.status, again.status) == (200, 200)
            assert again.body == made.body
            assert again.headers["x-maskel-version"] == made.headers["x-maskel-version"], (
                "who made it is told"
            )
        assert (len(old.entered()), len(new.entered())) == (1, 1)
        assert_typed(new.xray(numbered_mask(3), "made-by-the-old"), 409, "job_conflict")
        assert_typed(new.ask("GET", "/v1/models", headers={"X-MaSkel-Api": "0"}), 409, "version_mismatch")


@pytest.mark.slow
def test_many_servers_and_one_folder(tmp_path):
    """Two processes that sweep and write the same small folder hurt neither its size nor each other."""
    state = tmp_path / "state"
    limits = {"MASKEL_SERVE_RESULTS_BYTES": "20000"}
    with (
        running(tmp_path / "one", state=state, **limits) as one,
        running(tmp_path / "two", "--another", state=state, **limits) as two,
        ThreadPoolExecutor(4) as pool,
    ):
        both = itertools.cycle((one, two))
        asked = [
            pool.submit(server.xray, numbered_mask(number), f"shared-job-{number}")
            for number, server in zip(range(120), both, strict=False)
        ]
        assert {future.result(60).status for future in asked} == {200}
        files = list((state / "results").iterdir())
        assert 0 < sum(path.stat().st_size for path in files) <= 22_000
        if os.name == "posix":
            assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in files)
        assert "Traceback" not in one.logged() + two.logged()
