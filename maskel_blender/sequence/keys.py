"""Keys at each frame where the camera stood then.

Keys rather than drivers: the pictures are of the camera as it was, so what shows them must stay there when the camera is animated
anew; keys need no scripts, survive linking and appending, and hold moves, lens, shift and depth alike.
"""

from __future__ import annotations

from collections.abc import Mapping

import bpy
import numpy as np
from mathutils import Matrix
from numpy.typing import NDArray

from .. import compat

_CURVES = {"location": 3, "rotation_quaternion": 4, "scale": 3}


def set_keys(item: bpy.types.Object, poses: Mapping[int, NDArray[np.float64]], current: int) -> None:
    """Constant keys at each frame with a picture; between them the picture holds, and so does its place.

    Args:
        item: Plane or Empty, turned by a quaternion; an action it has is replaced.
        poses: (4, 4) to the world, by frame.
        current: Frame that the scene is at.

    """
    action = compat.new_action(item, item.name)
    frames = sorted(poses)
    rows: dict[str, list[tuple[float, ...]]] = {path: [] for path in _CURVES}
    before = None
    for frame in frames:
        location, rotation, scale = Matrix(poses[frame].tolist()).decompose()
        if before is not None:
            # the shorter way round, should the user make the keys flow
            rotation.make_compatible(before)
        before = rotation
        for path, value in zip(_CURVES, (location, rotation, scale), strict=True):
            rows[path].append(tuple(value))
    shown = max((i for i, frame in enumerate(frames) if frame <= current), default=0)
    for path, count in _CURVES.items():
        values = np.array(rows[path], np.float64)
        setattr(item, path, rows[path][shown])
        for index in range(count):
            curve = compat.new_fcurve(action, item, path, index)
            points = curve.keyframe_points
            points.add(len(frames))
            points.foreach_set("co", np.stack([frames, values[:, index]], axis=1).ravel())
            for point in points:
                point.interpolation = "CONSTANT"
            curve.update()
    item.update_tag(refresh={"TIME"})


def delete_keys(action: bpy.types.Action | None) -> None:
    """Delete the action of an object that is gone, unless something else has use for it."""
    if action is not None and action.users == 0:
        bpy.data.actions.remove(action)
