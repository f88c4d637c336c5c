"""Live preview: follows, newest wins, never triggers itself, leaves nothing behind."""

import time
from types import SimpleNamespace

import bpy
import mathutils
import numpy as np
import pytest

from maskel_blender.preview import PIXELS, PREVIEW, view_of
from maskel_blender.pump import PUMP
from maskel_blender.silhouette.capture import capture
from tests.blender.snapshot import snapshot
from tests.blender.test_scene_unchanged import differences

SECONDS = 15.0


def previews():
    return [item for item in bpy.data.objects if item.get("maskel_role") == "xray_preview"]


def tick_until(condition):
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end, PREVIEW.error
        PREVIEW.tick()
        time.sleep(0.005)


def settle(server, runs):
    tick_until(lambda: server.runs == runs and not PREVIEW._newest.busy and not PREVIEW.dirty)


@pytest.fixture
def preview(scene, character, server):
    bpy.context.view_layer.update()
    assert bpy.ops.maskel.preview() == {"FINISHED"}
    yield
    PREVIEW.stop()


def test_off_by_default(scene, character, server):
    assert not PREVIEW.on
    character.location.x = 0.1
    bpy.context.view_layer.update()
    assert not PREVIEW.tick()
    assert server.runs == 0


def test_coarse_and_registered(scene, character, server, preview):
    settle(server, 1)
    (empty,) = previews()
    assert max(empty.data.size) == PIXELS
    assert server.forms[0]["priority"] == b"preview"
    bpy.context.view_layer.update()
    seen = scene.camera.matrix_world.normalized().inverted() @ empty.matrix_world
    width, height = empty.data.size
    longer = max(width, height)
    full = capture(scene, [character], scene.camera).view
    corners = [
        seen @ mathutils.Vector((x * width / longer, y * height / longer, 0.0))
        for x, y in ((-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5))
    ]
    for corner, expected in zip(corners, full.corners_at(-corners[0].z), strict=True):
        np.testing.assert_allclose(corner, expected, atol=1e-4)


def test_follows_pose_and_camera_and_nothing_else(scene, character, server, preview):
    settle(server, 1)
    character.parent.pose.bones["lower"].rotation_mode = "XYZ"
    character.parent.pose.bones["lower"].rotation_euler.x = 0.7
    bpy.context.view_layer.update()
    assert PREVIEW.dirty
    settle(server, 2)
    scene.camera.location.x = 0.4
    bpy.context.view_layer.update()
    settle(server, 3)
    other = bpy.data.objects.new("Other", None)
    scene.collection.objects.link(other)
    bpy.context.view_layer.update()
    other.location.x = 1.0
    bpy.context.view_layer.update()
    assert not PREVIEW.dirty


def test_never_triggers_itself(scene, character, server, preview):
    settle(server, 1)
    for _ in range(5):
        bpy.context.view_layer.update()
        PREVIEW.tick()
        assert not PREVIEW.dirty
    assert server.runs == 1


def test_at_most_one_in_flight(scene, character, server, preview):
    server.faults.delay = SECONDS
    tick_until(lambda: server.running == 1)
    for step in range(5):
        scene.camera.location.x = 0.1 * (step + 1)
        bpy.context.view_layer.update()
        PREVIEW.tick()
    assert server.running == 1
    server.faults.delay = 0
    server.released.set()
    settle(server, 2)
    bpy.context.view_layer.update()
    (empty,) = previews()
    toward = empty.matrix_world.translation - scene.camera.matrix_world.translation
    forward = scene.camera.matrix_world.to_3x3() @ mathutils.Vector((0.0, 0.0, -1.0))
    assert toward.normalized().dot(forward) > 0.9999


def test_switched_off_it_leaves_nothing(scene, character, server):
    bpy.context.view_layer.update()
    before = snapshot()
    bpy.ops.maskel.preview()
    settle(server, 1)
    assert previews()
    bpy.ops.maskel.preview()
    assert not PREVIEW.on
    assert differences(before, snapshot()) == {}


def test_is_not_saved(scene, character, server, preview, tmp_path):
    settle(server, 1)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "saved.blend"))
    assert not previews()
    assert PREVIEW.dirty
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "saved.blend"))
    assert not PREVIEW.on
    assert not previews()


def test_undo_does_not_bring_it_back(scene, character, server):
    bpy.ops.ed.undo_push(message="before")
    bpy.ops.maskel.preview()
    settle(server, 1)
    bpy.data.objects["Figure"].location.x = 0.2
    bpy.ops.ed.undo_push(message="moved with the preview on")
    bpy.ops.maskel.preview()
    bpy.data.objects["Figure"].location.x = 0.4
    bpy.ops.ed.undo_push(message="moved with the preview off")
    bpy.ops.ed.undo()
    assert not previews()


def test_it_is_gone_before_an_undo_and_comes_again(scene, character, server, preview, monkeypatch):
    # Blender keeps what it has in memory where its steps say it is unchanged: an Empty must not show a picture of no step
    settle(server, 1)
    bpy.ops.ed.undo_push(message="before")
    bpy.data.objects["Figure"].location.x = 0.2
    bpy.ops.ed.undo_push(message="moved")
    PREVIEW.dirty = True
    settle(server, 2)
    seen = []

    def look(*_):
        seen.append(len(previews()))

    bpy.app.handlers.undo_pre.append(look)
    try:
        bpy.ops.ed.undo()
    finally:
        bpy.app.handlers.undo_pre.remove(look)
    assert seen == [0]
    settle(server, 3)
    assert len(previews()) == 1


def test_a_deleted_character_switches_it_off(scene, character, server, preview):
    settle(server, 1)
    bpy.data.objects.remove(character)
    PREVIEW.dirty = True
    tick_until(lambda: not PREVIEW.on)
    assert not previews()


def test_a_failure_is_told_and_it_goes_on(scene, character, server, preview):
    settle(server, 1)
    server.faults.error = (500, {"code": "internal", "message": "Broken.", "fix": "Mend it."})
    scene.camera.location.x = 0.3
    bpy.context.view_layer.update()
    tick_until(lambda: PREVIEW.error is not None)
    server.faults.error = None
    scene.camera.location.x = 0.5
    bpy.context.view_layer.update()
    settle(server, 2)
    assert PREVIEW.error is None


def test_the_viewports_own_view(scene, character, server):
    """A viewport that looks as the camera does sees the same; only its matrices count."""
    camera = scene.camera
    bpy.context.view_layer.update()
    graph = bpy.context.evaluated_depsgraph_get()
    space = SimpleNamespace(
        clip_start=camera.data.clip_start,
        region_3d=SimpleNamespace(
            window_matrix=camera.calc_matrix_camera(graph, x=300, y=400),
            view_matrix=camera.matrix_world.normalized().inverted(),
        ),
    )
    view = view_of(space, 300, 400)
    assert (view.frame_width, view.frame_height) == (192, 256)
    assert not view.is_orthographic
    other = bpy.data.objects.new("Other", bpy.data.cameras.new("Other"))
    seen = capture(scene, [character], other, look=view)
    expected = capture(scene, [character], camera, longest=PIXELS)
    assert np.abs(seen.mask.astype(int) - expected.mask).max() <= 1
    assert seen.nearest == pytest.approx(expected.nearest, rel=1e-5)


def test_the_pump_drives_it(scene, character, server, preview):
    end = time.monotonic() + SECONDS
    while not previews():
        assert time.monotonic() < end
        assert PUMP.timer() is not None
        time.sleep(0.005)
