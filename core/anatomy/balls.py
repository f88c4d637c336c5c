"""Keeps ball joints round: maps that stretch a bone would make eggs of the femoral head and of its socket.

About the joint's centre both bones are scaled alike in every direction; further along they follow their own maps.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import torch


class Tensors(Protocol):
    """What an asset is here: tensors by name."""

    def __getitem__(self, key: str, /) -> torch.Tensor: ...


def round_balls(
    tensors: Tensors, points: torch.Tensor, posed: torch.Tensor, maps: torch.Tensor
) -> torch.Tensor:
    """Posed bone vertices, those of ball joints moved to where an even scale puts them.

    Args:
        tensors: Of the asset: ``ball.bone`` (H, 2) ball and socket, ``ball.centre`` (H, 2, 3) in the bones' spaces, and for each
            vertex near a ball ``ball.vertex`` (K,), ``ball.owner`` (K,), index into the flattened H x 2, and ``ball.share``
            (K,) 0 to 1.
        points: float (3, N) in the bones' own spaces.
        posed: float (3, N) by the maps alone, metres.
        maps: float (bones, 3, 4).

    Returns:
        float (3, N).
    """
    chosen = maps[tensors["ball.bone"]]
    left, size, right = torch.linalg.svd(chosen[..., :3])
    even = size[:, 1].log().mean(1).exp()
    turn = even[:, None, None, None] * (left @ right)
    centre = tensors["ball.centre"]
    place = (chosen[..., :3] @ centre.unsqueeze(-1)).squeeze(-1) + chosen[..., 3]
    owner, vertex = tensors["ball.owner"], tensors["ball.vertex"]
    offset = points[:, vertex].T - centre.flatten(0, 1)[owner]
    wanted = (turn.flatten(0, 1)[owner] @ offset.unsqueeze(-1)).squeeze(-1) + place.flatten(0, 1)[owner]
    change = tensors["ball.share"].unsqueeze(1) * (wanted - posed[:, vertex].T)
    return posed.index_add(1, vertex, change.T)


def with_left_balls(
    tensors: Mapping[str, torch.Tensor], left_of: Mapping[int, int], renumber: torch.Tensor
) -> dict[str, torch.Tensor]:
    """The tensors with the left joints added.

    Args:
        tensors: Of a file, which holds the right side.
        left_of: Number of the left bone by that of the right one.
        renumber: int (N,), the number of each vertex's mirror image.
    """
    bones, centre = tensors["ball.bone"].long(), tensors["ball.centre"].float()
    swapped = torch.tensor([[left_of[int(b)] for b in pair] for pair in bones])
    vertex, owner, share = (
        tensors["ball.vertex"].long(),
        tensors["ball.owner"].long(),
        tensors["ball.share"].float(),
    )
    return {
        "ball.bone": torch.cat([bones, swapped]),
        "ball.centre": torch.cat([centre, centre * torch.tensor([-1.0, 1.0, 1.0])]),
        "ball.vertex": torch.cat([vertex, renumber[vertex]]),
        "ball.owner": torch.cat([owner, owner + 2 * len(bones)]),
        "ball.share": torch.cat([share, share]),
    }
