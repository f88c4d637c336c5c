"""One silhouette: evaluate the objects, look through the camera, fill the mask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import bpy
import numpy as np
from numpy.typing import NDArray

from ..errors import SilhouetteError
from .armature import character_facing
from .camera import SIDE_KEY, camera_view
from .checks import SilhouetteWarning, check, is_inside
from .evaluate import Part, bounds, collect, in_render_mode
from .holes import fill_holes
from .matrices import apply, determinant, inverse
from .options import DEFAULT_OPTIONS, SIDES, SilhouetteOptions
from .raster import rasterise
from .sides import Facing, side_seen
from .view import CameraView


@dataclass(frozen=True)
class Silhouette:
    """A mask with the camera it was seen by.

    Args:
        mask: (H, W) uint8, 255 = body, 0 = outside, row 0 at the top.
        view: The camera.
        nearest: Distance of the character's nearest visible point before the camera plane, in metres.
        farthest: Distance of its farthest point.
        side: Side of the character that the mask shows, one of `options.SIDES`.
        warnings: What will hurt the X-ray, worst first.
    """

    mask: NDArray[np.uint8]
    view: CameraView
    nearest: float
    farthest: float
    side: str = "unknown"
    warnings: tuple[SilhouetteWarning, ...] = ()


def capture(
    scene: bpy.types.Scene,
    objects: Sequence[bpy.types.Object],
    camera: bpy.types.Object,
    samples: int = 5,
    options: SilhouetteOptions = DEFAULT_OPTIONS,
    frame: int | None = None,
    longest: int = 0,
    look: CameraView | None = None,
) -> Silhouette:
    """Silhouette of objects as a render of the scene would show them alone.

    Args:
        scene: The user's scene: frame, resolution and border count; it is left as it is.
        objects: What to show; those hidden in renders are left out.
        camera: A perspective or orthographic camera.
        samples: Samples along each side of a pixel; 1 gives hard edges.
        options: What does not count, holes, and the side that is seen.
        frame: Which frame; None for the scene's own.
        longest: Pixels of the picture's longer side at most; 0 for the render's size.
        look: Seen by this instead of the camera, e.g. as the viewport does.

    Raises:
        SilhouetteError: ``nothing_rendered`` (all hidden, or without surface), ``not_in_view``, ``render_busy``.

    """
    found: list[tuple[CameraView, list[Part], Facing | None]] = []

    def visit(depsgraph: bpy.types.Depsgraph) -> None:
        facing = character_facing(objects, depsgraph) if options.side == "auto" else None
        found.append(
            (
                look or camera_view(scene, camera, depsgraph, longest),
                collect(depsgraph, options.left_out),
                facing,
            )
        )

    in_render_mode(scene, objects, camera, visit, frame)
    view, parts, facing = found[0]
    if not parts:
        raise SilhouetteError(
            "nothing_rendered",
            "A render would show nothing of the character.",
            "Take its body off the list in the panel Who."
            if options.left_out
            else "Switch on the camera icon of its objects in the outliner, or pick others.",
        )
    mask, nearest, farthest, cut = draw(view, parts, samples)
    if not mask.any():
        raise SilhouetteError(
            "not_in_view",
            f'The camera "{view.camera}" does not see the character.',
            "Aim the camera at it, or pick another camera.",
        )
    if options.fill_holes:
        mask = fill_holes(mask, options.largest_hole)
    side = options.side
    if side == "auto":
        side = _side(view, parts, facing)
        # a camera of the rigging set knows where it stands, though the character may have no bones to tell by
        told = camera.get(SIDE_KEY, "")
        side = told if side == "unknown" and told in SIDES else side
    simulated = scene.rigidbody_world is not None and any(_is_rigid(item) for item in objects)
    return Silhouette(mask, view, nearest, farthest, side, _warnings(view, parts, mask, cut, simulated))


def _side(view: CameraView, parts: Sequence[Part], facing: Facing | None) -> str:
    if facing is None or determinant(view.camera_to_world[:3, :3]) <= 0.0:
        return "unknown"
    to_camera = view.camera_to_world[:3, 2]
    if not view.is_orthographic:
        low, high = bounds(parts)
        to_camera = view.camera_to_world[:3, 3] - (low + high) / 2
    return side_seen(facing, to_camera) if np.linalg.norm(to_camera) > 0.0 else "unknown"


def _warnings(
    view: CameraView, parts: Sequence[Part], mask: NDArray[np.uint8], cut: bool, simulated: bool
) -> tuple[SilhouetteWarning, ...]:
    area = view.region
    rendered = mask if view.cropped else mask[area.top : area.bottom, area.left : area.right]
    # around a camera within the body some of it lies behind the lens
    inside = cut and not view.is_orthographic and _holds(parts, view.camera_to_world[:3, 3])
    return check(rendered, view.camera, cut, inside, simulated)


def _is_rigid(item: bpy.types.Object | None) -> bool:
    """Whether an object, or one that carries it, belongs to the rigid-body world, which only the user's own scene has."""
    while item is not None:
        if item.rigid_body is not None:
            return True
        item = item.parent
    return False


def _holds(parts: Sequence[Part], point: NDArray[np.float64]) -> bool:
    """Whether a point in world space lies within one of the parts."""
    for part in parts:
        low, high = part.bounds
        for to_world in part.to_world:
            if abs(determinant(to_world[:3, :3])) > 0.0:
                local = (inverse(to_world) @ np.append(point, 1.0))[:3]
                if ((low <= local) & (local <= high)).all() and is_inside(
                    local, part.vertices, part.triangles
                ):
                    return True
    return False


def draw(
    view: CameraView, parts: Sequence[Part], samples: int
) -> tuple[NDArray[np.uint8], float, float, bool]:
    """Rasterise parts.

    Returns:
        The mask, the nearest and farthest depth in metres of what lies before the near plane, and whether the clip range cuts
        something off.

    """
    clips, triangles, depths = [], [], []
    count = 0
    for part in parts:
        points = np.concatenate([part.vertices, np.ones((len(part.vertices), 1))], axis=1)
        for to_world in part.to_world:
            clips.append(apply(view.to_clip(to_world), points))
            depths.append(apply(view.depth_row(to_world), points))
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
        return mask, view.clip_start, view.clip_start, True
    nearest = float(depth.min()) if len(ahead) == len(depth) else view.clip_start
    farthest = float(ahead.max())
    return mask, nearest, farthest, len(ahead) < len(depth) or farthest > view.clip_end
