"""Sequences as plane, Empty or camera background: in step with the timeline, registered, renewed and replaced."""

import bpy
import numpy as np
import pytest

from benchmarks import blender_scene as bench
from maskel_blender.client.png import decode_rgba
from maskel_blender.orders import make_order
from maskel_blender.panels.frames import MASKEL_PT_frames
from maskel_blender.sequence.files import FrameRange
from maskel_blender.session import SESSION
from maskel_blender.silhouette.camera import camera_view
from tests.blender.snapshot import snapshot
from tests.blender.test_frames import generate, sequences, walk  # noqa: F401  (a fixture)
from tests.blender.test_panels import said
from tests.blender.test_scene_unchanged import differences

PLACEMENTS = ("PLANE", "EMPTY", "BACKGROUND")
DATA = ("objects", "meshes", "materials", "images", "actions", "cameras")


def counts():
    return {name: len(getattr(bpy.data, name)) for name in DATA}


def slots(camera="Camera"):
    return list(bpy.data.objects[camera].data.background_images)


def placement():
    """How the one sequence is shown in fact."""
    kinds = {"MESH": "PLANE", "EMPTY": "EMPTY"}
    found = [kinds[item.type] for item in sequences()] + ["BACKGROUND"] * len(slots())
    (one,) = found
    return one


def players():
    """Image and evaluated image user of all that shows the one sequence."""
    graph = bpy.context.evaluated_depsgraph_get()
    if slots():
        (slot,) = slots()
        return [(slot.image, slot.image_user)]
    (item,) = sequences()
    shown = [item] if item.type == "EMPTY" else list(item.children)
    found = [(one.data, one.evaluated_get(graph).image_user) for one in shown]
    if item.type == "MESH":
        tree = item.evaluated_get(graph).data.materials[0].evaluated_get(graph).node_tree
        node = tree.nodes["MaSkel X-ray"]
        found.append((item.data.materials[0].node_tree.nodes["MaSkel X-ray"].image, node.image_user))
    return found


def corners(item, size):
    """In the world: bottom left, bottom right, top right, top left of the picture."""
    if item.type == "MESH":
        return np.array([item.matrix_world @ vertex.co for vertex in item.data.vertices])
    # Blender draws the image's longer side one unit long
    x, y = (side / max(size) / 2 for side in size)
    square = np.array([[-x, -y, 0, 1], [x, -y, 0, 1], [x, y, 0, 1], [-x, y, 0, 1]])
    assert tuple(item.empty_image_offset) == (-0.5, -0.5)
    return (square @ np.array(item.matrix_world).T)[:, :3]


def picture(tmp_path, frame):
    path = tmp_path / "out" / "unsaved" / f"Figure_Camera_{frame:04d}.png"
    return decode_rgba(path.read_bytes())


@pytest.mark.parametrize("wanted", PLACEMENTS)
def test_in_step_with_the_timeline(scene, walk, server, tmp_path, wanted):  # noqa: F811
    scene.maskel.result.look.placement = wanted
    assert generate(tmp_path, frame_start=2, frame_end=7, frame_step=2) == {"FINISHED"}
    assert placement() == wanted
    for frame in (2, 7, 4, 3):
        scene.frame_set(frame)
        found = players()
        assert len(found) == (2 if wanted == "PLANE" else 1)
        for image, user in found:
            assert image.source == "SEQUENCE"
            assert (user.frame_start, user.frame_duration, user.frame_offset) == (2, 6, 1)
            assert user.use_auto_refresh and not user.use_cyclic
            file = tmp_path / "out" / "unsaved" / f"Figure_Camera_{frame:04d}.png"
            assert image.filepath_from_user(image_user=user) == str(file)
            assert file.exists()
    assert not np.array_equal(picture(tmp_path, 2), picture(tmp_path, 6))


@pytest.mark.parametrize("wanted", PLACEMENTS)
@pytest.mark.parametrize("now", [1, 2, 5, 9])
def test_the_frame_now_is_shown_before_the_timeline_moves(scene, walk, server, tmp_path, wanted, now):  # noqa: F811
    scene.maskel.result.look.placement = wanted
    scene.frame_set(now)
    generate(tmp_path, frame_start=2, frame_end=7)
    wanted_file = tmp_path / "out" / "unsaved" / f"Figure_Camera_{min(now, 7):04d}.png"
    assert wanted_file.exists()
    for image, user in players():
        assert image.filepath_from_user(image_user=user) == str(wanted_file)


