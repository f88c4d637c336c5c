"""Results after they were made: restyled, placed otherwise, kept as versions, hidden, deleted, saved, without the server."""

import bpy
import numpy as np
import pytest

from benchmarks import blender_scene as bench
from maskel_blender.client.png import read_text
from maskel_blender.placement import results, visibility
from maskel_blender.session import SESSION
from maskel_blender.settings.result import chosen_result
from maskel_blender.style.layers import decode
from maskel_blender.style.paint import paint


def pictures():
    return sorted(
        (image for image in bpy.data.images if image.get("maskel_role") == "xray_picture"),
        key=lambda image: image["maskel_number"],
    )


def placed(role=None):
    return [
        item
        for item in bpy.data.objects
        if item.get("maskel_role") in ("xray_plane", "xray_empty") and role in (None, item["maskel_role"])
    ]


def pixels_of(image):
    values = np.empty(image.size[0] * image.size[1] * 4, np.float32)
    image.pixels.foreach_get(values)
    return (values.reshape(image.size[1], image.size[0], 4)[::-1] * 255).round()


def layers_of(image):
    return decode(bytes(image["maskel_source"].packed_file.data))


@pytest.fixture
def result(scene, character, server):
    assert bpy.ops.maskel.generate() == {"FINISHED"}
    (image,) = pictures()
    return image


@pytest.mark.parametrize("style", ["dxa", "radiograph", "bone", "inverted"])
def test_style_needs_no_server(result, server, style):
    asked = len(server.calls)
    result.maskel.style = style
    np.testing.assert_array_equal(pixels_of(result), paint(layers_of(result), style))
    assert result["maskel_style"] == placed()[0]["maskel_style"] == style
    assert read_text(bytes(result.packed_file.data))["MaSkel style"] == style
    assert len(server.calls) == asked
    assert bpy.context.scene.maskel.style == style


def test_layers_and_colours(result):
    look = result.maskel.look
    look.shown = "BONE"
    look.bone_colour = (1.0, 0.5, 0.0)
    wanted = paint(layers_of(result), "dxa", "BONE", (1.0, 0.5, 0.0))
    np.testing.assert_array_equal(pixels_of(result), wanted)
    look.shown = "SOFT"
    assert pixels_of(result)[..., :3].max() < wanted[..., :3].max()


def test_without_layers_style_stays(scene, character, server):
    server.faults.without_layers = True
    bpy.ops.maskel.generate(style="bone")
    (image,) = pictures()
    assert not results.has_layers(image)
    before = pixels_of(image)
    # the stand-in's X-ray is 0.6 of the mask
    assert np.abs(before[..., 0] - before[..., 3] * 0.6).max() <= 1
    image.maskel.style = "inverted"
    np.testing.assert_array_equal(pixels_of(image), before)
    assert image["maskel_style"] == "bone"
    image.maskel.look.placement = "BACKGROUND"
    assert results.placement_of(image) == "BACKGROUND"


def test_every_placement_from_every_other(result, scene):
    camera = scene.camera.data
    counts = [len(getattr(bpy.data, name)) for name in ("images", "cameras")]
    before = pixels_of(result)
    for wanted in ("EMPTY", "PLANE", "BACKGROUND", "EMPTY", "BACKGROUND", "PLANE"):
        result.maskel.look.placement = wanted
        assert results.placement_of(result) == wanted
        assert len(placed()) == (wanted != "BACKGROUND")
        assert len(camera.background_images) == (wanted == "BACKGROUND")
        assert len(bpy.data.meshes) == 1 + (wanted == "PLANE")
        assert len(bpy.data.materials) == (wanted == "PLANE")
        assert [len(getattr(bpy.data, name)) for name in ("images", "cameras")] == counts
        if wanted != "BACKGROUND":
            (item,) = placed()
            assert item.name == "X-ray Figure Camera"
            assert item["maskel_mask_sha256"] == result["maskel_mask_sha256"]
            assert item.name in bpy.data.collections["MaSkel"].objects
        np.testing.assert_array_equal(pixels_of(result), before)
    assert not [item for item in bpy.data.collections["MaSkel"].objects if item.get("maskel_role") is None]


