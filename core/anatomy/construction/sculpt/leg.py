"""Kneecap, shin bones and foot: the source's coarse meshes at their true size, closed up where joints gape.

The source leaves its kneecap inside the back of the femur until a coupling with the knee is solved; here it lies before the
trochlea, its lower pole at the joint line (Insall & Salvati, "Patella position in the normal knee joint", 1971).
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import trimesh
from maskel_core.anatomy.construction import bones
from maskel_core.anatomy.construction.bones import recipe
from maskel_core.anatomy.construction.remesh import DistanceField
from maskel_core.anatomy.construction.sculpt.primitives import Grid, capsule, ellipsoid, intersection, union
from maskel_core.anatomy.construction.sculpt.smooth import smoothed
from maskel_core.anatomy.construction.sculpt.solid import Solid
from scipy.spatial import cKDTree

TOES = tuple((number, *row) for number, row in enumerate(bones.TOES, 1))
"""Metatarsal and the source's numbers of the phalanges of each toe, from the root to the tip."""

_SPACE = 0.0018
"""Joint space in the foot, metres: 1.5 to 2 mm on radiographs of adults."""
_GROWN = {"tarsal": 0.0020, "toe": 0.0010, "metatarsal": 0.0005}
"""How much the source's small bones of the foot are grown before they make room for each other, metres."""


def toe_chain(toe: tuple[int, ...]) -> list[str]:
    """Names of the bones of one of ``TOES``, from metatarsal to tip."""
    return [f"metatarsal{toe[0]}", *(f"toe_phalanx{i}" for i in toe[1:])]


def _neighbours() -> list[tuple[str, str]]:
    """Bones of the foot, each after the one behind it that it meets."""
    # Tarsals 1 to 5: medial, middle and lateral cuneiform, navicular, cuboid.
    pairs = [("talus", "tarsal4"), ("calcaneus", "tarsal5")]
    pairs += [("tarsal4", f"tarsal{i}") for i in (1, 2, 3)]
    pairs += [(f"tarsal{a}", f"metatarsal{b}") for a, b in ((1, 1), (2, 2), (3, 3), (5, 4), (5, 5))]
    for toe in TOES:
        chain = toe_chain(toe)
        pairs += list(pairwise(chain))
    return pairs


def foot_meshes(meshes: dict[str, trimesh.Trimesh]) -> dict[str, trimesh.Trimesh]:
    """The source's bones of the foot, stretched backwards until they meet the bone behind them but for the joint space."""
    names = ["talus", "calcaneus", *(f"tarsal{i}" for i in range(1, 6))]
    names += [f"metatarsal{i}" for i in range(1, 6)] + [f"toe_phalanx{i}" for i in range(1, 15)]
    out = {name: meshes[name].copy() for name in names}
    for behind, name in _neighbours():
        points = np.asarray(out[name].vertices)
        other = np.asarray(out[behind].subdivide().subdivide().vertices)
        own = np.asarray(out[name].subdivide().subdivide().vertices)
        distance, index = cKDTree(other).query(own)
        gap = distance.min() - _SPACE
        if gap <= 0:
            continue
        nearest = distance.argmin()
        direction = (other[index[nearest]] - own[nearest]) / distance[nearest]
        along = points @ direction
        share = (along - along.min()) / np.ptp(along)
        out[name].vertices = points + (share * gap)[:, None] * direction
    return out


def patella(knee: np.ndarray, front: float, voxel: float) -> DistanceField:
    """The right kneecap: a rounded triangle with a ridge between the two facets of its back.

    Args:
        knee: (3,) centre of the knee, metres.
        front: Where the trochlea of the femur lies, y in metres.
        voxel: Grid edge, metres.
    """
    centre = np.array([knee[0] - 0.002, front - 0.0090, knee[2] + 0.008])
    reach = np.array([0.027, 0.016, 0.032])
    grid = Grid(centre - reach, centre + reach, voxel)
    p = grid.local(centre, np.eye(3))
    solid = ellipsoid(p, [0, 0, 0.002], [0.0225, 0.0112, 0.0215])
    solid = union(
        solid, capsule(p, [0, -0.001, -0.004], [0, 0.001, -0.0215], 0.0085, 0.0026, flat=[0.5, 0, 0]), 0.008
    )
    facets = 0.0095 - 0.20 * np.abs(p[..., 0] - 0.001) - p[..., 1]
    solid = intersection(solid, facets, 0.003)
    return grid.field(intersection(solid, 0.0200 - p[..., 2], 0.005))


