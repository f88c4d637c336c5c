"""Ties the skeleton to the body: which joints carry which bone, which bones meet, which skin lies over them."""

from __future__ import annotations

import numpy as np
import torch
from maskel_core.anatomy.asset import Anatomy
from maskel_core.anatomy.body import rest_shape, shape_coefficients
from maskel_core.anatomy.construction.bones import TOES, bindings
from maskel_core.anatomy.construction.covers import build_covers
from maskel_core.anatomy.construction.fit import SkeletonFit
from maskel_core.anatomy.construction.piece import Piece
from maskel_core.anatomy.construction.sculpt.pelvis import HEAD
from maskel_core.anatomy.construction.symmetry import mirror_images
from maskel_core.anatomy.construction.tuck import open_vertices
from maskel_core.anatomy.joints import JOINT_NAMES

_MIRROR = np.array([-1.0, 1.0, 1.0])
_REFERENCE = (0.5, 0.8, 0.5, 0.5, 0.5, 0.5)
"""Phenotypes of the lean adult whose joints and bones settle which joint carries which vertebra."""


def bind(
    anatomy: Anatomy,
    bone_names: list[str],
    order: list[str],
    constant: np.ndarray,
    slope: np.ndarray,
    joints: list[str],
) -> dict[str, torch.Tensor]:
    """Which body joints carry which bone.

    Args:
        anatomy: The body.
        bone_names: All bones.
        order: Bones of ``constant`` and ``slope``, without sides.
        constant: float (bones, 3, 4), maps where all coefficients are zero.
        slope: float (K, bones, 3, 4), their change with each coefficient.
        joints: Names of the body's joints.
    """
    person = shape_coefficients(anatomy, torch.tensor([_REFERENCE]))
    heads = rest_shape(anatomy, person).heads[0]
    maps = constant + np.tensordot(person[0].double().numpy(), slope, 1)
    spine = {n: float(heads[i, 2]) for i, n in enumerate(joints) if n.startswith(("spine", "neck", "head"))}
    height = {n: float(maps[i][2, 3]) for i, n in enumerate(order)}
    weights = torch.zeros(len(bone_names), 2)
    indices = torch.zeros(len(bone_names), 2, dtype=torch.uint8)
    for row, name in enumerate(bone_names):
        left = name.endswith("_l")
        base = name.removesuffix("_r").removesuffix("_l")
        level = 0.0
        if base.startswith("rib"):
            level = height[f"t{base[3:]}"]
        elif base.startswith("costal_cartilage"):
            level = 0.5 * (height[f"t{base[16:]}"] + height["t6"])
        elif base == "hyoid":
            level = height["c3"]
        elif base in ("sternum", "lung"):
            level = height["t6"]
        elif base[0] in "ltc" and base[1:].isdigit():
            level = height[base]
        for slot, (joint, weight) in enumerate(bindings(base, level, spine).items()):
            indices[row, slot] = joints.index(joint.replace(".R", ".L") if left else joint)
            weights[row, slot] = weight
    return {
        "bone.joint_weights": weights,
        "bone.joint_indices": indices,
        "bone.end_joints": _end_joints(bone_names, indices, joints),
    }


