"""Each test gets an empty file, the registered add-on and a server; run by Blender's own Python.

.venv-bpy-4.5/bin/python -m pytest tests/blender
"""

from __future__ import annotations

import os
import sys

import pytest

bpy = pytest.importorskip("bpy")

import maskel_blender  # noqa: E402
from benchmarks import blender_scene as bench  # noqa: E402
from maskel_blender.session import SESSION  # noqa: E402
from tests.fakes.xray_server import FakeServer  # noqa: E402


@pytest.fixture
def scene():
    made = bench.empty_scene()
    maskel_blender.register()
    SESSION.error, SESSION.message = None, ""
    SESSION.cache.folder = None
    SESSION.cache.clear()
    SESSION.queue.busy_seconds = 0.02
    yield made
    maskel_blender.unregister()


@pytest.fixture
def character(scene):
    """A figure of 300 x 400 pixels before a camera, active and selected."""
    body, _ = bench.figure(scene)
    bench.add_camera(scene)
    bench.set_resolution(scene, 300, 400)
    body.select_set(True)
    return body


@pytest.fixture
def server(monkeypatch, tmp_path):
    with FakeServer() as running:
        token = tmp_path / "token"
        token.write_text(running.token)
        monkeypatch.setenv("MASKEL_SERVER", running.url)
        monkeypatch.setenv("MASKEL_TOKEN_FILE", str(token))
        yield running


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config):
    """The 4.2 module crashes while it is taken down once its importers or Rigify were loaded, with MaSkel or without."""
    if bpy.app.version < (4, 3, 0) and not bpy.app.binary_path and hasattr(config, "maskel_status"):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(int(config.maskel_status))


def pytest_sessionfinish(session, exitstatus):
    session.config.maskel_status = exitstatus
