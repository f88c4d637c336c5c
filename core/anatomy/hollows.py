"""The skin with mouth and eye sockets filled.

The body's skin is lined inwards behind the lips and the lids, as animators need it; in a living head tongue, cheeks and eyeballs
fill these hollows. Every vertex of a lining is drawn to the nearest vertex of its rim, which leaves the surface closed.
"""

from __future__ import annotations

import functools

import torch
from maskel_core.anatomy.asset import Anatomy

_MOUTH = (0.0, 0.018, -0.050)
"""Middle of the mouth from the middle between the eyes in the template, metres."""

_REACH = {"mouth": 0.075, "eye": 0.026}
"""Farthest part of a lining from its middle, metres in the template."""


def closed_skin(anatomy: Anatomy, skin: torch.Tensor) -> torch.Tensor:
    """The skin (..., V, 3) without mouth and eye sockets; same vertices, same faces."""
    return skin.index_select(-2, _filled(anatomy))


@functools.lru_cache(maxsize=4)
def _filled(anatomy: Anatomy) -> torch.Tensor:
    """For every skin vertex the one whose place it takes, int64 (V,)."""
    template, faces = anatomy["body.template"].cpu(), anatomy["body.faces"].cpu()
    eyes = [anatomy["body.heads"][anatomy.joint(f"eye.{side}")].cpu() for side in "LR"]
    mouth = (eyes[0] + eyes[1]) / 2 + torch.tensor(_MOUTH)
    out = torch.arange(len(template))
    for middle, reach in ((mouth, _REACH["mouth"]), *((eye, _REACH["eye"]) for eye in eyes)):
        lining = _lining(template, faces, middle, reach)
        inner = torch.zeros(len(template), dtype=torch.bool)
        inner[faces[lining]] = True
        outer = torch.zeros_like(inner)
        outer[faces[~lining]] = True
        rim = (inner & outer).nonzero().squeeze(1)
        hidden = (inner & ~outer).nonzero().squeeze(1)
        out[hidden] = rim[torch.cdist(template[hidden], template[rim]).argmin(1)]
    return out.to(anatomy.device)


def _lining(template: torch.Tensor, faces: torch.Tensor, middle: torch.Tensor, reach: float) -> torch.Tensor:
    """Faces of a hollow, bool (F,): those that face its middle and hang together with the hindmost of them."""
    a, b, c = template[faces].unbind(1)
    centre, normal = (a + b + c) / 3, torch.linalg.cross(b - a, c - a)
    to_middle = middle - centre
    facing = ((normal * to_middle).sum(1) > 0) & (to_middle.norm(dim=1) < reach)
    first = torch.where(facing & (centre[:, :2] - middle[:2]).norm(dim=1).lt(reach / 3), centre[:, 1], -1e9)
    part = torch.zeros(len(faces), dtype=torch.bool)
    part[first.argmax()] = True
    reached = torch.zeros(len(template), dtype=torch.bool)
    while True:
        reached[faces[part]] = True
        grown = facing & reached[faces].any(1)
        if bool((grown == part).all()):
            return part
        part = grown
