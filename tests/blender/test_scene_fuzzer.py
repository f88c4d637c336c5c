"""Random scenes: never a traceback, never a changed scene. MASKEL_FUZZ_SCENES and MASKEL_FUZZ_SEED set more of them."""

from __future__ import annotations

import io
import math
import os
import random
import sys

import bpy
import pytest
from mathutils import Euler

from benchmarks import blender_scene as bench
from tests.blender.snapshot import snapshot
from tests.blender.test_scene_unchanged import differences

SCENES = int(os.environ.get("MASKEL_FUZZ_SCENES", "30"))
SEED = int(os.environ.get("MASKEL_FUZZ_SEED", "1"))
NAMES = (
    "Körper",
    "角色",
    "персонаж",
    "a/b\\c",
    "nul",
    "…",
    "x" * 60,
    "Name.001",
    " ",
    "😀 face",
    "..",
    'quote"s',
)
MODES = ("OBJECT", "EDIT", "SCULPT", "WEIGHT_PAINT", "VERTEX_PAINT", "TEXTURE_PAINT", "POSE")


class Maker:
    """Makes one scene from a seed."""

    def __init__(self, scene: bpy.types.Scene, seed: int) -> None:
        self.scene, self.random = scene, random.Random(seed)

    def choice(self, *values):
        return self.random.choice(values)

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def add(self, name: str, data) -> bpy.types.Object:
        item = bpy.data.objects.new(name, data)
        self.scene.collection.objects.link(item)
        return item

    def place(self, item: bpy.types.Object) -> None:
        scale = self.choice(1.0, 1.0, 1e-4, 1e4, 0.01, -1.0)
        item.location = [self.random.uniform(-2, 2) for _ in range(3)]
        item.rotation_euler = Euler([self.random.uniform(-3, 3) for _ in range(3)])
        item.scale = [scale * self.choice(1.0, 1.0, 0.3, 0.0) for _ in range(3)]
        item.hide_render, item.hide_select = self.chance(0.1), self.chance(0.1)

    def mesh(self) -> bpy.types.Object:
        kind = self.choice("empty", "point", "edge", "cube", "huge", "flat", "nan")
        points = {
            "empty": [],
            "point": [(0, 0, 0)],
            "edge": [(0, 0, 0), (0, 0, 1)],
            "flat": [(0, 0, 0), (1, 0, 0), (0, 0, 1)],
            "huge": [(0, 0, 0), (1e20, 0, 0), (0, 0, 1e20)],
            "nan": [(0, 0, 0), (math.nan, 0, 0), (0, 0, 1)],
            "cube": [(x, y, z) for x in (0, 1) for y in (0, 1) for z in (0, 1)],
        }[kind]
        faces = {"cube": [(0, 1, 3, 2), (4, 6, 7, 5), (0, 2, 6, 4), (1, 5, 7, 3)]}.get(kind, [(0, 1, 2)])
        data = bpy.data.meshes.new(self.choice(*NAMES))
        data.from_pydata(points, [(0, 1)] if kind == "edge" else [], faces if len(points) > 2 else [])
        return self.add(self.choice(*NAMES), data)

    def thing(self) -> bpy.types.Object:
        kind = self.choice("mesh", "mesh", "curve", "text", "meta", "empty", "light", "lattice", "instance")
        name = self.choice(*NAMES)
        if kind == "mesh":
            return self.mesh()
        if kind == "curve":
            data = bpy.data.curves.new(name, "CURVE")
            data.splines.new("BEZIER").bezier_points.add(2)
            data.bevel_depth = self.choice(0.0, 0.1)
            return self.add(name, data)
        if kind == "text":
            data = bpy.data.curves.new(name, "FONT")
            data.body = self.choice("", "X-ray", "骨")
            return self.add(name, data)
        if kind == "meta":
            data = bpy.data.metaballs.new(name)
            data.elements.new()
            return self.add(name, data)
        if kind == "light":
            return self.add(name, bpy.data.lights.new(name, "POINT"))
        if kind == "lattice":
            return self.add(name, bpy.data.lattices.new(name))
        item = self.add(name, None)
        if kind == "instance":
            held = bpy.data.collections.new(name)
            if self.chance(0.7):
                inside = bpy.data.objects.new(name, bpy.data.meshes.new(name))
                held.objects.link(inside)
            item.instance_type, item.instance_collection = "COLLECTION", held
        return item

    def camera(self, target: bpy.types.Object | None) -> None:
        kind = self.choice(*["good"] * 9, "none", "inside", "far", "panorama", "near", "tiny lens")
        if kind == "none":
            return
        camera = bench.add_camera(self.scene, self.choice(*NAMES))
        data = camera.data
        if kind == "inside" and target is not None:
            camera.location = target.matrix_world.translation
        elif kind == "far":
            camera.location = (0, -1e6, 0)
        elif kind == "panorama":
            data.type = "PANO"
        elif kind == "near":
            data.clip_start, data.clip_end = self.choice((50.0, 60.0), (1e-6, 1e-5), (0.1, 1e9))
        elif kind == "tiny lens":
            data.lens, data.shift_x = self.choice((1.0, 5.0), (5000.0, -5.0))
        if self.chance(0.3) and data.type != "PANO":
            data.type, data.ortho_scale = "ORTHO", self.choice(1e-3, 3.0, 1e5)

    def make(self) -> None:
        """Fill the scene; leaves some object active, in some mode."""
        scene = self.scene
        body = None
        if self.chance(0.9):
            body, rig = bench.figure(scene, 0, 1)
            body.name, rig.name = self.choice(*NAMES), self.choice(*NAMES)
            if self.chance(0.15):
                rig.scale = [self.choice(1e-4, 0.01, 100.0, 1e4)] * 3
        for _ in range(self.random.randrange(5)):
            item = self.thing()
            self.place(item)
            if body is not None and self.chance(0.3):
                item.parent = self.choice(body, body.parent)
        self.camera(body)
        bench.set_resolution(scene, self.choice(4, 33, 128, 300), self.choice(4, 50, 128, 400))
        scene.render.resolution_percentage = self.choice(100, 100, 1, 50)
        scene.render.use_border = self.chance(0.15)
        scene.frame_set(self.choice(1, 0, -5, 250))
        layer = bpy.context.view_layer
        layer.update()
        things = [*layer.objects]
        layer.objects.active = body if body is not None and self.chance(0.85) else self.choice(None, *things)
        for item in things:
            if self.chance(0.3) and not item.hide_select:
                item.select_set(True)
        active = layer.objects.active
        if active is not None and active.visible_get() and self.chance(0.5):
            allowed = [mode for mode in MODES if mode_fits(active, mode)]
            bpy.ops.object.mode_set(mode=self.choice(*allowed))

    def arguments(self) -> dict[str, object]:
        """What the operator is asked for."""
        cameras = [item.name for item in self.scene.objects if item.type == "CAMERA"]
        groups = [item.name for item in bpy.data.collections]
        return {
            "target": self.choice(*["ACTIVE"] * 6, "SELECTED", "SELECTED", "COLLECTION"),
            "collection": self.choice("", "Nowhere", *groups),
            "camera": self.choice(*[""] * 8, "Nowhere", *cameras),
            "style": self.choice("dxa", "radiograph", "bone", "inverted"),
            "size": self.choice(0, 0, 16, 200),
        }


