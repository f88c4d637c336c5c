"""The numbered examples, each run as a user runs it: a process of its own."""

import csv
import json
import os
import subprocess
from pathlib import Path

import bpy
import numpy as np
import pytest

from benchmarks import blender_scene as bench
from maskel_blender.client.png import decode_png
from tests.blender.children import with_bpy

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
NUMBERED = sorted(path.name for path in EXAMPLES.glob("0*.py"))


@pytest.fixture
def file(scene, character, tmp_path):
    """A saved scene: the figure, two cameras, a friend."""
    bench.add_camera(scene, "Side", location=(4.5, 0.0, 1.1))
    friend = character.copy()
    friend.name = "Friend"
    scene.collection.objects.link(friend)
    friend.location.x = 0.8
    path = tmp_path / "a scene.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    return path


def run(name, file, *arguments):
    result = subprocess.run(
        with_bpy(EXAMPLES / name, "--file", str(file), *arguments),
        env=dict(os.environ),
        cwd=file.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stdout
    return result.stdout


def test_there_are_five():
    assert [name[:2] for name in NUMBERED] == ["01", "02", "03", "04", "05"]


@pytest.mark.slow
def test_one_xray(file, server, tmp_path):
    before = file.read_bytes()
    assert "300 x 400" in run("01_one_xray.py", file)
    assert decode_png((tmp_path / "xrays" / "Side.xray.png").read_bytes()).shape == (400, 300)
    assert file.read_bytes() == before
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "xrays" / "with_xray.blend"))
    assert [item["maskel_style"] for item in bpy.data.objects if item.get("maskel_role") == "xray_plane"] == [
        "radiograph"
    ]


@pytest.mark.slow
def test_all_cameras(file, server, tmp_path):
    run("02_all_cameras.py", file)
    assert sorted(path.name for path in (tmp_path / "xrays").iterdir()) == ["Camera.png", "Side.png"]


@pytest.mark.slow
def test_frame_range(file, server, tmp_path):
    run("03_frame_range.py", file, "--frames", "1-5x2", "--output", "a b")
    assert sorted(path.name for path in (tmp_path / "a b").glob("*[0-9].png")) == [
        f"Side_{n:04d}.png" for n in (1, 3, 5)
    ]


@pytest.mark.slow
def test_characters_resumed(file, server, tmp_path):
    wanted = ["--character", "Figure", "--character", "Friend", "--frames", "1-2"]
    assert "8 done, of these 0 before" in run("04_characters_resumed.py", file, *wanted)
    assert "8 done, of these 8 before" in run("04_characters_resumed.py", file, *wanted)
    manifest = json.loads((tmp_path / "xrays" / "manifest.json").read_text("utf-8"))
    assert manifest["counts"]["done"] == 8
    assert server.calls.count("/v1/xray") == 8


@pytest.mark.slow
def test_data(file, server, tmp_path):
    run("05_data.py", file)
    assert np.load(tmp_path / "xrays" / "silhouette.npy").shape == (400, 300)
    with (tmp_path / "xrays" / "joints.csv").open(encoding="utf-8") as table:
        (pelvis,) = csv.DictReader(table)
    assert (pelvis["joint"], float(pelvis["x"])) == ("pelvis", 10.0)
