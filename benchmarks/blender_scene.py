"""Figures, cameras and independent Cycles references for tests and measurements in Blender. Needs bpy."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np

LIMBS = {
    # joint: (parent, position in metres, radius)
    "pelvis": (None, (0.0, 0.0, 0.95), 0.14),
    "chest": ("pelvis", (0.0, 0.02, 1.30), 0.15),
    "neck": ("chest", (0.0, 0.02, 1.50), 0.06),
    "head": ("neck", (0.0, -0.02, 1.68), 0.11),
    "elbow_l": ("chest", (0.38, 0.03, 1.25), 0.05),
    "hand_l": ("elbow_l", (0.55, -0.15, 1.45), 0.04),
    "elbow_r": ("chest", (-0.30, 0.03, 1.15), 0.05),
    "hand_r": ("elbow_r", (-0.32, -0.10, 0.85), 0.04),
    "knee_l": ("pelvis", (0.16, -0.08, 0.50), 0.07),
    "foot_l": ("knee_l", (0.20, 0.02, 0.08), 0.06),
    "knee_r": ("pelvis", (-0.13, 0.00, 0.50), 0.07),
    "foot_r": ("knee_r", (-0.15, 0.10, 0.08), 0.06),
}


def empty_scene() -> bpy.types.Scene:
    """A new file with nothing in it."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    return bpy.context.scene


def figure(
    scene: bpy.types.Scene, levels: int = 1, render_levels: int = 2
) -> tuple[bpy.types.Object, bpy.types.Object]:
    """A rough human (skin modifier, subdivision that differs between viewport and render) posed by an armature.

    Returns:
        Mesh and armature.
    """
    names = list(LIMBS)
    points = [LIMBS[name][1] for name in names]
    edges = [(names.index(LIMBS[name][0]), i) for i, name in enumerate(names) if LIMBS[name][0]]
    mesh = bpy.data.meshes.new("Figure")
    mesh.from_pydata(points, edges, [])
    body = bpy.data.objects.new("Figure", mesh)
    scene.collection.objects.link(body)
    armature = bpy.data.objects.new("Rig", bpy.data.armatures.new("Rig"))
    scene.collection.objects.link(armature)
    scene.view_layers[0].objects.active = armature
    bpy.ops.object.mode_set(mode="EDIT")
    bone = armature.data.edit_bones.new("upper")
    bone.head, bone.tail = (0.0, 0.0, 1.0), (0.0, 0.0, 1.5)
    lower = armature.data.edit_bones.new("lower")
    lower.head, lower.tail = (0.0, 0.0, 1.0), (0.0, 0.0, 0.5)
    bpy.ops.object.mode_set(mode="OBJECT")
    armature.pose.bones["upper"].rotation_mode = "XYZ"
    armature.pose.bones["upper"].rotation_euler = (0.1, 0.3, 0.25)
    for name in ("upper", "lower"):
        group = body.vertex_groups.new(name=name)
        group.add([i for i, p in enumerate(points) if (p[2] > 1.0) == (name == "upper")], 1.0, "REPLACE")
    skin = body.modifiers.new("Skin", "SKIN")
    skin.branch_smoothing = 0.5
    if not mesh.skin_vertices:
        # the modifier's layer is only made by an operator
        with bpy.context.temp_override(object=body, active_object=body):
            bpy.ops.mesh.customdata_skin_add()
    for item, name in zip(mesh.skin_vertices[0].data, names, strict=True):
        item.radius = (LIMBS[name][2],) * 2
        item.use_root = name == "pelvis"
    deform = body.modifiers.new("Armature", "ARMATURE")
    deform.object = armature
    subdivision = body.modifiers.new("Subdivision", "SUBSURF")
    subdivision.levels, subdivision.render_levels = levels, render_levels
    body.parent = armature
    scene.view_layers[0].objects.active = body
    return body, armature


