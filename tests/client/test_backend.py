"""The server as a child process: found, started, ready, ended; and the job on top of it."""

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from maskel_blender.backend.command import OwnServer, RunningServer, choose_server
from maskel_blender.backend.process import Backend, ServerState
from maskel_blender.backend.published import adopt, published_file, read_published, state_folder
from maskel_blender.client.png import encode_png
from maskel_blender.client.request import XrayRequest
from maskel_blender.errors import MaskelError
from maskel_blender.jobs import Job, JobOptions, JobState
from tests.fakes.xray_server import VERSION, FakeServer, Faults

FAKE = (sys.executable, str(Path(__file__).parents[1] / "fakes" / "xray_server.py"))
MASK = encode_png(np.full((8, 8), 255, np.uint8))


@pytest.fixture
def backend():
    made = Backend()
    yield made
    made.stop()


def code_of(call):
    with pytest.raises(MaskelError) as caught:
        call()
    return caught.value.code


def test_life(backend):
    assert backend.state is ServerState.STOPPED
    backend.start(FAKE)
    assert backend.state is ServerState.STARTING
    address, token = backend.wait_ready(20.0)
    assert backend.state is ServerState.READY
    assert address.is_loopback
    assert token
    folder = backend.log_file.parent
    process = backend._process
    if os.name != "nt":
        assert os.getpgid(process.pid) != os.getpgid(0), "Ctrl-C in the terminal must not end it"
    backend.start(FAKE)
    assert backend._process is process, "a running server must be kept"
    backend.stop()
    assert backend.state is ServerState.STOPPED
    assert process.returncode == 0, "closing stdin must be enough"
    assert not folder.exists()


def test_dies_while_starting(backend, monkeypatch):
    monkeypatch.setenv("MASKEL_FAKE_FAULT", "dies")
    backend.start(FAKE)
    with pytest.raises(MaskelError) as caught:
        backend.wait_ready(20.0)
    assert caught.value.code == "server_failed"
    assert "something is broken here" in caught.value.message
    assert backend.state is ServerState.FAILED
    assert backend.log_file.exists()
    monkeypatch.delenv("MASKEL_FAKE_FAULT")
    backend.start(FAKE)
    backend.wait_ready(20.0)


def test_never_ready(backend, monkeypatch):
    monkeypatch.setenv("MASKEL_FAKE_FAULT", "hangs")
    backend.start(FAKE)
    assert code_of(lambda: backend.wait_ready(0.5)) == "start_timeout"


def test_dies_later(backend):
    backend.start(FAKE)
    backend.wait_ready(20.0)
    backend._process.kill()
    end = time.monotonic() + 10
    while backend.state is ServerState.READY and time.monotonic() < end:
        time.sleep(0.05)
    assert backend.state is ServerState.FAILED
    assert backend.failure.code == "server_ended"


def test_no_such_program(backend, tmp_path):
    assert code_of(lambda: backend.start((str(tmp_path / "nothing"),))) == "maskel_not_found"
    assert backend.state is ServerState.NOT_FOUND


def test_choice(tmp_path):
    program = Path(sys.executable)
    token = tmp_path / "token"
    token.write_text("secret\n")
    path = {"PATH": ""}
    # the environment wins over the preferences
    named = path | {
        "MASKEL_SERVER": "localhost:1",
        "MASKEL_TOKEN_FILE": str(token),
        "MASKEL_COMMAND": str(program),
    }
    chosen = choose_server(named, address="localhost:2", command="x")
    assert isinstance(chosen, RunningServer)
    assert (chosen.address.port, chosen.token) == (1, "secret")
    own = choose_server(path | {"MASKEL_COMMAND": str(program)}, address="localhost:2")
    assert own == OwnServer((str(program),))
    assert choose_server(path, address="localhost:2", token_file=str(token)).token == "secret"
    assert choose_server(path, command=f'"{program}" -m thing').command[1:] == ("-m", "thing")
    assert choose_server(path, installed=("python", "-m")) == OwnServer(("python", "-m"))
    assert choose_server(path, installed=("python",), command=str(program)) == OwnServer((str(program),))
    assert choose_server(path, published=tmp_path / "nothing.json", installed=("a",)).published is None
    # a server that the user runs makes up for a back end that is not installed
    assert choose_server(path, published=token) == OwnServer((), token)
    assert code_of(lambda: choose_server(path)) == "maskel_not_found"
    assert code_of(lambda: choose_server(path, command="no-such-program")) == "maskel_not_found"
    assert (
        code_of(lambda: choose_server(path, address="localhost:2", token_file=str(tmp_path / "x")))
        == "no_token_file"
    )


