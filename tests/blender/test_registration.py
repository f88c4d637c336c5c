"""The plane is where the character is, for every kind of camera. See benchmarks/."""

import bpy
import numpy as np
import pytest
from mathutils import Vector

from benchmarks import blender_scene as bench
from benchmarks.registration import LIMIT
from benchmarks.silhouette import LEAST_IOU, measure
from maskel_blender import workflow
from maskel_blender.client.png import encode_png
from maskel_blender.client.request import XrayAnswer
from maskel_blender.silhouette.camera import camera_view


@pytest.mark.parametrize("case", bench.CAMERAS, ids=lambda case: case.name)
def test_registration(scene, case):
    body, _ = bench.figure(scene)
    camera = bench.add_camera(scene)
    bench.set_resolution(scene, *(side // 2 for side in case.resolution))
    case.set_up(scene, camera)
    prepared = workflow.prepare(bpy.context, body.name, [body])
    plane = workflow.place(prepared, XrayAnswer(prepared.request.mask_png, "", "", 0.0))
    character = bench.cycles_silhouette(scene, hidden=[plane]) >= 0.5
    body.hide_render = True
    shown = bench.cycles_alpha(scene, samples=4) >= 0.5
    assert bench.iou(character, shown) >= LIMIT


def set_up(scene, case):
    """A figure before the case's camera, and its X-ray, for which the silhouette stands in, as an Empty."""
    body, _ = bench.figure(scene)
    camera = bench.add_camera(scene)
    bench.set_resolution(scene, *(side // 4 for side in case.resolution))
    case.set_up(scene, camera)
    prepared = workflow.prepare(bpy.context, body.name, [body])
    shown = workflow.place(prepared, XrayAnswer(prepared.request.mask_png, "", "", 0.0), "EMPTY")
    return prepared, shown, body


def corners_of(item):
    """Corners in the world: bottom left, bottom right, top right, top left of the picture."""
    bpy.context.view_layer.update()
    if item.type == "MESH":
        return [item.matrix_world @ vertex.co for vertex in item.data.vertices]
    # Blender draws the image's longer side one unit long
    width, height = (side / max(item.data.size) for side in item.data.size)
    offset = item.empty_image_offset
    ends = ((0, 0), (1, 0), (1, 1), (0, 1))
    return [
        item.matrix_world @ Vector(((x + offset[0]) * width, (y + offset[1]) * height, 0)) for x, y in ends
    ]


@pytest.mark.parametrize("case", bench.CAMERAS, ids=lambda case: case.name)
def test_corners_of_every_placement(scene, case):
    """Seen by the camera the corners are the picture's, to a hundredth of a pixel, at every depth."""
    prepared, shown, _ = set_up(scene, case)
    image = shown["maskel_picture"]
    view = camera_view(scene, scene.camera, bpy.context.evaluated_depsgraph_get())
    area = view.picture
    wanted = [
        (area.left, area.bottom),
        (area.right, area.bottom),
        (area.right, area.top),
        (area.left, area.top),
    ]
    for placement in ("EMPTY", "PLANE"):
        image.maskel.look.placement = placement
        for depth in ("FRONT", "MIDDLE", "BEHIND"):
            image.maskel.look.depth = depth
            (item,) = (other for other in bpy.data.objects if other.get("maskel_picture") == image)
            for shown in (item, *item.children):
                for corner, (column, row) in zip(corners_of(shown), wanted, strict=True):
                    clip = view.to_clip(np.eye(4)) @ np.array([*corner, 1.0])
                    seen = (
                        (clip[0] / clip[3] + 1) / 2 * view.frame_width,
                        (1 - clip[1] / clip[3]) / 2 * view.frame_height,
                    )
                    assert np.hypot(seen[0] - column, seen[1] - row) < 0.01
    # a background fills the frame, whatever part of it was rendered
    image.maskel.look.placement = "BACKGROUND"
    (slot,) = scene.camera.data.background_images
    assert (slot.image, slot.frame_method, slot.scale, slot.rotation) == (image, "STRETCH", 1.0, 0.0)
    assert tuple(slot.offset) == (0.0, 0.0)
    assert not (slot.use_flip_x or slot.use_flip_y)
    whole = np.zeros((view.frame_height, view.frame_width), np.uint8)
    whole[area.top : area.bottom, area.left : area.right] = prepared.silhouette.mask
    alpha = np.empty(image.size[0] * image.size[1] * 4, np.float32)
    image.pixels.foreach_get(alpha)
    alpha = alpha.reshape(image.size[1], image.size[0], 4)[::-1, :, 3]
    np.testing.assert_array_equal((alpha * 255).round(), whole)


@pytest.mark.parametrize("depth", ["MIDDLE", "BEHIND"])
@pytest.mark.parametrize("name", ["perspective shifted", "border, cropped, orthographic, shifted"])
def test_render_at_other_depths(scene, name, depth):
    prepared, shown, body = set_up(scene, next(case for case in bench.CAMERAS if case.name == name))
    image = shown["maskel_picture"]
    image.maskel.look.placement, image.maskel.look.depth = "PLANE", depth
    body.hide_render = True
    seen = bench.cycles_alpha(scene, samples=4) >= 0.5
    assert bench.iou(seen, prepared.silhouette.mask > 127) >= LIMIT


def test_picture_is_upright(scene, character, tmp_path):
    """Left and right, up and down of the shown picture are those of the X-ray: one quarter of it is marked."""
    prepared = workflow.prepare(bpy.context, character.name, [character])
    marked = prepared.silhouette.mask.copy()
    marked[: marked.shape[0] // 2] = 0
    marked[:, : marked.shape[1] // 2] = 0
    workflow.place(prepared, XrayAnswer(encode_png(marked), "", "", 0.0))
    character.hide_render = True
    scene.view_settings.view_transform = "Standard"
    bench.cycles_alpha(scene)
    scene.render.filepath = str(tmp_path / "shown.png")
    bpy.ops.render.render(write_still=True)
    image = bpy.data.images.load(scene.render.filepath)
    values = np.empty(image.size[0] * image.size[1] * 4, np.float32)
    image.pixels.foreach_get(values)
    shown = values.reshape(image.size[1], image.size[0], 4)[::-1, :, 0] > 0.5
    assert bench.iou(shown, marked > 127) > 0.95
    for mirrored in (shown[::-1], shown[:, ::-1]):
        assert bench.iou(mirrored, marked > 127) < 0.5


def test_silhouette_agrees_with_a_render(scene):
    """The speed of the same run is in docs/measurements."""
    result = measure()
    assert result["triangles"] >= 100_000
    assert min(result["hard_iou"], result["smooth_iou"]) >= LEAST_IOU
