"""What counts as body, what a silhouette warns of, and the side it shows."""

import math

import bpy
import numpy as np
import pytest

from benchmarks import blender_scene as bench
from maskel_blender import targets
from maskel_blender.errors import TargetError
from maskel_blender.session import SESSION
from maskel_blender.silhouette.capture import capture
from tests.blender import people
from tests.blender.layouts import draw


@pytest.fixture
def person(scene):
    body, rig = people.person(scene)
    bench.add_camera(scene)
    bench.set_resolution(scene, 300, 400)
    bpy.context.view_layer.objects.active = rig
    bpy.context.view_layer.update()
    return body, rig


def select(*items):
    for other in bpy.context.view_layer.objects:
        other.select_set(other in items)


def look(scene, objects):
    return capture(scene, objects, scene.camera, 1, targets.silhouette_options(scene))


def codes(silhouette):
    return [warning.code for warning in silhouette.warnings]


def names(target="ACTIVE", **options):
    return sorted(item.name for item in targets.resolve(bpy.context, target, **options)[1])


def code(call):
    with pytest.raises(TargetError) as caught:
        call()
    assert caught.value.fix
    return caught.value.code


def test_armature(scene, person):
    body, rig = person
    assert code(lambda: names("ARMATURE")) == "no_armature"
    assert code(lambda: names("ARMATURE", armature="Nobody")) == "no_armature"
    assert code(lambda: names("ARMATURE", armature="Body")) == "no_armature"
    assert names("ARMATURE", armature="Rig") == ["Body"]
    scene.maskel.character.armature = rig
    bpy.context.view_layer.objects.active = scene.camera
    assert names("ARMATURE") == ["Body"]
    bpy.data.objects.remove(body)
    assert code(lambda: names("ARMATURE")) == "no_target"
    scene.collection.objects.unlink(rig)
    assert code(lambda: names("ARMATURE")) == "no_armature"


def test_leave_out_and_count_again(scene, person):
    body, rig = person
    for name in ("Hair", "Coat"):
        people.ball(scene, name).parent = rig
    select(scene.camera)
    with pytest.raises(RuntimeError, match="Select what is not body first"):
        bpy.ops.maskel.leave_out()
    assert "Select what is not body first" in draw("MASKEL_PT_character")
    select(scene.objects["Hair"], scene.camera)
    active = bpy.context.view_layer.objects.active
    for _ in range(2):
        assert bpy.ops.maskel.leave_out() == {"FINISHED"}
    assert [entry.object.name for entry in scene.maskel.character.left_out] == ["Hair"]
    assert names() == ["Body", "Coat"]
    assert bpy.context.view_layer.objects.active == active
    assert [item.name for item in scene.objects if item.select_get()] == ["Camera", "Hair"]
    assert {"Hair", "maskel.count_again "} <= set(draw("MASKEL_PT_character"))
    with pytest.raises(RuntimeError, match="no entry 5"):
        bpy.ops.maskel.count_again(index=5)
    bpy.ops.maskel.count_again(index=0)
    assert names() == ["Body", "Coat", "Hair"]
    select(body, scene.objects["Hair"], scene.objects["Coat"])
    bpy.ops.maskel.leave_out()
    assert code(names) == "all_left_out"
    bpy.ops.maskel.count_again()
    assert len(names()) == 3


def test_leave_out_collection(scene, person):
    _, rig = person
    clothes, inner = (bpy.data.collections.new(name) for name in ("Clothes", "Buttons"))
    scene.collection.children.link(clothes)
    clothes.children.link(inner)
    for name, collection in (("Coat", clothes), ("Button", inner)):
        item = people.ball(scene, name)
        item.parent = rig
        scene.collection.objects.unlink(item)
        collection.objects.link(item)
    bpy.context.view_layer.update()
    assert names() == ["Body", "Button", "Coat"]
    for _ in range(2):
        bpy.ops.maskel.leave_out_collection(collection="Clothes")
    assert len(scene.maskel.character.left_out_collections) == 1
    assert names() == ["Body"]
    assert "Clothes" in draw("MASKEL_PT_character")
    for wrong in ("Nobody", ""):
        with pytest.raises(RuntimeError, match="Click a collection"):
            bpy.ops.maskel.leave_out_collection(collection=wrong)
    bpy.ops.maskel.count_again(kind="COLLECTION", index=0)
    assert len(names()) == 3


def test_a_deleted_object_stays_harmless_on_the_list(scene, person):
    hair = people.ball(scene, "Hair")
    select(hair)
    bpy.ops.maskel.leave_out()
    bpy.ops.object.delete()
    assert names() == ["Body"]
    assert any("not in this scene" in text or text == "Deleted" for text in draw("MASKEL_PT_character"))
    bpy.ops.maskel.count_again(index=0)
    assert not scene.maskel.character.left_out


