"""The command over cameras, frames and characters: files, manifest, resume, interruption."""

import json
import signal
import time

import bpy
import pytest

from benchmarks import blender_scene as bench
from maskel_blender.batch import run as batch_run
from maskel_blender.cli import DONE, INTERRUPTED, SOME_FAILED, WRONG_USE, run
from maskel_blender.client.png import decode_png
from tests.fakes.xray_server import Faults


@pytest.fixture
def stage(scene, character, server):
    """Two cameras, two characters, and one of them moves."""
    bench.add_camera(scene, "Side", location=(4.5, 0.0, 1.1))
    bench.add_camera(scene, "Fisheye").data.type = "PANO"
    mesh = bpy.data.meshes.new("Box")
    mesh.from_pydata(
        [(x, y, z) for x in (-0.2, 0.2) for y in (-0.2, 0.2) for z in (0.0, 1.7)],
        [],
        [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)],
    )
    box = bpy.data.objects.new("Box", mesh)
    bpy.data.collections.new("Friends").objects.link(box)
    scene.collection.children.link(bpy.data.collections["Friends"])
    for frame, x in ((1, -0.5), (50, 0.5)):
        box.location.x = x
        box.keyframe_insert("location", index=0, frame=frame)
    scene.frame_set(1)
    scene.camera = scene.objects["Camera"]
    return scene


def xray_calls(server):
    return server.calls.count("/v1/xray")


def manifest_of(path):
    return json.loads(path.read_text("utf-8"))


def test_cameras_frames_characters(stage, server, tmp_path, capsys):
    manifest = tmp_path / "manifest.json"
    arguments = ["--camera", "all", "--frames", "1-21x10", "--character", "Figure", "--character", "Friends"]
    arguments += ["--output", str(tmp_path / "out" / "{camera}" / "{character}_{frame:04d}.png")]
    arguments += ["--manifest", str(manifest), "--style", "bone", "--view", "front", "--size", "64"]
    assert run(arguments) == DONE
    written = sorted(str(p.relative_to(tmp_path / "out").as_posix()) for p in (tmp_path / "out").rglob("*.*"))
    assert written == sorted(
        f"{camera}/{who}_{frame:04d}{kind}"
        for camera in ("Camera", "Side")
        for who in ("Figure", "Friends")
        for frame in (1, 11, 21)
        for kind in (".png", ".mask.png")
    )
    assert stage.frame_current == 1
    assert xray_calls(server) == 12
    assert {form["view"] for form in server.forms} == {b"front"}
    document = manifest_of(manifest)
    assert document["status"] == "finished"
    assert document["counts"] == {"done": 12, "failed": 0, "pending": 0}
    assert all(item["model"] == "fake" and item["seconds"] > 0 for item in document["items"])
    box = [
        decode_png((tmp_path / "out" / "Camera" / f"Friends_{f:04d}.mask.png").read_bytes()) for f in (1, 21)
    ]
    # it moves to the right
    assert box[0].any(axis=0).argmax() < box[1].any(axis=0).argmax()
    printed = capsys.readouterr()
    assert "Fisheye is left out" in printed.out
    assert printed.out.count("Saved: '") == 12
    assert not printed.err


def test_resume_makes_what_is_missing_or_changed(stage, server, tmp_path, capsys):
    manifest, out = tmp_path / "m.json", tmp_path / "out"
    arguments = [
        "--camera",
        "Camera",
        "--frames",
        "1-5",
        "--target",
        "Box",
        "--output",
        str(out),
        "--manifest",
        str(manifest),
    ]
    assert run(arguments) == DONE
    assert xray_calls(server) == 5
    first = manifest_of(manifest)
    assert run(arguments) == DONE
    assert xray_calls(server) == 5
    assert manifest_of(manifest)["items"] == first["items"]
    (out / "Camera" / "0002.png").unlink()
    (out / "Camera" / "0004.mask.png").write_bytes(b"painted over")
    assert run(arguments) == DONE
    assert xray_calls(server) == 7
    assert run([*arguments, "--style", "bone"]) == DONE
    assert xray_calls(server) == 12
    assert run([*arguments, "--style", "bone", "--no-resume"]) == DONE
    assert xray_calls(server) == 17
    assert run([*arguments, "--style", "bone", "--frames", "4-7"]) == DONE
    assert xray_calls(server) == 19
    assert [item["frame"] for item in manifest_of(manifest)["items"]] == [4, 5, 6, 7, 1, 2, 3]


