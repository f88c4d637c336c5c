"""The silhouette against independent Cycles renders with the material overridden."""

import bmesh
import bpy
import numpy as np
import pytest
from mathutils import Matrix

from benchmarks import blender_scene as bench
from maskel_blender.errors import CameraError, SilhouetteError
from maskel_blender.silhouette.camera import find_camera
from maskel_blender.silhouette.capture import capture

LIMIT = 0.998


def agrees(scene, objects, samples=5):
    mask = capture(scene, objects, scene.camera, samples).mask
    reference = bench.cycles_silhouette(scene) >= 0.5
    assert mask.shape == reference.shape
    assert reference.any()
    assert bench.iou(mask >= 128, reference) >= LIMIT
    return mask


@pytest.mark.parametrize("samples", [1, 5])
def test_render_level_of_subdivision_counts(scene, character, samples):
    mask = agrees(scene, [character], samples)
    character.modifiers["Subdivision"].render_levels = 0
    coarse = capture(scene, [character], scene.camera, samples).mask
    assert bench.iou(mask >= 128, coarse >= 128) < 0.99, "the test needs a difference to see"
    agrees(scene, [character], samples)


def test_modifier_only_in_renders(scene, character):
    before = capture(scene, [character], scene.camera).mask
    fat = character.modifiers.new("Displace", "DISPLACE")
    fat.strength, fat.show_viewport = 0.05, False
    mask = agrees(scene, [character])
    assert mask.sum() > 1.05 * before.sum()


def test_instances_of_a_collection(scene, character):
    source = bpy.data.collections.new("Source")
    for item in (character, character.parent):
        source.objects.link(item)
        scene.collection.objects.unlink(item)
    pair = []
    for x in (-0.7, 0.6):
        empty = bpy.data.objects.new("Instance", None)
        empty.instance_type, empty.instance_collection = "COLLECTION", source
        empty.matrix_world = Matrix.Translation((x, 0.0, 0.0)) @ Matrix.Rotation(x, 4, "Z")
        scene.collection.objects.link(empty)
        pair.append(empty)
    mask = agrees(scene, pair)
    assert mask.sum() > 1.5 * capture(scene, pair[:1], scene.camera).mask.sum()


def test_instances_of_geometry_nodes(scene, character):
    tree = bpy.data.node_groups.new("Scatter", "GeometryNodeTree")
    tree.interface.new_socket("Geometry", in_out="OUTPUT", socket_type="NodeSocketGeometry")
    grid, cube, spread = (
        tree.nodes.new(f"GeometryNode{kind}") for kind in ("MeshGrid", "MeshCube", "InstanceOnPoints")
    )
    cube.inputs["Size"].default_value = (0.3, 0.3, 0.3)
    grid.inputs["Vertices X"].default_value = 3
    output = tree.nodes.new("NodeGroupOutput")
    tree.links.new(grid.outputs["Mesh"], spread.inputs["Points"])
    tree.links.new(cube.outputs["Mesh"], spread.inputs["Instance"])
    tree.links.new(spread.outputs["Instances"], output.inputs[0])
    holder = bpy.data.objects.new("Scatter", bpy.data.meshes.new("Scatter"))
    scene.collection.objects.link(holder)
    holder.location = (0.0, 0.0, 1.0)
    holder.modifiers.new("Nodes", "NODES").node_group = tree
    character.hide_render = True
    agrees(scene, [holder])


def test_several_objects_shape_keys_curves(scene, character):
    ball = bpy.data.meshes.new("Ball")
    shape = bmesh.new()
    bmesh.ops.create_icosphere(shape, subdivisions=3, radius=0.2)
    shape.to_mesh(ball)
    shape.free()
    item = bpy.data.objects.new("Ball", ball)
    scene.collection.objects.link(item)
    item.location = (0.8, 0.0, 1.5)
    item.shape_key_add(name="Basis")
    key = item.shape_key_add(name="Long")
    for point in key.data:
        point.co.z *= 3.0
    key.value = 0.8
    curve = bpy.data.curves.new("Staff", "CURVE")
    curve.dimensions, curve.bevel_depth = "3D", 0.03
    spline = curve.splines.new("POLY")
    spline.points.add(1)
    spline.points[0].co, spline.points[1].co = (-0.9, 0, 0.2, 1), (-0.7, 0, 1.6, 1)
    staff = bpy.data.objects.new("Staff", curve)
    scene.collection.objects.link(staff)
    agrees(scene, [character, item, staff])


def test_hide_render(scene, character):
    other = character.copy()
    scene.collection.objects.link(other)
    other.location.x += 0.7
    both = capture(scene, [character, other], scene.camera).mask
    other.hide_render = True
    assert agrees(scene, [character, other]).sum() < 0.8 * both.sum()
    character.hide_render = True
    with pytest.raises(SilhouetteError) as caught:
        capture(scene, [character, other], scene.camera)
    assert caught.value.code == "nothing_rendered"


def test_viewport_visibility_does_not_count(scene, character):
    before = capture(scene, [character], scene.camera).mask
    character.hide_set(True)
    np.testing.assert_array_equal(capture(scene, [character], scene.camera).mask, before)


@pytest.mark.parametrize("place", [(0.0, -0.25, 1.25), (0.0, 0.02, 1.3), (0.3, -0.4, 1.2)])
def test_camera_at_and_inside_the_body(scene, character, place):
    scene.camera.location = place
    scene.camera.data.clip_start = 0.05
    agrees(scene, [character], samples=1)


def test_clip_range(scene, character):
    whole = capture(scene, [character], scene.camera).mask
    scene.camera.data.clip_start, scene.camera.data.clip_end = 4.4, 4.6
    assert agrees(scene, [character], samples=1).sum() < whole.sum()


def test_frame_counts(scene, character):
    character.parent.location.x = 0.0
    character.parent.keyframe_insert("location", frame=1)
    character.parent.location.x = 0.6
    character.parent.keyframe_insert("location", frame=10)
    masks = []
    for frame in (1, 10):
        scene.frame_set(frame)
        masks.append(agrees(scene, [character]))
    assert bench.iou(masks[0] > 0, masks[1] > 0) < 0.3


def test_transparent_material_and_depth_of_field_do_not_count(scene, character):
    before = capture(scene, [character], scene.camera).mask
    glass = bpy.data.materials.new("Glass")
    glass.diffuse_color = (1, 1, 1, 0)
    character.data.materials.append(glass)
    scene.camera.data.dof.use_dof = True
    scene.camera.data.dof.aperture_fstop = 0.1
    np.testing.assert_array_equal(capture(scene, [character], scene.camera).mask, before)


def test_not_in_view(scene, character):
    scene.camera.rotation_euler = (1.5, 0.0, 3.1)
    with pytest.raises(SilhouetteError) as caught:
        capture(scene, [character], scene.camera)
    assert caught.value.code == "not_in_view"


def test_cameras_that_cannot_be_used(scene, character):
    def code(name=""):
        with pytest.raises(CameraError) as caught:
            find_camera(scene, name)
        assert caught.value.fix
        return caught.value.code

    assert code("Nobody") == "no_camera"
    assert code(character.name) == "not_a_camera"
    scene.camera.data.type = "PANO"
    assert code() == "panoramic_camera"
    scene.camera = None
    assert code() == "no_camera"


def test_a_context_without_a_window(scene, character):
    """As the functions have that `--command` calls."""
    scenes = [item.name for item in bpy.data.scenes]
    with bpy.context.temp_override(window=None):
        assert capture(scene, [character], scene.camera, 1).mask.any()
    assert [item.name for item in bpy.data.scenes] == scenes