@pytest.mark.parametrize("depth", ["FRONT", "BEHIND"])
@pytest.mark.parametrize("cropped", [False, True])
@pytest.mark.parametrize("size", [0, 50])
def test_the_empty_lies_where_the_plane_does(scene, walk, server, tmp_path, cropped, depth, size):  # noqa: F811
    """Corner on corner at each frame, and both on the picture's corners as the camera sees them."""
    render = scene.render
    # 301 to 400, and cropped 151 to 400: neither is a whole number of pixels in a small picture
    bench.set_resolution(scene, 301, 400)
    if cropped:
        render.use_border = render.use_crop_to_border = True
        render.border_min_x, render.border_max_x = 0.25, 0.75
        render.border_min_y, render.border_max_y = 0.0, 1.0
    scene.maskel.result.look.depth = depth
    seen = {}
    for wanted in ("PLANE", "EMPTY"):
        generate(tmp_path, placement=wanted, size=size)
        (item,) = sequences()
        for frame in range(1, 6):
            scene.frame_set(frame)
            height, width = picture(tmp_path, frame).shape[:2]
            seen[wanted, frame] = corners(item, (width, height))
    for frame in range(1, 6):
        np.testing.assert_allclose(seen["EMPTY", frame], seen["PLANE", frame], atol=1e-4)
        scene.frame_set(frame)
        view = camera_view(scene, scene.camera, bpy.context.evaluated_depsgraph_get())
        area = view.picture
        points = np.c_[seen["EMPTY", frame], np.ones(4)] @ view.to_clip(np.eye(4)).T
        across = (points[:, 0] / points[:, 3] + 1) / 2 * view.frame_width
        down = (1 - points[:, 1] / points[:, 3]) / 2 * view.frame_height
        np.testing.assert_allclose(across, [area.left, area.right, area.right, area.left], atol=0.05)
        np.testing.assert_allclose(down, [area.bottom, area.bottom, area.top, area.top], atol=0.05)
    assert np.abs(seen["EMPTY", 1] - seen["EMPTY", 5]).max() > 0.1


@pytest.mark.parametrize("wanted", PLACEMENTS)
def test_nothing_else_changes(scene, walk, server, tmp_path, wanted):  # noqa: F811
    before = snapshot()
    assert generate(tmp_path, placement=wanted) == {"FINISHED"}
    assert scene.frame_current == 3
    if wanted == "BACKGROUND":
        assert "MaSkel" not in bpy.data.collections
        assert sequences() == []
        # the switch of the backgrounds, of which the camera had none
        assert sorted(differences(before, snapshot())) == [
            "/cameras/Camera/show_background_images",
            "/images users/X-ray Figure Camera frames",
            "/images/X-ray Figure Camera frames",
        ]
        return
    new = frozenset({"MaSkel", *(item.name for item in bpy.data.collections["MaSkel"].objects)})
    assert differences(before, snapshot(new)) == {}


@pytest.mark.parametrize("wanted", PLACEMENTS)
def test_again_renews_in_place(scene, walk, server, tmp_path, wanted):  # noqa: F811
    scene.maskel.result.look.placement = wanted
    generate(tmp_path)
    shown, before = [*sequences(), *(slot.as_pointer() for slot in slots())], counts()
    (image, _), *_ = players()
    image.name = "Named by the user"
    generate(tmp_path, frame_start=2, frame_end=3)
    assert [*sequences(), *(slot.as_pointer() for slot in slots())] == shown
    assert counts() == before
    for again, user in players():
        assert again == image
        assert (user.frame_start, user.frame_duration, user.frame_offset) == (2, 2, 1)
    assert image.name == "Named by the user"


