"""Characters of every make: the silhouette against a Cycles render with the material overridden."""

import math

import bpy
import numpy as np
import pytest
from mathutils import Euler, Matrix

from benchmarks import blender_scene as bench
from maskel_blender import targets
from maskel_blender.errors import SilhouetteError
from maskel_blender.silhouette.capture import capture
from tests.blender import people
from tests.blender.people import agrees, of_armature


@pytest.fixture
def person(scene):
    """Body and rig before a camera, at 320 x 400 pixels."""
    body, rig = people.person(scene)
    people.view(scene)
    return body, rig


def test_clothes_and_strands(scene, person):
    _body, rig = person
    coat = people.ball(scene, "Coat", (0, 0, 1.25), 0.3)
    coat.parent = rig
    coat.modifiers.new("Solidify", "SOLIDIFY").thickness = 0.04
    cap = people.ball(scene, "Cap", (0, 0, 1.75), 0.16)
    cap.parent = rig
    # strands never count, neither as particles nor as curves
    strands = people.hair_curves(scene)
    strands.parent = rig
    cap.modifiers.new("Fur", "PARTICLE_SYSTEM")
    fur = cap.particle_systems[0].settings
    fur.type, fur.count, fur.hair_length = "HAIR", 200, 0.3
    objects = of_armature(scene, rig)
    assert sorted(item.name for item in objects) == ["Body", "Cap", "Coat"]
    fur_on = cap.modifiers["Fur"]
    whole = capture(scene, objects, scene.camera)
    fur_on.show_render = False
    whole_without_fur = agrees(scene, objects, hidden=[strands])
    np.testing.assert_array_equal(whole.mask, whole_without_fur.mask)
    for item in (coat, cap):
        scene.maskel.character.left_out.add().object = item
    bare = agrees(scene, of_armature(scene, rig), hidden=[strands, coat, cap])
    assert bare.mask.sum() < 0.95 * whole.mask.sum()


@pytest.mark.parametrize("times", [1, 2])
def test_left_out_within_instances(scene, person, times):
    body, rig = person
    prop = people.ball(scene, "Prop", (0.7, 0, 1.0), 0.3)
    source = bpy.data.collections.new("Source")
    props = bpy.data.collections.new("Props")
    source.children.link(props)
    for item in (body, rig):
        source.objects.link(item)
        scene.collection.objects.unlink(item)
    props.objects.link(prop)
    scene.collection.objects.unlink(prop)
    for _ in range(times):
        empty = bpy.data.objects.new("Instance", None)
        empty.instance_type, empty.instance_collection = "COLLECTION", source
        source = bpy.data.collections.new("Outer")
        source.objects.link(empty)
    scene.collection.objects.link(empty)
    empty.rotation_euler.z = math.radians(180)
    bpy.context.view_layer.objects.active = empty
    objects = targets.resolve(bpy.context, "ACTIVE")[1]
    whole = agrees(scene, objects)
    scene.maskel.character.left_out_collections.add().collection = props
    prop.hide_render = True
    bare = agrees(scene, objects)
    assert bare.mask.sum() < 0.9 * whole.mask.sum()
    prop.hide_render = False
    np.testing.assert_array_equal(
        capture(scene, objects, scene.camera, options=targets.silhouette_options(scene)).mask, bare.mask
    )
    assert bare.side == "back"
    scene.maskel.character.left_out.add().object = body
    with pytest.raises(SilhouetteError) as caught:
        capture(scene, objects, scene.camera, options=targets.silhouette_options(scene))
    assert caught.value.code == "nothing_rendered"
    assert "panel Who" in caught.value.fix


def test_modifiers(scene, person):
    body, rig = person
    half = people.ball(scene, "Half", (0.2, 0, 0), 0.2, (1, 1, 2))
    half.parent = rig
    mirror = half.modifiers.new("Mirror", "MIRROR")
    mirror.mirror_object = rig
    subdivision = half.modifiers.new("Subdivision", "SUBSURF")
    subdivision.levels, subdivision.render_levels = 0, 2
    cutter = people.ball(scene, "Cutter", (0.05, -0.1, 1.35), 0.2)
    cutter.hide_render = True
    boolean = body.modifiers.new("Boolean", "BOOLEAN")
    boolean.object, boolean.solver = cutter, "EXACT"
    body.modifiers.new("Subdivision", "SUBSURF").render_levels = 1
    before = capture(scene, [body, half], scene.camera).mask
    assert bench.iou(before >= 128, agrees(scene, [body, half]).mask >= 128) == 1.0
    body.modifiers.remove(boolean)
    mirror.show_render = False
    assert agrees(scene, [body, half]).mask.sum() != before.sum()