@pytest.mark.parametrize("placement", ["PLANE", "EMPTY", "BACKGROUND"])
def test_generated_as_wished(scene, character, server, placement):
    scene.maskel.result.look.placement = placement
    scene.maskel.result.look.opacity = 0.5
    bpy.ops.maskel.generate()
    (image,) = pictures()
    assert results.placement_of(image) == placement
    look = image.maskel.look
    if placement == "PLANE":
        nodes = placed()[0].data.materials[0].node_tree.nodes
        assert nodes["MaSkel Opacity"].inputs[1].default_value == 0.5
        (double,) = placed()[0].children
        assert double.color[3] == 0.5
        look.over = True
        assert placed()[0].show_in_front
        assert double.empty_image_depth == "FRONT"
    elif placement == "EMPTY":
        assert placed()[0].color[3] == 0.5
        look.over = True
        assert placed()[0].empty_image_depth == "FRONT"
        look.over = False
        assert placed()[0].empty_image_depth == "DEFAULT"
    else:
        (slot,) = scene.camera.data.background_images
        assert (slot.alpha, slot.display_depth) == (0.5, "FRONT")
        look.depth = "BEHIND"
        assert slot.display_depth == "BACK"
        assert scene.camera.data.show_background_images


def test_the_operators_placement_wins_and_stays(scene, character, server):
    bpy.ops.maskel.generate(placement="EMPTY")
    assert len(placed("xray_empty")) == 1
    bpy.ops.maskel.generate()
    assert len(placed("xray_empty")) == len(placed()) == 1
    bpy.ops.maskel.generate(placement="PLANE")
    assert len(placed("xray_plane")) == len(placed()) == 1


def depths(scene, item):
    to_camera = scene.camera.matrix_world.normalized().inverted()
    return [-(to_camera @ item.matrix_world @ vertex.co).z for vertex in item.data.vertices]


def test_depths(result, scene, character):
    graph = bpy.context.evaluated_depsgraph_get()
    body = character.evaluated_get(graph)
    seen = depths(scene, body)
    near, far = min(seen), max(seen)
    (item,) = placed()
    for where, low, high in (("FRONT", 0.9 * near, near), ("MIDDLE", near, far), ("BEHIND", far, 1.1 * far)):
        result.maskel.look.depth = where
        bpy.context.view_layer.update()
        at = depths(scene, item)
        assert max(at) - min(at) < 1e-4
        assert low < at[0] < high
    assert abs(depths(scene, item)[0] - (near + far) / 2) > 0.05


def test_replacing_keeps_what_the_user_changed(result, scene):
    (item,) = placed()
    item.name = "My plane"
    result.name = "My picture"
    own = bpy.data.materials.new("Mine")
    item.data.materials[0] = own
    result.maskel.look.opacity = 0.25
    result.maskel.look.bone_colour = (1.0, 0.0, 0.0)
    scene.maskel.result.look.opacity = 1.0
    item.hide_render = True
    bpy.ops.maskel.generate(style="bone")
    assert pictures() == [result]
    assert placed() == [item]
    assert (item.name, result.name) == ("My plane", "My picture")
    assert list(item.data.materials) == [own]
    assert result.maskel.look.opacity == 0.25
    assert result.maskel.style == "bone"
    assert item.hide_render
    assert not item.hide_viewport
    np.testing.assert_array_equal(
        pixels_of(result), paint(layers_of(result), "bone", bone_colour=(1.0, 0.0, 0.0))
    )


def test_a_moved_plane_stays_until_made_again(result):
    (item,) = placed()
    home = item.matrix_world.copy()
    item.location.x += 1.0
    bpy.context.view_layer.update()
    moved = item.matrix_world.copy()
    result.maskel.look.opacity = 0.5
    result.maskel.style = "bone"
    assert item.matrix_world == moved
    bpy.ops.maskel.generate()
    bpy.context.view_layer.update()
    assert item.matrix_world == home


