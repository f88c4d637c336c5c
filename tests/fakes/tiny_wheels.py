"""Wheels of a back end that is tiny but real: pip installs them, its server keeps the contract as far as the probe asks."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from pathlib import Path

import maskel_blender
from maskel_blender.client.base import API_VERSION

CLI = """
import http.server, json, os, pathlib, sys, threading
import torch

def main():
    if "doctor" in sys.argv:
        print(json.dumps({"findings": [{"name": "PyTorch", "level": torch.LEVEL, "message": "as told", "fix": "Get another"}]}))
        return
    options = dict(zip(sys.argv[2::2], sys.argv[3::2]))
    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass
        def do_GET(self):
            values = {"status": "ready", "name": "maskel", "version": VERSION, "api": API, "model": "tiny", "device": "cpu"}
            body = json.dumps(values).encode()
            self.send_response(200 if self.path == "/v1/health" else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
    pathlib.Path(options["--token-file"]).write_text("t" * 20)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = "http://127.0.0.1:%d" % server.server_address[1]
    print(json.dumps({"event": "ready", "url": url, "pid": os.getpid(), "version": VERSION, "api": API}), flush=True)
    sys.stdin.read()
"""


def make_wheel(
    folder: Path, name: str, version: str, files: dict[str, str], requires: tuple[str, ...] = ()
) -> Path:
    """Write a wheel of pure Python."""
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    files = files | {
        f"{info}/METADATA": metadata + "".join(f"Requires-Dist: {item}\n" for item in requires),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = ""
    for path, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        record += f"{path},sha256={digest},{len(text.encode())}\n"
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
        archive.writestr(f"{info}/RECORD", f"{record}{info}/RECORD,,\n")
    return wheel


def make_folder(folder: Path, level: str = "ok", version: str = maskel_blender.__version__) -> Path:
    """A wheel folder of all that the tiny back end needs; `level` is what its doctor says of PyTorch."""
    folder.mkdir(parents=True, exist_ok=True)
    make_wheel(folder, "torch", "2.13.0", {"torch/__init__.py": f"LEVEL = {level!r}\n"})
    constants = f"VERSION = {version!r}\nAPI = {API_VERSION}\n"
    files = {"maskel_core/__init__.py": "", "maskel_core/cli.py": constants + CLI}
    make_wheel(folder, "maskel", version, files, ("torch>=2.6",))
    return folder
