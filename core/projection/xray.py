"""From a posed figure and a camera to a mask and line integrals through its tissues."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
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
    depth = _integrate(skin, anatomy["body.faces"], None, camera, size * oversample)
    inside = (depth > 1e-6).to(depth)
    mask, depth = F.avg_pool2d(torch.cat([inside, depth * inside])[None], oversample)[0]
    body = matrix[tissue("fat")].to(depth)[:, None, None] * depth

    points, faces, steps = _surfaces(anatomy, figure, skin, matrix)
    within = _integrate(points, faces, steps, camera, size * bone_oversample)
    within = F.avg_pool2d(within[None], bone_oversample)[0]
    return mask, (body + within * (mask > 0)).clamp(min=0)


def _surfaces(
    anatomy: Anatomy, figure: Figure, skin: torch.Tensor, matrix: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """All closed surfaces under the skin: vertices (N, 3), faces (F, 3), and what a metre inside adds (F, C)."""
    tissue = anatomy.names["tissues"].index
    pieces = presence(figure.years, anatomy["piece.kind"], anatomy["piece.appears"], anatomy["piece.closes"])
    steps = (matrix[anatomy["piece.inside"]] - matrix[anatomy["piece.outside"]]) * pieces.unsqueeze(1)
    face_piece = anatomy["bone.face_piece"]
    present = (pieces[face_piece] != 0).nonzero().squeeze(1)
    points, faces = [figure.bones], [anatomy["bone.faces"].index_select(0, present)]
    weights = [steps[face_piece.index_select(0, present)]]

    lying = figure.shape.vertices[0, :, 2]
    stature = float(lying.max() - lying.min())
    muscles = muscle_surface(anatomy, skin, stature, figure.years, 1.0 - figure.phenotypes.get("gender", 0.5))
    points.append(muscles)
    faces.append(anatomy["body.faces"] + len(figure.bones))
    flesh = (matrix[tissue("muscle")] - matrix[tissue("fat")]).unsqueeze(0)
    weights.append(flesh.expand(len(faces[-1]), -1))

    air = cavities(anatomy, skin, figure.bones, figure.gas_seed)
    faces.append(air.faces + len(figure.bones) + len(muscles))
    points.append(air.points)
    hollow = (matrix[tissue("air")] - matrix[tissue("muscle")]).unsqueeze(0)
    weights.append(hollow.expand(len(air.faces), -1))
    return torch.cat(points), torch.cat(faces), torch.cat(weights)


def _integrate(
    points: torch.Tensor, faces: torch.Tensor, steps: torch.Tensor | None, camera: Camera, size: int
) -> torch.Tensor:
    square = (size, size)
    flat = camera.project(points, square)
    layers = signed_thickness(flat, faces, square, perspective=camera.distance is not None, weights=steps)
    return layers * camera.ray_stretch(square, points.dtype, points.device)
