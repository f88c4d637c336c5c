"""From a posed figure and a camera to a mask and two layers of line integrals."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from maskel_core.anatomy.age import presence
from maskel_core.anatomy.asset import Anatomy
from maskel_core.anatomy.figure import Figure
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
        bone_oversample: The same for the bones, which hold most of the triangles.
        energies: Photon energies of the layers, keV; default the asset's.

    Raises:
        MaskelError: ``bad_energy``.
    """
    if energies is None:
        energies = (float(anatomy["tissue.energy_kev"]),)
    layers = layer_matrix(anatomy, energies, figure.years)
    flesh = layers[anatomy.names["tissues"].index("muscle")]
    depth = _integrate(figure.skin, anatomy["body.faces"], None, camera, size * oversample)
    inside = (depth > 1e-6).to(depth)
    mask, depth = F.avg_pool2d(torch.cat([inside, depth * inside])[None], oversample)[0]
    body = flesh.to(depth)[:, None, None] * depth

    pieces = presence(figure.years, anatomy["piece.kind"], anatomy["piece.appears"], anatomy["piece.closes"])
    steps = (layers[anatomy["piece.inside"]] - layers[anatomy["piece.outside"]]) * pieces.unsqueeze(1)
    face_piece = anatomy["bone.face_piece"]
    present = (pieces[face_piece] != 0).nonzero().squeeze(1)
    bones = _integrate(
        figure.bones,
        anatomy["bone.faces"].index_select(0, present),
        steps[face_piece.index_select(0, present)],
        camera,
        size * bone_oversample,
    )
    bones = F.avg_pool2d(bones[None], bone_oversample)[0]
    both = ((body + bones * (mask > 0)).clamp(min=0)).unflatten(0, (len(energies), 2))
    return Projection(mask, both[0, 0], both[0, 1], camera.project(figure.landmarks, (size, size)), both)


def _integrate(
    points: torch.Tensor, faces: torch.Tensor, steps: torch.Tensor | None, camera: Camera, size: int
) -> torch.Tensor:
    square = (size, size)
    flat = camera.project(points, square)
    layers = signed_thickness(flat, faces, square, perspective=camera.distance is not None, weights=steps)
    return layers * camera.ray_stretch(square, points.dtype, points.device)