def mode_fits(item: bpy.types.Object, mode: str) -> bool:
    """Whether an object has a mode."""
    if mode == "OBJECT":
        return True
    if item.type == "MESH":
        return mode != "POSE"
    if item.type == "ARMATURE":
        return mode in ("POSE", "EDIT")
    return mode == "EDIT" and item.type in ("CURVE", "FONT", "META", "LATTICE", "SURFACE")


@pytest.mark.parametrize("seed", range(SEED, SEED + SCENES))
def test_scene(scene, server, monkeypatch, seed):
    maker = Maker(scene, seed)
    maker.make()
    arguments = maker.arguments()
    before = snapshot()
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    try:
        done = bpy.ops.maskel.generate(**arguments) == {"FINISHED"}
    except RuntimeError as error:
        done = False
        text = str(error)
        assert text.startswith("Error: ") and "Traceback" not in text, text
        # The message and its fix: two sentences at least.
        assert text.count(". ") + text.count("? ") >= 1, text
    assert "Traceback" not in written.getvalue(), written.getvalue()
    new = frozenset()
    if done:
        results = next(item for item in bpy.data.collections if item.get("maskel_role") == "results")
        made = [*results.all_objects]
        assert made
        new = frozenset(
            {
                results.name,
                *(child.name for child in results.children_recursive),
                *(item.name for item in made),
            }
            | {item.data.name for item in made if item.data is not None}
            | {image.name for image in bpy.data.images}
            | {material.name for material in bpy.data.materials}
        )
    assert differences(before, snapshot(new)) == {}, arguments
