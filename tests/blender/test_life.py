"""Enable, disable, reload, open another file, quit during a job: no leaks, no orphan server, no crash."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import bpy
import pytest

import maskel_blender
from benchmarks import blender_scene as bench
from tests.blender.children import with_bpy

REPOSITORY = Path(__file__).resolve().parents[2]
FAKE = f'"{sys.executable}" "{REPOSITORY / "tests" / "fakes" / "xray_server.py"}"'
CYCLES = 100


def ours() -> dict[str, int]:
    """What of the add-on Blender holds now."""
    names = [name for kind in ("Operator", "Panel", "PropertyGroup", "Menu", "UIList", "AddonPreferences")
             for name in (cls.__name__ for cls in getattr(bpy.types, kind).__subclasses__() if cls.is_registered)
             if "askel" in name.lower()]  # fmt: skip
    handlers = [
        handler.__module__
        for name in dir(bpy.app.handlers)
        if isinstance(getattr(bpy.app.handlers, name), list)
        for handler in getattr(bpy.app.handlers, name)
        if getattr(handler, "__module__", "").startswith("maskel_blender")
    ]
    threads = [thread.name for thread in threading.enumerate() if thread.name.startswith("maskel")]
    return {"classes": len(names), "handlers": len(handlers), "threads": len(threads),
            "scene property": int(hasattr(bpy.types.Scene, "maskel"))}  # fmt: skip


def settled(limit: float = 10.0) -> dict[str, int]:
    """`ours` once threads that were told to end have ended."""
    end = time.monotonic() + limit
    while ours()["threads"] and time.monotonic() < end:
        time.sleep(0.02)
    return ours()


def test_a_hundred_times_on_and_off_leaves_nothing():
    bench.empty_scene()
    nothing = settled()
    assert nothing == dict.fromkeys(nothing, 0)
    for _ in range(CYCLES):
        maskel_blender.register()
        assert ours()["classes"] > 4
        maskel_blender.unregister()
    assert settled() == nothing


def test_on_off_with_work_between_does_not_grow(server):
    counts = []
    for cycle in range(12):
        scene = bench.empty_scene()
        maskel_blender.register()
        bench.figure(scene, 0, 0)
        bench.add_camera(scene)
        bench.set_resolution(scene, 60, 80)
        assert bpy.ops.maskel.generate() == {"FINISHED"}
        maskel_blender.unregister()
        bench.empty_scene()
        gc.collect()
        if cycle >= 2:
            counts.append(len(gc.get_objects()))
    assert settled()["threads"] == 0
    assert max(counts) - counts[0] < 400, counts


CHILD = """
import sys, os, threading
sys.path.insert(0, {repository!r})
import bpy, maskel_blender
from benchmarks import blender_scene as bench
from maskel_blender.session import SESSION
scene = bench.empty_scene()
maskel_blender.register()
bench.figure(scene, 0, 0); bench.add_camera(scene); bench.set_resolution(scene, 60, 80)
bpy.ops.maskel.generate()
print("pid", SESSION.backend._process.pid, flush=True)
{ending}
"""
BROKEN = """
import os, signal, sys
sys.path.insert(0, {repository!r})
import maskel_blender
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
maskel_blender.register()
ours, theirs = os.pipe()
os.close(ours)
try:
    os.write(theirs, b"x")
except BrokenPipeError:
    print("went on", flush=True)
maskel_blender.unregister()
"""
ENDINGS = {
    "quits": "sys.exit(0)",
    "is ended at once": "os._exit(3)",
    "is killed": "import time; time.sleep(60)",
    "raises": "raise RuntimeError('x')",
}


def alive(pid: int) -> bool:
    """Whether a process still runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="asks /proc whether a process lives")
@pytest.mark.parametrize("ending", ENDINGS)
def test_no_orphan_server(ending, tmp_path):
    script = tmp_path / "child.py"
    script.write_text(CHILD.format(repository=str(REPOSITORY), ending=ENDINGS[ending]))
    environment = {**os.environ, "MASKEL_COMMAND": FAKE}
    environment.pop("MASKEL_SERVER", None)
    child = subprocess.Popen(
        with_bpy(script),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
        text=True,
    )
    assert child.stdout is not None
    line = next((line for line in child.stdout if line.startswith("pid ")), "")
    assert line, "the child placed no X-ray"
    server_pid = int(line.split()[1])
    if ending == "is killed":
        assert alive(server_pid)
        child.send_signal(signal.SIGKILL)
    status = child.wait(30)
    # also the bpy module with the add-on still registered must end without a crash
    assert status == 0 or ending != "quits"
    end = time.monotonic() + 15
    while alive(server_pid) and time.monotonic() < end:
        time.sleep(0.05)
    assert not alive(server_pid)


@pytest.mark.skipif(not hasattr(signal, "SIGPIPE"), reason="this system has no such signal")
def test_a_broken_connection_does_not_end_blender(tmp_path):
    script = tmp_path / "child.py"
    script.write_text(BROKEN.format(repository=str(REPOSITORY)))
    child = subprocess.run(with_bpy(script), capture_output=True, text=True, timeout=60, check=False)
    assert "went on" in child.stdout, child.stderr
