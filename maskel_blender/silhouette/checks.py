"""What may be wrong with a silhouette: cropped, tiny, seen from inside. No bpy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
LEAST_PIXELS = 128
"""Below this length the model has too little to go by."""
_TOUCHED = 128


@dataclass(frozen=True)
class SilhouetteWarning:
    """Something about a silhouette that will hurt the X-ray.

    Args:
        code: Stable name in snake_case.
        message: What was found, one sentence.
        fix: What to do about it, one sentence.
    """

    code: str
    message: str
    fix: str


def cropped_edges(mask: NDArray[np.uint8]) -> list[str]:
    """Edges of the picture at which the body ends: of "top", "bottom", "left", "right"."""
    lines = {"top": mask[0], "bottom": mask[-1], "left": mask[:, 0], "right": mask[:, -1]}
    return [name for name, line in lines.items() if (line >= _TOUCHED).any()]


def longest_side(mask: NDArray[np.uint8]) -> int:
    """Longer side of the box around the body in pixels."""
    sides = [np.flatnonzero(mask.max(axis=axis)) for axis in (0, 1)]
    return max(int(side[-1] - side[0]) + 1 if len(side) else 0 for side in sides)


def is_inside(point: FloatArray, points: FloatArray, triangles: NDArray[np.integer]) -> bool:
    """Whether a point lies within a surface, by its winding number; small holes in the surface do no harm.

    Args:
        point: (3,) metres.
        points: (V, 3) vertices.
        triangles: (T, 3) indices; all wound the same way, either way.

    """
    with np.errstate(invalid="ignore"):
        corners = points[triangles] - point
        length = np.linalg.norm(corners, axis=2)
        a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
        volume = np.einsum("ti,ti->t", a, np.cross(b, c))
        spread = (
            length.prod(axis=1)
            + np.einsum("ti,ti->t", a, b) * length[:, 2]
            + np.einsum("ti,ti->t", b, c) * length[:, 0]
            + np.einsum("ti,ti->t", c, a) * length[:, 1]
        )
        solid_angle = np.nansum(2.0 * np.arctan2(volume, spread))
    return bool(abs(solid_angle) > 2.0 * np.pi)


def check(
    mask: NDArray[np.uint8], camera: str, cut: bool = False, inside: bool = False
) -> tuple[SilhouetteWarning, ...]:
    """Warnings about a silhouette.

    Args:
        mask: (H, W) uint8, only the pixels that are rendered.
        camera: Name of the camera.
        cut: Whether some of the body lies before the camera's near or behind its far plane.
        inside: Whether the camera is within the body.

    """
    found = []
    edges = cropped_edges(mask)
    if inside:
        found.append(
            SilhouetteWarning(
                "camera_inside", f'The camera "{camera}" is inside the body.', "Move it out of the character."
            )
        )
    elif cut:
        found.append(
            SilhouetteWarning(
                "body_cut",
                f'The camera "{camera}" cuts off what is too near or too far.',
                "Move it back, or widen its clip range.",
            )
        )
    if edges:
        where = " and ".join(filter(None, [", ".join(edges[:-1]), edges[-1]]))
        found.append(
            SilhouetteWarning(
                "body_cropped",
                f"The body is cropped at the {where} of the picture.",
                "Move the camera back, or widen its view, until the whole body is in the picture.",
            )
        )
    size = longest_side(mask)
    if size < LEAST_PIXELS:
        found.append(
            SilhouetteWarning(
                "body_tiny",
                f"The body is only {size} pixels long in the picture.",
                "Move the camera nearer, or raise the render resolution.",
            )
        )
    return tuple(found)