@pytest.mark.parametrize("placement", ["PLANE", "EMPTY", "BACKGROUND"])
def test_versions(scene, character, server, placement):
    scene.maskel.result.keep = "VERSIONS"
    scene.maskel.result.look.placement = placement
    for style in ("dxa", "bone", "inverted"):
        bpy.ops.maskel.generate(style=style)

    def shown():
        if placement == "BACKGROUND":
            return [slot.image for slot in scene.camera.data.background_images if slot.show_background_image]
        return [
            item["maskel_picture"] for item in placed() if not item.hide_viewport and not item.hide_render
        ]

    first, second, third = pictures()
    assert [image.maskel.style for image in pictures()] == ["dxa", "bone", "inverted"]
    assert shown() == [third]
    bpy.ops.maskel.version_step(step=-1)
    assert shown() == [second]
    bpy.ops.maskel.version_step(step=-1)
    bpy.ops.maskel.version_step(step=-1)
    assert shown() == [first]
    bpy.ops.maskel.version_step(step=1)
    assert shown() == [second]
    bpy.ops.maskel.versions_delete_older(result=second.name)
    assert pictures() == [second, third]
    bpy.ops.maskel.result_delete(result=second.name)
    assert pictures() == [third]
    assert shown() == [third]
    bpy.ops.maskel.result_delete()
    assert not pictures() and not placed() and not scene.camera.data.background_images
    assert not [image for image in bpy.data.images if image.get("maskel_role")]
    assert character.name in bpy.data.objects


def test_the_users_hiding_is_respected(scene, character, server):
    scene.maskel.result.keep = "VERSIONS"
    bpy.ops.maskel.generate()
    (item,) = placed()
    item.hide_render = True
    bpy.ops.maskel.generate()
    bpy.ops.maskel.version_step(step=-1)
    assert item.hide_render
    assert not item.hide_viewport


def test_only_in_its_camera(result, scene):
    bench.add_camera(scene, "Side", location=(4.5, 0.0, 1.0))
    own = bpy.data.objects["Camera"]
    scene.camera = own
    bpy.context.view_layer.update()
    result.maskel.look.only_camera = True
    (item,) = placed()
    items = [item, *item.children]

    def look_through(camera):
        scene.camera = camera
        bpy.context.view_layer.update()
        return {(shown.hide_viewport, shown.hide_render) for shown in items}

    assert look_through(own) == {(False, False)}
    assert look_through(bpy.data.objects["Side"]) == {(True, True)}
    assert look_through(own) == {(False, False)}
    # what the user hides stays hidden
    item.hide_viewport = True
    look_through(bpy.data.objects["Side"])
    look_through(own)
    assert (item.hide_viewport, item.hide_render) == (True, False)
    item.hide_viewport = False
    look_through(bpy.data.objects["Side"])
    result.maskel.look.only_camera = False
    assert {(shown.hide_viewport, shown.hide_render) for shown in items} == {(False, False)}


def test_a_camera_bound_to_a_marker_counts(result, scene):
    bench.add_camera(scene, "Side", location=(4.5, 0.0, 1.0))
    for frame, name in ((1, "Camera"), (10, "Side")):
        scene.timeline_markers.new(name, frame=frame).camera = bpy.data.objects[name]
    result.maskel.look.only_camera = True
    (item,) = placed()
    for frame, hidden in ((1, False), (12, True), (5, False)):
        scene.frame_set(frame)
        assert item.hide_render == hidden


def test_undo_is_one_step(scene, character, server, monkeypatch):
    bpy.ops.ed.undo_push(message="before")
    bpy.ops.maskel.generate()
    bpy.ops.ed.undo_push(message="generate")
    name = pictures()[0].name
    bpy.data.images[name].maskel.look.placement = "EMPTY"
    bpy.ops.ed.undo_push(message="placement")
    bpy.data.images[name].maskel.style = "bone"
    bpy.ops.ed.undo_push(message="style")
    bpy.ops.maskel.result_delete()
    bpy.ops.ed.undo_push(message="delete")
    assert not pictures()
    bpy.ops.ed.undo()
    (image,) = pictures()
    np.testing.assert_array_equal(pixels_of(image), paint(layers_of(image), "bone"))
    bpy.ops.ed.undo()
    (image,) = pictures()
    assert image.maskel.style == "dxa"
    np.testing.assert_array_equal(pixels_of(image), paint(layers_of(image), "dxa"))
    assert placed("xray_empty")
    bpy.ops.ed.undo()
    assert placed("xray_plane") and not placed("xray_empty")
    bpy.ops.ed.undo()
    assert not pictures() and not placed()
    bpy.ops.ed.redo()
    assert len(placed("xray_plane")) == 1


