"""From a posed figure and a camera to a mask and two layers of line integrals."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from maskel_core.anatomy.asset import Anatomy
from maskel_core.anatomy.figure import Figure
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
    """

    mask: torch.Tensor
    bone: torch.Tensor
    soft: torch.Tensor
    joints: torch.Tensor


def project_figure(
    anatomy: Anatomy, figure: Figure, camera: Camera, size: int, oversample: int = 2, bone_oversample: int = 1
) -> Projection:
    """Project skin and bones by signed thickness.

    Args:
        anatomy: The asset.
        figure: The posed body.
        camera: The view.
        size: Edge of the square picture, pixels.
        oversample: Rays per pixel and axis through the skin; the mean of their integrals is the pixel's.
        bone_oversample: The same for the bones, which hold most of the triangles.
    """
    skin_steps = torch.stack([torch.ones(()), torch.zeros(()), anatomy["tissue.soft_mu"].cpu()]).to(
        figure.skin
    )
    skin = _integrate(
        figure.skin,
        anatomy["body.faces"],
        skin_steps.expand(len(anatomy["body.faces"]), 3),
        camera,
        size * oversample,
    )
    inside = (skin[0] > 1e-6).to(skin)
    mask, soft = F.avg_pool2d(torch.stack([inside, skin[2] * inside])[None], oversample)[0]
    bones = _integrate(
        figure.bones, anatomy["bone.faces"], anatomy["bone.face_mu"], camera, size * bone_oversample
    )
    bones = F.avg_pool2d(bones[None], bone_oversample)[0]
    bone = bones[0].clamp(min=0) * (mask > 0)
    return Projection(
        mask,
        bone,
        (soft + bones[1] * (mask > 0)).clamp(min=0),
        camera.project(figure.landmarks, (size, size)),
    )


def _integrate(
    points: torch.Tensor, faces: torch.Tensor, steps: torch.Tensor, camera: Camera, size: int
) -> torch.Tensor:
    square = (size, size)
    flat = camera.project(points, square)
    layers = signed_thickness(flat, faces, square, perspective=camera.distance is not None, weights=steps)
    return layers * camera.ray_stretch(square, points.dtype, points.device)