def covers(
    anatomy: Anatomy,
    pieces: list[Piece],
    bone_names: list[str],
    order: list[str],
    constant: np.ndarray,
    slope: np.ndarray,
) -> dict[str, torch.Tensor]:
    """Which skin lies over which bone in the lean adult, see ``construction.covers``.

    Returns:
        ``cover.bone`` (P,), ``cover.points`` (P, 3) in the bones' own spaces, ``cover.patch`` (P, 14) skin vertices,
        ``cover.slider`` (1,) a bone that slides under the skin and ``cover.around`` (M,) the skin about it, and ``body.mirror``
        (V,), the mirror image of each skin vertex.
    """
    person = shape_coefficients(anatomy, torch.tensor([_REFERENCE]))
    skin = rest_shape(anatomy, person).vertices[0].double().numpy()
    maps = constant + np.tensordot(person[0].double().numpy(), slope, 1)
    bones, placed = {}, {}
    for piece in pieces:
        number = bone_names.index(piece.bone if piece.bone in bone_names else f"{piece.bone}_r")
        if piece.kind == "always" and number not in bones and piece.bone != "lung":
            placed[number] = maps[order.index(piece.bone)]
            bones[number] = piece.vertices @ placed[number][:, :3].T + placed[number][:, 3]
    mirror, _ = mirror_images(anatomy["body.template"].double().numpy(), anatomy.names["joints"])
    axial = {number for number in bones if not bone_names[number].endswith("_r")}
    size = float(np.ptp(skin[:, 2])) / 1.75
    owners, points, patches = build_covers(bones, skin, open_vertices(anatomy), size, mirror, axial)
    # The shoulder blade slides far under the skin of the back: it asks all of the skin about it.
    blade = bone_names.index("scapula_r")
    outside = open_vertices(anatomy).nonzero()[0]
    reach = np.linalg.norm(skin[outside][:, None] - points[owners == blade][None, ::4], axis=2).min(1)
    back = np.array(
        [np.linalg.inv(placed[o][:, :3]) @ (p - placed[o][:, 3]) for o, p in zip(owners, points, strict=True)]
    )
    return {
        "cover.bone": torch.tensor(owners).to(torch.uint8),
        "cover.points": torch.tensor(back).half(),
        "cover.patch": torch.tensor(patches).to(torch.int16),
        "cover.slider": torch.tensor([blade]).to(torch.uint8),
        "cover.around": torch.tensor(outside[reach < 0.11 * size]).to(torch.int16),
        "body.mirror": torch.tensor(mirror).to(torch.int16),
    }


def _end_joints(bone_names: list[str], indices: torch.Tensor, joints: list[str]) -> torch.Tensor:
    """Body joints (B, 2) that the near and the far end of each bone belong to; a short bone has its own for both."""
    far = {
        "clavicle": "shoulder01",
        "humerus": "lowerarm01",
        "ulna": "wrist",
        "radius": "wrist",
        "femur": "lowerleg01",
        "tibia": "foot",
        "fibula": "foot",
        "1mc": "finger1-2",
        "thumbprox": "finger1-3",
    }
    far |= {f"{k}{part}ph": f"finger{k}-{n}" for k in "2345" for part, n in (("prox", 2), ("mid", 3))}
    far |= {
        f"toe_phalanx{i}": f"toe{toe}-{place + 1}"
        for toe, row in enumerate(TOES, 1)
        for place, i in enumerate(row, 1)
        if place < len(row)
    }
    # The radius hangs on the elbow, whatever it turns with; the femur's head on the pelvis.
    near = {"femur": "root", "radius": "lowerarm01"}
    out = indices[:, :1].long().repeat(1, 2)
    for row, name in enumerate(bone_names):
        base, side = name[:-2], name[-2:].replace("_", ".").upper()
        if not name.endswith(("_l", "_r")):
            continue
        for end, chosen in enumerate((near, far)):
            if base in chosen:
                joint = chosen[base]
                out[row, end] = joints.index(joint if joint in joints else joint + side)
    return out.to(torch.uint8)


def named_joints(
    points: dict[str, tuple[str, np.ndarray]], bone_names: list[str], centres: dict[str, np.ndarray]
) -> dict[str, torch.Tensor]:
    """Bones and places within them of the named joints, from ``landmarks``."""
    bones, places = [], []
    for name in JOINT_NAMES:
        side = name[-2:] if name[-2:] in ("_l", "_r") else ""
        bone, point = points[name.removesuffix(side) if side else name]
        local = point - centres[bone]
        bones.append(bone_names.index(bone + side))
        places.append(local * _MIRROR if side == "_l" else local)
    return {
        "landmark.bone": torch.tensor(bones).to(torch.uint8),
        "landmark.point": torch.tensor(np.array(places)).float(),
    }


