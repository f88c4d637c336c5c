"""Fat under the skin: how much a person has, and where the muscles begin beneath it."""

from __future__ import annotations

import functools

import torch
from maskel_core.anatomy.asset import Anatomy

_DENSITY, _FAT_DENSITY = 1040.0, 900.0
"""Of the whole body and of fat, kg/m3 (Siri 1961)."""

_UNDER_SKIN = 0.8
"""Share of a body's fat that lies under the skin (Shen et al., "Adipose tissue quantification by imaging methods", 2003)."""

_LAYER = (
    ("finger", 0.08),
    ("toe", 0.08),
    ("wrist", 0.12),
    ("metacarpal", 0.12),
    ("foot", 0.15),
    ("lowerarm", 0.30),
    ("upperarm", 0.55),
    ("lowerleg", 0.40),
    ("upperleg", 0.85),
    ("head", 0.20),
    ("eye", 0.05),
    ("neck", 0.35),
    ("clavicle", 0.60),
    ("shoulder", 0.70),
)
"""Thickness of the layer relative to that of the trunk, by the joint that carries the skin: from skinfolds of limbs and trunk
(Durnin & Womersley, Br J Nutr 32, 1974)."""


def body_fat(bmi: torch.Tensor | float, years: float, male: float) -> torch.Tensor:
    """Fat as a share of body mass (Deurenberg et al., Br J Nutr 65, 1991), float () between 0.08 and 0.5.

    Args:
        bmi: Mass over squared height, kg/m2.
        years: Age; below 7 the formula for children is carried on.
        male: 1 for men, 0 for women.
    """
    child = 1.51 * bmi - 0.70 * years - 3.6 * male + 1.4
    adult = 1.20 * bmi + 0.23 * years - 10.8 * male - 5.4
    grown = min(1.0, max(0.0, (years - 14.0) / 4.0))
    return torch.as_tensor((child + grown * (adult - child)) / 100).clamp(0.08, 0.5)


@functools.lru_cache(maxsize=4)
def layer_factors(anatomy: Anatomy) -> torch.Tensor:
    """Thickness of the fat at every skin vertex relative to that of the trunk, float (V,)."""
    by_joint = torch.tensor(
        [next((f for start, f in _LAYER if n.startswith(start)), 1.0) for n in anatomy.names["joints"]],
        device=anatomy.device,
    )
    return (anatomy["body.skin_weights"] * by_joint[anatomy["body.skin_joints"]]).sum(1)


def _areas(points: torch.Tensor, corners: torch.Tensor) -> torch.Tensor:
    """Area vectors (3, F) of triangles by their corners (3 * F,), vertices (3, V): columns are read faster than triples."""
    a, b, c = points.index_select(1, corners).unflatten(1, (3, -1)).unbind(1)
    u, v = b - a, c - a
    return 0.5 * torch.stack([u[i - 2] * v[i - 1] - u[i - 1] * v[i - 2] for i in range(3)])


def _normals(points: torch.Tensor, corners: torch.Tensor) -> torch.Tensor:
    """Sum of the area vectors round every vertex, (3, V)."""
    return torch.zeros_like(points).index_add_(1, corners, _areas(points, corners).repeat(1, 3))


def volume(vertices: torch.Tensor, faces: torch.Tensor) -> torch.Tensor:
    """Volume inside a closed mesh (V, 3), m3, float ()."""
    points = (vertices - vertices.mean(0)).T.contiguous()
    return (_normals(points, faces.T.flatten()) * points).sum() / 9


def muscle_surface(
    anatomy: Anatomy, skin: torch.Tensor, stature: torch.Tensor | float, years: float, male: float
) -> torch.Tensor:
    """The skin, moved inwards by the fat beneath it, so that the layer holds the fat that this person carries there.

    Args:
        anatomy: The asset.
        skin: float (V, 3), posed skin, metres.
        stature: Height of the resting body, metres.
        years: Age.
        male: 1 for men, 0 for women.

    Returns:
        float (V, 3). Where limbs are thinner than their layer it may fold; signed thickness then counts a little less muscle.
    """
    corners = _corners(anatomy)
    middle = skin.mean(0)
    points = (skin - middle).T.contiguous()
    normals = _normals(points, corners)
    inwards = -torch.nn.functional.normalize(normals, dim=0) * layer_factors(anatomy)
    whole = (normals * points).sum() / 9
    share = body_fat(whole * _DENSITY / stature**2, years, male) * _UNDER_SKIN * _DENSITY / _FAT_DENSITY
    wanted = share * whole
    # Volume falls with thickness a little less than in proportion to area: one Newton step after the first guess.
    thickness = wanted / -((normals * inwards).sum() / 3)
    trial = points + thickness * inwards
    first = whole - (_normals(trial, corners) * trial).sum() / 9
    points = points + thickness * (wanted / first.clamp(min=1e-9)).clamp(max=1.6) * inwards
    return points.T + middle


@functools.lru_cache(maxsize=4)
def _corners(anatomy: Anatomy) -> torch.Tensor:
    """First, second and third corners of the skin's faces, int64 (3 * F,)."""
    return anatomy["body.faces"].T.flatten()
