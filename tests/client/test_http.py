"""The client against a server that keeps the contract, and against ones that do not."""

import http.client
import socket
import threading
import time

import numpy as np
import pytest

from maskel_blender.client.address import parse_address
from maskel_blender.client.http import HttpClient
from maskel_blender.client.png import decode_png, encode_png
from maskel_blender.client.request import XrayRequest
from maskel_blender.errors import ClientError
from tests.fakes.xray_server import FakeServer, Faults

MASK = np.zeros((40, 30), np.uint8)
MASK[5:30, 5:20] = 255
REQUEST = XrayRequest(encode_png(MASK), style="bone", size=20)


@pytest.fixture
def server():
    with FakeServer() as running:
        yield running


def until(condition, seconds=10.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.01)


def client_for(server, token="fake-token", **options):
    return HttpClient(parse_address(server.url), token, **options)


def code_of(call):
    with pytest.raises(ClientError) as caught:
        call()
    assert caught.value.message
    assert caught.value.fix
    return caught.value.code


def test_mask_goes_and_picture_comes(server):
    client = client_for(server)
    health = client.wait_until_ready(1.0)
    assert (health.status, health.api, health.model) == ("ready", 1, "fake")
    answer = client.xray(REQUEST)
    assert (answer.model, answer.version, answer.seconds) == ("fake", "9.9.9", 0.01)
    np.testing.assert_array_equal(decode_png(answer.image_png), (MASK * 0.6).astype(np.uint8)[::2, ::2])
    form = server.forms[0]
    assert (form["mask"], form["style"], form["size"], form["format"]) == (
        REQUEST.mask_png,
        b"bone",
        b"20",
        b"json",
    )
    assert answer.layers["bone"].pixels.shape == (20, 15)
    assert answer.layers["soft"].pixels.max() * answer.layers["soft"].scale == pytest.approx(3.0)
    assert (answer.joints["pelvis"].x, answer.familiarity) == (10.0, 0.9)


def test_request_survives_text():
    again = XrayRequest.from_json(REQUEST.to_json())
    assert again == REQUEST
    assert again.job == REQUEST.job, "the work goes on under the same name after a restart"
    assert not {"size", "priority"} & set(XrayRequest(b"").fields())
    assert XrayRequest(b"", priority="batch").fields()["priority"] == "batch"
    assert XrayRequest(b"").job != XrayRequest(b"").job


def test_a_lost_answer_is_asked_for_again_and_the_work_done_once(server):
    server.faults = Faults(lost_answers=2)
    assert client_for(server).xray(REQUEST).model == "fake"
    assert server.jobs == [REQUEST.job] * 3
    assert server.runs == 1


def test_attempts_are_bounded(server):
    server.faults = Faults(truncate=True)
    assert code_of(lambda: client_for(server).xray(REQUEST)) == "connection_lost"
    assert len(server.jobs) == 4
    assert server.runs == 1


def test_a_busy_server_is_waited_for(server):
    server.faults = Faults(busy_calls=1)
    assert client_for(server).xray(REQUEST).model == "fake"
    server.faults = Faults(busy_calls=100)
    began = time.monotonic()
    assert code_of(lambda: client_for(server, timeout=0.5).xray(REQUEST)) == "busy"
    assert time.monotonic() - began < 30.0


def test_what_nobody_waits_for_any_more_is_taken_back(server):
    server.faults = Faults(delay=30.0)
    client = client_for(server)
    threading.Thread(target=lambda: (until(lambda: server.running), client.abort())).start()
    assert code_of(lambda: client.xray(REQUEST)) == "aborted"
    until(lambda: server.taken_back)
    assert server.taken_back == [REQUEST.job]
    assert code_of(lambda: client_for(server, timeout=0.3).xray(REQUEST)) == "timeout"
    assert server.taken_back == [REQUEST.job] * 2


def test_cancelling_ends_the_wait_for_a_busy_server(server):
    server.faults = Faults(busy_calls=100)
    client = client_for(server)
    threading.Thread(target=lambda: (until(lambda: server.calls), client.abort())).start()
    assert code_of(lambda: client.xray(REQUEST)) == "aborted"


@pytest.mark.parametrize(("api", "oldest"), [(3, 1), (1, 1), (1, 0)])
def test_versions_that_understand_each_other(server, api, oldest):
    server.faults = Faults(api=api, api_min=oldest)
    assert client_for(server).wait_until_ready(1.0).api_min == oldest


@pytest.mark.parametrize(
    ("api", "oldest", "side"),
    [(0, None, "back end"), (0, 0, "back end"), (3, 2, "add-on"), (2, None, "add-on")],
)
def test_the_older_side_is_named(server, api, oldest, side):
    server.faults = Faults(api=api, api_min=oldest)
    with pytest.raises(ClientError) as caught:
        client_for(server).wait_until_ready(1.0)
    assert caught.value.code == "version_mismatch"
    assert caught.value.fix.startswith(f"Update the {side}")
    assert caught.value.action.operator == "maskel.setup_open"


