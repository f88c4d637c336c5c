"""A figure as a tailor sees it: regions of the skin, measures of trunk, limbs and head, and a way to pose what is sewn.

Clothes are cut in the rest pose, round the rest skin, and posed by the skin's own weights, so that they bend and drape with
the body.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from maskel_core.anatomy.asset import Anatomy
from maskel_core.anatomy.figure import Figure
from maskel_core.anatomy.joints import JOINT_NAMES
from maskel_core.data.silhouettes.shapes import Array, Faces, Surface, unit
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter, minimum_filter
from scipy.sparse import csr_matrix

REGIONS = (
    "head",
    "neck",
    "trunk",
    "arm_l",
    "hand_l",
    "arm_r",
    "hand_r",
    "leg_l",
    "foot_l",
    "leg_r",
    "foot_r",
)
"""Parts of the skin by the joints that move them."""

_PREFIXES = {
    "head": ("head", "eye", "neck03"),
    "neck": ("neck",),
    "arm": ("upperarm", "lowerarm"),
    "hand": ("wrist", "finger", "metacarpal"),
    "leg": ("upperleg", "lowerleg"),
    "foot": ("foot", "toe"),
}


def _region(joint: str) -> int:
    side = {".L": "_l", ".R": "_r"}.get(joint[-2:], "")
    for name, prefixes in _PREFIXES.items():
        if joint.startswith(prefixes):
            return REGIONS.index(name if name in ("head", "neck") else name + side)
    return REGIONS.index("trunk")


@dataclass(frozen=True)
class _Topology:
    faces: Faces
    weights: Array
    share: Array
    region: Faces
    gather: csr_matrix


@functools.lru_cache(maxsize=4)
def _topology(anatomy: Anatomy) -> _Topology:
    joints = anatomy.names["joints"]
    index, weight = anatomy["body.skin_joints"].cpu().numpy(), anatomy["body.skin_weights"].cpu().numpy()
    dense = np.zeros((len(index), len(joints)), np.float32)
    np.add.at(dense, (np.arange(len(index))[:, None], index), weight)
    dense /= dense.sum(1, keepdims=True)
    share = np.zeros((len(index), len(REGIONS)), np.float32)
    for number, name in enumerate(joints):
        share[:, _region(name)] += dense[:, number]
    faces = anatomy["body.faces"].cpu().numpy()
    count = len(faces)
    gather = csr_matrix(
        (np.ones(3 * count, np.float32), (faces.T.ravel(), np.tile(np.arange(count), 3))),
        shape=(len(index), count),
    )
    return _Topology(faces, dense, share, share.argmax(1), gather)


@dataclass
class Measure:
    """Rings round a path in rest space.

    Args:
        centres: float (K, 3).
        front: float (K, 3), direction of azimuth 0.
        side: float (K, 3), direction of azimuth 90 degrees.
        radius: float (K, A), distance of the skin from the path.
        weights: float (K, J), mean skin weights at each level.
    """

    centres: Array
    front: Array
    side: Array
    radius: Array
    weights: Array

    def azimuths(self) -> Array:
        """Angles of the columns, float (A,)."""
        return np.arange(self.radius.shape[1]) * (2 * np.pi / self.radius.shape[1])

    def rings(self, radius: Array) -> Array:
        """Points (K, A, 3) at a radius (K, A)."""
        angle = self.azimuths()[None, :, None]
        around = self.front[:, None] * np.cos(angle) + self.side[:, None] * np.sin(angle)
        return self.centres[:, None] + radius[..., None] * around


class Wearer:
    """A posed body with its measures; all points in metres.

    Args:
        anatomy: The asset.
        figure: The body.

    Attributes:
        rest: float (V, 3), skin in the rest pose.
        heads: float (J, 3), joint centres at rest.
        skin: float (V, 3), posed skin.
        stature: Rest height, metres.
        unit: Stature over 1.75 m: lengths given for an adult times this fit.
    """

    def __init__(self, anatomy: Anatomy, figure: Figure) -> None:
        self.anatomy, self.figure = anatomy, figure
        self.topology = _topology(anatomy)
        self.rest = figure.shape.vertices[0].cpu().numpy()
        self.heads = figure.shape.heads[0].cpu().numpy()
        self.transforms = figure.transforms.cpu().numpy()
        self.skin = figure.skin.cpu().numpy()
        self.stature = float(self.rest[:, 2].max() - self.rest[:, 2].min())
        self.unit = self.stature / 1.75
        self._limbs: dict[str, Measure] = {}
        self._landmarks = figure.landmarks.cpu().numpy()

    @property
    def faces(self) -> Faces:
        """Triangles of the skin, int (F, 3)."""
        return self.topology.faces

    def joint(self, name: str) -> int:
        """Index of a body joint."""
        return self.anatomy.joint(name)

    def head_of(self, name: str) -> Array:
        """Rest centre of a body joint, (3,)."""
        return self.heads[self.joint(name)]

    def landmark(self, name: str) -> Array:
        """Posed named joint, (3,)."""
        return self._landmarks[JOINT_NAMES.index(name)]

    def share(self, *regions: str) -> Array:
        """How much each skin vertex belongs to regions, (V,) in [0, 1]."""
        return self.topology.share[:, [REGIONS.index(r) for r in regions]].sum(1)

    def within(self, *regions: str) -> Array:
        """Rest points of the skin vertices that belong mostly to regions, (N, 3)."""
        return self.rest[np.isin(self.topology.region, [REGIONS.index(r) for r in regions])]

    def rigid(self, surface: Surface, joint: str) -> Surface:
        """What was made in rest space, moved with one joint."""
        return surface.moved(self.transforms[self.joint(joint)])

    def posed(self, points: Array, weights: Array) -> Array:
        """Rest points (N, 3) moved by joint weights (N, J)."""
        blend = (weights @ self.transforms.reshape(len(self.transforms), 12)).reshape(-1, 3, 4)
        return np.einsum("nij,nj->ni", blend[:, :, :3], points) + blend[:, :, 3]

    def weights_of(self, **shares: float) -> Array:
        """Joint weights (J,) from shares by joint name; a double underscore stands for the dot."""
        out = np.zeros(len(self.heads))
        for name, share in shares.items():
            out[self.joint(name.replace("__", "."))] = share
        return out

    @functools.cached_property
    def ground(self) -> float:
        """Height of the lowest point of the posed skin, metres."""
        return float(self.skin[:, 2].min())

    @functools.cached_property
    def upright(self) -> float:
        """How upright the trunk is: 1 standing, 0 lying, -1 upside down."""
        return float(self.transforms[self.joint("spine02"), 2, 2])

    def settled(self, points: Array) -> Array:
        """Posed points of soft things (..., 3): on the ground rather than under it, flat on who lies."""
        highest = np.inf
        if self.upright < 0.5:
            body = self.share("trunk", "leg_l", "leg_r") > 0.5
            highest = float(self.skin[body, 2].max()) + 0.03 * self.unit
        out = np.array(points)
        out[..., 2] = np.clip(out[..., 2], self.ground + 0.005 * self.unit, highest)
        return out

    @functools.cached_property
    def normals(self) -> Array:
        """Outward normals of the posed skin, (V, 3)."""
        corners = self.skin[self.faces]
        return unit(
            self.topology.gather @ np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        )

    def inflated(self, amount: Array) -> Surface:
        """The posed skin moved outwards by an amount (V,) in metres, where that is above zero."""
        out = amount > 1e-5
        a, b, c = self.faces.T
        used = out[a] | out[b] | out[c]
        numbers, faces = np.unique(self.faces[used], return_inverse=True)
        points = self.skin[numbers] + self.normals[numbers] * np.maximum(amount[numbers], 0)[:, None]
        return Surface(points, faces.reshape(-1, 3))

    def measure(self, path: Array, levels: int, regions: tuple[str, ...], azimuths: int = 32) -> Measure:
        """Distance of the skin from a path in rest space, smoothed as cloth is.

        Args:
            path: float (P, 3), corners of the path.
            levels: Rings along it.
            regions: Parts of the skin to measure.
            azimuths: Columns of a ring.
        """
        lengths = np.linalg.norm(np.diff(path, axis=0), axis=1)
        along = np.concatenate([[0], lengths.cumsum()])
        stations = np.linspace(0, along[-1], levels)
        centres = np.stack([np.interp(stations, along, path[:, i]) for i in range(3)], 1)
        tangent = unit(np.gradient(centres, axis=0))
        forward = np.array([0.0, -1.0, 0.0])
        front = unit(forward - tangent * (tangent @ forward)[:, None])
        side = np.cross(front, tangent)
        chosen = np.isin(self.topology.region, [REGIONS.index(r) for r in regions])
        points, weights = self.rest[chosen], self.topology.weights[chosen]
        ends = path[1:] - path[:-1]
        share = ((points[:, None] - path[:-1]) * ends).sum(-1) / (lengths**2)
        near = path[:-1] + np.clip(share, 0, 1)[..., None] * ends
        segment = np.linalg.norm(points[:, None] - near, axis=-1).argmin(1)
        # Beyond an end of the path nothing is measured, else the far hand would widen the cuff.
        picked = np.take_along_axis(share, segment[:, None], 1)[:, 0]
        station = (along[segment] + picked * lengths[segment]) / along[-1] * (levels - 1)
        inside = (station > -0.7) & (station < levels - 0.3)
        points, weights = points[inside], weights[inside]
        level = np.clip(np.rint(station[inside]), 0, levels - 1).astype(int)
        offset = points - centres[level]
        x, y = (offset * front[level]).sum(1), (offset * side[level]).sum(1)
        column = np.rint(np.arctan2(y, x) / (2 * np.pi) * azimuths).astype(int) % azimuths
        radius: Array = np.zeros((levels, azimuths))
        np.maximum.at(radius, (level, column), np.hypot(x, y))
        radius = _filled(radius)
        member = (level == np.arange(levels)[:, None]).astype(weights.dtype)
        sums = (member @ weights).astype(float)
        known = sums.sum(1) > 0
        nearest = np.abs(np.arange(levels)[:, None] - np.flatnonzero(known)[None]).argmin(1)
        sums = sums[np.flatnonzero(known)[nearest]]
        return Measure(centres, front, side, radius, sums / sums.sum(1, keepdims=True))

    @functools.cached_property
    def trunk_path(self) -> Array:
        """Axis of the trunk at rest, from the shoulders' height down to below the crotch, (P, 3)."""
        points = self.within("trunk")
        top, bottom = self.head_of("clavicle.L")[2], self.head_of("upperleg01.L")[2] - 0.08 * self.unit
        levels = np.linspace(top, bottom, 6)
        path = []
        for z in levels:
            slab = points[
                (np.abs(points[:, 2] - z) < 0.05 * self.unit) & (np.abs(points[:, 0]) < 0.1 * self.unit)
            ]
            middle = (slab[:, 1].min() + slab[:, 1].max()) / 2 if len(slab) else self.head_of("spine03")[1]
            path.append((0.0, middle, z))
        return np.array(path)

    def limb_path(self, limb: str) -> Array:
        """Rest joints of ``arm_l``, ``arm_r`` (shoulder, elbow, wrist), ``leg_l`` or ``leg_r`` (hip, knee, ankle)."""
        names = {"arm": ("upperarm01", "lowerarm01", "wrist"), "leg": ("upperleg01", "lowerleg01", "foot")}
        side = limb[-1].upper()
        return np.stack([self.head_of(f"{name}.{side}") for name in names[limb[:3]]])

    @functools.cached_property
    def trunk(self) -> Measure:
        """Measures of the trunk, shoulders to crotch."""
        return self.measure(self.trunk_path, 18, ("trunk", "leg_l", "leg_r"))

    def limb(self, name: str) -> Measure:
        """Measures of an arm or a leg, see ``limb_path``."""
        if name not in self._limbs:
            self._limbs[name] = self.measure(self.limb_path(name), 16, (name,), 20)
        return self._limbs[name]

    @functools.cached_property
    def _depths(self) -> tuple[Array, Array, Array, Array]:
        """Lowest corner and cell of a grid over x and z of the trunk at rest, its foremost and hindmost y there."""
        points = self.within("trunk", "neck")
        low, high = points[:, [0, 2]].min(0), points[:, [0, 2]].max(0)
        cell = (high - low) / 23
        place = np.rint((points[:, [0, 2]] - low) / cell).astype(int)
        front, back = np.full((24, 24), np.inf), np.full((24, 24), -np.inf)
        np.minimum.at(front, (place[:, 0], place[:, 1]), points[:, 1])
        np.maximum.at(back, (place[:, 0], place[:, 1]), points[:, 1])
        return low, cell, minimum_filter(front, 3), maximum_filter(back, 3)

    def laid_on_trunk(self, lines: Array, behind: NDArray[np.bool_], gap: float | Array) -> Array:
        """Lines of posed points that run through the trunk, laid on it.

        Args:
            lines: float (N, K, 3), world.
            behind: bool (N,), lies on the back, else on the chest.
            gap: Free space to the skin, metres.
        """
        low, cell, front, back = self._depths
        matrix = self.transforms[self.joint("spine02")]
        rest = (lines - matrix[:, 3]) @ matrix[:, :3]
        place = np.rint((rest[..., [0, 2]] - low) / cell).astype(int)
        over = ((place >= 0) & (place < 24)).all(-1)
        place = np.clip(place, 0, 23)
        ahead, aback = front[place[..., 0], place[..., 1]] - gap, back[place[..., 0], place[..., 1]] + gap
        inside = over & np.isfinite(ahead) & (rest[..., 1] > ahead) & (rest[..., 1] < aback)
        rest[..., 1] = np.where(inside, np.where(behind[:, None], aback, ahead), rest[..., 1])
        world = rest @ matrix[:, :3].T + matrix[:, 3]
        world[..., 2] = np.maximum(world[..., 2], self.ground + 0.005 * self.unit)
        return world


def _filled(radius: Array) -> Array:
    """Empty cells from their neighbours, then smooth along both directions, the second being closed."""
    for _ in range(8):
        empty = radius == 0
        if not empty.any():
            break
        wide = np.pad(np.pad(radius, ((0, 0), (1, 1)), mode="wrap"), ((1, 1), (0, 0)), mode="edge")
        around = np.stack([wide[1:-1, :-2], wide[1:-1, 2:], wide[:-2, 1:-1], wide[2:, 1:-1]])
        count = (around > 0).sum(0)
        radius = np.where(empty & (count > 0), around.sum(0) / np.maximum(count, 1), radius)
    for _ in range(2):
        radius = (np.roll(radius, 1, 1) + 2 * radius + np.roll(radius, -1, 1)) / 4
        wide = np.pad(radius, ((1, 1), (0, 0)), mode="edge")
        radius = np.maximum((wide[:-2] + 2 * wide[1:-1] + wide[2:]) / 4, 0.97 * radius)
    return radius
