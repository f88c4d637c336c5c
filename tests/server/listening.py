"""The real application on a real loopback port, with a test double for its model."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from dataclasses import dataclass

import uvicorn
from maskel_server.app import create_app
from maskel_server.engine import Engine
from maskel_server.launch import bind, uvicorn_config
from maskel_server.settings import ServerSettings

from tests.server.doubles import TOKEN, SquarePipeline

BOUNDARY = "maskel-test"
KIND = f"multipart/form-data; boundary={BOUNDARY}"


@dataclass
class Answer:
    status: int
    headers: dict
    body: bytes

    @property
    def text(self):
        return self.body.decode("latin-1")

    @property
    def status_code(self):
        return self.status

    def json(self):
        return json.loads(self.body)


class Listening:
    """A server thread; keyword arguments are settings."""

    def __init__(self, pipeline=None, **limits):
        self.pipeline = pipeline or SquarePipeline()
        settings = ServerSettings(token=TOKEN, **limits)
        self.engine = Engine(lambda: self.pipeline, settings.queue_size)
        self._listener = bind("127.0.0.1", 0)
        self.port = self._listener.getsockname()[1]
        app = create_app(settings, self.engine)
        self.app, self.service = app, app.state.service
        self._server = uvicorn.Server(uvicorn_config(app))
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._listener]}, daemon=True
        )
        self._thread.start()
        deadline = time.monotonic() + 20
        while not self._server.started and time.monotonic() < deadline:
            time.sleep(0.01)
        assert self._server.started and self.engine.wait(20)
        self.pipeline.forget()

    def ask(self, method, path, body=None, headers=None, token=TOKEN, timeout=20):
        """One request on a connection of its own; ``token`` None sends no Authorization."""
        sent = {"Authorization": f"Bearer {token}"} if token is not None else {}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, body, {**sent, **(headers or {})})
            response = connection.getresponse()
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        finally:
            connection.close()

    def xray(self, mask, headers=None, *, filename="m.png", **fields):
        """POST /v1/xray with the bytes of a mask file."""
        return self.ask(
            "POST", "/v1/xray", form(mask, filename, **fields), {"Content-Type": KIND, **(headers or {})}
        )

    def raw(self, data, timeout=20):
        """What comes back for bytes that need be no HTTP."""
        with socket.create_connection(("127.0.0.1", self.port), timeout) as connection:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            back = b""
            while chunk := connection.recv(65536):
                back += chunk
        head, _, body = back.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:])
        return Answer(int(lines[0].split()[1]), headers, body)

    def end(self):
        """Stop and wait."""
        self.pipeline.gate.set()
        self._server.should_exit = True
        self._thread.join(20)
        self._listener.close()
        assert not self._thread.is_alive()


def form(mask, filename="m.png", /, **fields):
    """The multipart body of one mask file and its fields."""
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="mask"; filename="{filename}"\r\n\r\n'
    return b"".join([*parts, head.encode(), mask, f"\r\n--{BOUNDARY}--\r\n".encode()])