def test_driven_shape_key(scene, person):
    body, _ = person
    body.shape_key_add(name="Basis")
    fat = body.shape_key_add(name="Fat")
    for point in fat.data:
        point.co.x *= 1.6
    # a key comes with 0 or with 1, by Blender's version
    fat.value = 0.0
    before = agrees(scene, [body])
    driver = fat.driver_add("value").driver
    driver.type, driver.expression = "SCRIPTED", "frame / 10"
    scene.frame_set(8)
    assert agrees(scene, [body]).mask.sum() > 1.1 * before.mask.sum()


def test_hidden_parts(scene, person):
    body, _rig = person
    whole = agrees(scene, [body])
    # faces hidden in edit mode are rendered all the same, masked vertices are not
    for face in body.data.polygons:
        face.hide = True
    np.testing.assert_array_equal(capture(scene, [body], scene.camera).mask, whole.mask)
    mask = body.modifiers.new("Mask", "MASK")
    mask.vertex_group, mask.invert_vertex_group = "head", True
    assert agrees(scene, [body]).mask.sum() < 0.97 * whole.mask.sum()
    body.visible_camera = False
    ball = people.ball(scene, "Ball", (0, 0, 1), 0.3)
    assert agrees(scene, [body, ball]).mask.sum() < 0.9 * whole.mask.sum()


@pytest.mark.parametrize("scale", [(1.4, 0.6, 0.8), (-1.0, 1.0, 1.0), (0.7, -1.3, -1.0)])
def test_uneven_and_negative_scale(scene, person, scale):
    body, rig = person
    rig.scale = scale
    if scale[2] < 0:
        rig.location.z = 1.8
    rig.rotation_euler = (0.1, 0.2, 0.3)
    silhouette = agrees(scene, [body])
    if math.prod(scale) < 0:
        # a mirrored character has its left on its right
        assert silhouette.side == "unknown"


def test_geometry_nodes(scene, person):
    body, _rig = person
    tree = bpy.data.node_groups.new("Bigger", "GeometryNodeTree")
    tree.interface.new_socket("Geometry", in_out="INPUT", socket_type="NodeSocketGeometry")
    tree.interface.new_socket("Geometry", in_out="OUTPUT", socket_type="NodeSocketGeometry")
    source, output = tree.nodes.new("NodeGroupInput"), tree.nodes.new("NodeGroupOutput")
    shift, join, extrude = (
        tree.nodes.new(f"GeometryNode{kind}") for kind in ("Transform", "JoinGeometry", "ExtrudeMesh")
    )
    instance = tree.nodes.new("GeometryNodeGeometryToInstance")
    shift.inputs["Translation"].default_value = (0.5, 0.3, 0.0)
    extrude.inputs["Offset Scale"].default_value = 0.02
    tree.links.new(source.outputs[0], extrude.inputs["Mesh"])
    tree.links.new(source.outputs[0], shift.inputs["Geometry"])
    tree.links.new(shift.outputs[0], instance.inputs[0])
    tree.links.new(extrude.outputs["Mesh"], join.inputs[0])
    tree.links.new(instance.outputs[0], join.inputs[0])
    tree.links.new(join.outputs[0], output.inputs[0])
    before = capture(scene, [body], scene.camera)
    body.modifiers.new("Nodes", "NODES").node_group = tree
    assert agrees(scene, [body]).mask.sum() > 1.3 * before.mask.sum()


def test_several_armatures(scene, person):
    body, _rig = person
    other, other_rig = people.person(scene)
    other_rig.location = (0.6, 0.4, 0.0)
    # one mesh deformed by both, in turn
    second = body.modifiers.new("Second", "ARMATURE")
    second.object = other_rig
    assert [item.name for item in of_armature(scene, other_rig)] == [body.name, other.name]
    assert agrees(scene, [body, other]).side == "front"
    other_rig.rotation_euler.z = math.pi
    # now the two look to opposite sides
    assert agrees(scene, [body, other]).side == "unknown"


def test_parented_to_bones(scene, person):
    _body, rig = person
    for bone, size in (("forearm.L", 0.12), ("head", 0.2)):
        item = people.ball(scene, f"On {bone}", radius=size, scale=(1, 0.5, 1.5))
        item.parent, item.parent_type, item.parent_bone = rig, "BONE", bone
    shin = rig.pose.bones["shin.R"]
    shin.rotation_mode, shin.rotation_euler = "XYZ", Euler((0.8, 0, 0))
    assert len(of_armature(scene, rig)) == 3
    agrees(scene, of_armature(scene, rig))


def test_meshes_with_several_users(scene, person):
    body, _rig = person
    twin = bpy.data.objects.new("Twin", body.data)
    scene.collection.objects.link(twin)
    twin.matrix_world = Matrix.Translation((0.7, 0.3, 0)) @ Matrix.Diagonal((0.8, 0.8, 0.9, 1))
    third = bpy.data.objects.new("Third", body.data)
    scene.collection.objects.link(third)
    third.location.x = -0.8
    third.modifiers.new("Displace", "DISPLACE").strength = 0.05
    agrees(scene, [body, twin, third])


