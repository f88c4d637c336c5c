"""The demo's Blender side: a posed character with its armature, a camera, an X-ray over it.

    .venv-bpy-4.5/bin/python examples/demo/scene.py --character character.npz --out demo/

`maskel data character --out character.npz` makes the character. The server is found as the add-on finds it: MASKEL_SERVER and
MASKEL_TOKEN_FILE name a running one, else MASKEL_COMMAND names the program to start. Leaves demo.blend, mask.png, xray.png and
overlay.png.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY))

import bpy  # noqa: E402
import numpy as np  # noqa: E402
from mathutils import Matrix, Vector  # noqa: E402
from numpy.typing import NDArray  # noqa: E402

import maskel_blender  # noqa: E402
from maskel_blender.client.png import encode_png  # noqa: E402

WIDTH, HEIGHT = 768, 1024
LENS_MM, SENSOR_MM = 70.0, 36.0
YAW = math.radians(12.0)


def build_armature(data: dict[str, NDArray]) -> bpy.types.Object:
    """Armature in rest pose from heads, tails and parents, then posed by `pose_matrices`."""
    armature = bpy.data.objects.new("Character Rig", bpy.data.armatures.new("Character Rig"))
    bpy.context.scene.collection.objects.link(armature)
    bpy.context.view_layer.objects.active = armature
    bpy.ops.object.mode_set(mode="EDIT")
    names = [str(name) for name in data["bone_names"]]
    bones = [armature.data.edit_bones.new(name) for name in names]
    for bone, head, tail, parent in zip(
        bones, data["bone_heads"], data["bone_tails"], data["bone_parents"], strict=True
    ):
        bone.head, bone.tail = head.tolist(), tail.tolist()
        if parent >= 0:
            bone.parent = bones[parent]
    bpy.ops.object.mode_set(mode="OBJECT")
    world = [Matrix(matrix.astype(np.float64).tolist()) for matrix in data["pose_matrices"]]
    for index, name in enumerate(names):
        rest = armature.data.bones[name].matrix_local
        parent = int(data["bone_parents"][index])
        before = world[parent] if parent >= 0 else Matrix.Identity(4)
        # pose = parent's motion, rest, basis; asked for: own motion, rest
        armature.pose.bones[name].matrix_basis = rest.inverted() @ before.inverted() @ world[index] @ rest
    armature.show_in_front = True
    armature.data.display_type = "STICK"
    return armature


def build_body(data: dict[str, NDArray], armature: bpy.types.Object) -> bpy.types.Object:
    """Rest mesh, bound to the armature by vertex groups, smoothly shaded and skin-coloured."""
    mesh = bpy.data.meshes.new("Character")
    mesh.from_pydata(data["verts"].tolist(), [], data["faces"].tolist())
    mesh.shade_smooth()
    mesh.materials.append(_matte("Skin", (0.55, 0.31, 0.22, 1.0), 0.55))
    body = bpy.data.objects.new("Character", mesh)
    bpy.context.scene.collection.objects.link(body)
    groups = [body.vertex_groups.new(name=str(name)) for name in data["bone_names"]]
    for vertex, (bones, weights) in enumerate(
        zip(data["skin_index"].tolist(), data["skin_weight"].tolist(), strict=True)
    ):
        for bone, weight in zip(bones, weights, strict=True):
            if weight > 0.0:
                groups[bone].add([vertex], weight, "ADD")
    body.parent = armature
    body.modifiers.new("Armature", "ARMATURE").object = armature
    return body


def _matte(name: str, colour: tuple[float, float, float, float], roughness: float) -> bpy.types.Material:
    material = bpy.data.materials.new(name)
    if bpy.app.version < (5, 0, 0):
        material.use_nodes = True
    shader = material.node_tree.nodes["Principled BSDF"]
    shader.inputs["Base Color"].default_value = colour
    shader.inputs["Roughness"].default_value = roughness
    material.diffuse_color = colour
    return material


def build_surroundings(body: bpy.types.Object) -> None:
    """Camera framed on the posed body, lights, floor, world, render settings."""
    scene = bpy.context.scene
    evaluated = body.evaluated_get(bpy.context.evaluated_depsgraph_get())
    points = np.array([evaluated.matrix_world @ vertex.co for vertex in evaluated.data.vertices])
    low, high = points.min(axis=0), points.max(axis=0)
    middle = Vector((0.5 * (low + high)).tolist())
    data = bpy.data.cameras.new("Camera")
    data.lens, data.sensor_width, data.sensor_fit = LENS_MM, SENSOR_MM, "AUTO"
    camera = bpy.data.objects.new("Camera", data)
    scene.collection.objects.link(camera)
    scene.camera = camera
    # the body's height and width with a margin, seen from its front side
    half = max(0.5 * (high[2] - low[2]), 0.5 * (high[0] - low[0]) * HEIGHT / WIDTH) * 1.07
    distance = half * LENS_MM / (0.5 * SENSOR_MM) + 0.5 * float(high[1] - low[1])
    camera.location = middle + Vector((math.sin(YAW), -math.cos(YAW), 0.06)) * distance
    camera.rotation_euler = (middle - camera.location).to_track_quat("-Z", "Y").to_euler()

    for name, place, power, size in (
        ("Key", (-2.2, -3.0, 3.2), 110.0, 1.5),
        ("Rim", (2.0, 2.2, 2.6), 90.0, 1.0),
    ):
        light = bpy.data.lights.new(name, "AREA")
        light.energy, light.size = power, size
        lamp = bpy.data.objects.new(name, light)
        scene.collection.objects.link(lamp)
        lamp.location = place
        lamp.rotation_euler = (middle - lamp.location).to_track_quat("-Z", "Y").to_euler()
    world = bpy.data.worlds.new("World")
    if bpy.app.version < (5, 0, 0):
        world.use_nodes = True
    world.node_tree.nodes["Background"].inputs["Color"].default_value = (0.16, 0.18, 0.21, 1.0)
    scene.world = world
    floor = bpy.data.meshes.new("Floor")
    floor.from_pydata([(-20, -20, 0), (20, -20, 0), (20, 20, 0), (-20, 20, 0)], [], [(0, 1, 2, 3)])
    floor.materials.append(_matte("Floor", (0.10, 0.11, 0.13, 1.0), 0.9))
    scene.collection.objects.link(bpy.data.objects.new("Floor", floor))

    render = scene.render
    render.resolution_x, render.resolution_y, render.resolution_percentage = WIDTH, HEIGHT, 100
    render.engine = "CYCLES"
    scene.cycles.device, scene.cycles.samples = "CPU", 10
    scene.cycles.use_denoising = False
    scene.cycles.max_bounces = 2
    # grey values of the X-ray as they are, not through a film curve
    scene.view_settings.view_transform = "Standard"


def save_image(image: bpy.types.Image, channel: int, path: Path) -> None:
    """One channel of an 8-bit image as grey PNG."""
    width, height = image.size
    pixels = np.empty(width * height * 4, np.float32)
    image.pixels.foreach_get(pixels)
    grey = np.rint(pixels.reshape(height, width, 4)[::-1, :, channel] * 255.0).astype(np.uint8)
    path.write_bytes(encode_png(grey))


class Steps:
    """Prints how long each step took."""

    def __init__(self) -> None:
        self._began = time.perf_counter()

    def done(self, what: str) -> None:
        """Print the time since the last step."""
        now = time.perf_counter()
        print(f"  {what:<42} {now - self._began:6.2f} s", flush=True)
        self._began = now


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--character", type=Path, required=True, metavar="FILE", help="NPZ of `maskel data character`"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--style", default="dxa")
    options = parser.parse_args(sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else None)
    out = options.out.resolve()
    out.mkdir(parents=True, exist_ok=True)

    steps = Steps()
    with np.load(options.character, allow_pickle=False) as stored:
        data = {name: stored[name] for name in stored.files}
    bpy.ops.wm.read_factory_settings(use_empty=True)
    maskel_blender.register()
    armature = build_armature(data)
    body = build_body(data, armature)
    build_surroundings(body)
    # what a user would do: click the character, then the button
    bpy.context.view_layer.objects.active = body
    body.select_set(True)
    steps.done("character, armature, camera")
    if bpy.ops.maskel.generate(camera="Camera", target="ACTIVE", placement="PLANE", style=options.style) != {
        "FINISHED"
    }:
        return 1
    steps.done("silhouette, X-ray, image plane")
    plane = next(
        item for item in bpy.data.collections["MaSkel"].objects if item.get("maskel_role") == "xray_plane"
    )
    image = next(node.image for node in plane.data.materials[0].node_tree.nodes if node.type == "TEX_IMAGE")
    save_image(image, 3, out / "mask.png")
    save_image(image, 0, out / "xray.png")
    bpy.context.view_layer.objects.active = armature
    bpy.ops.wm.save_as_mainfile(filepath=str(out / "demo.blend"), check_existing=False)
    steps.done("demo.blend, mask.png, xray.png")
    bpy.context.scene.render.filepath = str(out / "overlay.png")
    bpy.ops.render.render(write_still=True)
    steps.done("overlay.png (Cycles)")
    maskel_blender.unregister()
    return 0


if __name__ == "__main__":
    sys.exit(main())
