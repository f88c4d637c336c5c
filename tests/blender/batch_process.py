"""A batch as a process of its own, to be killed.

`batch_process.py ARGUMENTS` stands for `blender -b FILE --command maskel ARGUMENTS`; see `children.with_bpy`.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import bpy

import maskel_blender
from benchmarks import blender_scene as bench
from maskel_blender.cli import run
from tests.blender.children import own_arguments

CAMERAS = 6


def main() -> int:
    scene = bench.empty_scene()
    maskel_blender.register()
    body, armature = bench.figure(scene, render_levels=1)
    for index in range(CAMERAS):
        bench.add_camera(scene, f"Kamera {index} ä", (-1.5 + 0.5 * index, -4.5, 1.1))
    bench.set_resolution(scene, 96, 128)
    for frame, x in ((1, -0.3), (5, 0.3)):
        armature.location.x = x
        armature.keyframe_insert("location", index=0, frame=frame)
    bpy.context.view_layer.objects.active = body
    try:
        return run(own_arguments())
    finally:
        # as Blender does at its end; the module crashes on classes that are left
        maskel_blender.unregister()


if __name__ == "__main__":
    sys.exit(main())
