"""A server that honours the HTTP contract with the standard library alone; its "X-ray" is the mask, greyed.

As a program it takes the arguments of `maskel serve`, so that it can stand in for it as a child process. What goes wrong is
scripted by `Faults`, as a program by the environment variable MASKEL_FAKE_FAULT.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import json
import os
import secrets
import socket
import sys
import threading
from dataclasses import dataclass
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np

from maskel_blender.client.png import decode_png, encode_png

MODEL, VERSION = "fake", "9.9.9"
NOT_FOUND = {"code": "not_found", "message": "No such call.", "fix": "Check the path."}
SCALE = 1e-4


def layers_of(xray):
    """Line integrals that follow the mask's coverage: soft tissue all over, bone in every other band of rows."""
    cover = xray.astype("float64") / max(int(xray.max()), 1)
    bands = ((np.arange(xray.shape[0]) // 8) % 2)[:, None]
    return [(value * cover / SCALE).round().astype("uint16") for value in (2.0 * bands, 3.0)]


@dataclass
class Faults:
    """What to do wrong."""

    api: int = 1
    status: str = "ready"
    name: str = "maskel"
    delay: float = 0.0
    error: tuple[int, dict[str, str]] | None = None
    raw: tuple[int, str, bytes] | None = None
    truncate: bool = False
    starting_calls: int = 0
    familiarity: float | None = 0.9
    without_layers: bool = False
    starting_status: str = "starting"
    api_min: int | None = None
    lost_answers: int = 0
    busy_calls: int = 0
    knows_status: bool = True
    crash_note: Path | None = None
    failures: int = 0


class Handler(BaseHTTPRequestHandler):
    server: FakeServer

    def log_message(self, *_args):
        pass

    def do_GET(self):
        faults = self.server.faults
        self.server.calls.append(self.path)
        if self.path not in ("/v1/health", "/v1/status") or (
            self.path == "/v1/status" and not faults.knows_status
        ):
            return self._json(404, NOT_FOUND)
        status = faults.status
        if faults.starting_calls > 0:
            faults.starting_calls -= 1
            status = faults.starting_status
        values = {
            "status": status,
            "name": faults.name,
            "version": VERSION,
            "api": faults.api,
            "model": MODEL,
            "device": "cpu",
        }
        if faults.api_min is not None:
            values["api_min"] = faults.api_min
        if self.path == "/v1/status":
            values |= {
                "memory_bytes": 300_000_000,
                "device_memory_bytes": None,
                "queue": {"waiting": 0, "running": self.server.running, "limit": 8},
            }
        return self._json(200, values)

    def do_DELETE(self):
        self.server.calls.append(self.path)
        self.server.taken_back.append(self.path.rsplit("/", 1)[-1])
        return self._json(200, {"id": self.server.taken_back[-1], "status": "cancelled"})

    def do_POST(self):
        faults = self.server.faults
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.calls.append(self.path)
        if self.path == "/v1/memory/free":
            if not faults.knows_status:
                return self._json(404, NOT_FOUND)
            faults.status = "idle"
            return self._json(200, {"status": "idle", "memory_bytes": 100_000_000})
        if faults.busy_calls > 0:
            faults.busy_calls -= 1
            busy = {"code": "busy", "message": "Others wait.", "fix": "Try again."}
            return self._send(429, "application/json", json.dumps(busy).encode(), {"Retry-After": "1"})
        if faults.delay:
            self.server.running += 1
            self.server.released.wait(faults.delay)
            self.server.running -= 1
        if faults.raw:
            return self._send(faults.raw[0], faults.raw[1], faults.raw[2])
        if faults.error:
            return self._json(*faults.error)
        if faults.failures > 0:
            faults.failures -= 1
            broken = {"code": "bad_mask", "message": "The first one fails.", "fix": "Try it again."}
            return self._json(422, broken)
        if self.headers.get("Authorization") != f"Bearer {self.server.token}":
            return self._json(
                401,
                {"code": "unauthorized", "message": "Wrong token.", "fix": "Use the server's token file."},
            )
        head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
        form = {
            part.get_param("name", header="content-disposition"): part.get_payload(decode=True)
            for part in BytesParser(policy=HTTP).parsebytes(head + body).iter_parts()
        }
        self.server.forms.append(form)
        job = self.headers.get("X-MaSkel-Job", "")
        self.server.jobs.append(job)
        answer = self.server.answers.get(job)
        if answer is None:
            self.server.runs += 1
            mask = decode_png(form["mask"])
            if not mask.any():
                return self._json(
                    422, {"code": "empty_mask", "message": "The mask is empty.", "fix": "Send a silhouette."}
                )
            answer = self._answer(mask, form)
            if job:
                self.server.answers[job] = answer
        if faults.crash_note is not None and not faults.crash_note.exists():
            faults.crash_note.write_text(job)
            os._exit(9)
        if faults.lost_answers > 0:
            faults.lost_answers -= 1
            return self.connection.shutdown(socket.SHUT_RDWR)
        return self._send(200, *answer)

    def _answer(self, mask, form):
        """Content type and body."""
        faults = self.server.faults
        xray = (mask * 0.6).astype("uint8")
        if "size" in form:
            step = max(1, round(max(mask.shape) / int(form["size"])))
            times = max(1, int(form["size"]) // max(mask.shape))
            xray = xray[::step, ::step].repeat(times, 0).repeat(times, 1)
        if form.get("format") != b"json":
            return "image/png", encode_png(xray)
        bone, soft = layers_of(xray)
        answer = {
            "model": MODEL,
            "version": VERSION,
            "seconds": 0.01,
            "image": base64.b64encode(encode_png(xray)).decode(),
            "layers": {
                name: {"png": base64.b64encode(encode_png(layer)).decode(), "scale": SCALE}
                for name, layer in (("bone", bone), ("soft", soft))
            },
            "joints": {"pelvis": {"x": 10.0, "y": 20.0, "confidence": 0.9}},
            "familiarity": faults.familiarity,
        }
        if faults.without_layers:
            del answer["layers"]
        return "application/json", json.dumps(answer).encode()

    def _json(self, status, values):
        self._send(status, "application/json", json.dumps(values).encode())

    def _send(self, status, kind, body, headers=None):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-MaSkel-Model", MODEL)
        self.send_header("X-MaSkel-Version", VERSION)
        self.send_header("X-MaSkel-Seconds", "0.01")
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        # a client that was killed hears nothing more
        with contextlib.suppress(ConnectionError):
            self.wfile.write(body[: len(body) // 2] if self.server.faults.truncate else body)


class FakeServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, token: str = "fake-token", faults: Faults | None = None, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.token = token
        self.faults = faults or Faults()
        self.calls: list[str] = []
        self.forms: list[dict[str, bytes]] = []
        self.jobs: list[str] = []
        self.answers: dict[str, bytes] = {}
        self.runs = 0
        self.running = 0
        self.taken_back: list[str] = []
        self.released = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def __enter__(self):
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_args):
        self.released.set()
        self.shutdown()
        self.server_close()


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("verb", choices=["serve"])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--token-file", type=Path, required=True)
    parser.add_argument("--publish", type=Path, required=True)
    parser.add_argument("--exit-with-parent", action="store_true")
    options = parser.parse_args()
    fault = os.environ.get("MASKEL_FAKE_FAULT", "")
    if fault == "dies":
        print("something is broken here", file=sys.stderr)
        return 3
    if fault == "hangs":
        sys.stdin.read()
        return 0
    if fault == "hangs deaf":
        threading.Event().wait()
    token = secrets.token_hex(8)
    options.token_file.write_text(token)
    faults = Faults(delay=float(fault.removeprefix("slow "))) if fault.startswith("slow ") else Faults()
    if fault.startswith("fails "):
        faults = Faults(failures=int(fault.removeprefix("fails ")))
    if fault.startswith("crashes once "):
        faults = Faults(crash_note=Path(fault.removeprefix("crashes once ")))
    with FakeServer(token, faults, options.port) as server:
        ready = {"event": "ready", "url": server.url, "pid": os.getpid(), "version": VERSION, "api": 1}
        options.publish.write_text(json.dumps(ready | {"token_file": str(options.token_file)}))
        print("loading weights ...", flush=True)
        print(json.dumps(ready), flush=True)
        if options.exit_with_parent:
            sys.stdin.read()
        else:
            threading.Event().wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