def test_every_placement_from_every_other(scene, walk, server, tmp_path):  # noqa: F811
    base = counts()
    wanted_more = {
        # plane and double, mesh, material, image, action
        "PLANE": {"objects": 2, "meshes": 1, "materials": 1, "images": 1, "actions": 1},
        "EMPTY": {"objects": 1, "images": 1, "actions": 1},
        "BACKGROUND": {"images": 1},
    }
    image = None
    for wanted in ("PLANE", "EMPTY", "BACKGROUND", "PLANE", "BACKGROUND", "EMPTY", "PLANE"):
        scene.maskel.result.look.placement = wanted
        generate(tmp_path)
        assert placement() == wanted
        assert counts() == {name: base[name] + wanted_more[wanted].get(name, 0) for name in DATA}
        shown = players()[0][0]
        assert shown == (image or shown)
        image = shown
        assert image["maskel_frame"] == 5
        for item in sequences():
            assert item.name == "X-ray Figure Camera frames"
            assert item.name in bpy.data.collections["MaSkel"].objects
            assert item["maskel_camera"] == "Camera"
            assert item.hide_select
    assert server.runs == 5


def test_what_is_the_users_stays(scene, walk, server, tmp_path):  # noqa: F811
    generate(tmp_path)
    (plane,) = sequences()
    child = bpy.data.objects.new("Pinned", None)
    scene.collection.objects.link(child)
    child.parent = plane
    plane.hide_render = True
    own = bpy.data.images.new("Mine", 8, 8)
    camera = scene.camera.data
    slot = camera.background_images.new()
    slot.image, slot.alpha = own, 0.125
    scene.maskel.frames.use_range, scene.maskel.frames.folder = True, str(tmp_path)
    generate(tmp_path, placement="EMPTY")
    (empty,) = sequences()
    assert empty.hide_render and not empty.hide_viewport
    generate(tmp_path, placement="BACKGROUND")
    assert sequences() == [] and child.name in scene.collection.objects
    # the user's own background would show too: the switch stays as it was, and the panel says so
    assert not camera.show_background_images
    assert "switched off" in " ".join(said(MASKEL_PT_frames))
    camera.show_background_images = True
    assert "switched off" not in " ".join(said(MASKEL_PT_frames))
    generate(tmp_path, placement="PLANE")
    (left,) = slots()
    assert (left.image, left.alpha) == (own, 0.125)


@pytest.mark.parametrize("wanted", PLACEMENTS)
def test_a_plane_of_an_older_version_is_taken_over(scene, walk, server, tmp_path, wanted):  # noqa: F811
    """It had no pointer to its image, and the image no marks."""
    generate(tmp_path)
    (plane,) = sequences()
    image = plane.children[0].data
    del plane["maskel_picture"]
    for key, _ in [pair for pair in image.items() if pair[0].startswith("maskel_")]:
        del image[key]
    generate(tmp_path, placement=wanted)
    assert placement() == wanted
    assert [shown for shown, _ in players()] == [image] * len(players())
    assert len(bpy.data.images) == 1


def test_a_file_the_user_has_loaded_is_left_alone(scene, walk, server, tmp_path):  # noqa: F811
    generate(tmp_path)
    bpy.data.batch_remove([*sequences(), *bpy.data.images, *bpy.data.materials])
    own = bpy.data.images.load(str(tmp_path / "out" / "unsaved" / "Figure_Camera_0001.png"))
    own.name = "Mine"
    generate(tmp_path, placement="EMPTY")
    (empty,) = sequences()
    assert empty.data != own
    assert (own.name, own.source, own.get("maskel_role")) == ("Mine", "FILE", None)


def test_shown_as_the_look_says(scene, walk, server, tmp_path):  # noqa: F811
    look = scene.maskel.result.look
    look.opacity, look.over = 0.5, True
    generate(tmp_path, placement="EMPTY")
    (empty,) = sequences()
    assert empty.color[3] == 0.5
    assert empty.empty_image_depth == "FRONT"
    generate(tmp_path, placement="BACKGROUND")
    (slot,) = slots()
    assert (slot.source, slot.frame_method, slot.scale, slot.rotation) == ("IMAGE", "STRETCH", 1.0, 0.0)
    assert (slot.alpha, slot.display_depth) == (0.5, "FRONT")
    assert scene.camera.data.show_background_images
    look.over, look.depth, look.opacity = False, "BEHIND", 0.25
    generate(tmp_path, placement="BACKGROUND")
    (slot,) = slots()
    assert (slot.alpha, slot.display_depth) == (0.25, "BACK")


