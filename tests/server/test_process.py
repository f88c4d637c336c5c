"""``maskel serve`` as its own process: how it starts, says where it is, and ends."""

from __future__ import annotations

import http.client
import json
import os
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest
from maskel_core.errors import MaskelError
from maskel_core.version import API_VERSION, __version__
from maskel_server.private_files import load_or_create_token, remove_if_ours, write_private

posix = pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX's")


class Served:
    """A running ``maskel serve`` and what it said."""

    def __init__(self, folder, *arguments, environment=None):
        self.token_file = folder / "deep" / "token"
        self.publish = folder / "published.json"
        command = [
            sys.executable,
            "-c",
            "from maskel_core.cli import main; main()",
            "serve",
            "--exit-with-parent",
        ]
        command += ["--token-file", str(self.token_file), "--publish", str(self.publish), *arguments]
        self.log = (folder / "log").open("w+")
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
            env={**os.environ, **(environment or {})},
        )
        line = self.process.stdout.readline()
        assert line, self.logged()
        self.ready = json.loads(line)
        self.token = self.token_file.read_text().strip()

    def logged(self):
        self.log.seek(0)
        return self.log.read()

    def get(self, path, **headers):
        request = urllib.request.Request(self.ready["url"] + path, headers=headers)
        with urllib.request.urlopen(request, timeout=10) as response:
            return json.load(response)

    def end(self):
        self.process.stdin.close()
        rest = self.process.stdout.read()
        return self.process.wait(20), rest


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    # Without a model on purpose: these tests are about the process, and must not wait for weights.
    server = Served(tmp_path_factory.mktemp("serve"), "--model", "no-such-folder")
    yield server
    server.process.kill()
    server.process.wait(10)
    server.log.close()


def test_the_ready_line_is_complete_and_true(served):
    assert set(served.ready) == {"event", "url", "pid", "version", "api"}
    assert served.ready["event"] == "ready"
    assert served.ready["pid"] == served.process.pid
    assert (served.ready["version"], served.ready["api"]) == (__version__, API_VERSION)
    health = served.get("/v1/health")
    assert health["name"] == "maskel" and health["status"] in ("starting", "failed")


def test_the_address_is_published_for_its_user(served):
    published = json.loads(served.publish.read_text())
    assert published == {**served.ready, "token_file": str(served.token_file)}


@posix
def test_private_files_are_private(served):
    for path in (served.publish, served.token_file):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_token_counts(served):
    for headers, code in (({}, 401), ({"Authorization": f"Bearer {served.token}"}, 503)):
        deadline = time.monotonic() + 30
        while served.get("/v1/health")["status"] == "starting" and time.monotonic() < deadline:
            time.sleep(0.1)
        with pytest.raises(urllib.error.HTTPError) as caught:
            served.get("/v1/models", **headers)
        assert caught.value.code == code
        caught.value.close()


def test_a_model_that_is_not_there_is_told_in_words(served):
    deadline = time.monotonic() + 30
    while served.get("/v1/health")["status"] == "starting" and time.monotonic() < deadline:
        time.sleep(0.1)
    error = served.get("/v1/health")["error"]
    assert "no-such-folder" in error["message"] and error["fix"]
    assert error["message"] in served.logged() and "Traceback" not in served.logged()


def test_a_refused_upload_is_answered_and_not_reset(served):
    """A client that sends megabytes with a wrong token still reads why."""
    host = served.ready["url"].removeprefix("http://")
    for _ in range(5):
        connection = http.client.HTTPConnection(host, timeout=10)
        connection.request("POST", "/v1/xray", body=bytes(8_000_000), headers={"Authorization": "Bearer no"})
        response = connection.getresponse()
        assert response.status == 401
        assert json.load(response)["code"] == "unauthorized"
        connection.close()


def test_garbage_on_the_socket_does_not_hurt(served):
    host, _, port = served.ready["url"].removeprefix("http://").partition(":")
    import socket

    with socket.create_connection((host, int(port)), 5) as raw:
        raw.sendall(b"\x16\x03\x01\x02\x00 not http at all\r\n\r\n")
        raw.recv(1000)
    assert served.get("/v1/health")["name"] == "maskel"


def test_it_ends_with_its_parent_and_cleans_up(tmp_path):
    server = Served(tmp_path, "--model", "no-such-folder")
    status, rest = server.end()
    assert status == 0, server.logged()
    assert rest == "", "the ready line is all that goes to stdout"
    assert not server.publish.exists()
    assert server.token_file.exists(), "the token stays, so that clients need not be told a new one"
    server.log.close()


@posix
def test_it_cleans_up_after_a_signal(tmp_path):
    server = Served(tmp_path, "--model", "no-such-folder")
    server.process.terminate()
    server.process.wait(20)
    assert not server.publish.exists()
    server.process.stdin.close()
    server.process.stdout.close()
    server.log.close()


def test_a_busy_port_is_one_line_and_status_1(served, tmp_path):
    port = served.ready["url"].rpartition(":")[2]
    command = [sys.executable, "-c", "from maskel_core.cli import main; main()", "serve", "--port", port]
    done = subprocess.run(
        [*command, "--token-file", tmp_path / "t"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1 and done.stdout == ""
    assert port in done.stderr and "--port 0" in done.stderr and "Traceback" not in done.stderr


def test_a_remote_address_is_refused_without_the_flag(tmp_path):
    command = [sys.executable, "-c", "from maskel_core.cli import main; main()", "serve", "--host", "0.0.0.0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1 and "--allow-remote" in done.stderr


def test_tokens_are_made_once_and_checked(tmp_path):
    path = tmp_path / "a" / "token"
    token = load_or_create_token(path)
    assert len(token) >= 40 and load_or_create_token(path) == token
    assert load_or_create_token(tmp_path / "b") != token
    for bad in ("", "short", "two words that are long enough", "ünïcödé-that-is-long-enough"):
        path.write_text(bad, "utf-8")
        with pytest.raises(MaskelError) as caught:
            load_or_create_token(path)
        assert caught.value.code == "bad_token_file"


@posix
def test_a_token_file_others_could_read_is_closed(tmp_path):
    path = tmp_path / "token"
    path.write_text("a-token-that-is-long-enough")
    path.chmod(0o644)
    assert load_or_create_token(path) == "a-token-that-is-long-enough"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_an_unwritable_place_is_typed(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(MaskelError) as caught:
        write_private(tmp_path / "file" / "below", "x")
    assert caught.value.code == "cannot_write"
    with pytest.raises(MaskelError) as caught:
        load_or_create_token(tmp_path / "file" / "below")
    assert caught.value.code == "cannot_write"


def test_another_server_s_address_is_left_alone(tmp_path):
    path = tmp_path / "server.json"
    write_private(path, json.dumps({"pid": 2}))
    remove_if_ours(path, {"pid": 1})
    assert path.exists()
    remove_if_ours(path, {"pid": 2})
    assert not path.exists()
    remove_if_ours(path, {"pid": 2})
