"""What counts as the character."""

import bpy
import pytest

from maskel_blender import targets
from maskel_blender.errors import TargetError


def names(target, collection=""):
    return sorted(item.name for item in targets.resolve(bpy.context, target, collection)[1])


def code(target, collection=""):
    with pytest.raises(TargetError) as caught:
        targets.resolve(bpy.context, target, collection)
    assert caught.value.fix
    return caught.value.code


def activate(item):
    bpy.context.view_layer.objects.active = item


def add(scene, name, parent=None):
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata([(0, 0, 0), (1, 0, 0), (0, 0, 1)], [], [(0, 1, 2)])
    made = bpy.data.objects.new(name, mesh)
    scene.collection.objects.link(made)
    made.parent = parent
    return made


def test_active(scene, character):
    assert names("ACTIVE") == ["Figure"]
    activate(character.parent)
    hat = add(scene, "Hat", character.parent)
    add(scene, "Rock")
    coat = add(scene, "Coat")
    coat.modifiers.new("Armature", "ARMATURE").object = character.parent
    assert names("ACTIVE") == ["Coat", "Figure", "Hat"]
    hat.hide_render = True
    assert names("ACTIVE") == ["Coat", "Figure"]
    root = bpy.data.objects.new("Root", None)
    scene.collection.objects.link(root)
    character.parent.parent = root
    activate(root)
    assert names("ACTIVE") == ["Figure"]


def test_selected(scene, character):
    add(scene, "Hat").select_set(True)
    scene.camera.select_set(True)
    assert names("SELECTED") == ["Figure", "Hat"]
    for item in scene.objects:
        item.select_set(False)
    assert code("SELECTED") == "no_target"


def test_collection(scene, character):
    group = bpy.data.collections.new("Hero")
    scene.collection.children.link(group)
    inner = bpy.data.collections.new("Clothes")
    group.children.link(inner)
    group.objects.link(add(scene, "Body"))
    coat = add(scene, "Coat")
    scene.collection.objects.unlink(coat)
    inner.objects.link(coat)
    assert names("COLLECTION", "Hero") == ["Body", "Coat"]
    inner.hide_render = True
    assert names("COLLECTION", "Hero") == ["Body"]
    assert code("COLLECTION", "Nobody") == "no_collection"


def test_nothing_usable(scene, character):
    activate(scene.camera)
    assert code("ACTIVE") == "no_target"
    activate(None)
    assert code("ACTIVE") == "no_target"
    activate(character)
    character.hide_render = True
    assert code("ACTIVE") == "hidden_target"
