"""Nothing of the user's file changes but that the results are there."""

import bpy
import pytest

from maskel_blender.silhouette.capture import capture
from tests.blender.snapshot import snapshot


def furnish(scene, character):
    """A file with more in it than a character."""
    scene.frame_set(7, subframe=0.25)
    scene.world = bpy.data.worlds.new("Sky")
    light = bpy.data.objects.new("Sun", bpy.data.lights.new("Sun", "SUN"))
    scene.collection.objects.link(light)
    light.hide_render = True
    hidden = bpy.data.collections.new("Hidden")
    scene.collection.children.link(hidden)
    hidden.hide_viewport = True
    bpy.context.view_layer.layer_collection.children["Hidden"].exclude = True
    second = bpy.data.objects.new("Second", bpy.data.cameras.new("Second"))
    scene.collection.objects.link(second)
    second.select_set(True)
    other = bpy.data.scenes.new("Other")
    other.collection.objects.link(character)
    scene.render.engine = "CYCLES"
    scene.render.use_border, scene.render.resolution_percentage = False, 90
    bpy.context.view_layer.update()


def differences(before, after, path=""):
    """Paths of what differs, with both values."""
    if isinstance(before, dict) and isinstance(after, dict):
        found = {}
        for key in before.keys() | after.keys():
            found |= differences(before.get(key), after.get(key), f"{path}/{key}")
        return found
    return {} if before == after else {path: (before, after)}


@pytest.mark.parametrize("mode", ["OBJECT", "EDIT", "POSE", "WEIGHT_PAINT", "SCULPT"])
def test_capture(scene, character, mode):
    furnish(scene, character)
    layer = bpy.context.view_layer
    layer.objects.active = character.parent if mode == "POSE" else character
    bpy.ops.object.mode_set(mode=mode)
    before = snapshot()
    capture(scene, [character], scene.camera)
    assert differences(before, snapshot()) == {}


def test_generate(scene, character, server):
    furnish(scene, character)
    before = snapshot()
    assert bpy.ops.maskel.generate() == {"FINISHED"}
    made = [*bpy.data.collections["MaSkel"].objects, *(i for i in bpy.data.images if i.get("maskel_role"))]
    new = frozenset({"MaSkel", *(item.name for item in made)})
    after = snapshot(new)
    assert differences(before, after) == {}
    assert [item.name for item in scene.collection.children] == ["Hidden", "MaSkel"]


def test_failure_leaves_nothing(scene, character, server):
    furnish(scene, character)
    server.faults.error = (500, {"code": "internal", "message": "Broken.", "fix": "Mend it."})
    before = snapshot()
    with pytest.raises(RuntimeError, match="Mend it"):
        bpy.ops.maskel.generate()
    assert differences(before, snapshot()) == {}


def test_handlers_of_others_are_not_called(scene, character):
    calls = []

    def note(*arguments):
        calls.append(arguments)

    lists = [
        getattr(bpy.app.handlers, name)
        for name in ("render_pre", "render_complete", "frame_change_post", "render_init")
    ]
    for handlers in lists:
        handlers.append(note)
    try:
        capture(scene, [character], scene.camera)
        assert calls == []
        assert all(note in handlers for handlers in lists)
    finally:
        for handlers in lists:
            handlers.remove(note)


def test_edit_mode_changes_count(scene, character):
    import bmesh

    character.modifiers.clear()
    character.data.clear_geometry()
    character.data.from_pydata(
        [(-0.5, 0, 0.5), (0.5, 0, 0.5), (0.5, 0, 1.5), (-0.5, 0, 1.5)], [], [(0, 1, 2, 3)]
    )
    before = capture(scene, [character], scene.camera).mask
    bpy.context.view_layer.objects.active = character
    bpy.ops.object.mode_set(mode="EDIT")
    edited = bmesh.from_edit_mesh(character.data)
    for vertex in edited.verts:
        vertex.co *= 0.5
    bmesh.update_edit_mesh(character.data)
    assert capture(scene, [character], scene.camera).mask.sum() < 0.5 * before.sum()