def plafond(field: DistanceField, ankle: np.ndarray) -> DistanceField:
    """The right tibia with a hollow roof over the dome of the talus, where the source's is flat.

    Args:
        field: The tibia.
        ankle: (3,) centre of the ankle in the source.
    """
    grid = Grid.like(field)
    near = grid.around(ankle + np.array([[-0.03, -0.04, -0.01], [0.03, 0.04, 0.04]]), 0.0)
    p = (grid.points[near] - ankle.astype(np.float32)) - np.array([0.0005, -0.0050, 0.0], np.float32)
    # The dome's radius is about 20 mm; the roof keeps a joint space of 3.5 mm from it.
    roof = np.hypot(p[..., 1], p[..., 2] + 0.0065) - 0.0235
    lips = ellipsoid(p, [0.0, 0.0, 0.0185], [0.0185, 0.0210, 0.0165])
    values = field.values.copy()
    values[near] = union(values[near], intersection(lips, roof, 0.003), 0.007)
    return grid.field(values)


def eminence(field: DistanceField, knee: np.ndarray) -> DistanceField:
    """The right tibia with the two tubercles that stand between the condyles of the femur, about 8 mm high."""
    grid = Grid.like(field)
    top = np.argwhere(field.values > 0)[:, 2].max()
    head = (
        np.argwhere(field.values[:, :, top - int(0.012 / field.voxel)] > 0) * field.voxel + field.origin[:2]
    )
    centre = np.array([*((head.min(0) + head.max(0)) / 2 + [0.0, 0.002]), knee[2]])
    near = grid.around(centre + np.array([[-0.02, -0.02, -0.04], [0.02, 0.02, 0.02]]), 0.0)
    values, p = field.values.copy(), grid.points[near]
    for aside in (-0.0055, 0.0055):
        column = int((centre[0] + aside - field.origin[0]) / field.voxel)
        row = int((centre[1] - field.origin[1]) / field.voxel)
        level = np.flatnonzero(field.values[column, row] > 0).max() * field.voxel + field.origin[2]
        foot = np.array([centre[0] + aside, centre[1], level - 0.003])
        cone = capsule(
            p, foot, foot + np.array([-0.1 * aside, 0.0, 0.0095]), 0.0075, 0.0016, flat=[0, 0.5, 0]
        )
        values[near] = union(values[near], cone, 0.005)
    return grid.field(values)


def sculpt(
    meshes: dict[str, trimesh.Trimesh], origins: dict[str, np.ndarray], wanted=None
) -> dict[str, Solid]:
    """Patella, tibia, fibula and the foot; see ``maskel_core.anatomy.construction.sculpt``."""
    from maskel_core.anatomy.construction.sculpt import shell

    solids: dict[str, Solid] = {}
    if wanted is None or "patella" in wanted:
        femur = np.asarray(meshes["femur"].vertices)
        knee = origins["tibia_r"]
        front = femur[np.abs(femur[:, 2] - knee[2] - 0.008) < 0.02][:, 1].min()
        solids["patella"] = shell("patella", patella(knee, front, recipe("patella").voxel), faces=1200)
    sources = {name: meshes[name] for name in ("tibia", "fibula")} | foot_meshes(meshes)
    faces = {"tibia": 5500, "fibula": 2400, "talus": 1800, "calcaneus": 2200}
    for name, mesh in sources.items():
        if wanted is not None and name not in wanted:
            continue
        voxel = recipe(name).voxel
        field = smoothed(mesh, voxel, 1.6 * voxel, 9, true_size=True)
        grown = next((size for part, size in _GROWN.items() if name.startswith(part)), 0.0)
        field = DistanceField(field.values + np.float32(grown), field.origin, field.voxel)
        if name == "tibia":
            field = eminence(plafond(field, origins["talus_r"]), origins["tibia_r"])
        solids[name] = shell(name, field, faces=faces.get(name, 380 if name.startswith("toe") else 750))
    return solids