def test_resume_places_what_was_made_before(stage, server, tmp_path):
    arguments = [
        "--camera",
        "Camera",
        "--camera",
        "Side",
        "--target",
        "Figure",
        "--output",
        str(tmp_path / "out"),
    ]
    arguments += ["--manifest", str(tmp_path / "m.json")]
    assert run(arguments) == DONE
    assert "MaSkel" not in bpy.data.collections
    assert run([*arguments, "--save", str(tmp_path / "placed.blend")]) == DONE
    assert xray_calls(server) == 2
    planes = [item for item in bpy.data.objects if item.get("maskel_role") == "xray_plane"]
    assert sorted(plane["maskel_camera"] for plane in planes) == ["Camera", "Side"]
    # another pose: what was made before shows something else
    bpy.data.objects["Figure"].location.x = 0.3
    assert run([*arguments, "--save", str(tmp_path / "placed.blend")]) == DONE
    assert xray_calls(server) == 4


def test_only_one_frame_is_placed(stage, server, tmp_path):
    stage.frame_set(3)
    out = [
        "--camera",
        "Camera",
        "--target",
        "Box",
        "--output",
        str(tmp_path),
        "--save",
        str(tmp_path / "s.blend"),
    ]
    assert run([*out, "--frames", "1-5"]) == DONE
    (plane,) = (item for item in bpy.data.objects if item.get("maskel_role") == "xray_plane")
    assert plane["maskel_frame"] == 3
    assert stage.frame_current == 3


def test_one_fails_and_the_others_do_not(stage, server, tmp_path, capsys):
    stage.objects["Side"].location = (0.0, 90.0, 90.0)
    stage.objects["Side"].rotation_euler = (3.0, 0.0, 0.0)
    manifest = tmp_path / "m.json"
    out = ["--camera", "Side", "--camera", "Fisheye", "--camera", "Nobody", "--camera", "Camera"]
    out += ["--target", "Figure", "--output", str(tmp_path), "--manifest", str(manifest)]
    assert run(out) == SOME_FAILED
    items = {item["camera"]: item for item in manifest_of(manifest)["items"]}
    assert items["Camera"]["status"] == "done"
    codes = {name: item["error"]["code"] for name, item in items.items() if item["error"]}
    assert codes == {"Side": "not_in_view", "Fisheye": "panoramic_camera", "Nobody": "no_camera"}
    assert all(item["error"]["fix"] for item in items.values() if item["error"])
    errors = capsys.readouterr().err
    assert all(name in errors for name in ("Side", "Fisheye", "Nobody"))
    assert "Traceback" not in errors
    # failed items are tried again
    assert run(out) == SOME_FAILED
    assert xray_calls(server) == 1


def test_a_server_that_refuses_ends_the_batch(stage, server, tmp_path, capsys):
    server.faults = Faults(api=99)
    manifest = tmp_path / "m.json"
    out = [
        "--camera",
        "Camera",
        "--frames",
        "1-50",
        "--target",
        "Box",
        "--output",
        str(tmp_path),
        "--manifest",
        str(manifest),
    ]
    assert run(out) == SOME_FAILED
    document = manifest_of(manifest)
    assert document["status"] == "stopped"
    assert document["counts"]["pending"] >= 46
    assert "ended early" in capsys.readouterr().err


@pytest.mark.parametrize("often", [1, 2])
def test_interrupted(stage, server, tmp_path, capsys, monkeypatch, often):
    manifest = tmp_path / "m.json"
    out = [
        "--camera",
        "Camera",
        "--frames",
        "1-20",
        "--target",
        "Box",
        "--output",
        str(tmp_path),
        "--manifest",
        str(manifest),
    ]
    made = []
    write = batch_run.write_files

    def write_and_interrupt(*args):
        made.append(args)
        if len(made) == 2:
            # the third has its answer; the fourth, which is sent next, is still in work when the signal comes
            end = time.monotonic() + 20
            while server.runs < 3:
                assert time.monotonic() < end
                time.sleep(0.005)
            server.faults = Faults(delay=0.5 if often == 1 else 60.0)
        if len(made) == 3:
            for _ in range(often):
                signal.raise_signal(signal.SIGINT)
        return write(*args)

    monkeypatch.setattr(batch_run, "write_files", write_and_interrupt)
    before = signal.getsignal(signal.SIGINT)
    assert run(out) == INTERRUPTED
    assert signal.getsignal(signal.SIGINT) is before
    document = manifest_of(manifest)
    assert document["status"] == "interrupted"
    # what was in work is finished at the first signal, and left at the second
    assert document["counts"]["done"] == (4 if often == 1 else 3)
    assert document["counts"]["failed"] == 0
    assert "finishing" in capsys.readouterr().err
    monkeypatch.undo()
    server.faults = Faults()
    monkeypatch.setenv("MASKEL_SERVER", server.url)
    assert run([*out, "--token-file", str(tmp_path / "token")]) == DONE
    document = manifest_of(manifest)
    assert [item["frame"] for item in document["items"]] == list(range(1, 21))
    assert document["counts"]["done"] == 20


