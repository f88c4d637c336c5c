"""The head as a barber sees it: a measured skull, a hairline, and locks that grow, fall and lie on it."""

from __future__ import annotations

import numpy as np
from maskel_core.data.silhouettes.shapes import Array, Surface, sheet, smooth, sweep, unit
from maskel_core.data.silhouettes.wearer import Wearer
from scipy.ndimage import gaussian_filter1d, maximum_filter

_POLAR, _TURN = 18, 36
_HAIRLINE = np.radians([[0, 52], [40, 57], [70, 78], [90, 98], [130, 116], [180, 126]])
"""Azimuth from the face and the angle from the crown down to which hair grows there."""


def direction(polar: Array, turn: Array) -> Array:
    """Directions at an angle from the crown and an azimuth, 0 being the face and a quarter turn the left ear."""
    polar, turn = np.broadcast_arrays(polar, turn)
    return np.stack([np.sin(polar) * np.sin(turn), -np.sin(polar) * np.cos(turn), np.cos(polar)], -1)


def hairline(turn: Array) -> Array:
    """Angle from the crown at which hair ends, by azimuth, radians."""
    folded = np.abs((np.asarray(turn) + np.pi) % (2 * np.pi) - np.pi)
    return np.interp(folded, _HAIRLINE[:, 0], _HAIRLINE[:, 1])


