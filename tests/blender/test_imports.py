"""Characters from other files: glTF and FBX imports, linked libraries and overrides; see test_characters.py."""

import bpy
import pytest

from benchmarks import blender_scene as bench
from maskel_blender import targets
from maskel_blender.silhouette.capture import capture
from tests.blender import people
from tests.blender.people import agrees, of_armature


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["gltf", "fbx"])
@pytest.mark.parametrize("make", ["BLENDER", "MIXAMO"])
def test_imports(scene, tmp_path, kind, make):
    _, rig = people.person(scene, getattr(people, make))
    coat = people.ball(scene, "Coat", (0, 0, 1.3), 0.25, (1, 0.8, 1.2))
    coat.parent = rig
    rig.rotation_euler.z = 0.3
    bpy.context.view_layer.update()
    path = str(tmp_path / f"person.{'glb' if kind == 'gltf' else 'fbx'}")
    if kind == "gltf":
        bpy.ops.export_scene.gltf(filepath=path)
    else:
        bpy.ops.export_scene.fbx(filepath=path, add_leaf_bones=False)
    scene = bench.empty_scene()
    if kind == "gltf":
        bpy.ops.import_scene.gltf(filepath=path)
    else:
        bpy.ops.import_scene.fbx(filepath=path)
    people.view(scene)
    (imported,) = [item for item in scene.objects if item.type == "ARMATURE"]
    objects = of_armature(scene, imported)
    assert sorted(item.name for item in objects) == ["Body", "Coat"]
    assert agrees(scene, objects).side == "front"


@pytest.mark.slow
@pytest.mark.parametrize("way", ["instance", "linked", "override"])
def test_linked_library(scene, tmp_path, way):
    body, rig = people.person(scene)
    held = bpy.data.collections.new("Held")
    hero = bpy.data.collections.new("Hero")
    cap = people.ball(scene, "Cap", (0, 0, 1.9), 0.2)
    held.objects.link(cap)
    cap.parent = rig
    hero.children.link(held)
    for item in (body, rig):
        hero.objects.link(item)
    path = str(tmp_path / "Bücher" / "hero.blend")
    (tmp_path / "Bücher").mkdir()
    bpy.data.libraries.write(path, {hero})
    scene = bench.empty_scene()
    people.view(scene)
    with bpy.data.libraries.load(path, link=True) as (_, wanted):
        wanted.collections = ["Hero"]
    hero = bpy.data.collections["Hero"]
    if way == "instance":
        empty = bpy.data.objects.new("Hero", None)
        empty.instance_type, empty.instance_collection = "COLLECTION", hero
        scene.collection.objects.link(empty)
        bpy.context.view_layer.objects.active = empty
        objects = targets.resolve(bpy.context, "ACTIVE")[1]
    else:
        scene.collection.children.link(hero)
        if way == "override":
            hero = hero.override_hierarchy_create(scene, bpy.context.view_layer, do_fully_editable=True)
            for collection in list(scene.collection.children):
                if collection.library is not None:
                    scene.collection.children.unlink(collection)
            (rig,) = [item for item in hero.all_objects if item.type == "ARMATURE"]
            rig.pose.bones["upper_arm.R"].rotation_mode = "XYZ"
            rig.pose.bones["upper_arm.R"].rotation_euler = (0.5, 0.4, 0.9)
            bpy.context.view_layer.update()
        rig = next(item for item in hero.all_objects if item.type == "ARMATURE")
        objects = of_armature(scene, rig)
        assert len(objects) == 2
    whole = agrees(scene, objects)
    assert whole.side == "front"
    (held,) = [item for item in hero.children_recursive if item.name.startswith("Held")]
    scene.maskel.character.left_out_collections.add().collection = held
    bare = capture(scene, objects, scene.camera, options=targets.silhouette_options(scene))
    assert bare.mask.sum() < 0.97 * whole.mask.sum()
