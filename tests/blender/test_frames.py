"""A frame range as an image sequence: registered at each frame, in step with the timeline, nothing else changed."""

import math
from pathlib import Path

import bpy
import numpy as np
import pytest
from mathutils import Vector

from benchmarks import blender_scene as bench
from maskel_blender.client.png import decode_png, decode_rgba, encode_png, read_text
from maskel_blender.session import SESSION
from maskel_blender.silhouette.capture import capture
from tests.blender.snapshot import snapshot
from tests.blender.test_scene_unchanged import differences


def sequences():
    return [item for item in bpy.data.objects if item.get("maskel_role") == "xray_sequence"]


def generate(tmp_path, **options):
    chosen = {"frame_start": 1, "frame_end": 5} | options
    return bpy.ops.maskel.generate(frames=True, folder=str(tmp_path / "out"), **chosen)


@pytest.fixture
def walk(scene, character):
    """The figure moves and bends, and the camera moves, turns and zooms."""
    rig = character.parent
    bone = rig.pose.bones["upper"]
    camera = scene.camera
    for frame, share in ((1, 0.0), (5, 1.0)):
        rig.location.x = 0.3 * share
        rig.keyframe_insert("location", frame=frame)
        bone.rotation_euler.z = share
        bone.keyframe_insert("rotation_euler", frame=frame)
        camera.location = (share, -4.5 + share, 1.1 + 0.2 * share)
        camera.rotation_euler = (math.radians(88.0), 0.0, 0.2 * share)
        camera.keyframe_insert("location", frame=frame)
        camera.keyframe_insert("rotation_euler", frame=frame)
        camera.data.lens = 40.0 + 10.0 * share
        camera.data.keyframe_insert("lens", frame=frame)
    scene.frame_set(3)
    return character


def test_other_frames_without_moving_the_scene(scene, walk):
    wanted = {}
    for frame in (1, 4, 5):
        scene.frame_set(frame)
        wanted[frame] = capture(scene, [walk], scene.camera)
    scene.frame_set(3)
    before = snapshot()
    for frame, expected in wanted.items():
        got = capture(scene, [walk], scene.camera, frame=frame)
        assert np.array_equal(got.mask, expected.mask)
        np.testing.assert_allclose(got.view.camera_to_world, expected.view.camera_to_world)
        np.testing.assert_allclose(got.view.projection, expected.view.projection)
    assert differences(before, snapshot()) == {}
    assert not np.array_equal(wanted[1].mask, wanted[5].mask)


def test_registered_at_each_frame(scene, walk, server, tmp_path):
    assert generate(tmp_path) == {"FINISHED"}
    (plane,) = sequences()
    scene.render.image_settings.color_mode = "RGBA"
    for frame in (1, 2, 4, 5):
        scene.frame_set(frame)
        walk.hide_render = False
        character = bench.cycles_silhouette(scene, hidden=[plane]) >= 0.5
        walk.hide_render = True
        shown = bench.cycles_alpha(scene, samples=4) >= 0.5
        assert bench.iou(character, shown) >= 0.99, frame
        walk.hide_render = False


def test_nothing_else_changes(scene, walk, server, tmp_path):
    before = snapshot()
    assert generate(tmp_path) == {"FINISHED"}
    new = frozenset({"MaSkel", *(item.name for item in bpy.data.collections["MaSkel"].objects)})
    assert differences(before, snapshot(new)) == {}
    assert scene.frame_current == 3


def test_files_and_mapping(scene, walk, server, tmp_path):
    generate(tmp_path, frame_start=2, frame_end=7, frame_step=3)
    (plane,) = sequences()
    folder = tmp_path / "out" / "unsaved"
    assert sorted(path.name for path in folder.iterdir()) == [
        f"Figure_Camera_{number:04d}.png" for number in range(1, 8)
    ]
    assert (folder / "Figure_Camera_0002.png").read_bytes() == (
        folder / "Figure_Camera_0004.png"
    ).read_bytes()
    assert (folder / "Figure_Camera_0002.png").read_bytes() != (
        folder / "Figure_Camera_0005.png"
    ).read_bytes()
    node = next(node for node in plane.data.materials[0].node_tree.nodes if node.type == "TEX_IMAGE")
    (double,) = plane.children
    for image, user in ((node.image, node.image_user), (double.data, double.image_user)):
        assert image.source == "SEQUENCE"
        assert (user.frame_start, user.frame_duration, user.frame_offset) == (2, 6, 1)
        assert user.use_auto_refresh
        assert Path(image.filepath_from_user(image_user=user)).parent == folder
    assert len(server.forms) == 2


def test_the_picture_follows_the_timeline(scene, walk, server, tmp_path):
    """Each frame of the render shows its own file."""
    generate(tmp_path, frame_end=3)
    folder = tmp_path / "out" / "unsaved"
    for frame in (1, 2, 3):
        grey = np.full((400, 300), 60 * frame, np.uint8)
        picture = np.dstack([grey, grey, grey, np.full_like(grey, 255)])
        (folder / f"Figure_Camera_{frame:04d}.png").write_bytes(encode_png(picture))
    walk.hide_render = True
    scene.view_settings.view_transform = "Raw"
    bench.set_resolution(scene, 30, 40)
    seen = {}
    for frame in (3, 1, 2):
        scene.frame_set(frame)
        bench.cycles_alpha(scene)
        scene.render.filepath = str(tmp_path / f"shown{frame}.png")
        scene.render.image_settings.file_format = "PNG"
        bpy.ops.render.render(write_still=True)
        image = bpy.data.images.load(scene.render.filepath)
        values = np.empty(30 * 40 * 4, np.float32)
        image.pixels.foreach_get(values)
        seen[frame] = float(np.median(values.reshape(-1, 4)[:, 0]))
    assert seen[1] < seen[2] < seen[3]


