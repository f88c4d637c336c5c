"""From a posed figure and a camera to a mask and line integrals through its tissues."""

from __future__ import annotations

import functools
from collections.abc import Sequence
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
    """What a camera sees of a figure; of a batch of figures all have one more dimension in front.

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
    seen = project_figures(anatomy, [figure], [camera], size, oversample, bone_oversample, energies)
    return Projection(seen.mask[0], seen.bone[0], seen.soft[0], seen.joints[0], seen.energies[0])


def project_figures(
    anatomy: Anatomy,
    figures: Sequence[Figure],
    cameras: Sequence[Camera],
    size: int,
    oversample: int = 2,
    bone_oversample: int = 1,
    energies: tuple[float, ...] | None = None,
) -> Projection:
    """Project several figures, each by its own camera, in one pass; arguments as those of ``project_figure``.

    The pictures are the same as one by one. An accelerator is kept busy by a batch, a processor is as fast without.
    """
    if energies is None:
        energies = (float(anatomy["tissue.energy_kev"]),)
    matrices = [layer_matrix(anatomy, energies, figure.years) for figure in figures]
    mask, layers = _project(anatomy, figures, cameras, size, oversample, bone_oversample, matrices)
    both = layers.unflatten(1, (len(energies), 2))
    joints = torch.stack(
        [c.project(f.landmarks, (size, size)) for c, f in zip(cameras, figures, strict=True)]
    )
    return Projection(mask, both[:, 0, 0], both[:, 0, 1], joints, both)


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
    mask, lengths = _project(anatomy, [figure], [camera], size, oversample, bone_oversample, [matrix])
    return TissuePaths(mask[0], lengths[0])


@dataclass
class _Scene:
    """Closed surfaces of one figure.

    Args:
        points: float (N, 3), metres.
        faces: int (F, 3).
        steps: float (G, C), what a metre inside adds to each channel; None for one channel of metres.
        groups: int64 (F,), each face's row of ``steps``.
    """

    points: torch.Tensor
    faces: torch.Tensor
    steps: torch.Tensor | None = None
    groups: torch.Tensor | None = None


def _project(
    anatomy: Anatomy,
    figures: Sequence[Figure],
    cameras: Sequence[Camera],
    size: int,
    oversample: int,
    bone_oversample: int,
    matrices: Sequence[torch.Tensor],
) -> tuple[torch.Tensor, torch.Tensor]:
    """Masks (B, S, S) and channels (B, C, S, S) of matrices (tissues, C) of what a metre of each tissue adds to each."""
    skins = [closed_skin(anatomy, figure.skin) for figure in figures]
    depth = _integrate([_Scene(s, anatomy["body.faces"]) for s in skins], cameras, size * oversample)[:, 0]
    inside = (depth > 1e-6).to(depth)
    mask, depth = _shrunk(inside, oversample), _shrunk(depth * inside, oversample)
    fat = torch.stack([matrix[anatomy.names["tissues"].index("fat")] for matrix in matrices])
    body = fat[:, :, None, None].to(depth) * depth[:, None]

    scenes = [_surfaces(anatomy, *each) for each in zip(figures, skins, matrices, strict=True)]
    within = _shrunk(_integrate(scenes, cameras, size * bone_oversample), bone_oversample)
    return mask, (body + within * (mask > 0)[:, None]).clamp(min=0)


def _shrunk(picture: torch.Tensor, factor: int) -> torch.Tensor:
    """Mean of squares of ``factor`` pixels, float (..., rows, cols) to (..., rows / factor, cols / factor)."""
    if factor == 1:
        return picture
    rows = picture[..., ::factor, :].clone()
    for i in range(1, factor):
        rows += picture[..., i::factor, :]
    out = rows[..., ::factor].clone()
    for i in range(1, factor):
        out += rows[..., i::factor]
    return out / factor**2


@functools.lru_cache(maxsize=4)
def _faces_at(anatomy: Anatomy, present: tuple[bool, ...]) -> tuple[torch.Tensor, torch.Tensor]:
    """Corners int32 (3, F) and pieces int64 (F,) of the bones' faces whose piece is present."""
    face_piece = anatomy["bone.face_piece"]
    chosen = torch.tensor(present, device=anatomy.device)[face_piece].nonzero().squeeze(1)
    return anatomy["bone.faces"][chosen].T.int().contiguous(), face_piece[chosen]


