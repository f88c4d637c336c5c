"""A server process with a pipeline that can be held; see ``held_process``."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.server.listening import KIND, Answer, form

ROOT = Path(__file__).resolve().parents[2]


def wait_for(what, seconds=30):
    """What ``what()`` answers once it is true."""
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, f"waited {seconds} s in vain"
        time.sleep(0.01)
    return found


class HeldServer:
    """A running server; ``state`` is its state folder, ``folder`` holds the files that steer it."""

    def __init__(self, folder, *arguments, state=None, wait=True, start_seconds=30, **environment):
        self.start_seconds = start_seconds
        self.folder, self.state = Path(folder), Path(state or folder / "state")
        self.folder.mkdir(parents=True, exist_ok=True)
        self.log = (self.folder / "log").open("w+")
        self.process = subprocess.Popen(
            [*self.command(), "serve", *arguments],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
            env={**os.environ, "MASKEL_STATE": str(self.state), **environment},
            # So that a break reaches it alone on Windows.
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
        if wait:
            self.wait_ready()

    def command(self):
        """The ``maskel`` program."""
        return [sys.executable, "-m", "tests.server.held_process", str(self.folder)]

    def wait_ready(self):
        """Read the ready line, then wait for the pipeline."""
        self.ready = json.loads(self.process.stdout.readline() or self.logged())
        self.token = (self.state / "token").read_text().strip()
        wait_for(lambda: self.health()["status"] != "starting", self.start_seconds)

    @property
    def published(self):
        return self.state / "server.json"

    def hold(self):
        (self.folder / "hold").touch()

    def let_go(self):
        (self.folder / "hold").unlink(missing_ok=True)

    def entered(self):
        """A line for every job the pipeline has begun."""
        path = self.folder / "entered"
        return path.read_text().splitlines() if path.exists() else []

    def logged(self):
        self.log.seek(0)
        return self.log.read()

    def health(self):
        return self.ask("GET", "/v1/health").json()

    def ask(self, method, path, body=None, headers=None, timeout=30):
        host = self.ready["url"].removeprefix("http://")
        connection = http.client.HTTPConnection(host, timeout=timeout)
        try:
            connection.request(
                method, path, body, {"Authorization": f"Bearer {self.token}", **(headers or {})}
            )
            response = connection.getresponse()
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        finally:
            connection.close()

    def xray(self, mask, job=None, timeout=30, **fields):
        """POST /v1/xray with a mask file, under a job id when one is given."""
        named = {} if job is None else {"X-MaSkel-Job": job}
        return self.ask("POST", "/v1/xray", form(mask, **fields), {"Content-Type": KIND, **named}, timeout)

    def tell_to_end(self):
        """What a service manager does."""
        self.process.send_signal(getattr(signal, "CTRL_BREAK_EVENT", signal.SIGTERM))

    def status(self, seconds=30):
        """The exit status, once it is there."""
        return self.process.wait(seconds)

    def close(self):
        """Leave nothing behind."""
        self.let_go()
        self.process.kill()
        self.process.wait(20)
        for stream in (self.process.stdin, self.process.stdout, self.log):
            stream.close()
