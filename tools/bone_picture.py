"""Draw sculpted bones, shaded and as radiographs: ``python tools/bone_picture.py OUT.png NAME ...`` (extra ``asset``)."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import numpy as np
import torch
import trimesh
from PIL import Image

SIZE = 420
VIEWS = {"front": 0.0, "side": 90.0, "back": 180.0}


def turned(points: np.ndarray, yaw: float, pitch: float = 0.0) -> np.ndarray:
    """Points as the camera sees them: right, down, away."""
    a, b = np.radians(yaw), np.radians(pitch)
    forward = np.array([-np.sin(a) * np.cos(b), np.cos(a) * np.cos(b), -np.sin(b)])
    right = np.array([np.cos(a), np.sin(a), 0.0])
    return points @ np.stack([right, np.cross(forward, right), forward]).T


def shaded(mesh: trimesh.Trimesh, yaw: float, pitch: float, centre: np.ndarray, span: float) -> np.ndarray:
    """Headlight shading of the nearest surface."""
    view = trimesh.Trimesh(turned(mesh.vertices - centre, yaw, pitch), mesh.faces, process=False)
    steps = (np.arange(SIZE) + 0.5) / SIZE * span - span / 2
    x, y = np.meshgrid(steps, steps)
    origins = np.stack([x.ravel(), y.ravel(), np.full(x.size, -10.0)], 1)
    hits, rays, _ = view.ray.intersects_location(
        origins, np.tile([0.0, 0.0, 1.0], (len(origins), 1)), multiple_hits=False
    )
    depth = np.full(x.size, np.nan)
    depth[rays] = hits[:, 2]
    depth = depth.reshape(SIZE, SIZE)
    slope = np.gradient(depth, span / SIZE)
    light = 1 / np.sqrt(1 + slope[0] ** 2 + slope[1] ** 2)
    return np.nan_to_num(light * 235, nan=25).astype(np.uint8)


def radiograph(pieces, yaw: float, pitch: float, centre: np.ndarray, span: float) -> np.ndarray:
    """Line integral through all parts."""
    from maskel_core.anatomy.construction.tissues import attenuation
    from maskel_core.projection.rasterise import signed_thickness

    total = torch.zeros(SIZE, SIZE)
    for mesh, inside, outside in pieces:
        points = turned(mesh.vertices - centre, yaw, pitch)
        points[:, :2] = (points[:, :2] / span + 0.5) * SIZE - 0.5
        bone = {"cortical", "spongiosa", "tooth"}
        step = sum(s * attenuation(t) for t, s in ((inside, 1), (outside, -1)) if t in bone)
        thick = signed_thickness(
            torch.tensor(points).float(),
            torch.tensor(np.asarray(mesh.faces)),
            (SIZE, SIZE),
            perspective=False,
        )[0]
        total += thick * step
    picture = 1 - torch.exp(-0.7 * total.clamp(min=0))
    return (picture * 255).to(torch.uint8).numpy()


def main() -> int:
    """Mesh the named bones and write one sheet."""
    warnings.filterwarnings("ignore")
    if len(sys.argv) < 3:
        print(__doc__, file=sys.stderr)
        return 2
    from maskel_core.anatomy.construction.sculpt import sculpt_skeleton
    from maskel_core.anatomy.construction.source import named_bones

    meshes, origins = named_bones()
    solids = sculpt_skeleton(meshes, origins, sys.argv[2:])
    pieces, outers = [], []
    for solid in solids.values():
        for number, part in enumerate(solid.parts):
            surface = part.field.surface(0.0, part.faces)
            if surface is None:
                continue
            print(solid.name, part.name, len(surface.faces), "triangles")
            pieces.append((surface, part.inside, part.outside))
            if number == 0 or part.outside == "muscle":
                outers.append(surface)
    outer = trimesh.util.concatenate(outers)
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