def add_camera(
    scene: bpy.types.Scene, name: str = "Camera", location=(0.0, -4.5, 1.1), aim=(0.0, 0.0, 0.9)
) -> bpy.types.Object:
    """A camera that looks at a point, made the scene's own."""
    from mathutils import Vector

    camera = bpy.data.objects.new(name, bpy.data.cameras.new(name))
    scene.collection.objects.link(camera)
    camera.location = location
    camera.rotation_euler = (Vector(aim) - Vector(location)).to_track_quat("-Z", "Y").to_euler()
    scene.camera = camera
    return camera


@dataclass(frozen=True)
class CameraCase:
    """A camera to measure with: a name, and what it does to scene and camera."""

    name: str
    resolution: tuple[int, int]
    set_up: Callable[[bpy.types.Scene, bpy.types.Object], None] = lambda scene, camera: None


def _values(**values: object) -> Callable[[bpy.types.Scene, bpy.types.Object], None]:
    """Set camera data by name, object values by object_NAME, render settings by render_NAME."""

    def set_up(scene: bpy.types.Scene, camera: bpy.types.Object) -> None:
        for key, value in values.items():
            if key.startswith("render_"):
                setattr(scene.render, key.removeprefix("render_"), value)
            elif key.startswith("object_"):
                setattr(camera, key.removeprefix("object_"), value)
            else:
                setattr(camera.data, key, value)

    return set_up


_BORDER = {
    "render_use_border": True,
    "render_border_min_x": 0.313,
    "render_border_max_x": 0.707,
    "render_border_min_y": 0.111,
    "render_border_max_y": 0.83,
}


def _tracked(scene: bpy.types.Scene, camera: bpy.types.Object) -> None:
    """A camera whose pose comes from a parent and a constraint."""
    holder = bpy.data.objects.new("Holder", None)
    scene.collection.objects.link(holder)
    holder.location, holder.scale, holder.rotation_euler = (0.5, 0.2, 0.3), (1.3, 1.3, 1.3), (0.0, 0.0, 0.6)
    camera.parent = holder
    aim = bpy.data.objects.new("Aim", None)
    scene.collection.objects.link(aim)
    aim.location = (0.0, 0.0, 0.9)
    track = camera.constraints.new("TRACK_TO")
    track.target, track.track_axis, track.up_axis = aim, "TRACK_NEGATIVE_Z", "UP_Y"


CAMERAS = (
    CameraCase("perspective landscape", (960, 540)),
    CameraCase("perspective portrait", (540, 720), _values(lens=60.0)),
    CameraCase("perspective wide, close", (800, 800), _values(lens=18.0, object_location=(0.3, -1.6, 1.2))),
    CameraCase("perspective tele", (640, 900), _values(lens=135.0, object_location=(0.0, -11.0, 1.3))),
    CameraCase("perspective shifted", (900, 700), _values(shift_x=0.12, shift_y=-0.08)),
    CameraCase("perspective rolled", (700, 700), _values(object_rotation_euler=(1.5, 0.4, 0.05))),
    CameraCase("orthographic square", (768, 768), _values(type="ORTHO", ortho_scale=2.2)),
    CameraCase(
        "orthographic portrait shifted",
        (600, 900),
        _values(type="ORTHO", ortho_scale=2.4, shift_x=0.1, shift_y=0.05),
    ),
    CameraCase(
        "sensor fit vertical, landscape", (1000, 640), _values(sensor_fit="VERTICAL", sensor_height=20.0)
    ),
    CameraCase(
        "sensor fit horizontal, portrait", (600, 900), _values(sensor_fit="HORIZONTAL", sensor_width=24.0)
    ),
    CameraCase(
        "sensor fit vertical, shifted", (900, 600), _values(sensor_fit="VERTICAL", shift_x=-0.1, shift_y=0.1)
    ),
    CameraCase("pixels twice as wide", (480, 720), _values(render_pixel_aspect_x=2.0)),
    CameraCase(
        "pixels half again as high, orthographic",
        (720, 540),
        _values(render_pixel_aspect_y=1.5, type="ORTHO", ortho_scale=3.2),
    ),
    CameraCase(
        "pixels wide, shifted", (500, 700), _values(render_pixel_aspect_x=1.46, shift_x=0.1, shift_y=-0.05)
    ),
    CameraCase("resolution percentage 37", (1921, 1307), _values(render_resolution_percentage=37)),
    CameraCase("border", (900, 700), _values(**_BORDER)),
    CameraCase("border, cropped", (901, 703), _values(**_BORDER, render_use_crop_to_border=True)),
    CameraCase(
        "border, cropped, orthographic, shifted",
        (700, 901),
        _values(**_BORDER, render_use_crop_to_border=True, type="ORTHO", ortho_scale=2.6, shift_x=0.07),
    ),
    CameraCase("camera scaled and mirrored", (800, 700), _values(object_scale=(-1.5, 0.7, 2.0))),
    CameraCase("camera parented and tracking", (800, 700), _tracked),
)


