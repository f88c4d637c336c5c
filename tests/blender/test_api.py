"""The Python API, in background."""

import bpy
import numpy as np
import pytest

from benchmarks import blender_scene as bench
from maskel_blender import api, compat
from maskel_blender.batch import run as batch_run
from tests.blender.test_generate import FAKE
from tests.fakes.xray_server import Faults


def planes():
    return [item for item in bpy.data.objects if item.get("maskel_role") == "xray_plane"]


def test_xray(scene, character, server):
    result = api.xray(style="bone", view="front")
    assert planes() == [result.object]
    assert result.image.shape == result.mask.shape == (400, 300)
    np.testing.assert_array_equal(result.image, (result.mask * 0.6).astype(np.uint8))
    assert (result.camera, result.character, result.frame) == ("Camera", "Figure", scene.frame_current)
    assert (result.model, result.version, result.files) == ("fake", "9.9.9", {})
    assert (server.forms[0]["style"], server.forms[0]["view"]) == (b"bone", b"front")
    assert "joints" not in server.forms[0]


def test_files_joints_and_layers(scene, character, server, tmp_path):
    result = api.xray(
        joints=True, layers=True, place=False, output=tmp_path / "{camera}_{frame:03d}.png", frame=7
    )
    assert result.object is None
    assert not planes()
    assert scene.frame_current == 1
    assert result.frame == 7
    assert {kind: path.name for kind, path in result.files.items()} == {
        "xray": "Camera_007.png",
        "mask": "Camera_007.mask.png",
        "bone": "Camera_007.bone.png",
        "soft": "Camera_007.soft.png",
        "layers": "Camera_007.layers.json",
        "joints": "Camera_007.joints.json",
    }
    assert all(path.is_file() for path in result.files.values())
    assert set(result.layers) == {"bone", "soft"}
    pelvis = result.joints["pelvis"]
    assert np.linalg.norm(pelvis.direction) == pytest.approx(1.0)


@pytest.mark.parametrize("case", bench.CAMERAS, ids=lambda case: case.name)
@pytest.mark.parametrize("size", [0, 200])
def test_rays_meet_what_their_pixels_show(scene, character, server, case, size):
    """A point of the world, where the camera shows it, lies on the ray of that pixel."""
    from maskel_blender.batch import characters, ends
    from maskel_blender.batch.plan import Settings
    from maskel_blender.silhouette.rays import pixel_ray

    bench.set_resolution(scene, *case.resolution)
    case.set_up(scene, scene.camera)
    prepared = ends.prepare(bpy.context, characters.active(bpy.context), "", Settings(size=size))
    view = prepared.silhouette.view
    height, width = prepared.silhouette.mask.shape
    scale = size / max(height, width) if size else 1.0
    point = np.array([0.1, -0.05, 1.1])
    clip = view.to_clip(np.eye(4)) @ [*point, 1.0]
    x = (clip[0] / clip[3] + 1.0) / 2.0 * view.frame_width - view.picture.left
    y = (1.0 - clip[1] / clip[3]) / 2.0 * view.frame_height - view.picture.top
    origin, direction = pixel_ray(view, x * scale - 0.5, y * scale - 0.5, width * scale, height * scale)
    away = point - origin
    assert np.linalg.norm(np.cross(away, direction)) < 1e-4
    assert away @ direction > 0


def test_silhouette_needs_no_server(scene, character, monkeypatch):
    monkeypatch.setenv("PATH", "")
    mask = api.silhouette("Camera", "Rig")
    assert mask.shape == (400, 300)
    assert mask.dtype == np.uint8
    assert mask.max() == 255
    np.testing.assert_array_equal(mask, api.silhouette(character=character))
    np.testing.assert_array_equal(mask, api.silhouette(character=[character]))


def test_who(scene, character, server):
    collection = bpy.data.collections.new("Cast")
    scene.collection.children.link(collection)
    collection.objects.link(character)
    for who in ("Cast", collection, "Rig", bpy.data.objects["Rig"]):
        assert api.silhouette(character=who).any()
    for who, code in (("Nobody", "no_target"), ([], "no_target")):
        with pytest.raises(api.MaskelError) as caught:
            api.silhouette(character=who)
        assert caught.value.code == code


