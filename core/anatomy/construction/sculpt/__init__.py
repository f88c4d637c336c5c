"""Bones in anatomical form, sculpted as signed distance fields over the source's meshes.

A sculptor takes the source meshes and joint origins and gives one or several ``Solid``. Bones that no sculptor is registered
for are meshed as the source has them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import trimesh
from maskel_core.anatomy.construction.bones import core_depth, recipe
from maskel_core.anatomy.construction.plates import epiphyses
from maskel_core.anatomy.construction.remesh import DistanceField, distance_field
from maskel_core.anatomy.construction.sculpt.articulate import articulate
from maskel_core.anatomy.construction.sculpt.smooth import smoothed
from maskel_core.anatomy.construction.sculpt.solid import Epiphysis, Part, Solid
from scipy import ndimage

__all__ = ["Epiphysis", "Part", "Solid", "sculpt_skeleton", "shell"]

Meshes = dict[str, trimesh.Trimesh]
Origins = dict[str, np.ndarray]
Sculptor = Callable[[Meshes, Origins, set[str] | None], dict[str, Solid]]


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
    if how.core == "brain":
        # Two tables of compact bone with diploe between them.
        for title, share, inside, outside in (
            ("diploe", 0.28, "spongiosa", "cortical"),
            ("inner_table", 0.76, "cortical", "spongiosa"),
            ("cavity", 1.0, "brain", "cortical"),
        ):
            level = DistanceField(
                (field.values - share * depth).astype(np.float32), field.origin, field.voxel
            )
            parts.append(Part(title, level, int(count * 0.5), inside, outside))
        return Solid(name, tuple(parts))
    if inner.values.max() > field.voxel:
        parts.append(Part("core", inner, int(count * 0.6), "spongiosa", "cortical"))
        if how.core == "marrow":
            # The canal narrows to a point in the spongy bone of either end; it does not stop at a wall.
            place = np.clip((2 * np.abs(field.along()) / field.extent() - 0.42) / 0.40, 0, 1)
            taper = place * place * (3 - 2 * place) * inner.values.max()
            canal = inner.values - 0.0004 - taper
            solid = DistanceField(canal.astype(np.float32), field.origin, field.voxel)
            parts.append(Part("canal", solid, int(count * 0.3), "marrow", "spongiosa"))
    return Solid(name, tuple(parts), epiphyses(name, field))


def _even_vault(field: DistanceField) -> DistanceField:
    """The skull with the facets of its vault smoothed away; face and base keep their detail."""
    z = field.origin[2] + field.voxel * np.arange(field.values.shape[2])
    share = np.clip((z - z.min()) / np.ptp(z) - 0.52, 0, 0.12) / 0.12
    soft = ndimage.gaussian_filter(field.values, 0.0045 / field.voxel) + 0.0004
    values = field.values * (1 - share) + soft * share
    return DistanceField(values.astype(np.float32), field.origin, field.voxel)


def _sculptors() -> list[Sculptor]:
    # Imported here: the sculptors import ``shell`` from this module.
    from maskel_core.anatomy.construction.sculpt import arm, head, leg, pelvis, shoulder, spine, thorax

    return [arm.sculpt, head.sculpt, leg.sculpt, pelvis.sculpt, shoulder.sculpt, spine.sculpt, thorax.sculpt]


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
        voxel = recipe(name).voxel
        coarse = len(meshes[name].vertices) < 1000
        field = (
            smoothed(meshes[name], voxel, 1.6 * voxel, 6) if coarse else distance_field(meshes[name], voxel)
        )
        if name == "skull":
            field = _even_vault(field)
        solids[name] = shell(name, field)
    return articulate({n: s for n, s in solids.items() if wanted is None or n in wanted})