def test_layers_and_joints(stage, server, tmp_path):
    out = ["--target", "Figure", "--output", str(tmp_path / "out"), "--format", "layers,joints"]
    assert run(out) == DONE
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "Camera.bone.png", "Camera.joints.json", "Camera.layers.json", "Camera.soft.png", "Camera.xray.png"
    ]  # fmt: skip
    layers = json.loads((tmp_path / "out" / "Camera.layers.json").read_text())["layers"]
    assert layers["bone"] == {"file": "Camera.bone.png", "scale": 0.0001}
    joints = json.loads((tmp_path / "out" / "Camera.joints.json").read_text())
    assert (joints["width"], joints["height"]) == (300, 400)
    pelvis = joints["joints"]["pelvis"]
    assert (pelvis["x"], pelvis["y"], pelvis["confidence"]) == (10.0, 20.0, 0.9)
    camera = stage.objects["Camera"]
    assert pelvis["origin"] == pytest.approx(list(camera.matrix_world.translation), abs=1e-4)


def test_what_is_printed(stage, server, tmp_path, capsys):
    out = ["--camera", "Camera", "--camera", "Nobody", "--target", "Figure", "--output", str(tmp_path)]
    assert run([*out, "--progress", "json"]) == SOME_FAILED
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    assert [line["event"] for line in lines] == ["begin", "item", "item", "end"]
    assert {line.get("camera"): line.get("status") for line in lines[1:3]} == {
        "Camera": "done",
        "Nobody": "failed",
    }
    assert (lines[-1]["done"], lines[-1]["failed"]) == (1, 1)
    assert run([*out, "--quiet"]) == SOME_FAILED
    printed = capsys.readouterr()
    assert "maskel" not in printed.out
    assert "Saved" not in printed.out
    assert "Nobody" in printed.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["--camera", "Cine*"],
        ["--frames", "5-1"],
        ["--character", "Nobody"],
        ["--character", "Figure", "--target", "Figure"],
        ["--format", "video"],
        ["--frames", "1-5", "--output", "{camera}.png"],
        ["--output", "../{camera}/../../x.png"],
        ["--placement", "plane"],
        ["--no-place", "--save", "x.blend"],
        ["--server", "127.0.0.1:1", "--command", "maskel"],
        ["--server", "not an address"],
        ["--token-file", "nowhere"],
        ["--manifest", "file/m.json"],
        ["--output", "file"],
        ["--save"],
        ["--sty", "bone"],
    ],
)
def test_wrong_use_begins_nothing(stage, server, tmp_path, arguments, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    before = sorted(tmp_path.iterdir())
    assert run(["--target", "Figure", "--output", "out", *arguments]) == WRONG_USE
    assert not xray_calls(server)
    assert [p for p in sorted(tmp_path.iterdir()) if p not in before and p.name != "out"] == []
    assert not list(tmp_path.rglob("*.png"))
    errors = capsys.readouterr().err
    assert errors
    assert "Traceback" not in errors


def test_globs(stage, server, tmp_path):
    assert (
        run(
            ["--camera", "[CS]*", "--target", "Figure", "--output", str(tmp_path / "out"), "--format", "none"]
        )
        == DONE
    )
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["Camera.xray.png", "Side.xray.png"]


def test_names_that_no_file_system_likes(stage, server, tmp_path):
    names = {"Camera": "../Größe 東京?", "Side": "NUL"}
    for old, new in names.items():
        stage.objects[old].name = new
    out = tmp_path / "out"
    arguments = ["--camera", "../Größe 東京?", "--camera", "NUL", "--target", "Figure", "--output", str(out)]
    assert run([*arguments, "--format", "none"]) == DONE
    assert sorted(p.name for p in out.iterdir()) == ["_NUL.xray.png", "__Größe 東京_.xray.png"]
    assert sorted(p.name for p in tmp_path.iterdir() if p.is_dir()) == ["out"]


def test_warnings_are_told(stage, tmp_path, capsys):
    stage.camera.location.y = -1.2
    arguments = ["--output", str(tmp_path), "--manifest", str(tmp_path / "m.json"), "--target", "Figure"]
    assert run(arguments) == DONE
    assert "warning: " in capsys.readouterr().err
    (item,) = json.loads((tmp_path / "m.json").read_text(encoding="utf-8"))["items"]
    assert item["warnings"][0]["code"] == "body_cropped"
    assert run(arguments) == DONE
    assert "warning: " not in capsys.readouterr().err
    assert json.loads((tmp_path / "m.json").read_text(encoding="utf-8"))["items"] == [item]