def test_program_with_spaces_in_its_path(tmp_path):
    folder = tmp_path / "my programs"
    folder.mkdir()
    program = folder / ("maskel.bat" if sys.platform == "win32" else "maskel")
    program.write_text("")
    program.chmod(0o755)
    assert choose_server({"PATH": ""}, command=str(program)) == OwnServer((str(program),))


def test_job(backend):
    job = Job(XrayRequest(MASK), JobOptions(OwnServer(FAKE)), backend)
    job.wait(30.0)
    assert job.state is JobState.DONE
    assert job.result().model == "fake"


def test_job_cancelled_while_waiting(backend, monkeypatch):
    for fault, state in (("hangs", JobState.WAITING_FOR_SERVER), ("slow 60", JobState.WAITING_FOR_XRAY)):
        monkeypatch.setenv("MASKEL_FAKE_FAULT", fault)
        job = Job(XrayRequest(MASK), JobOptions(OwnServer(FAKE)), backend)
        end = time.monotonic() + 30.0
        while job.state is not state or backend.state is ServerState.STOPPED:
            assert time.monotonic() < end
            time.sleep(0.01)
        job.cancel()
        job.wait(30.0)
        assert job.state is JobState.CANCELLED
        assert code_of(job.result) == "cancelled"
        backend.stop()


def test_job_error(backend, monkeypatch):
    monkeypatch.setenv("MASKEL_FAKE_FAULT", "dies")
    job = Job(XrayRequest(MASK), JobOptions(OwnServer(FAKE)), backend)
    job.wait(20.0)
    assert job.state is JobState.FAILED
    assert code_of(job.result) == "server_failed"


@pytest.fixture
def served(tmp_path, monkeypatch):
    """A server that the user runs, and the file that it publishes."""
    monkeypatch.setattr("maskel_blender.backend.published.adopt.__defaults__", (VERSION,))
    with FakeServer() as server:
        server.file = tmp_path / "server.json"
        server.token_file = tmp_path / "token"
        server.token_file.write_text(server.token)
        server.values = {"url": server.url, "pid": os.getpid(), "version": VERSION, "api": 1}
        server.values["token_file"] = str(server.token_file)
        server.file.write_text(json.dumps(server.values))
        server.file.chmod(0o600)
        yield server


def test_a_server_of_the_user_is_adopted_and_not_stopped(backend, served):
    backend.start(FAKE, served.file)
    address, token = backend.wait_ready(20.0)
    assert (address.url, token) == (served.url, served.token)
    assert backend.adopted and backend.endpoint == (address, token)
    assert backend._process is None
    backend.stop()
    assert backend.state is ServerState.STOPPED and not backend.adopted and backend.endpoint is None
    assert adopt(served.file) is not None, "it goes on"


def test_without_a_program_the_users_server_still_serves(backend, served):
    job = Job(XrayRequest(MASK), JobOptions(OwnServer((), served.file)), backend)
    job.wait(30.0)
    assert job.result().model == "fake"
    served.shutdown()
    served.server_close()
    job = Job(XrayRequest(MASK), JobOptions(OwnServer((), served.file)), backend)
    job.wait(30.0)
    assert code_of(job.result) == "maskel_not_found"
    assert backend.state is ServerState.NOT_FOUND


