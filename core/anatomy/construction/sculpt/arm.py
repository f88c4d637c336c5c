"""Radius, ulna and clavicle: the source's coarse meshes with their seams closed, at their true size, round."""

from __future__ import annotations

import numpy as np
import trimesh
from maskel_core.anatomy.construction.bones import recipe
from maskel_core.anatomy.construction.sculpt.smooth import smoothed
from maskel_core.anatomy.construction.sculpt.solid import Solid

_FACES = {"radius": 2800, "ulna": 2800, "clavicle": 1800}
_BLUR = {"radius": 0.0013, "ulna": 0.0011, "clavicle": 0.0012}


def sculpt(
    meshes: dict[str, trimesh.Trimesh], origins: dict[str, np.ndarray], wanted=None
) -> dict[str, Solid]:
    """Radius, ulna and clavicle; see ``maskel_core.anatomy.construction.sculpt``."""
    from maskel_core.anatomy.construction.sculpt import shell

    solids: dict[str, Solid] = {}
    for name, faces in _FACES.items():
        if wanted is None or name in wanted:
            field = smoothed(meshes[name], recipe(name).voxel, _BLUR[name], 8, true_size=True)
            solids[name] = shell(name, field, faces=faces)
    return solids
