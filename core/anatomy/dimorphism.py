"""What tells the bones of men and women apart: shifts of vertices, none before puberty, whole at seventeen."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from maskel_core.anatomy.balls import Tensors

_BEGINS, _ENDS = 11.0, 17.0
"""Years between which pelvis and face take on the form of their sex (Scheuer & Black 2000)."""


def maturity(years: float) -> float:
    """Share of the adult difference between the sexes at an age in years, 0 to 1."""
    share = min(max((years - _BEGINS) / (_ENDS - _BEGINS), 0.0), 1.0)
    return share * share * (3 - 2 * share)


def sexed(tensors: Tensors, points: torch.Tensor, gender: float, years: float) -> torch.Tensor:
    """Bone vertices in the form of a sex.

    Args:
        tensors: Of the asset: ``bone.sex_vertex`` int (K,) and ``bone.sex_shift`` float (K, 3), metres, from neutral to female.
        points: float (3, N) vertices in their bones' own spaces, neutral.
        gender: 0 male to 1 female.
        years: Age.
    """
    share = (gender - 0.5) * 2 * maturity(years)
    if share == 0:
        return points
    shift = share * tensors["bone.sex_shift"].to(points.dtype).T
    return points.index_add(1, tensors["bone.sex_vertex"].long(), shift)


def with_left_shift(tensors: Mapping[str, torch.Tensor], renumber: torch.Tensor) -> dict[str, torch.Tensor]:
    """The two tensors with the left bones added.

    Args:
        tensors: Of a file, which holds the axis and the right side.
        renumber: int (N,), the number of each vertex's mirror image, -1 where it has none.
    """
    vertex, shift = tensors["bone.sex_vertex"].long(), tensors["bone.sex_shift"].float()
    mirrored = renumber[vertex]
    paired = mirrored >= 0
    left = shift[paired] * torch.tensor([-1.0, 1.0, 1.0])
    return {
        "bone.sex_vertex": torch.cat([vertex, mirrored[paired]]),
        "bone.sex_shift": torch.cat([shift, left]),
    }