def test_fill_holes(scene, person):
    ring_mesh = bpy.data.meshes.new("Ring")
    points = [
        (r * math.cos(a), 0.0, 1.0 + r * math.sin(a))
        for r in (0.3, 0.6)
        for a in np.linspace(0, 2 * math.pi, 48, endpoint=False)
    ]
    ring_mesh.from_pydata(points, [], [(i, (i + 1) % 48, 48 + (i + 1) % 48, 48 + i) for i in range(48)])
    ring = bpy.data.objects.new("Ring", ring_mesh)
    scene.collection.objects.link(ring)
    open_mask = look(scene, [ring]).mask
    assert open_mask[200 - 30, 150] == 0
    scene.maskel.character.fill_holes = True
    filled = look(scene, [ring]).mask
    assert filled.sum() / open_mask.sum() == pytest.approx(0.36 / 0.27, rel=0.02)
    scene.maskel.character.largest_hole = 20.0
    np.testing.assert_array_equal(look(scene, [ring]).mask, open_mask)
    assert "largest_hole" in draw("MASKEL_PT_character")


def test_warnings(scene, person):
    body, _ = person
    camera = scene.camera
    assert codes(look(scene, [body])) == []
    camera.location.y = -1.2
    silhouette = look(scene, [body])
    assert codes(silhouette) == ["body_cropped"]
    assert "top" in silhouette.warnings[0].message
    camera.location.y = -25
    assert codes(look(scene, [body])) == ["body_tiny"]
    camera.location = (0.0, 0.0, 1.3)
    camera.data.clip_start = 0.01
    assert "camera_inside" in codes(look(scene, [body]))
    camera.location = (0.0, -4.5, 1.1)
    camera.data.clip_start = 4.5
    assert codes(look(scene, [body])) == ["body_cut"]
    camera.data.clip_start, camera.data.clip_end = 0.1, 4.5
    assert codes(look(scene, [body])) == ["body_cut"]


def test_region_edges_count(scene, person):
    body, _ = person
    scene.render.use_border = True
    scene.render.border_min_x, scene.render.border_max_x = 0.0, 1.0
    scene.render.border_min_y, scene.render.border_max_y = 0.5, 1.0
    for crop in (False, True):
        scene.render.use_crop_to_border = crop
        (warning,) = look(scene, [body]).warnings
        assert warning.code == "body_cropped"
        assert "bottom" in warning.message


@pytest.mark.parametrize("lens", ["PERSP", "ORTHO"])
def test_side(scene, person, lens):
    body, rig = person
    scene.camera.data.type = lens
    seen = {}
    for place in ((0, -5, 1), (0, 5, 1), (5, 0, 1), (-5, 0, 1)):
        camera = bench.add_camera(scene, location=place)
        camera.data.type = lens
        seen[place[:2]] = look(scene, [body]).side
    assert seen == {(0, -5): "front", (0, 5): "back", (5, 0): "left", (-5, 0): "right"}
    hips = rig.pose.bones["hips"]
    hips.rotation_mode, hips.rotation_euler = "XYZ", (0.0, math.pi, 0.0)
    assert look(scene, [body]).side == "left"
    scene.maskel.character.side = "BACK"
    assert look(scene, [body]).side == "back"
    scene.maskel.character.side = "UNKNOWN"
    assert look(scene, [body]).side == "unknown"
    scene.maskel.character.side = "AUTO"
    body.modifiers.clear()
    body.parent = None
    assert look(scene, [body]).side == "unknown"


def test_side_follows_the_frame(scene, person):
    body, rig = person
    for frame, angle in ((1, 0.0), (20, math.pi)):
        rig.rotation_euler.z = angle
        rig.keyframe_insert("rotation_euler", frame=frame)
    sides = []
    for frame in (1, 20):
        scene.frame_set(frame)
        sides.append(look(scene, [body]).side)
    assert sides == ["front", "back"]


def test_warnings_reach_the_panel(scene, person, server):
    body, _ = person
    scene.camera.location.y = -1.2
    bpy.context.view_layer.update()
    bpy.context.view_layer.objects.active = body
    bpy.ops.maskel.generate()
    assert [warning.code for warning in SESSION.warnings] == ["body_cropped"]
    assert "cropped" in " ".join(draw("MASKEL_PT_character"))


def test_check(scene, person):
    assert bpy.ops.maskel.check_silhouette() == {"FINISHED"}
    assert SESSION.message == "Sees Camera: front"
    assert SESSION.warnings == ()
    scene.camera.location.y = -1.2
    assert bpy.ops.maskel.check_silhouette() == {"FINISHED"}
    assert [warning.code for warning in SESSION.warnings] == ["body_cropped"]
    scene.camera.rotation_euler.z = math.pi
    with pytest.raises(RuntimeError, match="does not see the character"):
        bpy.ops.maskel.check_silhouette()


@pytest.mark.parametrize("target", ["ACTIVE", "SELECTED", "COLLECTION", "ARMATURE"])
def test_panel_for_each_target(scene, person, target):
    scene.maskel.target = target
    drawn = draw("MASKEL_PT_character")
    assert ("collection" in drawn) == (target == "COLLECTION")
    assert ("armature" in drawn) == (target == "ARMATURE")


def test_generate_for_an_armature(scene, person, server):
    _, rig = person
    scene.maskel.character.armature = rig
    bpy.context.view_layer.objects.active = None
    assert bpy.ops.maskel.generate(target="ARMATURE") == {"FINISHED"}
    (plane,) = [item for item in bpy.data.objects if item.get("maskel_role") == "xray_plane"]
    assert plane["maskel_target"] == "Rig"
