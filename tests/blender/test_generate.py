"""The operator, headless: plane, provenance, replacing, errors, server of our own."""

import sys
from pathlib import Path

import bpy
import mathutils
import numpy as np
import pytest

from maskel_blender.operators.generate import panel_options
from maskel_blender.session import SESSION
from tests.fakes.xray_server import Faults

FAKE = f'"{sys.executable}" "{Path(__file__).parents[1] / "fakes" / "xray_server.py"}"'


def planes():
    return [item for item in bpy.data.objects if item.get("maskel_role") == "xray_plane"]


def picture_of(plane):
    return next(node.image for node in plane.data.materials[0].node_tree.nodes if node.type == "TEX_IMAGE")


def pixels_of(image):
    values = np.empty(image.size[0] * image.size[1] * 4, np.float32)
    image.pixels.foreach_get(values)
    return values.reshape(image.size[1], image.size[0], 4)[::-1]


def test_plane(scene, character, server):
    assert bpy.ops.maskel.generate(style="bone") == {"FINISHED"}
    (plane,) = planes()
    assert plane.name in bpy.data.collections["MaSkel"].objects
    assert plane.type == "MESH"
    assert len(plane.data.polygons) == 1
    assert plane.data.uv_layers.active is not None
    assert not plane.parent
    image = picture_of(plane)
    assert tuple(image.size) == (300, 400)
    assert image.packed_file is not None
    pixels = pixels_of(image)
    mask = (pixels[..., 3] * 255).round()
    assert 0.05 < (mask > 127).mean() < 0.5
    # the stand-in has bone in every other band of rows
    shown = pixels[..., 0] * 255
    assert np.abs(shown[:8][mask[:8] == 255]).max(initial=0) < 1
    inside = shown[mask == 255]
    bone = 255 * (1 - np.exp(-0.6 * 2.0)) ** 0.75
    assert sorted(set(inside.round())) == [0, round(bone)]
    assert server.forms[0]["style"] == b"bone"


def test_provenance(scene, character, server):
    bpy.ops.maskel.generate()
    (plane,) = planes()
    told = {key: value for key, value in plane.items() if key.startswith("maskel_")}
    assert told["maskel_model"] == "fake"
    assert told["maskel_version"] == "9.9.9"
    assert told["maskel_camera"] == "Camera"
    assert told["maskel_target"] == "Figure"
    assert told["maskel_style"] == "dxa"
    assert len(told["maskel_mask_sha256"]) == 64
    assert "T" in told["maskel_time"]
    assert "not for medical use" in told["maskel_note"].lower()


def test_again_replaces_in_place(scene, character, server):
    bpy.ops.maskel.generate()
    (plane,) = planes()
    material, counts = (
        plane.data.materials[0],
        [len(getattr(bpy.data, name)) for name in ("objects", "meshes", "materials", "images")],
    )
    plane.hide_viewport = True
    scene.camera.location.x = 1.0
    bpy.context.view_layer.update()
    before = plane.matrix_world.copy()
    bpy.ops.maskel.generate(size=200)
    assert planes() == [plane]
    assert plane.data.materials[0] == material
    assert plane.hide_viewport
    assert plane.matrix_world != before
    assert tuple(picture_of(plane).size) == (150, 200)
    assert [len(getattr(bpy.data, name)) for name in ("objects", "meshes", "materials", "images")] == counts


def test_solid_view_has_a_double_of_the_plane(scene, character, server):
    bpy.ops.maskel.generate()
    (plane,) = planes()
    (double,) = plane.children
    bpy.context.view_layer.update()
    assert double.empty_display_type == "IMAGE"
    assert double.data == picture_of(plane)
    width, height = double.data.size
    longer = max(width, height)
    corners = [
        double.matrix_world @ mathutils.Vector((x * width / longer, y * height / longer, 0.0))
        for x, y in ((-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5))
    ]
    to_camera = scene.camera.matrix_world.normalized().inverted()
    for corner, vertex in zip(corners, plane.data.vertices, strict=True):
        near, far = to_camera @ corner, to_camera @ plane.matrix_world @ vertex.co
        # on the same line of sight, a little nearer
        assert abs(near.x / near.z - far.x / far.z) < 1e-5
        assert abs(near.y / near.z - far.y / far.z) < 1e-5
        assert 0.99 < near.z / far.z < 1
    bpy.ops.maskel.generate(size=200)
    assert list(plane.children) == [double]
    assert double.data == picture_of(plane)


