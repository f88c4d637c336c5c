"""The side seen, by the rigs that come with Blender."""

import bpy
import numpy as np
import pytest

from maskel_blender.silhouette.armature import character_facing

BEASTS = ("basic_quadruped", "bird", "cat", "horse", "shark", "wolf")


@pytest.fixture
def rigify(scene):
    bpy.ops.preferences.addon_enable(module="rigify")
    yield scene
    bpy.ops.preferences.addon_disable(module="rigify")


@pytest.mark.slow
def test_metarigs(rigify):
    for kind in ("human", "basic_human"):
        getattr(bpy.ops.object, f"armature_{kind}_metarig_add")()
        rig = bpy.context.object
        rig.rotation_euler.z = 1.0
        bpy.context.view_layer.update()
        facing = character_facing([rig])
        np.testing.assert_allclose(facing.front, [np.sin(1.0), -np.cos(1.0), 0], atol=0.05)
        # a turn of the hips alone, about their own leaning axis, turns the whole character
        hips = rig.pose.bones["spine"]
        hips.rotation_mode, hips.rotation_euler = "XYZ", (0.0, np.pi, 0.0)
        bpy.context.view_layer.update()
        assert character_facing([rig]).front @ facing.front < -0.8
    for kind in BEASTS:
        getattr(bpy.ops.object, f"armature_{kind}_metarig_add")()
        assert character_facing([bpy.context.object]) is None, kind