def test_batch(scene, character, server, tmp_path):
    bench.add_camera(scene, "Side", location=(4.5, 0.0, 1.1))
    told = []
    plan = api.plan("all", ["Figure", "Rig"], "1-3", output=tmp_path / "out", formats=())
    assert len(plan) == 12
    report = api.batch(plan, tmp_path / "m.json", progress=told.append, placement="PLANE")
    assert (report.done, report.failed, report.skipped, report.interrupted) == (12, 0, 0, False)
    assert len(report.objects) == len(planes()) == 4
    assert [progress.done for progress in told] == list(range(13))
    assert told[-1].seconds_left == 0
    again = api.batch(plan, tmp_path / "m.json")
    assert (again.done, again.skipped) == (12, 12)


def test_placed_as_the_panel_says(scene, character, server, tmp_path):
    scene.maskel.result.look.placement = "EMPTY"
    assert api.xray().object.type == "EMPTY"
    report = api.batch(api.plan(output=tmp_path), placement=None)
    assert [bpy.data.objects[name].type for name in report.objects] == ["EMPTY"]
    assert not planes()
    assert api.xray(placement="PLANE").object.type == "MESH"


def test_all_cameras_are_those_of_the_panel(scene, character, tmp_path):
    bpy.ops.maskel.rigging_add()
    assert [item.camera for item in api.plan("all", output=tmp_path).plan.items] == ["Camera"]
    assert [item.camera for item in api.plan("MaSkel F*", output=tmp_path).plan.items] == ["MaSkel Front"]


def test_batch_stops_when_told(scene, character, server, tmp_path):
    plan = api.plan(frames=range(1, 10), output=tmp_path)
    made = []
    report = api.batch(plan, progress=made.append, stop=lambda: len(made) > 3)
    assert report.interrupted
    assert 3 <= report.done < 9
    assert report.manifest["counts"]["pending"] == 9 - report.done


def test_errors(scene, character, server, tmp_path):
    for call, code in (
        (lambda: api.xray("Nobody"), "no_camera"),
        (lambda: api.xray(style="psychedelic"), "bad_style"),
        (lambda: api.xray(size=-4), "bad_size"),
        (lambda: api.plan(frames="x", output=tmp_path), "bad_frames"),
        (lambda: api.plan(frames=[1, 2], output=tmp_path / "{camera}.png"), "name_collision"),
    ):
        with pytest.raises(api.MaskelError) as caught:
            call()
        assert caught.value.code == code
        assert caught.value.fix
    assert not planes()


def test_a_window_is_not_held_up_for_ever(scene, character, server, tmp_path, monkeypatch):
    monkeypatch.setattr(compat, "waits_for_results", lambda: False)
    monkeypatch.setattr(api, "WINDOW_SECONDS", 0.2)
    server.faults = Faults(delay=2.0)
    with pytest.raises(api.MaskelError) as caught:
        api.xray()
    assert caught.value.code == "timeout"
    assert "INVOKE_DEFAULT" in caught.value.fix
    plan = api.plan(frames="1-9", output=tmp_path / "out")
    with pytest.raises(api.MaskelError) as caught:
        api.batch(plan, tmp_path / "m.json")
    assert caught.value.code == "timeout"
    assert "blender -b" in caught.value.fix
    assert not planes()


def test_server_is_started_and_stopped(scene, character, monkeypatch):
    monkeypatch.setenv("MASKEL_COMMAND", FAKE)
    try:
        found = api.server()
        assert (found.status, found.model, found.version) == ("ready", "fake", "9.9.9")
        assert api.xray().object is not None
    finally:
        api.stop_server()
    assert api.SESSION.backend.state.value == "stopped"


def test_running_server_is_found_and_left_alone(scene, server):
    assert api.server().url == server.url
    api.stop_server()
    assert api.server().status == "ready"


def test_frame_comes_back_when_an_item_breaks(scene, character, server, tmp_path, monkeypatch):
    scene.frame_set(4)

    def broken(*_args):
        raise ZeroDivisionError

    monkeypatch.setattr(batch_run, "write_files", broken)
    with pytest.raises(ZeroDivisionError):
        api.batch(api.plan(frames="1-3", output=tmp_path))
    assert scene.frame_current == 4