def _surfaces(anatomy: Anatomy, figure: Figure, skin: torch.Tensor, matrix: torch.Tensor) -> _Scene:
    """All closed surfaces under the skin."""
    tissue = anatomy.names["tissues"].index
    kind, appears, closes = (anatomy[f"piece.{key}"] for key in ("kind", "appears", "closes"))
    pieces = presence(figure.years, kind, appears, closes)
    corners, groups = _faces_at(anatomy, tuple((pieces != 0).tolist()))
    rest = figure.shape.vertices[0, :, 2]
    male = 1.0 - figure.phenotypes.get("gender", 0.5)
    muscles = muscle_surface(anatomy, skin, rest.amax() - rest.amin(), figure.years, male)
    air = cavities(anatomy, skin, figure.bones, figure.gas_seed)
    flesh = anatomy["body.faces"].T.int() + len(figure.bones)
    hollow = air.faces.T.int() + (len(figure.bones) + len(muscles))
    further = [
        torch.full_like(faces[0], len(pieces) + i, dtype=torch.int64)
        for i, faces in enumerate((flesh, hollow))
    ]
    muscle = matrix[tissue("muscle")]
    steps = torch.stack([muscle - matrix[tissue("fat")], matrix[tissue("air")] - muscle])
    return _Scene(
        torch.cat([figure.bones.T, muscles.T, air.points.T], dim=1).T,
        torch.cat([corners, flesh, hollow], dim=1).T,
        torch.cat([matrix[anatomy["piece.inside"]] - matrix[anatomy["piece.outside"]], steps]),
        torch.cat([groups, *further]),
    )


def _integrate(scenes: Sequence[_Scene], cameras: Sequence[Camera], size: int) -> torch.Tensor:
    """Sums along the rays of every scene's pixels, float (B, C, size, size)."""
    square = (size, size)
    out: list[torch.Tensor] = [torch.empty(0)] * len(scenes)
    for perspective in (False, True):
        chosen = [i for i, camera in enumerate(cameras) if (camera.distance is not None) == perspective]
        if not chosen:
            continue
        flat = [cameras[i].project(scenes[i].points, square) for i in chosen]
        layers = _thickness(flat, [scenes[i] for i in chosen], square, perspective)
        for i, layer in zip(chosen, layers, strict=True):
            out[i] = layer * cameras[i].ray_stretch(square, layer.dtype, layer.device)
    return torch.stack(out) if len(out) > 1 else out[0][None]


def _thickness(
    flat: Sequence[torch.Tensor], scenes: Sequence[_Scene], size: tuple[int, int], perspective: bool
) -> torch.Tensor:
    """Signed thickness of projected scenes, float (B, C, rows, cols)."""
    first = scenes[0]
    if len(scenes) == 1:
        return signed_thickness(
            flat[0], first.faces, size, perspective=perspective, weights=first.steps, groups=first.groups
        )[None]
    faces, steps, groups, pictures = [], [], [], []
    vertices = rows = 0
    for number, (points, scene) in enumerate(zip(flat, scenes, strict=True)):
        step = scene.steps if scene.steps is not None else points.new_ones(1, 1)
        group = scene.groups if scene.groups is not None else torch.zeros_like(scene.faces[:, 0])
        faces.append((scene.faces + vertices).T)
        steps.append(step)
        groups.append(group.long() + rows)
        pictures.append(torch.full_like(step[:, 0], number, dtype=torch.int64))
        vertices, rows = vertices + len(points), rows + len(step)
    return signed_thickness(
        torch.cat([points.T for points in flat], dim=1).T,
        torch.cat(faces, dim=1).T,
        size,
        perspective=perspective,
        weights=torch.cat(steps),
        groups=torch.cat(groups),
        pictures=torch.cat(pictures),
    )
