"""From a posed figure and a camera to a mask and line integrals through its tissues."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import torch
from maskel_core.anatomy.age import presence
from maskel_core.anatomy.asset import Anatomy
from maskel_core.anatomy.cavities import cavities
from maskel_core.anatomy.fat import muscle_surface
from maskel_core.anatomy.figure import Figure
from maskel_core.anatomy.hollows import closed_skin
from maskel_core.projection.attenuation import layer_matrix
from maskel_core.projection.camera import Camera
from maskel_core.projection.rasterise import signed_thickness


@dataclass
class Projection:
    """What a camera sees of a figure.

    Args:
        mask: float (S, S) in [0, 1], area covered by the skin.
        bone: float (S, S), line integral of bone attenuation (Beer-Lambert), dimensionless.
        soft: float (S, S), line integral of soft-tissue attenuation, dimensionless.
        joints: float (27, 3), column, row in pixels and depth in metres of the named joints.
        energies: Bone and soft layers (E, 2, S, S) at every energy asked for, the first being ``bone`` and ``soft``.
    """

    mask: torch.Tensor
    bone: torch.Tensor
    soft: torch.Tensor
    joints: torch.Tensor
    energies: torch.Tensor


@dataclass
class TissuePaths:
    """How far each ray runs in each tissue.

    Args:
        mask: float (S, S) in [0, 1], area covered by the skin.
        lengths: float (T, S, S), metres, in the order of ``anatomy.names["tissues"]``.
    """

    mask: torch.Tensor
    lengths: torch.Tensor


def project_figure(
    anatomy: Anatomy,
    figure: Figure,
    camera: Camera,
    size: int,
    oversample: int = 2,
    bone_oversample: int = 1,
    energies: tuple[float, ...] | None = None,
) -> Projection:
    """Project skin and bones by signed thickness.

    Args:
        anatomy: The asset.
        figure: The posed body.
        camera: The view.
        size: Edge of the square picture, pixels.
        oversample: Rays per pixel and axis through the skin; the mean of their integrals is the pixel's.
        bone_oversample: The same for what lies under the skin, which holds most of the triangles.
        energies: Photon energies of the layers, keV; default the asset's.

    Raises:
        MaskelError: ``bad_energy``.
    """
    if energies is None:
        energies = (float(anatomy["tissue.energy_kev"]),)
    matrix = layer_matrix(anatomy, energies, figure.years)
    mask, layers = _project(anatomy, figure, camera, size, oversample, bone_oversample, matrix)
    both = layers.unflatten(0, (len(energies), 2))
    return Projection(mask, both[0, 0], both[0, 1], camera.project(figure.landmarks, (size, size)), both)


def project_tissues(
    anatomy: Anatomy,
    figure: Figure,
    camera: Camera,
    size: int,
    oversample: int = 2,
    bone_oversample: int = 1,
) -> TissuePaths:
    """Path lengths in every tissue; arguments as those of ``project_figure``."""
    matrix = torch.eye(len(anatomy.names["tissues"]), device=anatomy.device)
    return TissuePaths(*_project(anatomy, figure, camera, size, oversample, bone_oversample, matrix))


def _project(
    anatomy: Anatomy,
    figure: Figure,
    camera: Camera,
    size: int,
    oversample: int,
    bone_oversample: int,
    matrix: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Mask (S, S) and the channels (C, S, S) of a matrix (tissues, C) of what a metre of each tissue adds to each."""
    tissue = anatomy.names["tissues"].index
    skin = closed_skin(anatomy, figure.skin)
    depth = _integrate(skin, anatomy["body.faces"], None, camera, size * oversample)[0]
    inside = (depth > 1e-6).to(depth)
    mask, depth = _shrunk(inside, oversample), _shrunk(depth * inside, oversample)
    body = matrix[tissue("fat")].to(depth)[:, None, None] * depth

    points, faces, steps, groups = _surfaces(anatomy, figure, skin, matrix)
    within = _integrate(points, faces, steps, camera, size * bone_oversample, groups)
    within = _shrunk(within, bone_oversample)
    return mask, (body + within * (mask > 0)).clamp(min=0)


def _shrunk(picture: torch.Tensor, factor: int) -> torch.Tensor:
    """Mean of squares of ``factor`` pixels, float (..., rows, cols) to (..., rows / factor, cols / factor)."""
    if factor == 1:
        return picture
    rows = sum(picture[..., i::factor, :] for i in range(factor))
    return sum(rows[..., i::factor] for i in range(factor)) / factor**2


@functools.lru_cache(maxsize=4)
def _faces_at(anatomy: Anatomy, present: tuple[bool, ...]) -> tuple[torch.Tensor, torch.Tensor]:
    """Corners int32 (3, F) and pieces int64 (F,) of the bones' faces whose piece is present."""
    face_piece = anatomy["bone.face_piece"]
    chosen = torch.tensor(present, device=anatomy.device)[face_piece].nonzero().squeeze(1)
    return anatomy["bone.faces"][chosen].T.int().contiguous(), face_piece[chosen]


def _surfaces(
    anatomy: Anatomy, figure: Figure, skin: torch.Tensor, matrix: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """All closed surfaces under the skin: vertices (N, 3), faces (F, 3), what a metre inside adds (G, C), and each face's row of
    that (F,).
    """
    tissue = anatomy.names["tissues"].index
    pieces = presence(figure.years, anatomy["piece.kind"], anatomy["piece.appears"], anatomy["piece.closes"])
    corners, groups = _faces_at(anatomy, tuple((pieces != 0).tolist()))
    lying = figure.shape.vertices[0, :, 2]
    muscles = muscle_surface(
        anatomy,
        skin,
        lying.amax() - lying.amin(),
        figure.years,
        1.0 - figure.phenotypes.get("gender", 0.5),
    )
    air = cavities(anatomy, skin, figure.bones, figure.gas_seed)
    surfaces = (
        anatomy["body.faces"].T.int() + len(figure.bones),
        air.faces.T.int() + len(figure.bones) + len(muscles),
    )
    steps = torch.stack(
        [
            matrix[tissue("muscle")] - matrix[tissue("fat")],
            matrix[tissue("air")] - matrix[tissue("muscle")],
        ]
    )
    return (
        torch.cat([figure.bones, muscles, air.points]),
        torch.cat([corners, *surfaces], dim=1).T,
        torch.cat([matrix[anatomy["piece.inside"]] - matrix[anatomy["piece.outside"]], steps]),
        torch.cat(
            [
                groups,
                *(torch.full_like(f[0], len(pieces) + i, dtype=torch.int64) for i, f in enumerate(surfaces)),
            ]
        ),
    )


def _integrate(
    points: torch.Tensor,
    faces: torch.Tensor,
    steps: torch.Tensor | None,
    camera: Camera,
    size: int,
    groups: torch.Tensor | None = None,
) -> torch.Tensor:
    square = (size, size)
    flat = camera.project(points, square)
    perspective = camera.distance is not None
    layers = signed_thickness(flat, faces, square, perspective=perspective, weights=steps, groups=groups)
    return layers * camera.ray_stretch(square, points.dtype, points.device)
