"""Which cameras, and the rigging set."""

import bpy
import numpy as np
import pytest

from benchmarks import blender_scene as bench
from maskel_blender import targets, views
from maskel_blender.errors import MaskelError
from maskel_blender.session import SESSION
from maskel_blender.silhouette.capture import capture
from maskel_blender.views import rigging
from tests.blender import people
from tests.blender.layouts import draw
from tests.blender.snapshot import snapshot
from tests.blender.test_scene_unchanged import differences


@pytest.fixture
def person(scene):
    body, rig = people.person(scene)
    bench.add_camera(scene)
    bench.set_resolution(scene, 300, 400)
    bpy.context.view_layer.objects.active = rig
    bpy.context.view_layer.update()
    return body, rig


def code(call):
    with pytest.raises(MaskelError) as caught:
        call()
    assert caught.value.fix
    return caught.value.code


def choose():
    choice = views.choose(bpy.context)
    return choice.cameras, [error.code for error in choice.refusals]


def test_one_camera(scene, person):
    assert choose() == (["Camera"], [])
    side = bench.add_camera(scene, "Side")
    assert choose() == (["Side"], [])
    scene.maskel.camera = scene.objects["Camera"]
    assert choose() == (["Camera"], [])
    scene.maskel.camera = None
    side.data.type = "PANO"
    assert code(choose) == "panoramic_camera"
    scene.camera = None
    assert code(choose) == "no_camera"


def test_all_and_chosen(scene, person):
    bench.add_camera(scene, "Fish").data.type = "PANO"
    bench.add_camera(scene, "Ante")
    scene.maskel.views.source = "ALL"
    assert choose() == (["Ante", "Camera"], ["panoramic_camera"])
    scene.maskel.views.source = "CHOSEN"
    assert code(choose) == "no_camera"
    for name in ("Body", "Rig"):
        scene.maskel.views.cameras.add().object = bpy.data.objects[name]
    assert code(choose) == "no_camera"
    scene.maskel.views.cameras.add().object = bpy.data.objects["Camera"]
    assert choose() == (["Camera"], ["not_a_camera", "not_a_camera"])
    scene.maskel.views.source = "ALL"
    rigging.place(bpy.context, [person[0]])
    assert choose() == (["Ante", "Camera"], ["panoramic_camera"])
    assert "2 cameras" not in draw("MASKEL_PT_views")
    assert "3 cameras" in draw("MASKEL_PT_views")


def test_list_of_cameras(scene, person):
    scene.maskel.views.source = "CHOSEN"
    assert code(choose) == "no_camera"
    with pytest.raises(RuntimeError, match="Select cameras first"):
        bpy.ops.maskel.cameras_add()
    assert "Select cameras first" in draw("MASKEL_PT_views")
    fish = bench.add_camera(scene, "Fish")
    other = bench.add_camera(scene, "Other")
    for item in (fish, other, scene.objects["Camera"]):
        item.select_set(True)
    for _ in range(2):
        bpy.ops.maskel.cameras_add()
    assert sorted(choose()[0]) == ["Camera", "Fish", "Other"]
    fish.data.type = "PANO"
    assert choose()[1] == ["panoramic_camera"]
    bpy.data.objects.remove(other)
    assert choose()[0] == ["Camera"]
    assert "Fish (lens is not flat)" in draw("MASKEL_PT_views")
    with pytest.raises(RuntimeError, match="no entry 7"):
        bpy.ops.maskel.cameras_remove(index=7)
    bpy.ops.maskel.cameras_remove(index=0)
    assert len(scene.maskel.views.cameras) == 2
    bpy.ops.maskel.cameras_remove()
    assert not scene.maskel.views.cameras


def test_panoramic_cameras_are_not_added_to_the_list(scene, person):
    fish = bench.add_camera(scene, "Fish")
    fish.data.type = "PANO"
    fish.select_set(True)
    bpy.ops.maskel.cameras_add()
    assert not scene.maskel.views.cameras


@pytest.mark.parametrize("resolution", [(300, 400), (640, 360), (256, 256)])
def test_rigging_set_sees_all_of_the_character(scene, person, resolution):
    body, rig = person
    bench.set_resolution(scene, *resolution)
    scene.render.pixel_aspect_x = 1.5
    rig.location, rig.rotation_euler.z = (3.0, 2.0, -1.0), 0.7
    scene.maskel.views.source = "RIGGING"
    scene.maskel.views.rigging = {"FRONT", "BACK", "LEFT", "RIGHT", "FRONT_LEFT", "FRONT_RIGHT"}
    cameras, refusals = choose()
    assert not refusals
    assert len(cameras) == 6
    scales, heights, fills = set(), set(), []
    for name in cameras:
        camera = scene.objects[name]
        silhouette = capture(scene, [body], camera, options=targets.silhouette_options(scene))
        assert [warning.code for warning in silhouette.warnings if warning.code != "body_tiny"] == []
        rows, columns = np.nonzero(silhouette.mask)
        fills.append(max(np.ptp(rows) / resolution[1], np.ptp(columns) / resolution[0]))
        wanted = {"FRONT_LEFT": None, "FRONT_RIGHT": None}.get(
            camera["maskel_rigging_view"], camera["maskel_side"]
        )
        assert wanted is None or silhouette.side == wanted
        scales.add(round(camera.data.ortho_scale, 5))
        heights.add(round(camera.matrix_world.translation.z, 4))
    assert max(fills) == pytest.approx(1 / 1.1, abs=0.02)
    assert len(scales) == len(heights) == 1