@pytest.mark.parametrize("placement", ["PLANE", "EMPTY", "BACKGROUND"])
def test_layers_survive_purge_and_saving(scene, character, server, tmp_path, placement):
    bpy.ops.maskel.generate(placement=placement)
    bpy.ops.outliner.orphans_purge(do_recursive=True)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "saved.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "saved.blend"))
    (image,) = pictures()
    image.maskel.style = "inverted"
    np.testing.assert_array_equal(pixels_of(image), paint(layers_of(image), "inverted"))
    assert results.placement_of(image) == placement


def test_linked_and_appended(scene, character, server, tmp_path):
    bpy.ops.maskel.generate()
    path = str(tmp_path / "library.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    for link in (True, False):
        bpy.ops.wm.read_factory_settings(use_empty=True)
        with bpy.data.libraries.load(path, link=link) as (_, wanted):
            wanted.objects = ["X-ray Figure Camera"]
        (item,) = (loaded for loaded in wanted.objects if loaded)
        bpy.context.scene.collection.objects.link(item)
        (image,) = pictures()
        assert layers_of(image).bone.any()
        assert results.all_results() == [image]
        if link:
            with pytest.raises(RuntimeError, match="linked"):
                bpy.ops.maskel.result_delete(result=image.name)
            assert SESSION.error.code == "linked"
        else:
            image.maskel.style = "bone"
            np.testing.assert_array_equal(pixels_of(image), paint(layers_of(image), "bone"))


def test_others_things_are_left_alone(result, scene):
    camera = scene.camera.data
    own = bpy.data.images.new("Mine", 8, 8)
    slot = camera.background_images.new()
    slot.image, slot.alpha = own, 0.125
    child = bpy.data.objects.new("Pinned", None)
    scene.collection.objects.link(child)
    child.parent = placed()[0]
    bpy.data.collections["MaSkel"].objects.link(bpy.data.objects.new("Put here", None))
    result.maskel.look.placement = "BACKGROUND"
    # the user's own background would show too: the switch stays as it was
    assert not camera.show_background_images
    result.maskel.look.opacity = 0.5
    bpy.ops.maskel.result_delete()
    (left,) = camera.background_images
    assert left.image == own
    assert left.alpha == 0.125
    assert "Put here" in bpy.data.collections["MaSkel"].objects
    assert "Pinned" in bpy.data.objects


def test_background_of_a_camera_that_is_gone(result, scene):
    camera = scene.camera
    side = bench.add_camera(scene, "Side")
    bpy.data.objects.remove(camera)
    result.maskel.look.placement = "BACKGROUND"
    assert SESSION.error.code == "camera_gone"
    assert result.maskel.look.placement == results.placement_of(result) == "PLANE"
    assert scene.camera == side


def test_doubt_is_marked(scene, character, server):
    server.faults.familiarity = 0.31
    bpy.ops.maskel.generate()
    (image,) = pictures()
    assert image["maskel_familiarity"] == placed()[0]["maskel_familiarity"] == pytest.approx(0.31)
    server.faults.familiarity = None
    # another size is another request, which no kept answer serves
    bpy.ops.maskel.generate(size=100)
    assert "maskel_familiarity" not in image
    assert "maskel_familiarity" not in placed()[0]


def test_saving_a_picture(result, tmp_path):
    path = tmp_path / "röntgen"
    assert bpy.ops.maskel.result_save(filepath=str(path)) == {"FINISHED"}
    data = path.with_suffix(".png").read_bytes()
    assert data == bytes(result.packed_file.data)
    told = read_text(data)
    assert told["MaSkel camera"] == "Camera"
    assert told["MaSkel model"] == "fake"
    assert told["MaSkel mask SHA-256"] == result["maskel_mask_sha256"]
    assert "Not for medical use" in told["Disclaimer"]
    with pytest.raises(RuntimeError, match="folder you may write to"):
        bpy.ops.maskel.result_save(filepath=str(tmp_path / "nowhere" / "x.png"))


def test_settings_again(scene, character, server):
    bpy.ops.maskel.generate(style="bone", size=200)
    (image,) = pictures()
    image.maskel.look.opacity = 0.5
    settings = scene.maskel
    settings.style, settings.size, settings.result.look.opacity = "dxa", 0, 1.0
    settings.views.source = "ALL"
    bpy.ops.maskel.result_settings()
    assert (settings.style, settings.size, settings.result.look.opacity) == ("bone", 200, 0.5)
    assert settings.camera == scene.camera
    assert settings.views.source == "ACTIVE"


def test_picking_changes_no_visibility(scene, character, server):
    scene.maskel.result.keep = "VERSIONS"
    bpy.ops.maskel.generate()
    bpy.ops.maskel.generate()
    first, second = pictures()
    manager = bpy.context.window_manager
    assert bpy.data.images[manager.maskel_result_row] == second
    hidden = [item.hide_viewport for item in placed()]
    manager.maskel_result_row = bpy.data.images.find(first.name)
    assert bpy.data.images[manager.maskel_result_row] == first
    assert [item.hide_viewport for item in placed()] == hidden
    bpy.ops.maskel.result_show(result=first.name)
    assert [bool(visibility.reasons(image)) for image in (first, second)] == [False, True]


def test_nothing_to_act_on(scene, character, server):
    for operator in (bpy.ops.maskel.result_delete, bpy.ops.maskel.result_save, bpy.ops.maskel.version_step):
        assert not operator.poll()


def test_presets(scene, character, server, tmp_path, monkeypatch):
    monkeypatch.setattr(bpy.utils, "user_resource", lambda *_a, path="", **_k: _folder(tmp_path / path))
    settings = scene.maskel
    settings.style, settings.size = "inverted", 640
    settings.result.look.placement, settings.result.look.soft_colour = "EMPTY", (0.5, 0.25, 1.0)
    assert bpy.ops.maskel.preset_add(name="Clay look") == {"FINISHED"}
    (file,) = tmp_path.rglob("*.py")
    settings.style, settings.size, settings.result.look.placement = "dxa", 0, "PLANE"
    settings.result.look.soft_colour = (1.0, 1.0, 1.0)
    bpy.ops.script.execute_preset(filepath=str(file), menu_idname="MASKEL_MT_presets")
    assert (settings.style, settings.size, settings.result.look.placement) == ("inverted", 640, "EMPTY")
    assert tuple(settings.result.look.soft_colour) == (0.5, 0.25, 1.0)


def _folder(path):
    path.mkdir(parents=True, exist_ok=True)
    return str(path)


def test_a_background_of_a_part_keeps_its_detail(scene, character, server):
    render = scene.render
    render.use_border = render.use_crop_to_border = True
    render.border_min_x, render.border_max_x, render.border_min_y, render.border_max_y = 0.25, 0.75, 0.0, 1.0
    bpy.ops.maskel.generate(size=1000, placement="BACKGROUND")
    (image,) = pictures()
    assert tuple(image.size) == (300 * 2, 400 * 2)
    alpha = pixels_of(image)[..., 3]
    assert not alpha[:, :150].any() and not alpha[:, 450:].any() and alpha.any()
    image.maskel.look.placement = "PLANE"
    assert tuple(image.size) == (300, 800)


def test_what_the_user_broke_is_told(result):
    bpy.data.images.remove(result["maskel_source"])
    assert not results.has_layers(result)
    result.maskel.style = "bone"
    assert SESSION.error.code == "damaged"
    result["maskel_view"] = "{}"
    result.maskel.look.opacity = 0.5
    assert SESSION.error.code == "damaged"
    assert bpy.ops.maskel.generate() == {"FINISHED"}
    result.maskel.style = "inverted"
    assert SESSION.error is None
    np.testing.assert_array_equal(pixels_of(result), paint(layers_of(result), "inverted"))


def test_each_scene_has_its_own(result, character):
    other = bpy.data.scenes.new("Other")
    other.collection.objects.link(character)
    bench.add_camera(other)
    bench.set_resolution(other, 100, 100)
    with bpy.context.temp_override(scene=other, view_layer=other.view_layers[0]):
        other.view_layers[0].objects.active = character
        bpy.ops.maskel.generate()
    assert len(pictures()) == len(placed()) == 2
    assert [len(item.users_scene) for item in placed()] == [1, 1]
    assert chosen_result(bpy.context.scene.maskel.result) == result
    assert chosen_result(other.maskel.result) != result
