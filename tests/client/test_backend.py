"""The server as a child process: found, started, ready, ended; and the job on top of it."""

import sys
import time
from pathlib import Path

import numpy as np
import pytest

from maskel_blender.backend.command import OwnServer, RunningServer, choose_server
from maskel_blender.backend.process import Backend, ServerState
from maskel_blender.client.png import encode_png
from maskel_blender.client.request import XrayRequest
from maskel_blender.errors import MaskelError
from maskel_blender.jobs import Job, JobOptions, JobState

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
    for fault in ("hangs", "slow 30"):
        monkeypatch.setenv("MASKEL_FAKE_FAULT", fault)
        job = Job(XrayRequest(MASK), JobOptions(OwnServer(FAKE)), backend)
        time.sleep(1.0)
        assert job.running
        began = time.monotonic()
        job.cancel()
        job.wait(5.0)
        assert time.monotonic() - began < 3.0
        assert job.state is JobState.CANCELLED
        assert code_of(job.result) == "cancelled"
        backend.stop()


def test_job_error(backend, monkeypatch):
    monkeypatch.setenv("MASKEL_FAKE_FAULT", "dies")
    job = Job(XrayRequest(MASK), JobOptions(OwnServer(FAKE)), backend)
    job.wait(20.0)
    assert job.state is JobState.FAILED
    assert code_of(job.result) == "server_failed"