def test_rigging_set_is_renewed_in_place_and_changes_nothing_else(scene, person):
    _body, rig = person
    rig.select_set(True)
    before = snapshot()
    assert bpy.ops.maskel.rigging_add() == {"FINISHED"}
    made = rigging.cameras(scene)
    assert [item.name for item in made] == ["MaSkel Front", "MaSkel Back", "MaSkel Left", "MaSkel Right"]
    ours = frozenset({"MaSkel cameras", *(item.name for item in made), *(item.data.name for item in made)})
    assert differences(before, snapshot(ours)) == {}
    assert bpy.data.collections["MaSkel cameras"]["maskel_role"]
    places = [item.matrix_world.copy() for item in made]
    rig.location.x += 1
    bpy.context.view_layer.update()
    bpy.ops.maskel.rigging_add()
    assert rigging.cameras(scene) == made
    assert [item.matrix_world for item in made] != places
    assert bpy.ops.maskel.rigging_remove() == {"FINISHED"}
    rig.location.x -= 1
    bpy.context.view_layer.update()
    assert differences(before, snapshot()) == {}
    with pytest.raises(RuntimeError, match="poll"):
        bpy.ops.maskel.rigging_remove()


def test_active_camera_is_not_removed(scene, person):
    bpy.ops.maskel.rigging_add()
    scene.camera = scene.objects["MaSkel Front"]
    bpy.ops.maskel.rigging_remove()
    assert [item.name for item in rigging.cameras(scene)] == ["MaSkel Front"]
    assert scene.camera.name == "MaSkel Front"


def test_kept_or_released(scene, person):
    scene.maskel.views.source = "RIGGING"
    choose()
    assert views.release(scene) == 0
    scene.maskel.views.keep = False
    assert views.release(scene) == 4
    assert "MaSkel cameras" not in bpy.data.collections


def test_failure_leaves_no_cameras(scene, person):
    body, _ = person
    scene.maskel.views.source = "RIGGING"
    count = len(bpy.data.objects), len(bpy.data.cameras)
    body.hide_render = True
    assert code(choose) == "hidden_target"
    assert code(lambda: rigging.place(bpy.context, [body])) == "nothing_rendered"
    scene.maskel.views.rigging = set()
    assert code(lambda: rigging.place(bpy.context, [body])) == "no_view"
    assert (len(bpy.data.objects), len(bpy.data.cameras)) == count
    with pytest.raises(RuntimeError, match="hidden in renders"):
        bpy.ops.maskel.rigging_add()
    assert SESSION.error.code == "hidden_target"


def test_front_by_choice_and_without_bones(scene, person):
    ball = people.ball(scene, "Ball", (0, 0, 1), 0.5)
    ball.rotation_euler.z = 1.5707963
    front = {}
    for choice in ("AUTO", "-Y", "+Y", "-X", "+X"):
        scene.maskel.views.front = choice
        rigging.place(bpy.context, [ball])
        axis = scene.objects["MaSkel Front"].matrix_world.col[2]
        front[choice] = tuple(round(value) for value in axis[:2])
    # the ball's own -Y is the world's +X
    assert front == {"AUTO": (1, 0), "-Y": (0, -1), "+Y": (0, 1), "-X": (-1, 0), "+X": (1, 0)}
    # its cameras know the side, though the ball does not tell
    assert capture(scene, [ball], scene.objects["MaSkel Left"]).side == "left"
    assert capture(scene, [ball], scene.objects["Camera"]).side == "unknown"


def test_two_scenes_have_sets_of_their_own(scene, person):
    body, _ = person
    other = bpy.data.scenes.new("Other")
    other.collection.objects.link(body)
    first = rigging.place(bpy.context, [body])
    with bpy.context.temp_override(scene=other, view_layer=other.view_layers[0]):
        second = rigging.place(bpy.context, [body])
    assert not set(first) & set(second)
    assert len(rigging.cameras(scene)) == len(rigging.cameras(other)) == 4
    rigging.remove(other)
    assert len(rigging.cameras(scene)) == 4


def test_check_looks_through_the_set_where_it_stands(scene, person):
    scene.maskel.views.source = "RIGGING"
    with pytest.raises(RuntimeError, match="not placed yet"):
        bpy.ops.maskel.check_silhouette()
    bpy.ops.maskel.rigging_add()
    bpy.ops.maskel.check_silhouette()
    assert "MaSkel Left: left" in SESSION.message


@pytest.mark.parametrize("source", ["ACTIVE", "CHOSEN", "ALL", "RIGGING"])
def test_panel_for_each_source(scene, person, source):
    scene.maskel.views.source = source
    scene.camera = None
    drawn = draw("MASKEL_PT_views")
    assert ("The scene has no active camera" in drawn) == (source == "ACTIVE")
    assert ("maskel.rigging_add" in drawn) == (source == "RIGGING")
    assert ("maskel.cameras_add" in drawn) == (source == "CHOSEN")


def test_one_step_of_undo(scene, person):
    bpy.ops.ed.undo_push(message="Before")
    names = sorted(item.name for item in bpy.data.objects)
    bpy.ops.maskel.rigging_add("EXEC_DEFAULT", True)
    assert len(bpy.data.objects) == len(names) + 4
    bpy.ops.ed.undo()
    assert sorted(item.name for item in bpy.data.objects) == names
    assert "MaSkel cameras" not in bpy.data.collections
