"""Bones in anatomical form, sculpted as signed distance fields over the source's meshes.

A sculptor takes the source meshes and joint origins and gives one or several ``Solid``. Bones that no sculptor is registered
for are meshed as the source has them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import trimesh
from maskel_core.anatomy.construction.bones import core_depth, recipe
from maskel_core.anatomy.construction.remesh import DistanceField, distance_field
from maskel_core.anatomy.construction.sculpt.solid import Epiphysis, Part, Solid

__all__ = ["Epiphysis", "Part", "Solid", "sculpt_skeleton", "shell"]

Meshes = dict[str, trimesh.Trimesh]
Origins = dict[str, np.ndarray]
Sculptor = Callable[[Meshes, Origins, set[str] | None], dict[str, Solid]]

TISSUE_INSIDE = {"brain": "brain", "spongiosa": "spongiosa", "marrow": "marrow"}


def shell(name: str, field: DistanceField, *, faces: int | None = None, cortex=None) -> Solid:
    """A bone with its cortex: the outer surface and the inner face that the recipe of that name asks for.

    Args:
        name: Bone.
        field: Its outer surface.
        faces: Triangles of the outer surface; default the recipe's.
        cortex: Cortical thickness in metres, a number or one per voxel; default the recipe's.
    """
    how = recipe(name)
    count = faces or how.faces
    depth = core_depth(field, how) if cortex is None else cortex
    inner = DistanceField((field.values - depth).astype(np.float32), field.origin, field.voxel)
    parts = [Part("outer", field, count, "cortical", "muscle")]
    if inner.values.max() > field.voxel:
        parts.append(Part("core", inner, int(count * 0.6), TISSUE_INSIDE[how.core], "cortical"))
    return Solid(name, tuple(parts))


def _sculptors() -> list[Sculptor]:
    # Imported here: the sculptors import ``shell`` from this module.
    from maskel_core.anatomy.construction.sculpt import pelvis, spine

    return [pelvis.sculpt, spine.sculpt]


def sculpt_skeleton(
    meshes: Meshes, origins: Origins, only: Iterable[str] | None = None, progress=lambda items: items
) -> dict[str, Solid]:
    """All bones of the right side and the axis.

    Args:
        meshes: Source bones by name.
        origins: Joint centres of the source by body name.
        only: Names wanted; default all.
        progress: Wraps the list of source bones, for instance ``rich.progress.track``.
    """
    wanted = set(only) if only is not None else None
    solids: dict[str, Solid] = {}
    for sculptor in _sculptors():
        solids |= sculptor(meshes, origins, wanted)
    for name in progress(list(meshes)):
        if name in solids or (wanted is not None and name not in wanted):
            continue
        field = distance_field(meshes[name], recipe(name).voxel)
        if name == "sternum":
            field = field.within(0.019)
        solids[name] = shell(name, field)
    return {n: s for n, s in solids.items() if wanted is None or n in wanted}