def test_a_background_of_a_part_fills_the_frame(scene, walk, server, tmp_path):  # noqa: F811
    render = scene.render
    render.use_border = render.use_crop_to_border = True
    render.border_min_x, render.border_max_x, render.border_min_y, render.border_max_y = 0.25, 0.75, 0.0, 1.0
    generate(tmp_path)
    part = picture(tmp_path, 2)
    assert part.shape[:2] == (400, 150)
    generate(tmp_path, placement="BACKGROUND")
    for frame in (1, 2, 5):
        assert picture(tmp_path, frame).shape[:2] == (400, 300)
    whole = picture(tmp_path, 2)
    np.testing.assert_array_equal(whole[:, 75:225], part)
    assert not whole[:, :75].any() and not whole[:, 225:].any() and part[..., 3].any()
    generate(tmp_path, placement="PLANE")
    np.testing.assert_array_equal(picture(tmp_path, 2), part)


def linked_camera(scene, tmp_path, name="Linked"):
    """A camera whose data come from another file, before the character."""
    path = str(tmp_path / "library.blend")
    bpy.data.libraries.write(path, {scene.camera.data})
    with bpy.data.libraries.load(path, link=True) as (_, wanted):
        wanted.cameras = [scene.camera.data.name]
    camera = bpy.data.objects.new(name, wanted.cameras[0])
    camera.matrix_world = scene.camera.matrix_world
    scene.collection.objects.link(camera)
    return camera


def test_a_linked_camera_is_refused_before_anything_is_made(scene, walk, server, tmp_path):  # noqa: F811
    camera = linked_camera(scene, tmp_path)
    generate(tmp_path, frame_end=2, camera=camera.name)
    (plane,) = sequences()
    before, asked = counts(), len(server.forms)
    with pytest.raises(RuntimeError, match="is linked from another file, so it takes no background"):
        generate(tmp_path, camera=camera.name, placement="BACKGROUND")
    assert SESSION.error.code == "camera_linked"
    assert (sequences(), counts(), len(server.forms)) == ([plane], before, asked)
    assert len(list((tmp_path / "out" / "unsaved").iterdir())) == 3
    # among others it is left out, and named
    scene.maskel.views.source = "ALL"
    scene.maskel.result.look.placement = "BACKGROUND"
    order = make_order(bpy.context, camera=None, frames=FrameRange(1, 2), folder=str(tmp_path / "all"))
    assert order.cameras == ("Camera",)
    assert "Linked" in order.warnings[0]
    assert list(order.tracks) == ["Camera"]


@pytest.mark.parametrize("wanted", PLACEMENTS)
def test_only_in_this_camera(scene, walk, server, tmp_path, wanted):  # noqa: F811
    other = bench.add_camera(scene, "Side", location=(4.5, 0.0, 1.0))
    own = bpy.data.objects["Camera"]
    scene.camera = own
    scene.maskel.result.look.only_camera = True

    def hidden():
        bpy.context.view_layer.update()
        return {
            item.hide_viewport and item.hide_render for one in sequences() for item in (one, *one.children)
        }

    generate(tmp_path, placement=wanted)
    expected = set() if wanted == "BACKGROUND" else {True}
    assert hidden() == ({False} if expected else set())
    scene.camera = other
    assert hidden() == expected
    generate(tmp_path, placement=wanted, camera="Camera")
    assert hidden() == expected
    scene.camera = own
    assert True not in hidden()
    assert all(slot.show_background_image for slot in slots())
    # markers switch cameras as well
    for frame, camera in ((1, own), (3, other)):
        scene.timeline_markers.new(camera.name, frame=frame).camera = camera
    scene.frame_set(4)
    assert hidden() == expected
    scene.frame_set(2)
    assert True not in hidden()


@pytest.mark.parametrize("wanted", ["EMPTY", "BACKGROUND"])
def test_saved_and_loaded(scene, walk, server, tmp_path, wanted):  # noqa: F811
    path = str(tmp_path / "the file.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.maskel.generate(frames=True, frame_start=1, frame_end=3, placement=wanted)
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.open_mainfile(filepath=path)
    assert placement() == wanted
    ((image, _),) = players()
    assert image.filepath.startswith("//maskel")
    bpy.context.scene.frame_set(2)
    ((image, user),) = players()
    assert image.filepath_from_user(image_user=user).endswith("Figure_Camera_0002.png")
    before = counts()
    bpy.ops.maskel.generate(frames=True, frame_start=1, frame_end=2, placement=wanted)
    assert counts() == before
