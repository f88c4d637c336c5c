"""The recipe of each bone: how finely it is meshed, how thick its cortex is, what it is bound to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import trimesh
from maskel_core.anatomy.construction.remesh import DistanceField, distance_field


@dataclass(frozen=True)
class Recipe:
    """How one bone is made.

    Args:
        voxel: Grid edge of its distance field, metres.
        faces: Triangles of its outer surface.
        cortex: Cortical thickness at the ends, metres.
        shaft: Cortical thickness at mid shaft, metres; None for bones without a shaft.
        core: Tissue inside the cortex.
    """

    voxel: float
    faces: int
    cortex: float
    shaft: float | None = None
    core: str = "spongiosa"


_SPECIAL = {
    "skull": Recipe(0.0010, 9000, 0.0055, core="brain"),
    "mandible": Recipe(0.0008, 2600, 0.0022),
    "hip_bone": Recipe(0.001, 4000, 0.0016),
    "sacrum": Recipe(0.001, 2400, 0.0011),
    "femur": Recipe(0.001, 4000, 0.0016, 0.0050, "marrow"),
    "tibia": Recipe(0.001, 4000, 0.0015, 0.0046, "marrow"),
    "fibula": Recipe(0.0007, 1500, 0.0012, 0.0026, "marrow"),
    "humerus": Recipe(0.001, 3600, 0.0014, 0.0042, "marrow"),
    "ulna": Recipe(0.0007, 1800, 0.0012, 0.0029, "marrow"),
    "radius": Recipe(0.0007, 1800, 0.0012, 0.0028, "marrow"),
    "clavicle": Recipe(0.0006, 1300, 0.0012, 0.0020),
    "scapula": Recipe(0.0007, 3600, 0.0011),
    "sternum": Recipe(0.0008, 1600, 0.0010),
    "calcaneus": Recipe(0.0006, 1500, 0.0010),
    "talus": Recipe(0.0006, 1000, 0.0010),
    "patella": Recipe(0.0006, 800, 0.0011),
}


def recipe(name: str) -> Recipe:
    """The recipe of a bone by its name."""
    if name in _SPECIAL:
        return _SPECIAL[name]
    if name.startswith("rib"):
        return Recipe(0.0006, 700, 0.0010)
    if name[0] in "ltc" and name[1:].isdigit():
        return Recipe(0.0006, 900, 0.0009)
    if name.startswith("metatarsal"):
        return Recipe(0.0005, 700, 0.0009, 0.0016)
    if name.startswith("toe"):
        return Recipe(0.0004, 250, 0.0007)
    if name.endswith("mc"):
        return Recipe(0.0005, 700, 0.0008, 0.0017)
    if "ph" in name or "thumb" in name:
        return Recipe(0.0004, 420, 0.0007, 0.0012)
    return Recipe(0.0005, 420, 0.0007)


def core_depth(field: DistanceField, how: Recipe) -> float | np.ndarray:
    """Depth of the inner face of the cortex, thicker along a long bone's shaft."""
    if how.shaft is None:
        return how.cortex
    along = 2 * np.abs(field.along()) / field.extent()
    shaft = np.clip((0.86 - along) / 0.42, 0, 1)
    return (how.cortex + (how.shaft - how.cortex) * shaft * shaft * (3 - 2 * shaft)).astype(np.float32)


def make_lung(ribs: list[trimesh.Trimesh]) -> trimesh.Trimesh:
    """The right lung: the space inside the right ribs beside the mediastinum."""
    hull = trimesh.convex.convex_hull(np.concatenate([np.asarray(rib.vertices) for rib in ribs]))
    field = distance_field(hull, 0.0025)
    x = field.origin[0] + field.voxel * np.arange(field.values.shape[0])
    aside = (-0.022 - x).astype(np.float32)[:, None, None]
    inside = DistanceField(np.minimum(field.values - 0.012, aside), field.origin, field.voxel)
    surface = inside.surface(0.0, 900)
    if surface is None:
        raise ValueError("the ribs enclose no lung")
    return surface


FINGERS = "2345"
"""The source's numbers of the fingers but the thumb."""
CARPALS = ("lunate", "scaphoid", "pisiform", "triquetrum", "capitate", "trapezium", "trapezoid", "hamate")
TOES = ((7, 2), (8, 3, 1), (11, 5, 4), (13, 9, 6), (14, 12, 10))
"""The source's numbers of the phalanges of each toe, from the root to the tip."""


def toe_place(phalanx: int) -> tuple[int, int]:
    """Toe (1 to 5) and place in it from the root (1 to 3) of one of the source's toe phalanges."""
    return next((t, row.index(phalanx) + 1) for t, row in enumerate(TOES, 1) if phalanx in row)


_TRUNK = ("spine05", "spine04", "spine03", "spine02", "spine01")
_NECK = ("neck01", "neck02", "neck03", "head")


def _carriers(height: float, spine: dict[str, float], chain: tuple[str, ...]) -> dict[str, float]:
    """Weights of the joints of a chain for a bone at a height: its own joint, blended with the next one about the pivot between.

    The blend reaches half the shorter of the two segments, so that what lies far from a pivot turns with its own segment alone.
    """
    levels = [spine[joint] for joint in chain]
    levels.append(levels[-1] + (levels[-1] - levels[-2]))
    weights = {chain[0]: 1.0}
    for i in range(1, len(chain)):
        reach = 0.5 * min(levels[i] - levels[i - 1], levels[i + 1] - levels[i])
        share = float(np.clip(0.5 + 0.5 * (height - levels[i]) / reach, 0, 1))
        if share > 0:
            weights = {chain[i - 1]: 1 - share, chain[i]: share}
    return {joint: weight for joint, weight in weights.items() if weight > 0}


def bindings(name: str, height: float, spine: dict[str, float]) -> dict[str, float]:
    """Weights of the body joints that carry a bone.

    Args:
        name: Bone.
        height: Height of its centre (vertebrae) in the fitted reference body, metres.
        spine: Heights of the spine's joints in the same body.
    """
    fixed = {
        "hip_bone": "root",
        "sacrum": "root",
        "skull": "head",
        "mandible": "head",
        "clavicle": "clavicle.R",
        "scapula": "shoulder01.R",
        "humerus": "upperarm01.R",
        "ulna": "lowerarm01.R",
        "femur": "upperleg01.R",
        "tibia": "lowerleg01.R",
        "fibula": "lowerleg01.R",
        "1mc": "finger1-1.R",
        "thumbprox": "finger1-2.R",
        "thumbdist": "finger1-3.R",
    }
    if name in fixed:
        return {fixed[name]: 1.0}
    if name == "patella":
        return {"upperleg01.R": 0.5, "lowerleg01.R": 0.5}
    if name == "radius":
        return {"lowerarm01.R": 0.5, "lowerarm02.R": 0.5}
    if name.startswith("toe_phalanx"):
        toe, place = toe_place(int(name.removeprefix("toe_phalanx")))
        return {f"toe{toe}-{place}.R": 1.0}
    if name.startswith(("metatarsal", "tarsal", "talus", "calcaneus")):
        return {"foot.R": 1.0}
    if name[0] in "2345" and "ph" in name:
        return {f"finger{name[0]}-{ {'prox': 1, 'mid': 2, 'dist': 3}[name[1:-2]] }.R": 1.0}
    if (name[0] in "ltcrs" or name == "hyoid") and height:
        neck = name == "hyoid" or (name[0] == "c" and name[1:].isdigit())
        return _carriers(height, spine, _NECK if neck else _TRUNK)
    return {"wrist.R": 1.0}
