"""The Flamenco job type, run by a JavaScript engine: its tasks cover all frames once, and our command understands them."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from maskel_blender.batch.frames import parse_frames
from maskel_blender.batch.plan import FORMATS
from maskel_blender.client.request import STYLES, VIEWS

REPOSITORY = Path(__file__).resolve().parents[2]
JOB_TYPE = REPOSITORY / "examples" / "farm" / "maskel_xray.js"
NODE = shutil.which("node") or shutil.which("nodejs")

pytestmark = pytest.mark.skipif(NODE is None, reason="needs Node.js to run the job type")

SETTINGS = {
    "frames": "1-50",
    "chunk_size": 8,
    "characters": '"Hero Rig" Friends -odd',
    "output_path": "/farm/out/{timestamp}",
    "blendfile": "/farm/scene.blend",
}


def compiled(**settings):
    job = {"settings": SETTINGS | settings, "created": "2026-01-02T03:04:05Z"}
    result = subprocess.run(
        [NODE, str(Path(__file__).with_name("flamenco_manager.js")), str(JOB_TYPE)],
        input=json.dumps(job),
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def values(task, name):
    """All values of an option in a task's command line."""
    (command,) = task["commands"]
    return [arg.partition("=")[2] for arg in command["parameters"]["args"] if arg.startswith(f"--{name}=")]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 50, 1000])
@pytest.mark.parametrize("frames", ["1-50", "7", "3, 5-10, 47-327", "10-12,11-14,1", "1,3,5,7,9", "1..6"])
def test_all_frames_once(frames, size):
    tasks = compiled(frames=frames, chunk_size=size)["tasks"]
    covered = []
    for task in tasks:
        (text,) = values(task, "frames")
        part = parse_frames(text)
        assert len(part) <= size
        covered += part
    assert covered == list(parse_frames(frames))
    names = [values(task, "manifest")[0].casefold() for task in tasks]
    assert len(set(names)) == len(names)


def test_command_line():
    tasks = compiled()["tasks"]
    assert len(tasks) == 7
    for task in tasks:
        assert task["type"] == "blender"
        (command,) = task["commands"]
        assert command["name"] == "blender-render"
        parameters = command["parameters"]
        assert parameters["exe"] == "{blender}"
        assert parameters["blendfile"] == "/farm/scene.blend"
        assert parameters["args"][:2] == ["--command", "maskel"]
        assert values(task, "camera") == ["all"]
        assert values(task, "character") == ["Hero Rig", "Friends", "-odd"]
        assert values(task, "output") == ["/farm/out/2026-01-02_030405/{camera}/{character}_{frame:04d}.png"]
        assert values(task, "server") == values(task, "token-file") == []
    assert values(tasks[0], "manifest") == ["/farm/out/2026-01-02_030405/manifests/1-8.json"]


def test_settings():
    compiled_job = compiled()
    by_key = {setting["key"]: setting for setting in compiled_job["type"]["settings"]}
    assert by_key["style"]["choices"] == list(STYLES)
    assert by_key["view"]["choices"] == list(VIEWS)
    assert all(name in by_key["formats"]["description"] for name in FORMATS)
    assert compiled_job["settings"]["output_path"] == "/farm/out/2026-01-02_030405"
    assert all(setting.get("description") for setting in by_key.values())
    assert {setting["type"] for setting in by_key.values()} <= {"string", "int32"}


def test_a_server_for_all_workers():
    (task,) = compiled(server="10.0.0.5:8765", token_file="/farm/token", frames="1")["tasks"]
    assert values(task, "server") == ["10.0.0.5:8765"]
    assert values(task, "token-file") == ["/farm/token"]


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"characters": " "}, "character"),
        ({"cameras": ""}, "camera"),
        ({"frames": "x"}, "range"),
        ({"chunk_size": 0}, "chunk"),
    ],
)
def test_refused(settings, word):
    assert word in compiled(**settings)["error"]
