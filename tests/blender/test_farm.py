"""The farm's tasks, one after the other, as its workers would run them."""

import json

import bpy

from benchmarks import blender_scene as bench
from maskel_blender.cli import DONE, run
from tests.farm.test_flamenco import compiled, pytestmark  # noqa: F401


def test_tasks_make_every_frame_once(scene, character, server, tmp_path):
    bench.add_camera(scene, "-Side", location=(4.5, 0.0, 1.1))
    out = tmp_path / "out"
    tasks = compiled(
        frames="1-7",
        chunk_size=3,
        cameras="all",
        characters='"Figure" Rig',
        output_path=str(out),
        formats="none",
        size=64,
    )["tasks"]
    assert len(tasks) == 3
    for task in tasks:
        (command,) = task["commands"]
        assert run(command["parameters"]["args"][2:]) == DONE
    made = sorted(path.relative_to(out).as_posix() for path in out.rglob("*.png"))
    assert made == sorted(
        f"{camera}/{who}_{frame:04d}.png"
        for camera in ("-Side", "Camera")
        for who in ("Figure", "Rig")
        for frame in range(1, 8)
    )
    assert server.calls.count("/v1/xray") == len(made) == 28
    told = [
        (item["camera"], item["character"], item["frame"])
        for path in (out / "manifests").iterdir()
        for item in json.loads(path.read_text("utf-8"))["items"]
    ]
    assert len(told) == len(set(told)) == 28
    # a task that is tried again does nothing twice
    assert run(tasks[0]["commands"][0]["parameters"]["args"][2:]) == DONE
    assert server.calls.count("/v1/xray") == 28
    assert bpy.context.scene.frame_current == 1
