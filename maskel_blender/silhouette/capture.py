"""One silhouette: evaluate the objects, look through the camera, fill the mask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import bpy
import numpy as np
from numpy.typing import NDArray

from ..errors import SilhouetteError
from .camera import camera_view
from .evaluate import Part, collect, in_render_mode
from .raster import rasterise
from .view import CameraView


@dataclass(frozen=True)
class Silhouette:
    """A mask with the camera it was seen by.

    Args:
        mask: (H, W) uint8, 255 = body, 0 = outside, row 0 at the top.
        view: The camera.
        nearest: Distance of the character's nearest visible point before the camera plane, in metres.
        farthest: Distance of its farthest point.
    """

    mask: NDArray[np.uint8]
    view: CameraView
    nearest: float
    farthest: float


def capture(
    scene: bpy.types.Scene,
    objects: Sequence[bpy.types.Object],
    camera: bpy.types.Object,
    samples: int = 5,
) -> Silhouette:
    """Silhouette of objects as a render of the scene would show them alone.

    Args:
        scene: The user's scene: frame, resolution and border count; it is left as it is.
        objects: What to show; those hidden in renders are left out.
        camera: A perspective or orthographic camera.
        samples: Samples along each side of a pixel; 1 gives hard edges.

    Raises:
        SilhouetteError: ``nothing_rendered`` (all hidden, or without surface), ``not_in_view``, ``render_busy``.

    """
    found: list[tuple[CameraView, list[Part]]] = []

    def visit(depsgraph: bpy.types.Depsgraph) -> None:
        found.append((camera_view(scene, camera, depsgraph), collect(depsgraph)))

    in_render_mode(scene, objects, camera, visit)
    view, parts = found[0]
    if not parts:
        raise SilhouetteError(
            "nothing_rendered",
            "A render would show nothing of the character.",
            "Switch on the camera icon of its objects in the outliner, or pick others.",
        )
    mask, nearest, farthest = draw(view, parts, samples)
    if not mask.any():
        raise SilhouetteError(
            "not_in_view",
            f'The camera "{view.camera}" does not see the character.',
            "Aim the camera at it, or pick another camera.",
        )
    return Silhouette(mask, view, nearest, farthest)


def draw(view: CameraView, parts: Sequence[Part], samples: int) -> tuple[NDArray[np.uint8], float, float]:
    """Rasterise parts.

    Returns:
        The mask, and the nearest and farthest depth in metres of what lies before the near plane.

    """
    clips, triangles, depths = [], [], []
    count = 0
    for part in parts:
        points = np.concatenate([part.vertices, np.ones((len(part.vertices), 1))], axis=1)
        for to_world in part.to_world:
            clips.append(points @ view.to_clip(to_world).T)
            depths.append(points @ view.depth_row(to_world))
            triangles.append(part.triangles + count)
            count += len(points)
    clip, depth = np.concatenate(clips), np.concatenate(depths)
    area = view.region
    mask = rasterise(clip, np.concatenate(triangles), view.frame_width, view.frame_height, area, samples)
    if not view.cropped:
        full = np.zeros((view.frame_height, view.frame_width), np.uint8)
        full[area.top : area.bottom, area.left : area.right] = mask
        mask = full
    depth = depth[np.isfinite(depth)]
    ahead = depth[depth > view.clip_start]
    if not len(ahead):
        return mask, view.clip_start, view.clip_start
    nearest = float(depth.min()) if len(ahead) == len(depth) else view.clip_start
    return mask, nearest, float(ahead.max())
