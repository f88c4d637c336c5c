"""What the panel says of the server: the monitor, the words, and diagnostics that tell nothing of the user."""

import getpass
import threading
import time
from pathlib import Path

import pytest

from maskel_blender.backend import words
from maskel_blender.backend.diagnostics import report, scrub
from maskel_blender.backend.monitor import Endpoint, Monitor, Watched, tail
from maskel_blender.backend.process import ServerState
from maskel_blender.client.address import parse_address
from maskel_blender.client.request import Health, ServerStatus
from maskel_blender.errors import ACTIONS, Action, MaskelError
from tests.fakes.xray_server import FakeServer, Faults


def until(condition, seconds=20.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.01)


def monitors():
    return [thread for thread in threading.enumerate() if thread.name == "maskel-monitor"]


@pytest.fixture
def monitor():
    made = Monitor(0.02, 0.3)
    yield made
    made.stop()
    until(lambda: not monitors())


def test_the_monitor_sees_what_happens_and_ends_by_itself(monitor, tmp_path):
    log = tmp_path / "log"
    with FakeServer() as server:
        endpoint = Endpoint(parse_address(server.url), server.token)
        look = Watched(lambda: endpoint, lambda: log)
        began = time.monotonic()
        monitor.look(look)
        assert time.monotonic() - began < 0.2, "looking never waits"
        until(lambda: monitor.snapshot.status is not None or monitor.look(look))
        assert monitor.snapshot.status.memory_bytes == 300_000_000
        revision = monitor.revision
        server.faults = Faults(status="idle")
        log.write_text("one\n\ntwo\n")
        until(lambda: monitor.snapshot.log == ("one", "two") or monitor.look(look))
        until(lambda: monitor.snapshot.status.health.status == "idle" or monitor.look(look))
        assert monitor.revision > revision
        until(lambda: not monitor.running)
        calls = len(server.calls)
    assert not monitors(), "nobody looks, nobody asks"
    assert len(server.calls) == calls
    monitor.look(look)
    until(lambda: monitor.snapshot.error is not None or monitor.look(look))
    assert monitor.snapshot.error.code == "no_server"
    assert monitor.snapshot.error.action.operator == "maskel.server_start"
    revision = monitor.revision
    for _ in range(10):
        monitor.look(look)
        time.sleep(0.02)
    assert monitor.revision == revision, "the same error again is no change"


def test_a_stopped_monitor_forgets(monitor):
    with FakeServer() as server:
        endpoint = Endpoint(parse_address(server.url), server.token)
        look = Watched(lambda: endpoint, lambda: None)
        until(lambda: monitor.snapshot.status is not None or monitor.look(look))
        monitor.stop()
        until(lambda: not monitor.running)
        assert monitor.snapshot.status is None


def test_tail(tmp_path):
    assert tail(None) == tail(tmp_path / "nothing") == ()
    (tmp_path / "log").write_bytes(b"x" * 100_000 + "\nschön\n".encode() + b"\xff\n")
    assert tail(tmp_path / "log", 2) == ("schön", "\ufffd")


def status(told, running=0):
    return ServerStatus(Health(told, "1", 1, "m", "cpu", 1), running=running)


@pytest.mark.parametrize(
    ("state", "installed", "told", "running", "jobs", "word"),
    [
        (ServerState.NOT_FOUND, False, None, 0, False, "not installed"),
        (ServerState.STOPPED, False, None, 0, False, "not installed"),
        (ServerState.STOPPED, True, None, 0, False, "stopped"),
        (ServerState.STARTING, True, None, 0, True, "starting"),
        (ServerState.FAILED, True, "ready", 0, False, "failed"),
        (ServerState.READY, True, None, 0, False, "ready"),
        (ServerState.READY, True, "starting", 0, False, "starting"),
        (ServerState.READY, True, "ready", 0, False, "ready"),
        (ServerState.READY, True, "idle", 0, False, "idle"),
        (ServerState.READY, True, "ready", 1, True, "busy"),
        (ServerState.READY, True, "ready", 1, False, "in use elsewhere"),
        (ServerState.READY, True, "failed", 0, False, "failed"),
        (ServerState.READY, True, "draining", 0, False, "stopping"),
    ],
)
def test_words(state, installed, told, running, jobs, word):
    seen = status(told, running) if told else None
    assert words.own_server(state, installed, seen, jobs) == word
    assert words.EXPLANATIONS[word]


def test_words_of_a_named_server():
    assert words.named_server(None, True, False) == "not answering"
    assert words.named_server(None, False, False) == "starting"
    assert words.named_server(status("ready"), False, False) == "ready"


HOMES = [
    "/home/anna/Documents/x.blend",
    "/Users/Anna Maria/x.blend",
    r"C:\Users\anna\AppData\Roaming\x",
    "c:/users/anna/x",
    r"C:\\Users\\anna\\x",
]


@pytest.mark.parametrize("path", HOMES)
def test_no_home_gets_out(path):
    clean = scrub(f"File '{path}', line 3", names=[], home="/nowhere/at-all")
    assert "nna" not in clean and "Maria" not in clean


def test_no_secret_gets_out():
    token = "kX9-" + "abcDEF12" * 5
    text = "\n".join(
        [
            f"Authorization: Bearer {token}",
            f"token={token}",
            f"MASKEL_TOKEN: '{token}'",
            f"said {token} by itself",
            "fetching https://anna:geheim@example.org/simple",
            "API_KEY=short1",
            "the word plain-secret-1 known to us",
        ]
    )
    clean = scrub(text, ["plain-secret-1"], names=[], home="/nowhere/at-all")
    for secret in (token, "geheim", "anna", "short1", "plain-secret-1"):
        assert secret not in clean
    assert "example.org/simple" in clean


def test_no_name_gets_out():
    clean = scrub("anna@ANNA-PC: Banana of Anna, anna_2", names=["anna", "anna-pc"], home="/nowhere/at-all")
    assert "Banana" in clean
    assert "anna" not in clean.replace("Banana", "").lower()


def test_what_helps_stays():
    text = "12:00:01 INFO X-ray 1024 x 768, dxa, 0.812 s; torch 2.13.0+cpu; HTTP status 503; Blender 4.5.1"
    assert scrub(text, names=["anna"], home="/home/anna") == text


def test_a_report_of_this_very_computer():
    home = Path.home()
    text = report(
        {"A": {"path": home / "x", "empty": None}, "Log": [f"{getpass.getuser()} at {home}"], "B": []}
    )
    assert str(home) not in text
    assert "path: ~" in text and "empty: -" in text and "## Log" in text


def test_an_error_names_the_button_that_does_its_fix():
    assert MaskelError("no_server", "a", "b").action == ACTIONS["no_server"]
    assert MaskelError("no_camera", "a", "b").action is None
    own = Action("maskel.generate", "Again", {"size": 512})
    assert MaskelError("no_server", "a", "b", own).action is own
