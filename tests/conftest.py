"""What every test shares: a state folder of its own, and only tests that this interpreter can run."""

from __future__ import annotations

import importlib.util
import os
import signal

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")
if hasattr(signal, "SIGPIPE"):
    # as Python itself has it, but not the one in Blender 4.3; the stand-in server loses clients on purpose
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)

collect_ignore = []
if importlib.util.find_spec("torch") is None:
    # Blender's interpreters have neither torch nor fastapi.
    collect_ignore += ["core", "server", "cli"]
if importlib.util.find_spec("bpy") is None:
    collect_ignore += ["blender"]


@pytest.fixture(autouse=True)
def own_state(tmp_path_factory, monkeypatch):
    """A state folder of this test's own; returned for tests that look into it."""
    folder = tmp_path_factory.mktemp("state")
    monkeypatch.setenv("MASKEL_STATE", str(folder))
    for name in ("MASKEL_SERVER", "MASKEL_TOKEN_FILE", "MASKEL_COMMAND"):
        monkeypatch.delenv(name, raising=False)
    return folder
