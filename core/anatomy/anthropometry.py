"""Measuring a body as an anthropometrist does: lengths and breadths of skin and bones."""

from __future__ import annotations

import math

import torch
from maskel_core.anatomy.asset import Anatomy
from maskel_core.anatomy.figure import make_figure
from maskel_core.anatomy.joints import JOINT_NAMES
from maskel_core.anatomy.person import Person
from maskel_core.anatomy.pose import Limb, Pose

_SEAT = 0.0045
"""Seat below the crotch, share of stature: sitting height and crotch height are 8 mm more than stature (ANSUR II)."""

_EARS = 0.58
"""Share of the height of the head, from the chin, above which there are no ears."""


_MENTON = 5280
"""Vertex of the skin at the lowest point of the chin."""


def measure(anatomy: Anatomy, person: Person) -> dict[str, float]:
    """Stature in metres, and shares of it by the names of ``maskel_core.anatomy.norms.MEASURES``.

    Bones: greatest length of femur, humerus and radius; tibia from plateau to ankle joint, without the malleolus; breadth over
    the iliac crests; breadth over the acromia, arms hanging; hand from wrist to middle finger tip. Skin: length of the foot; arm
    span, arms straight to the sides; vertex to chin; breadth of the head above the ears; vertex to crotch for sitting height.
    """
    straight = Limb(abduction=math.pi / 2)
    spread = make_figure(anatomy, person, Pose("t_pose", arms=(straight, straight)))
    hanging = make_figure(anatomy, person, Pose("standing", arms=(Limb(abduction=0.2), Limb(abduction=0.2))))
    skin = spread.skin
    low, high = skin.amin(0), skin.amax(0)
    stature = float(high[2] - low[2])
    bones = {
        name: _vertices(anatomy, spread.bones, name)
        for name in ("femur_r", "tibia_r", "humerus_r", "radius_r")
    }
    crests = torch.cat([_vertices(anatomy, spread.bones, f"hip_bone_{side}") for side in "lr"])
    acromia = torch.cat([_vertices(anatomy, hanging.bones, f"scapula_{side}") for side in "lr"])
    foot = skin[(skin[:, 2] < float(low[2]) + 0.06 * stature) & (skin[:, 0] < 0)]
    wrist, finger = (spread.landmarks[JOINT_NAMES.index(f"{name}_r")] for name in ("wrist", "middle_finger"))
    chin, crotch = _midline(anatomy, skin, stature)
    head = skin[skin[:, 2] > chin + _EARS * (float(high[2]) - chin)]
    lengths = {
        "femur": _greatest(bones["femur_r"]),
        "tibia": _tibia(bones["tibia_r"]),
        "humerus": _greatest(bones["humerus_r"]),
        "radius": _greatest(bones["radius_r"]),
        "bi_iliac": _breadth(crests),
        "sitting_height": float(high[2]) - crotch + _SEAT * stature,
        "span": float(high[0] - low[0]),
        "head_breadth": _breadth(head),
        "biacromial": _breadth(acromia),
        "head_height": float(high[2]) - chin,
        "foot": float(foot[:, 1].max() - foot[:, 1].min()),
        "hand": float((finger - wrist).norm()),
    }
    return {"stature": stature} | {name: length / stature for name, length in lengths.items()}


def _vertices(anatomy: Anatomy, bones: torch.Tensor, name: str) -> torch.Tensor:
    """Posed vertices (N, 3) of one bone."""
    of_piece = anatomy["piece.bone"][anatomy["bone.vertex_piece"]]
    return bones[of_piece == anatomy.names["bones"].index(name)]


def _breadth(points: torch.Tensor) -> float:
    return float(points[:, 0].max() - points[:, 0].min())


def _axis(points: torch.Tensor) -> torch.Tensor:
    """Direction (3,) in which points reach farthest, upwards."""
    axis = torch.linalg.svd(points - points.mean(0), full_matrices=False).Vh[0]
    return axis * torch.sign(axis[2])


def _greatest(points: torch.Tensor) -> float:
    """Greatest distance between any two points."""
    ends = points @ _axis(points)
    far = points[(ends < ends.quantile(0.1)) | (ends > ends.quantile(0.9))]
    return float(torch.cdist(far, far).max())


def _tibia(points: torch.Tensor) -> float:
    """Length from the plateau to the ankle joint's roof; the malleolus is on the inner side."""
    along = points @ _axis(points)
    low, high = float(along.min()), float(along.max())
    shaft = points[:, 0][(along > low + 0.15 * (high - low)) & (along < low + 0.3 * (high - low))].mean()
    outer = points[:, 0] < shaft  # The right tibia: the fibula lies towards negative x.
    return high - float(along[outer].min())


def _midline(anatomy: Anatomy, skin: torch.Tensor, stature: float) -> tuple[float, float]:
    """Heights of chin and crotch, metres."""
    middle = anatomy["body.template"][:, 0].abs() < 1e-5
    points = skin[middle]
    low = float(skin[:, 2].min())
    height = (points[:, 2] - low) / stature
    crotch = float(points[:, 2][(height > 0.25) & (height < 0.7)].min())
    return float(skin[_MENTON, 2]), crotch