def anchors(
    fit: SkeletonFit, bone_names: list[str], centres: dict[str, np.ndarray], joints: list[str]
) -> dict[str, torch.Tensor]:
    """Both ends of the bones that must meet their neighbours in every pose: the femur's head and knee."""
    bones, points, carriers = [], [], []
    ends = (fit.origins["femur_r"] - centres["femur"], fit.origins["tibia_r"] - centres["femur"])
    for side, mirror in (("r", 1.0), ("l", -1.0)):
        bones.append(bone_names.index(f"femur_{side}"))
        points.append([end * np.array([mirror, 1.0, 1.0]) for end in ends])
        carriers.append([joints.index("root"), joints.index(f"lowerleg01.{side.upper()}")])
    return {
        "anchor.bone": torch.tensor(bones).to(torch.uint8),
        "anchor.points": torch.tensor(np.array(points)).float(),
        "anchor.joints": torch.tensor(carriers).to(torch.uint8),
    }


def landmarks(fit: SkeletonFit) -> dict[str, tuple[str, np.ndarray]]:
    """Bone and source position of each named joint (right side)."""
    o, b = fit.origins, fit.bones
    jaw = b["mandible"][b["mandible"][:, 2] > np.quantile(b["mandible"][:, 2], 0.97)].mean(0)
    heel = b["calcaneus"][(b["calcaneus"] @ np.array([0.0, 1.0, -0.6])).argmax()]
    hips = o["femur_r"]
    middle, toe = b["3distph"], b["toe_phalanx2"]
    return {
        "head": ("skull", np.array([0.0, fit.bodies["c1"][1] + 0.008, b["c1"][:, 2].max()])),
        "jaw": ("mandible", jaw * np.array([0.0, 1.0, 1.0])),
        **{n: (n, fit.bodies[n]) for n in ("c7", "t6", "l1", "l5")},
        "pelvis": ("sacrum", hips * np.array([0.0, 1.0, 1.0])),
        "clavicle": ("clavicle", o["clavicle_r"]),
        "shoulder": ("humerus", o["humerus_r"]),
        "elbow": ("humerus", fit.elbow),
        "wrist": ("lunate", fit.wrist),
        "middle_finger": ("3distph", middle[middle[:, 2].argmin()]),
        "hip": ("femur", hips),
        "knee": ("tibia", o["tibia_r"]),
        "ankle": ("talus", o["talus_r"]),
        "heel": ("calcaneus", heel),
        "toe": ("toe_phalanx2", toe[toe[:, 1].argmin()]),
    }


_FULL, _FADED = 1.25, 2.1
"""Radii of the femoral head within which it and its socket are kept round, and beyond which nothing is changed."""


def balls(
    pieces: list[Piece], bone_names: list[str], centres: dict[str, np.ndarray], hip: np.ndarray
) -> dict[str, torch.Tensor]:
    """The right hip's head and socket, see ``maskel_core.anatomy.balls``.

    Args:
        pieces: All surfaces.
        bone_names: All bones.
        centres: Origin of each bone's space in the source, metres.
        hip: (3,) centre of the femoral head in the source, metres.
    """
    bones = ("femur", "hip_bone")
    vertices, owners, shares = [], [], []
    start = 0
    for piece in pieces:
        if piece.bone in bones:
            away = np.linalg.norm(piece.vertices + centres[piece.bone] - hip, axis=1) / HEAD
            fade = np.clip((_FADED - away) / (_FADED - _FULL), 0, 1)
            near = (fade > 0).nonzero()[0]
            vertices.append(start + near)
            owners.append(np.full(len(near), bones.index(piece.bone)))
            shares.append((fade * fade * (3 - 2 * fade))[near])
        start += len(piece.vertices)
    return {
        "ball.bone": torch.tensor([[bone_names.index(f"{bone}_r") for bone in bones]]).to(torch.uint8),
        "ball.centre": torch.tensor(np.array([[hip - centres[bone] for bone in bones]])).float(),
        "ball.vertex": torch.tensor(np.concatenate(vertices)).to(torch.int32),
        "ball.owner": torch.tensor(np.concatenate(owners)).to(torch.uint8),
        "ball.share": torch.tensor(np.concatenate(shares)).half(),
    }