class Scalp:
    """Radius of the rest head about the middle of its skull, and hair on it.

    Args:
        wearer: Whose head.

    Attributes:
        size: Height of the head, chin to crown, metres.
        centre: Middle of the skull at rest, (3,).
        radius: Half width of the skull, metres.
    """

    def __init__(self, wearer: Wearer) -> None:
        self.wearer = wearer
        head = wearer.joint("head")
        points = wearer.rest[wearer.topology.weights[:, head] > 0.5]
        low, high = points.min(0), points.max(0)
        self.size = float(high[2] - low[2])
        self.centre = np.array([0.0, low[1] * 0.48 + high[1] * 0.52, high[2] - 0.42 * self.size])
        offset = points - self.centre
        distance = np.linalg.norm(offset, axis=1)
        polar = np.arccos(np.clip(offset[:, 2] / distance, -1, 1))
        turn = np.arctan2(offset[:, 0], -offset[:, 1])
        table = np.zeros((_POLAR + 1, _TURN))
        row = np.rint(polar / np.pi * _POLAR).astype(int)
        column = np.rint(turn / (2 * np.pi) * _TURN).astype(int) % _TURN
        np.maximum.at(table, (row, column), distance)
        table[0] = table[0].max()
        wide = maximum_filter(table, 3, mode=("nearest", "wrap"))
        table = np.where(table > 0, table, wide)
        # The ears stand off; hair lies on the skull between them.
        table[9:] = np.minimum(table[9:], 1.06 * table[7:8])
        self.table = gaussian_filter1d(gaussian_filter1d(table, 0.8, axis=1, mode="wrap"), 0.6, axis=0)
        self.radius = float(self.table[7, [_TURN // 4, 3 * _TURN // 4]].mean())
        self.matrix = wearer.transforms[head]
        self.down = self.matrix[:, :3].T @ np.array([0.0, 0.0, -1.0])

    def skull(self, directions: Array) -> Array:
        """Distance of the skin from the centre in directions (..., 3)."""
        polar = np.arccos(np.clip(directions[..., 2], -1, 1)) / np.pi * _POLAR
        turn = np.arctan2(directions[..., 0], -directions[..., 1]) / (2 * np.pi) * _TURN % _TURN
        row, column = polar.astype(int).clip(0, _POLAR - 1), turn.astype(int) % _TURN
        down, over = polar - row, turn - np.floor(turn)
        after = (column + 1) % _TURN
        top = self.table[row, column] * (1 - over) + self.table[row, after] * over
        bottom = self.table[row + 1, column] * (1 - over) + self.table[row + 1, after] * over
        return top * (1 - down) + bottom * down

    def at(self, polar: Array, turn: Array, lift: float | Array = 0.0) -> Array:
        """Rest points above the scalp."""
        ways = direction(polar, turn)
        return self.centre + ways * (self.skull(ways) + lift)[..., None]

    def worn(self, surface: Surface) -> Surface:
        """What was made on the rest head, on the posed one."""
        return surface.moved(self.matrix)

    def shell(self, thickness: Array, lower: float = 0.0) -> Surface:
        """A cap of hair down to the hairline, thinning out at it.

        Args:
            thickness: float (rows, columns), metres, from crown to hairline, see ``cells``.
            lower: Moves the hairline down, radians.
        """
        rows, columns = thickness.shape
        polar, turn = self.cells(lower, rows, columns)
        rim = np.clip((1 - np.linspace(0, 1, rows)) * 6, 0.15, 1)[:, None]
        return self.worn(sheet(self.at(polar, turn, rim * thickness), closed=True))

    def cells(self, lower: float, rows: int, columns: int) -> tuple[Array, Array]:
        """Angles of the shell's points, each (rows, columns)."""
        turn = np.arange(columns)[None] * (2 * np.pi / columns)
        polar = np.linspace(0, 1, rows)[:, None] * (hairline(turn) + lower)
        return polar, np.broadcast_to(turn, polar.shape)

    def roots(
        self, count: int, random: np.random.Generator, top: float = 0.0, lower: float = 0.0
    ) -> tuple[Array, Array]:
        """Angles (N,) of roots, even over the hair from ``top`` times the hairline's angle down."""
        turn = (np.arange(count) * 2.399963 + random.uniform(0, 2 * np.pi)) % (2 * np.pi)
        end = hairline(turn) + lower
        start = top * end
        share = random.random(count)
        return np.arccos(np.cos(start) + share * (np.cos(end) - np.cos(start))), turn

    def grow(
        self,
        polar: Array,
        turn: Array,
        lengths: Array,
        heading: Array,
        *,
        weight: float = 0.4,
        lift: float = 0.01,
        steps: int = 9,
    ) -> Array:
        """Centre lines of locks, posed.

        Args:
            polar: float (N,), angle of the roots from the crown.
            turn: float (N,), azimuth of the roots.
            lengths: float (N,), metres.
            heading: float (N, 3), first direction, rest space.
            weight: Pull of gravity in each 2 cm; 0 is stiff.
            lift: Least height over the skull, metres, scaled with the head.
            steps: Points of a line.

        Returns:
            float (N, steps, 3), world.
        """
        point = self.at(polar, turn, 0.3 * lift)
        course = unit(heading)
        pull = weight * (lengths / (steps - 1) / (0.083 * self.size))[:, None] * self.down
        lines = [point]
        for number in range(1, steps):
            course = unit(course + pull)
            point = point + course * (lengths / (steps - 1))[:, None]
            offset = point - self.centre
            distance = np.linalg.norm(offset, axis=1)
            ways = offset / np.maximum(distance, 1e-9)[:, None]
            least = self.skull(ways) + lift * min(1.0, number / 2)
            pushed = self.centre + ways * np.maximum(distance, least)[:, None]
            course = unit(course + (pushed - point) / (lengths / (steps - 1))[:, None])
            point = pushed
            lines.append(point)
        local = smooth(np.stack(lines, 1), 1)
        return local @ self.matrix[:, :3].T + self.matrix[:, 3]


def locks(
    lines: Array, thick: Array | float, sides: int = 4, flat: float = 0.6, tip: float = 0.08
) -> Surface:
    """Tapering locks along lines (N, K, 3); ``thick`` is their largest radius (N,), metres."""
    share = np.linspace(0, 1, lines.shape[1])
    profile = np.maximum(tip, np.clip(0.55 + 2 * share, 0, 1) * (1 - share**2.2))
    return sweep(lines, np.reshape(thick, (-1, 1)) * profile, sides, flat)


def folded(turn: Array) -> Array:
    """Azimuth in [-pi, pi): negative is the right side."""
    return (turn + np.pi) % (2 * np.pi) - np.pi