def set_resolution(scene: bpy.types.Scene, width: int, height: int) -> None:
    """Full frame in pixels."""
    scene.render.resolution_x, scene.render.resolution_y, scene.render.resolution_percentage = (
        width,
        height,
        100,
    )


def cycles_alpha(scene: bpy.types.Scene, samples: int = 1, filter_width: float = 0.01) -> np.ndarray:
    """Alpha of a Cycles render of the scene as it is, in a copy of its settings.

    Args:
        scene: What is rendered; its settings are changed, so it should be a test's own.
        samples: Samples a pixel.
        filter_width: Pixel filter in pixels; tiny = the value at the pixel's centre.

    Returns:
        (H, W) float32 0..1, row 0 at the top.
    """
    render = scene.render
    render.engine = "CYCLES"
    scene.cycles.device = "CPU"
    scene.cycles.samples, scene.cycles.use_adaptive_sampling, scene.cycles.use_denoising = (
        samples,
        False,
        False,
    )
    scene.cycles.pixel_filter_type, scene.cycles.filter_width = (
        ("BLACKMAN_HARRIS" if filter_width < 0.5 else "BOX"),
        filter_width,
    )
    render.film_transparent, render.dither_intensity = True, 0.0
    render.image_settings.file_format, render.image_settings.color_mode = "PNG", "RGBA"
    render.image_settings.color_depth = "16"
    with tempfile.TemporaryDirectory() as folder:
        render.filepath = str(Path(folder) / "render.png")
        bpy.ops.render.render(write_still=True)
        image = bpy.data.images.load(render.filepath)
        image.colorspace_settings.name = "Non-Color"
        pixels = np.empty(image.size[0] * image.size[1] * 4, np.float32)
        image.pixels.foreach_get(pixels)
        alpha = pixels.reshape(image.size[1], image.size[0], 4)[::-1, :, 3].copy()
        bpy.data.images.remove(image)
    return alpha


def cycles_silhouette(
    scene: bpy.types.Scene, hidden: Sequence[bpy.types.Object] = (), **options: float
) -> np.ndarray:
    """Alpha of everything but the hidden objects, all materials overridden by an opaque one, depth of field off."""
    override = bpy.data.materials.new("Override")
    layer = scene.view_layers[0]
    layer.material_override = override
    focus = scene.camera.data.dof
    before = [item.hide_render for item in hidden], focus.use_dof
    focus.use_dof = False
    for item in hidden:
        item.hide_render = True
    try:
        return cycles_alpha(scene, **options)
    finally:
        layer.material_override = None
        bpy.data.materials.remove(override)
        focus.use_dof = before[1]
        for item, value in zip(hidden, before[0], strict=True):
            item.hide_render = value


def iou(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union of two bool images."""
    union = np.count_nonzero(a | b)
    return float(np.count_nonzero(a & b) / union) if union else math.nan