def test_again_renews_in_place(scene, walk, server, tmp_path):
    generate(tmp_path)
    (plane,) = sequences()
    counts = [
        len(getattr(bpy.data, name)) for name in ("objects", "meshes", "materials", "images", "actions")
    ]
    generate(tmp_path, frame_start=2, frame_end=3)
    assert sequences() == [plane]
    assert counts == [
        len(getattr(bpy.data, name)) for name in ("objects", "meshes", "materials", "images", "actions")
    ]


def test_still_frames_are_made_once(scene, character, server, tmp_path):
    generate(tmp_path, frame_end=10)
    assert server.runs == 1
    assert len(list((tmp_path / "out" / "unsaved").iterdir())) == 11


def test_a_frame_that_fails_holds_the_one_before(scene, walk, server, tmp_path):
    camera = scene.camera
    camera.animation_data_clear()
    camera.location = (0.0, -4.5, 1.1)
    for frame, turned in ((3, 0.0), (4, math.pi), (5, 0.0)):
        camera.rotation_euler = (math.radians(88.0), 0.0, turned)
        camera.keyframe_insert("rotation_euler", frame=frame)
    with pytest.raises(RuntimeError, match="does not see the character"):
        generate(tmp_path)
    folder = tmp_path / "out" / "unsaved"
    assert (folder / "Figure_Camera_0004.png").read_bytes() == (
        folder / "Figure_Camera_0003.png"
    ).read_bytes()
    assert len(sequences()) == 1


def test_next_to_the_saved_file(scene, walk, server, tmp_path):
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "the file.blend"))
    assert bpy.ops.maskel.generate(frames=True, frame_start=1, frame_end=2) == {"FINISHED"}
    (plane,) = sequences()
    (folder,) = (tmp_path / "maskel").iterdir()
    assert folder.name.startswith("the_file")
    assert len(list(folder.iterdir())) == 3
    image = plane.children[0].data
    assert image.filepath.startswith("//maskel")
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "the file.blend"))
    (plane,) = sequences()
    (double,) = plane.children
    shown = Path(bpy.path.abspath(double.data.filepath))
    assert shown.parent == folder
    assert shown.exists()
    assert plane.animation_data.action is not None


def test_an_unsaved_file_has_no_folder(scene, walk, server):
    with pytest.raises(RuntimeError, match="Save the file"):
        bpy.ops.maskel.generate(frames=True, frame_start=1, frame_end=2)
    assert SESSION.error.code == "not_saved"


def test_no_range(scene, walk, server, tmp_path):
    with pytest.raises(RuntimeError, match="range of frames"):
        generate(tmp_path, frame_start=5, frame_end=1)


def test_every_camera_has_its_own(scene, walk, server, tmp_path):
    bench.add_camera(scene, "Side", location=(4.5, 0.0, 1.0))
    scene.maskel.views.source = "ALL"
    generate(tmp_path, frame_end=2, chosen=True)
    assert sorted(plane["maskel_camera"] for plane in sequences()) == ["Camera", "Side"]
    assert len(list((tmp_path / "out" / "unsaved").iterdir())) == 6
    assert decode_png(server.forms[0]["mask"]).any()


def test_frames_are_shown_as_the_settings_say(scene, walk, server, tmp_path):
    look = scene.maskel.result.look
    look.opacity, look.over, look.depth, look.bone_colour = 0.4, True, "BEHIND", (1.0, 0.0, 0.0)
    generate(tmp_path, frame_end=1)
    (plane,) = sequences()
    (double,) = plane.children
    assert plane.show_in_front
    assert double.color[3] == pytest.approx(0.4)
    assert plane.data.materials[0].node_tree.nodes["MaSkel Opacity"].inputs[1].default_value == pytest.approx(
        0.4
    )
    png = (tmp_path / "out" / "unsaved" / "Figure_Camera_0001.png").read_bytes()
    red, green = (decode_rgba(png)[..., channel].astype(int) for channel in (0, 1))
    assert (red - green).max() > 50
    assert read_text(png)["MaSkel frame"] == "1"
    front = walk.matrix_world.translation - plane.matrix_world.translation
    ahead = scene.camera.matrix_world.to_3x3() @ Vector((0.0, 0.0, -1.0))
    assert front.dot(ahead) < 0.0


def test_another_style_asks_the_model_nothing(scene, walk, server, tmp_path):
    generate(tmp_path, frame_end=2)
    path = tmp_path / "out" / "unsaved" / "Figure_Camera_0001.png"
    before, runs = path.read_bytes(), server.runs
    generate(tmp_path, frame_end=2, style="inverted")
    assert server.runs == runs
    assert not np.array_equal(decode_rgba(path.read_bytes()), decode_rgba(before))
    assert read_text(path.read_bytes())["MaSkel style"] == "inverted"
