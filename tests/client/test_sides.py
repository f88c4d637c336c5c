"""Which side of a character a camera sees, for rigs of several makes."""

import math

import numpy as np
import pytest

from maskel_blender.silhouette.sides import Bone, Facing, facing_of, side_seen, split_side

# trunk, arm, leg, foot, toe: how several programs name the same bones, left side
MAKES = {
    "blender": ("spine", "upper_arm.L", "thigh.L", "foot.L", "toe.L"),
    "rigify": ("DEF-spine.003", "DEF-upper_arm.L.001", "DEF-thigh.L", "DEF-foot.L", "DEF-toe.L"),
    "mixamo": ("mixamorig:Hips", "mixamorig:LeftArm", "mixamorig:LeftUpLeg", "mixamorig:LeftFoot", "mixamorig:LeftToeBase"),
    "unreal": ("pelvis", "upperarm_l", "thigh_l", "foot_l", "ball_l"),
    "biped": ("Bip01 Pelvis", "Bip01 L UpperArm", "Bip01 L Thigh", "Bip01 L Foot", "Bip01 L Toe0"),
    "daz": ("hip", "lShldrBend", "lThighBend", "lFoot", "lToe"),
    "vrm": ("J_Bip_C_Hips", "J_Bip_L_UpperArm", "J_Bip_L_UpperLeg", "J_Bip_L_Foot", "J_Bip_L_ToeBase"),
    "mmd": ("センター", "左腕", "左足", "左足首", "左つま先"),
    "lower": ("root", "leftshoulder", "leftleg", "leftfoot", "lefttoe"),
}  # fmt: skip
SWAP = {"L": "R", "l": "r", "Left": "Right", "left": "right", "左": "右"}
PLACES = [(0, 0, 1.0), (0.2, 0.0, 1.4), (0.1, 0.0, 0.9), (0.1, 0.02, 0.1), (0.1, -0.12, 0.02)]


def other(name):
    for left in ("Left", "left", "左"):
        if left in name:
            return name.replace(left, SWAP[left])
    for left, right in ((".L", ".R"), ("_l", "_r"), (" L ", " R "), ("_L_", "_R_")):
        if left in name:
            return name.replace(left, right)
    return "r" + name[1:]


def turn(degrees, axis="z"):
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    found = np.eye(4)
    i, j = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    found[i, i] = found[j, j] = c
    found[i, j], found[j, i] = -s, s
    return found


def rig(make="blender", space=None, posed=None, toes=True, swapped=False):
    """Bones by name: a trunk, on it an arm and a leg with a foot on both sides.

    space: (4, 4) turns the rest pose within the armature; posed: (4, 4) turns the trunk in the pose.
    """
    space = np.eye(4) if space is None else space
    trunk, *limbs = MAKES[make]
    bones = {}

    def add(name, parent, place):
        rest = np.eye(4)
        rest[:3, 3] = place
        # bones roll as they like
        rest = space @ rest @ turn(37 * len(bones), "x") @ turn(11 * len(bones), "y")
        bones[name] = Bone(name, parent, rest, rest if posed is None else posed @ rest)

    add(trunk, "", PLACES[0])
    for side in (1, -1):
        names = [name if (side == 1) != swapped else other(name) for name in limbs]
        for i, name in enumerate(names[: 4 if toes else 3]):
            x, y, z = PLACES[i + 1]
            add(name, trunk if i < 2 else names[i - 1], (side * x, y, z))
    return bones


@pytest.mark.parametrize("make", MAKES)
def test_names_of_several_makes(make):
    for name in MAKES[make][1:]:
        side, key = split_side(name)
        assert side == "L"
        assert split_side(other(name)) == ("R", key)
    assert split_side(MAKES[make][0]) == ("", "")
    facing = facing_of(rig(make))
    np.testing.assert_allclose(facing.left, [1, 0, 0], atol=1e-9)
    np.testing.assert_allclose(facing.front, [0, -1, 0], atol=0.02)
    np.testing.assert_allclose(facing.up, [0, 0, 1], atol=0.02)


