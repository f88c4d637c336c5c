"""A batch that is killed at any moment goes on where it was: every item once, none lost."""

import json
import os
import random
import subprocess
import time
from pathlib import Path

import pytest

from maskel_blender.client.png import decode_png
from maskel_blender.files import digest_of
from tests.blender.batch_process import CAMERAS
from tests.blender.children import with_bpy

SCRIPT = Path(__file__).with_name("batch_process.py")
FRAMES = 5
ITEMS = CAMERAS * FRAMES
LIMIT_SECONDS = 120


def start(tmp_path):
    arguments = ["--camera", "all", "--frames", f"1-{FRAMES}", "--output", str(tmp_path / "out")]
    arguments += ["--manifest", str(tmp_path / "m.json"), "--quiet"]
    with (tmp_path / "log").open("ab") as log:
        return subprocess.Popen(with_bpy(SCRIPT, *arguments), stdout=log, stderr=log, env=dict(os.environ))


def kill_after(process, server, calls, wait):
    """Kill when the server has been asked so often, and a random moment later; False if the batch ended before."""
    end = time.monotonic() + LIMIT_SECONDS
    while server.calls.count("/v1/xray") < calls and process.poll() is None and time.monotonic() < end:
        time.sleep(0.002)
    time.sleep(wait)
    ended = process.poll() is not None
    process.kill()
    process.wait(30)
    return not ended


def finish(tmp_path):
    assert start(tmp_path).wait(LIMIT_SECONDS) == 0, (tmp_path / "log").read_text("utf-8", "replace")[-3000:]


def check(tmp_path):
    """The manifest holds every item once, done; its files are there, whole, and nothing else is."""
    document = json.loads((tmp_path / "m.json").read_text("utf-8"))
    assert document["status"] == "finished"
    keys = [(item["camera"], item["character"], item["frame"]) for item in document["items"]]
    wanted = {(f"Kamera {i} ä", "Figure", frame) for i in range(CAMERAS) for frame in range(1, FRAMES + 1)}
    assert len(keys) == ITEMS
    assert set(keys) == wanted
    assert document["counts"] == {"done": ITEMS, "failed": 0, "pending": 0}
    told = set()
    for item in document["items"]:
        for file in item["files"]:
            path = tmp_path / "out" / file["path"]
            assert digest_of(path) == file["sha256"]
            assert decode_png(path.read_bytes()).shape == (128, 96)
            told.add(path)
    assert len(told) == 2 * ITEMS
    assert {path for path in (tmp_path / "out").rglob("*") if path.is_file()} == told
    assert not (tmp_path / "m.json.journal").exists()


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_killed_at_random(server, tmp_path, seed):
    chance = random.Random(seed)
    server.faults.delay = 0.01
    kills = 0
    for _ in range(3):
        asked = server.calls.count("/v1/xray")
        if not kill_after(
            start(tmp_path), server, asked + chance.randint(1, ITEMS // 4), chance.uniform(0.0, 0.05)
        ):
            break
        kills += 1
        assert not (tmp_path / "m.json").exists()
    assert kills
    finish(tmp_path)
    check(tmp_path)
    # no more is done twice than was in work, or not yet told, at a kill
    assert ITEMS <= server.calls.count("/v1/xray") <= ITEMS + 3 * kills
    asked = server.calls.count("/v1/xray")
    finish(tmp_path)
    check(tmp_path)
    assert server.calls.count("/v1/xray") == asked