@pytest.mark.parametrize(
    "change",
    [
        {"version": "0.0.1"},
        {"url": "http://127.0.0.1:9"},
        {"url": "http://192.0.2.1:8765"},
        {"url": 5},
        {"token_file": "/no/such/file"},
        {"token_file": None},
    ],
)
def test_a_published_server_that_does_not_fit_is_left_alone(backend, served, change):
    served.file.write_text(json.dumps(served.values | change))
    assert adopt(served.file) is None
    backend.start(FAKE, served.file)
    address, _ = backend.wait_ready(20.0)
    assert address.url != served.url and not backend.adopted


def test_a_published_server_that_fails_or_is_another_is_left_alone(served):
    for faults in (Faults(status="failed"), Faults(status="draining"), Faults(api=7), Faults(name="else")):
        served.faults = faults
        assert adopt(served.file) is None
    served.faults = Faults()
    assert adopt(served.file) is not None
    assert adopt(served.file, "1.0") is None


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX's")
def test_a_file_that_others_can_write_is_not_believed(served):
    served.file.chmod(0o622)
    assert read_published(served.file) is None
    served.file.chmod(0o644)
    assert read_published(served.file).version == VERSION
    served.file.write_text("[]")
    assert read_published(served.file) is None


def test_the_state_folder_is_the_servers(tmp_path, monkeypatch):
    ours = pytest.importorskip("maskel_core.state")
    for name, value in (
        ("MASKEL_STATE", str(tmp_path)),
        ("MASKEL_STATE", ""),
        ("XDG_STATE_HOME", str(tmp_path)),
    ):
        monkeypatch.setenv(name, value)
        assert state_folder(os.environ) == ours.state_folder()
        assert published_file(os.environ) == ours.published_path()
    assert state_folder({"LOCALAPPDATA": str(tmp_path)}, "win32") == tmp_path / "maskel"
    assert state_folder({}, "darwin").parts[-3:] == ("Library", "Application Support", "maskel")


def test_stopping_while_it_starts(backend, served, monkeypatch):
    monkeypatch.setenv("MASKEL_FAKE_FAULT", "hangs deaf")
    began = time.monotonic()
    backend.start(FAKE)
    process = backend._process
    backend.stop(60.0)
    assert process.poll() is not None
    assert time.monotonic() - began < 30.0, "what only starts has no work to lose"
    backend.start(FAKE, served.file)
    backend.stop()
    until(lambda: not [item for item in threading.enumerate() if item.name == "maskel-adopt"])
    assert backend.state is ServerState.STOPPED and not backend.adopted and backend._process is None


def until(condition, seconds=20.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.02)


def test_a_server_that_ends_in_the_middle_is_started_again(backend, monkeypatch, tmp_path):
    monkeypatch.setenv("MASKEL_FAKE_FAULT", f"crashes once {tmp_path / 'crashed'}")
    job = Job(XrayRequest(MASK), JobOptions(OwnServer(FAKE)), backend)
    job.wait(60.0)
    assert job.result().model == "fake"
    assert (tmp_path / "crashed").read_text() == job.request.job


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_no_orphan_is_left_when_blender_is_killed(tmp_path):
    code = (
        "import sys, time\n"
        "from maskel_blender.backend.process import Backend\n"
        "backend = Backend(); backend.start(tuple(sys.argv[1:])); backend.wait_ready(60)\n"
        "print(backend._process.pid, flush=True); time.sleep(600)\n"
    )
    root = str(Path(__file__).parents[2])
    parent = subprocess.Popen(
        [sys.executable, "-c", code, *FAKE],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": root, "TMPDIR": str(tmp_path)},
    )
    server = int(parent.stdout.readline())
    assert Path(f"/proc/{server}").exists()
    parent.kill()
    parent.wait()
    parent.stdout.close()
    until(lambda: not Path(f"/proc/{server}").exists() or " Z " in Path(f"/proc/{server}/stat").read_text())
