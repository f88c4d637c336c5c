"""Draw sculpted bones, shaded and as radiographs (extra ``asset``).

python tools/bone_picture.py OUT.png NAME ...      one sheet of the named bones together, from five sides
python tools/bone_picture.py OUT.png --plate       the main bones of the right side and the axis, from the front and the side
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import numpy as np
import torch
import trimesh
from PIL import Image, ImageDraw

SIZE = 420
VIEWS = {"front": 0.0, "side": 90.0, "back": 180.0}
TILE = 190
_CARPALS = ("lunate", "scaphoid", "pisiform", "triquetrum", "capitate", "trapezium", "trapezoid", "hamate")
_RAYS = tuple(f"{finger}{part}" for finger in "2345" for part in ("mc", "proxph", "midph", "distph"))
_TARSALS = ("talus", "calcaneus", *(f"tarsal{i}" for i in range(1, 6)))
PLATE: dict[str, tuple[str, ...]] = {
    "skull, mandible": ("skull", "mandible"),
    "C1 to C7": tuple(f"c{i}" for i in range(1, 8)),
    "T5 to T7": ("t5", "t6", "t7"),
    "L2 to L4": ("l2", "l3", "l4"),
    "sternum, ribs": ("sternum", *(f"rib{i}" for i in range(1, 13)), *(f"t{i}" for i in range(1, 13))),
    "scapula, clavicle": ("scapula", "clavicle"),
    "humerus": ("humerus",),
    "radius, ulna": ("radius", "ulna"),
    "wrist and hand": (*_CARPALS, "1mc", "thumbprox", "thumbdist", *_RAYS),
    "hip bone": ("hip_bone",),
    "sacrum": ("sacrum",),
    "femur": ("femur",),
    "knee": (),
    "tibia, fibula": ("tibia", "fibula"),
    "ankle": (),
    "foot": (*_TARSALS, *(f"metatarsal{i}" for i in range(1, 6)), *(f"toe_phalanx{i}" for i in range(1, 15))),
}
"""Title and bones of each field of the plate; ``knee`` and ``ankle`` are the ends that meet there."""
_CLOSE = {"knee": ("femur", "tibia", "fibula", "patella"), "ankle": ("tibia", "fibula", *_TARSALS)}


def turned(points: np.ndarray, yaw: float, pitch: float = 0.0) -> np.ndarray:
    """Points as the camera sees them: right, down, away."""
    a, b = np.radians(yaw), np.radians(pitch)
    forward = np.array([-np.sin(a) * np.cos(b), np.cos(a) * np.cos(b), -np.sin(b)])
    right = np.array([np.cos(a), np.sin(a), 0.0])
    return points @ np.stack([right, np.cross(forward, right), forward]).T


def shaded(
    mesh: trimesh.Trimesh, yaw: float, pitch: float, centre: np.ndarray, span: float, size: int = SIZE
) -> np.ndarray:
    """Headlight shading of the nearest surface, uint8 (size, size)."""
    view = trimesh.Trimesh(turned(mesh.vertices - centre, yaw, pitch), mesh.faces, process=False)
    steps = (np.arange(size) + 0.5) / size * span - span / 2
    x, y = np.meshgrid(steps, steps)
    origins = np.stack([x.ravel(), y.ravel(), np.full(x.size, -10.0)], 1)
    hits, rays, _ = view.ray.intersects_location(
        origins, np.tile([0.0, 0.0, 1.0], (len(origins), 1)), multiple_hits=False
    )
    depth = np.full(x.size, np.nan)
    depth[rays] = hits[:, 2]
    slope = np.gradient(depth.reshape(size, size), span / size)
    light = 1 / np.sqrt(1 + slope[0] ** 2 + slope[1] ** 2)
    return np.nan_to_num(light * 235, nan=25).astype(np.uint8)


def radiograph(
    pieces, yaw: float, pitch: float, centre: np.ndarray, span: float, size: int = SIZE
) -> np.ndarray:
    """Line integral through all parts, uint8 (size, size)."""
    from maskel_core.anatomy.construction.tissues import attenuation
    from maskel_core.projection.rasterise import signed_thickness

    total = torch.zeros(size, size)
    for mesh, inside, outside in pieces:
        points = turned(mesh.vertices - centre, yaw, pitch)
        points[:, :2] = (points[:, :2] / span + 0.5) * size - 0.5
        bone = {"cortical", "spongiosa", "tooth"}
        step = sum(s * attenuation(t) for t, s in ((inside, 1), (outside, -1)) if t in bone)
        thick = signed_thickness(
            torch.tensor(points).float(),
            torch.tensor(np.asarray(mesh.faces)),
            (size, size),
            perspective=False,
        )[0]
        total += thick * step
    picture = 1 - torch.exp(-0.7 * total.clamp(min=0))
    return (picture * 255).to(torch.uint8).numpy()


def surfaces(solids) -> dict[str, list[tuple[trimesh.Trimesh, str, str]]]:
    """Closed surfaces of each bone with the tissues inside and outside."""
    out: dict[str, list[tuple[trimesh.Trimesh, str, str]]] = {}
    for solid in solids.values():
        for part in solid.parts:
            surface = part.field.surface(0.0, part.faces)
            if surface is not None and part.stage != "milk_teeth":
                out.setdefault(solid.name, []).append((surface, part.inside, part.outside))
    return out


def plate(bones: dict[str, list[tuple[trimesh.Trimesh, str, str]]]) -> Image.Image:
    """The fields of ``PLATE``, each shaded and as a radiograph from the front and the side."""
    fields = []
    for title, names in PLATE.items():
        close = _CLOSE.get(title)
        pieces = [piece for name in close or names for piece in bones[name]]
        outer = trimesh.util.concatenate([mesh for mesh, _, outside in pieces if outside == "muscle"])
        centre, span = outer.bounds.mean(0), float(outer.extents.max()) * 1.06
        if title == "knee":
            centre, span = bones["patella"][0][0].bounds.mean(0) + np.array([0.0, 0.035, -0.015]), 0.14
        if title == "ankle":
            centre, span = bones["talus"][0][0].bounds.mean(0) + np.array([0.0, 0.010, 0.005]), 0.16
        # Hands hang with their backs turned outwards: their front is at the side.
        views = (90.0, 0.0) if title == "wrist and hand" else (0.0, 90.0)
        views = tuple((yaw, 0.0) for yaw in views) if title != "foot" else ((0.0, 89.0), (90.0, 0.0))
        tiles = [shaded(outer, *view, centre, span, TILE) for view in views]
        tiles += [radiograph(pieces, *view, centre, span, TILE) for view in views]
        picture = Image.fromarray(np.vstack([np.hstack(tiles[:2]), np.hstack(tiles[2:])]))
        ImageDraw.Draw(picture).text((6, 4), title, fill=255, font_size=15)
        fields.append(np.pad(np.asarray(picture), ((0, 6), (0, 6)), constant_values=70))
    rows = [np.hstack(fields[i : i + 4]) for i in range(0, len(fields), 4)]
    return Image.fromarray(np.vstack(rows)[:-6, :-6])


def main() -> int:
    """Mesh the bones and write one sheet."""
    warnings.filterwarnings("ignore")
    if len(sys.argv) < 3:
        print(__doc__, file=sys.stderr)
        return 2
    from maskel_core.anatomy.construction.sculpt import sculpt_skeleton
    from maskel_core.anatomy.construction.source import named_bones

    whole = sys.argv[2] == "--plate"
    bones = surfaces(sculpt_skeleton(*named_bones(), None if whole else sys.argv[2:]))
    if whole:
        plate(bones).save(Path(sys.argv[1]))
        return 0
    for name, parts in bones.items():
        print(name, *(len(mesh.faces) for mesh, _, _ in parts), "triangles")
    pieces = [piece for parts in bones.values() for piece in parts]
    outer = trimesh.util.concatenate([mesh for mesh, _, outside in pieces if outside == "muscle"])
    centre, span = outer.bounds.mean(0), float(outer.extents.max()) * 1.06
    views = [(yaw, 0.0) for yaw in VIEWS.values()] + [(0.0, 89.0), (35.0, 25.0)]
    rows = [
        np.hstack([shaded(outer, yaw, pitch, centre, span) for yaw, pitch in views]),
        np.hstack([radiograph(pieces, yaw, pitch, centre, span) for yaw, pitch in views]),
    ]
    Image.fromarray(np.vstack(rows)).save(Path(sys.argv[1]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
