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
    """

    def __init__(
        self, vertices: np.ndarray, heads: np.ndarray, names: list[str], dominant: np.ndarray
    ) -> None:
        self.vertices, self.heads, self.names, self.dominant = vertices, heads, names, dominant
        self._arm = np.isin(dominant, [i for i, n in enumerate(names) if _is_arm(n)])
        self.stature = float(np.ptp(vertices[:, 2]))

    def joint(self, name: str) -> np.ndarray:
        """Centre of a joint, by its name without side for the right one."""
        full = name if name in self.names else f"{name}.R"
        return self.heads[self.names.index(full)]

    def part(self, *prefixes: str) -> np.ndarray:
        """Skin vertices that mostly follow the right or middle joints whose names start so, (N, 3)."""
        chosen = [i for i, n in enumerate(self.names) if n.startswith(prefixes) and not n.endswith(".L")]
        return self.vertices[np.isin(self.dominant, chosen)]

    def trunk(self, z: float, thickness: float) -> np.ndarray:
        """Skin vertices of the trunk, head and legs (not the arms) within a slab at height z."""
        chosen = ~self._arm & (np.abs(self.vertices[:, 2] - z) < thickness)
        return self.vertices[chosen]

    def midline(self, z: float) -> tuple[float, float]:
        """Front and back of the skin on the mid-sagittal plane at height z."""
        for thickness in (0.012, 0.025, 0.06):
            slab = self.trunk(z, thickness)
            slab = slab[np.abs(slab[:, 0]) < 0.02]
            if len(slab) > 3:
                break
        return float(slab[:, 1].min()), float(slab[:, 1].max())

    def half_width(self, z: float) -> float:
        """Half the width of the trunk at height z."""
        return float(np.quantile(np.abs(self.trunk(z, 0.02)[:, 0]), 0.98))

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