def test_other_camera_is_another_plane(scene, character, server):
    from benchmarks import blender_scene as bench

    bpy.ops.maskel.generate()
    bench.add_camera(scene, "Side", location=(4.5, 0.0, 1.0))
    bpy.ops.maskel.generate(camera="Camera")
    bpy.ops.maskel.generate(camera="Side")
    assert sorted(plane["maskel_camera"] for plane in planes()) == ["Camera", "Side"]
    assert len(bpy.data.collections) == 1


def test_the_plane_is_before_the_character_and_not_part_of_it(scene, character, server):
    bpy.ops.maskel.generate()
    first = pixels_of(picture_of(planes()[0]))[..., 3]
    for item in scene.objects:
        item.select_set(True)
    bpy.ops.maskel.generate(target="SELECTED")
    assert np.array_equal(pixels_of(picture_of(planes()[0]))[..., 3], first)
    plane = planes()[0]
    depths = [
        -(scene.camera.matrix_world.inverted() @ plane.matrix_world @ vertex.co).z
        for vertex in plane.data.vertices
    ]
    graph = bpy.context.evaluated_depsgraph_get()
    body = character.evaluated_get(graph)
    nearest = min(
        -(scene.camera.matrix_world.inverted() @ body.matrix_world @ v.co).z for v in body.data.vertices
    )
    assert max(depths) - min(depths) < 1e-4
    assert 0.9 * nearest < depths[0] < nearest


def test_survives_saving(scene, character, server, tmp_path):
    bpy.ops.maskel.generate()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "saved.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "saved.blend"))
    (plane,) = planes()
    assert pixels_of(picture_of(plane))[..., 3].max() == 1.0


@pytest.mark.parametrize(
    ("faults", "text"),
    [
        (Faults(api=7), "same version"),
        (Faults(name="else"), "not a MaSkel server"),
        (Faults(raw=(200, "image/png", b"\x89PNG\r\n\x1a\nno")), "cannot be read"),
        (Faults(error=(429, {"code": "busy", "message": "Busy.", "fix": "Wait."})), "Wait."),
    ],
)
def test_errors_raise_with_their_fix(scene, character, server, faults, text):
    server.faults = faults
    with pytest.raises(RuntimeError, match=text):
        bpy.ops.maskel.generate()
    assert SESSION.error is not None
    assert not planes()


def test_errors_of_use(scene, character, server):
    for options, code in (
        ({"camera": "Nobody"}, "no_camera"),
        ({"target": "COLLECTION", "collection": "Nobody"}, "no_collection"),
    ):
        with pytest.raises(RuntimeError):
            bpy.ops.maskel.generate(**options)
        assert SESSION.error.code == code
    bpy.context.view_layer.objects.active = scene.camera
    with pytest.raises(RuntimeError):
        bpy.ops.maskel.generate()
    assert SESSION.error.code == "no_target"


def test_server_of_our_own(scene, character, monkeypatch):
    monkeypatch.setenv("MASKEL_COMMAND", FAKE)
    assert bpy.ops.maskel.generate() == {"FINISHED"}
    process = SESSION.backend._process
    assert process.poll() is None
    bpy.ops.maskel.generate()
    assert SESSION.backend._process is process
    bpy.ops.maskel.server_stop()
    assert process.poll() == 0
    assert bpy.ops.maskel.server_start() == {"FINISHED"}


def test_no_server_at_all(scene, character, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RuntimeError, match="preferences"):
        bpy.ops.maskel.generate()
    assert SESSION.error.code == "maskel_not_found"


def test_the_panels_options_are_the_operators(scene, character, server):
    settings = scene.maskel
    settings.style, settings.size, settings.target = "bone", 64, "SELECTED"
    options = panel_options(settings)
    assert (options["style"], options["size"], options["chosen"]) == ("bone", 64, False)
    assert bpy.ops.maskel.generate(**options) == {"FINISHED"}
    assert (server.forms[0]["style"], server.forms[0]["size"]) == (b"bone", b"64")
    settings.views.source = "ALL"
    assert panel_options(settings)["chosen"]