def test_names_without_a_side():
    for name in ("spine", "Leg", "l_arm_r", "LeftRight", "Bone", "Armature", "", "righteous", "Lamp"):
        assert split_side(name)[0] == "" or name == "righteous"


@pytest.mark.parametrize("space", [turn(90, "x"), turn(180), turn(-90, "y") @ turn(20)])
def test_any_rest_space(space):
    # FBX and glTF rigs rest on their side
    facing = facing_of(rig("mixamo", space=space))
    np.testing.assert_allclose(facing.front, space[:3, :3] @ [0, -1, 0], atol=0.02)


@pytest.mark.parametrize("posed", [turn(180), turn(75) @ turn(20, "x"), turn(-90, "x")])
def test_pose_of_the_trunk_counts(posed):
    facing = facing_of(rig("unreal", posed=posed))
    np.testing.assert_allclose(facing.front, posed[:3, :3] @ [0, -1, 0], atol=0.02)
    np.testing.assert_allclose(facing.up, posed[:3, :3] @ [0, 0, 1], atol=0.02)


def test_controls_do_not_count():
    bones = rig()
    for side, x in ((".L", -5.0), (".R", 5.0)):
        matrix = np.eye(4)
        matrix[0, 3] = x
        bones[f"hand_ik{side}"] = Bone(f"hand_ik{side}", "", matrix, matrix, deforms=False)
    np.testing.assert_allclose(facing_of(bones).left, [1, 0, 0], atol=1e-9)


def test_uncertain_is_none():
    assert facing_of({}) is None
    # a rig whose sides are named the wrong way round: its toes would point backwards
    assert facing_of(rig(swapped=True)) is None
    assert facing_of(rig(toes=False)) is not None
    # legs alone say nothing about up
    assert facing_of({name: bone for name, bone in rig().items() if "arm" not in name}) is None
    # no common trunk, so nothing tells how the pose turns it
    loose = {name: Bone(name, "", bone.rest, bone.posed) for name, bone in rig().items()}
    assert facing_of(loose) is None
    # chest and pelvis look to opposite sides
    bones = rig()
    twisted = turn(170) @ bones["spine"].rest
    bones["chest"] = Bone("chest", "spine", bones["spine"].rest, twisted)
    for side in (".L", ".R"):
        arm = bones[f"upper_arm{side}"]
        bones[arm.name] = Bone(arm.name, "chest", arm.rest, turn(170) @ arm.rest)
    assert facing_of(bones) is None


def test_a_loop_of_parents_ends():
    bones = rig()
    bones["upper_arm.L"] = Bone("upper_arm.L", "thigh.L", *(bones["upper_arm.L"].rest,) * 2)
    bones["thigh.L"] = Bone("thigh.L", "upper_arm.L", *(bones["thigh.L"].rest,) * 2)
    assert facing_of(bones) is None


FACING = Facing(np.array([1.0, 0, 0]), np.array([0, 0, 1.0]), np.array([0, -1.0, 0]))


@pytest.mark.parametrize(
    ("direction", "side"),
    [
        ((0, -5, 0), "front"), ((0, 5, 0), "back"), ((5, 0, 0), "left"), ((-5, 0, 0), "right"),
        ((2, -5, 1), "front"), ((5, -2, -1), "left"), ((-5, 2, 3), "right"), ((-1, 2, 0), "back"), ((1, 2, 0), "back"),
        ((0, 0, 5), "unknown"), ((0, -1, -3), "unknown"),
    ],
)  # fmt: skip
def test_side_seen(direction, side):
    assert side_seen(FACING, np.array(direction, float)) == side


def test_moved():
    turned = FACING.moved(turn(90) @ np.diag([2.0, 2.0, 2.0, 1.0]))
    np.testing.assert_allclose(turned.front, [1, 0, 0], atol=1e-12)
    assert FACING.moved(np.diag([-1.0, 1.0, 1.0, 1.0])) is None
    assert FACING.moved(np.zeros((4, 4))) is None