def test_instances_on_vertices(scene, person):
    body, _rig = person
    scale = people.ball(scene, "Scale", radius=0.05)
    scale.parent = body
    body.instance_type = "VERTS"
    objects = targets.from_objects(bpy.context, [body])
    for shown in (True, False):
        body.show_instancer_for_render = shown
        agrees(scene, objects)


def test_particle_instances(scene, person):
    body, _rig = person
    leaf = people.ball(scene, "Leaf", (9, 9, 9), radius=0.3)
    body.modifiers.new("Leaves", "PARTICLE_SYSTEM")
    leaves = body.particle_systems[0].settings
    leaves.type, leaves.count, leaves.render_type = "HAIR", 40, "OBJECT"
    leaves.instance_object, leaves.particle_size = leaf, 0.2
    before = capture(scene, [people.ball(scene, "Small", (0, 0, 1), 0.1)], scene.camera)
    whole = agrees(scene, [body], hidden=[leaf, scene.objects["Small"]])
    assert whole.mask.sum() > before.mask.sum()


def test_in_pose_mode_and_rest_position(scene, person):
    body, rig = person
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="POSE")
    arm = rig.pose.bones["upper_arm.R"]
    arm.rotation_mode, arm.rotation_euler = "XYZ", Euler((0, 0, 1.0))
    posed = agrees(scene, [body])
    rig.data.pose_position = "REST"
    assert bench.iou(agrees(scene, [body]).mask >= 128, posed.mask >= 128) < 0.97


def test_driver_of_the_active_scene(scene, person):
    body, _ = person
    before = agrees(scene, [body])
    scene["wide"] = 1.5
    driver = body.driver_add("scale", 0).driver
    driver.type, driver.expression = "SCRIPTED", "wide"
    variable = driver.variables.new()
    variable.name, variable.type = "wide", "CONTEXT_PROP"
    variable.targets[0].data_path = '["wide"]'
    bpy.context.view_layer.update()
    assert agrees(scene, [body]).mask.sum() > 1.2 * before.mask.sum()


def test_cloth_in_its_cache(scene, person):
    body, _ = person
    body.modifiers.clear()
    before = agrees(scene, [body])
    body.modifiers.new("Cloth", "CLOTH")
    for frame in range(1, 9):
        scene.frame_set(frame)
    assert bench.iou(agrees(scene, [body]).mask >= 128, before.mask >= 128) < 0.95


def test_metaballs_text_and_lattice(scene, person):
    body, _ = person
    balls = []
    for i, name in enumerate(("Meta", "Meta.001")):
        item = bpy.data.objects.new(name, bpy.data.metaballs.new(name))
        element = item.data.elements.new()
        element.co, element.radius = (0.3 * i, 0, 0), 0.4
        item.location = (0.6, 0, 1.2)
        scene.collection.objects.link(item)
        balls.append(item)
    letters = bpy.data.curves.new("Text", "FONT")
    letters.body, letters.extrude = "Ab", 0.05
    text = bpy.data.objects.new("Text", letters)
    scene.collection.objects.link(text)
    text.rotation_euler.x = math.pi / 2
    cage = bpy.data.objects.new("Lattice", bpy.data.lattices.new("Lattice"))
    scene.collection.objects.link(cage)
    cage.scale, cage.location.z = (2, 2, 3), 1.0
    for point in cage.data.points:
        point.co_deform.x *= 1.5
    body.modifiers.new("Lattice", "LATTICE").object = cage
    bpy.context.view_layer.update()
    agrees(scene, [body, text, *balls])


def test_simplify_and_constraints(scene, person):
    body, rig = person
    body.modifiers.new("Subdivision", "SUBSURF").render_levels = 2
    scene.render.use_simplify, scene.render.simplify_subdivision_render = True, 0
    leader = bpy.data.objects.new("Leader", None)
    scene.collection.objects.link(leader)
    leader.location.x = 0.3
    rig.constraints.new("COPY_LOCATION").target = leader
    rig.pose.bones["upper_arm.L"].constraints.new("DAMPED_TRACK").target = scene.camera
    rig.hide_render = rig.hide_viewport = True
    bpy.context.view_layer.update()
    agrees(scene, [body])


def test_rigid_body_physics_is_warned_of(scene, person):
    body, rig = person
    bpy.context.view_layer.objects.active = rig
    bpy.ops.rigidbody.world_add()
    assert not capture(scene, [body], scene.camera).warnings
    held = bpy.data.collections.new("Held")
    scene.rigidbody_world.collection = held
    held.objects.link(body)
    bpy.context.view_layer.update()
    assert [item.code for item in capture(scene, [body], scene.camera).warnings] == ["rigid_body"]
