"""How servers start beside each other, and how one ends."""

from __future__ import annotations

import http.client
import json
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from maskel_core.version import __version__
from maskel_server.publication import Publication, find_owner, health_of, read_published, taken

from tests.server.doubles import assert_typed
from tests.server.held import HeldServer, wait_for
from tests.server.listening import KIND, form

processes = pytest.mark.slow
"""Starts servers, each of which imports torch."""


@pytest.fixture
def start(tmp_path):
    """Start servers that share a state folder unless told otherwise."""
    servers = []

    def start(name, *arguments, state=None, **options):
        servers.append(HeldServer(tmp_path / name, *arguments, state=state or tmp_path / "state", **options))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@processes
def test_a_second_server_says_where_the_first_is(start):
    first = start("first")
    before = first.published.read_bytes()
    second = start("second", wait=False)
    assert second.status() == 3
    told = json.loads(second.process.stdout.read())
    assert told == {**json.loads(before), "event": "running"}
    assert first.ready["url"] in second.logged() and "--another" in second.logged()
    assert "Traceback" not in second.logged()
    assert first.published.read_bytes() == before and first.health()["status"] == "ready"


@processes
def test_of_many_that_start_at_once_one_serves(start):
    servers = [start(f"server{index}", wait=False) for index in range(3)]
    lines = [server.process.stdout.readline() for server in servers]
    events = [json.loads(line)["event"] for line in lines]
    assert sorted(events) == ["ready", "running", "running"]
    urls = {json.loads(line)["url"] for line in lines}
    assert len(urls) == 1 and read_published(servers[0].published)["url"] in urls
    others = [server for server, event in zip(servers, events, strict=True) if event == "running"]
    assert [server.status() for server in others] == [3, 3]


@processes
def test_another_is_possible_and_leaves_the_first_its_file(start):
    first = start("first")
    before = first.published.read_bytes()
    second = start("second", "--another")
    assert second.ready["url"] != first.ready["url"] and second.health()["status"] == "ready"
    assert first.published.read_bytes() == before
    second.tell_to_end()
    assert second.status() == 0
    assert first.published.read_bytes() == before


@processes
def test_a_killed_server_holds_nothing(start):
    first = start("first")
    first.process.kill()
    first.status()
    assert first.published.exists(), "nobody could remove it"
    second = start("second")
    assert read_published(second.published)["url"] == second.ready["url"]


@processes
def test_another_version_is_told_from_ours(start, tmp_path):
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "version").write_text("0.0.9")
    old = start("old")
    assert old.ready["version"] == "0.0.9"
    new = start("new", wait=False)
    assert new.status() == 1 and new.process.stdout.read() == ""
    assert "0.0.9" in new.logged() and __version__ in new.logged() and "--another" in new.logged()
    assert start("both", "--another").health()["status"] == "ready"


def test_an_owner_that_does_not_answer_is_typed(tmp_path):
    path = tmp_path / "server.json"
    owner, other = Publication(path), Publication(path)
    assert owner.claim() and not other.claim()
    assert find_owner(path, 0) is None
    owner.announce({"url": "http://127.0.0.1:9", "version": __version__})
    assert find_owner(path, 0) is None
    assert taken(path, None).code == "publish_taken"
    owner.withdraw()
    assert not path.exists() and other.claim()
    other.withdraw()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"url": 5}', '{"pid": 1}'])
def test_a_published_file_may_hold_anything(tmp_path, text):
    path = tmp_path / "server.json"
    path.write_text(text)
    assert read_published(path) is None and find_owner(path, 0) is None


@pytest.mark.parametrize(
    "url", ["", "http://", "http://127.0.0.1:notaport", "file:///etc/passwd", "http://["]
)
def test_a_published_address_may_be_anything(url):
    assert health_of(url) is None


@processes
def test_a_place_that_cannot_be_written_does_not_stop_the_server(start, tmp_path):
    (tmp_path / "file").write_text("")
    server = start("server", "--publish", str(tmp_path / "file" / "server.json"))
    assert server.health()["status"] == "ready" and "cannot be" in server.logged()


@processes
def test_a_server_that_is_told_to_end_finishes_its_work(start, mask_png):
    server = start("server")
    server.hold()
    with ThreadPoolExecutor(1) as pool:
        inside = pool.submit(server.xray, mask_png)
        wait_for(server.entered)
        server.tell_to_end()
        wait_for(lambda: server.health()["status"] == "draining")
        assert not server.published.exists()
        refused = server.xray(mask_png)
        assert_typed(refused, 503, "draining")
        assert int(refused.headers["retry-after"]) >= 1
        follower = start("follower")
        assert follower.health()["status"] == "ready", "the next one need not wait for the end of this"
        server.let_go()
        assert inside.result(30).status == 200
    assert server.status() == 0
    assert read_published(server.published)["url"] == follower.ready["url"]


@processes
def test_a_job_without_a_client_is_finished_too(start, mask_png):
    server = start("server")
    server.hold()
    connection = http.client.HTTPConnection(server.ready["url"].removeprefix("http://"), timeout=30)
    headers = {"Authorization": f"Bearer {server.token}", "Content-Type": KIND}
    connection.request("POST", "/v1/xray", form(mask_png), {**headers, "X-MaSkel-Job": "without-a-client"})
    wait_for(server.entered)
    connection.close()
    server.tell_to_end()
    wait_for(lambda: server.health()["status"] == "draining")
    server.let_go()
    assert server.status() == 0
    follower = start("follower")
    assert follower.xray(mask_png, "without-a-client").status == 200
    assert len(server.entered()) == 1 and follower.entered() == []


@processes
def test_grace_is_not_for_ever(start, mask_png):
    server = start("server", "--grace", "0.2")
    server.hold()
    with ThreadPoolExecutor(1) as pool:
        inside = pool.submit(server.xray, mask_png)
        wait_for(server.entered)
        server.tell_to_end()
        assert server.status() == 0
        assert "unfinished" in server.logged()
        with suppress(OSError):
            assert inside.result(30).status >= 400


@processes
def test_a_second_signal_ends_it_at_once(start, mask_png):
    server = start("server", "--grace", "600")
    server.hold()
    with ThreadPoolExecutor(1) as pool:
        inside = pool.submit(server.xray, mask_png)
        wait_for(server.entered)
        server.tell_to_end()
        wait_for(lambda: server.health()["status"] == "draining")
        server.tell_to_end()
        assert server.status() is not None
        assert inside.exception(30) is not None or inside.result().status >= 400


@processes
def test_the_lock_is_the_users_own(start):
    server = start("server")
    lock = server.state / "server.json.lock"
    assert lock.exists()
    if os.name == "posix":
        assert lock.stat().st_mode & 0o077 == 0
