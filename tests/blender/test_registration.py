"""The plane is where the character is, for every kind of camera. See benchmarks/."""

import bpy
import numpy as np
import pytest

from benchmarks import blender_scene as bench
from benchmarks.registration import LIMIT
from benchmarks.silhouette import LEAST_IOU, measure
from maskel_blender import workflow
from maskel_blender.client.png import encode_png
from maskel_blender.client.request import XrayAnswer


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