def test_an_idle_server_is_ready_and_a_draining_one_waited_for(server):
    server.faults = Faults(status="idle")
    assert client_for(server).wait_until_ready(1.0).status == "idle"
    server.faults = Faults(starting_calls=2, starting_status="draining")
    assert client_for(server).wait_until_ready(5.0).status == "ready"


def test_status_and_memory(server):
    client = client_for(server)
    told = client.status()
    assert (told.health.status, told.memory_bytes, told.device_memory_bytes) == ("ready", 300_000_000, None)
    assert (told.waiting, told.running) == (0, 0)
    client.free_memory()
    assert client.status().health.status == "idle"


def test_a_server_without_those_calls(server):
    server.faults = Faults(knows_status=False)
    told = client_for(server).status()
    assert (told.health.status, told.memory_bytes) == ("ready", None)
    assert code_of(client_for(server).free_memory) == "cannot_free"


def test_proxies_are_never_asked(server, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert client_for(server).health().status == "ready"


def test_wrong_token(server):
    assert code_of(lambda: client_for(server, "wrong").xray(REQUEST)) == "unauthorized"


def test_error_of_the_server_comes_through(server):
    server.faults = Faults(error=(413, {"code": "too_many_pixels", "message": "Too big.", "fix": "Smaller."}))
    assert code_of(lambda: client_for(server).xray(REQUEST)) == "too_many_pixels"


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        ((502, "text/html", b"<html>proxy error"), "bad_answer"),
        ((200, "text/html", b"<html>log in here"), "bad_answer"),
        ((500, "application/json", b"[1, 2]"), "bad_answer"),
    ],
)
def test_answers_of_something_else(server, raw, code):
    server.faults = Faults(raw=raw)
    assert code_of(lambda: client_for(server).xray(REQUEST)) == code


def test_other_version(server):
    server.faults = Faults(api=2)
    assert code_of(lambda: client_for(server).wait_until_ready(1.0)) == "version_mismatch"


def test_other_server(server):
    server.faults = Faults(name="something")
    assert code_of(lambda: client_for(server).health()) == "not_maskel"


def test_waits_while_the_server_starts(server):
    server.faults = Faults(starting_calls=2)
    assert client_for(server).wait_until_ready(5.0).status == "ready"
    server.faults = Faults(starting_calls=1000)
    assert code_of(lambda: client_for(server).wait_until_ready(0.3)) == "not_ready"
    server.faults = Faults(status="failed")
    assert code_of(lambda: client_for(server).wait_until_ready(0.3)) == "server_failed"


def test_truncated_answer(server):
    server.faults = Faults(truncate=True)
    assert code_of(lambda: client_for(server).xray(REQUEST)) in ("connection_lost", "timeout")


def test_nobody_there():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert code_of(lambda: HttpClient(parse_address(f"127.0.0.1:{port}")).health()) == "no_server"


def test_silent_server_times_out(server):
    server.faults = Faults(delay=60.0)
    began = time.monotonic()
    assert code_of(lambda: client_for(server, timeout=0.4).xray(REQUEST)) == "timeout"
    assert time.monotonic() - began < 30.0


def test_abort_from_another_thread(server):
    server.faults = Faults(delay=60.0)
    client = client_for(server)
    threading.Timer(0.3, client.abort).start()
    began = time.monotonic()
    assert code_of(lambda: client.xray(REQUEST)) == "aborted"
    assert time.monotonic() - began < 30.0


def test_abort_while_the_connection_is_being_made(server, monkeypatch):
    server.faults = Faults(delay=30.0)
    client = client_for(server)
    connect = http.client.HTTPConnection.connect

    def connect_late(connection):
        monkeypatch.undo()
        client.abort()
        connect(connection)

    monkeypatch.setattr(http.client.HTTPConnection, "connect", connect_late)
    assert code_of(lambda: client.xray(REQUEST)) == "aborted"
    assert server.running == 0


def test_abort_in_the_middle_of_an_answer():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = HttpClient(parse_address(f"127.0.0.1:{listener.getsockname()[1]}"), timeout=30.0)
        cut = threading.Event()

        def answer():
            connection, _ = listener.accept()
            with connection:
                connection.recv(1 << 16)
                connection.sendall(
                    b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nConnection: close\r\n\r\n" + b"x" * 10
                )
                until(lambda: client._transport._socket is not None)
                client.abort()
                cut.wait(30.0)

        threading.Thread(target=answer, daemon=True).start()
        began = time.monotonic()
        assert code_of(lambda: client.xray(REQUEST)) == "aborted"
        cut.set()
        assert time.monotonic() - began < 15.0


def test_not_http():
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer():
            connection, _ = listener.accept()
            connection.recv(1000)
            connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
            connection.close()

        threading.Thread(target=answer, daemon=True).start()
        port = listener.getsockname()[1]
        assert code_of(lambda: HttpClient(parse_address(f"127.0.0.1:{port}")).health()) == "connection_lost"


def test_remote_needs_online_access():
    assert code_of(lambda: HttpClient(parse_address("render.example.org"))) == "offline"
    HttpClient(parse_address("render.example.org"), allow_remote=True)
