"""The world round a character: furniture that is part of it or stands before it, and bodies of few polygons."""

from __future__ import annotations

import numpy as np
from maskel_core.data.silhouettes.shapes import Array, Surface, box, merge, strand, unit
from maskel_core.data.silhouettes.wearer import Wearer
from maskel_core.projection.camera import Camera


def low_poly(wearer: Wearer, random: np.random.Generator, strength: float) -> Surface:
    """The body in facets: its skin decimated by clustering vertices in cells of 1.5 to 8 cm at rest (Rossignac & Borrel 1993).

    Replaces the body in the mask.
    """
    cell = (0.015 + 0.065 * strength) * wearer.unit
    place = np.floor(wearer.rest / cell + random.uniform(0, 1, 3)).astype(np.int64)
    place -= place.min(0)
    extent = place.max(0) + 1
    number = (place[:, 0] * extent[1] + place[:, 1]) * extent[2] + place[:, 2]
    _, cluster = np.unique(number, return_inverse=True)
    count = np.bincount(cluster)
    points = np.stack([np.bincount(cluster, wearer.skin[:, axis]) / count for axis in range(3)], 1)
    faces = cluster[wearer.faces]
    whole = (faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 2] != faces[:, 0])
    return Surface(points, faces[whole])


def _chair(middle: Array, way: Array, seat: float, wide: float, floor: float, back: float) -> Surface:
    """A chair: seat height over the floor, half width, height of its back; ``way`` points to the front."""
    side = np.array([-way[1], way[0], 0.0])
    up = np.array([0, 0, 1.0])
    at = middle * [1, 1, 0] + [0, 0, floor]
    parts = [box(at + seat * up, np.stack([wide * side, wide * way, 0.02 * up]))]
    for a in (-1, 1):
        for b in (-1, 1):
            foot = at + 0.9 * wide * (a * side + b * way)
            parts.append(strand(np.stack([foot, foot + up * seat]), 0.02, 6))
    rear = at - 0.95 * wide * way
    for share in (-0.9, 0.0, 0.9):
        foot = rear + share * wide * side
        parts.append(strand(np.stack([foot, foot + up * (seat + back)]), 0.02, 6))
    parts.append(
        box(rear + up * (seat + 0.85 * back), np.stack([wide * side, 0.015 * way, 0.15 * back * up]))
    )
    return merge(parts)


def _bed(wearer: Wearer, random: np.random.Generator, strength: float) -> Surface:
    """A mat to a bed along the trunk under a body that lies or crawls."""
    along = unit((wearer.landmark("c7") - wearer.landmark("pelvis")) * [1, 1, 0])
    side = np.array([-along[1], along[0], 0.0])
    flat = wearer.skin @ np.stack([along, side]).T
    low, high = flat.min(0), flat.max(0)
    half = (high - low) / 2 + np.array([0.05, 0.1 + 0.25 * strength]) * wearer.unit
    middle = along * (low + high)[0] / 2 + side * (low + high)[1] / 2
    deep = random.uniform(0.02, 0.05 + 0.2 * strength) * wearer.unit
    middle[2] = wearer.ground - deep
    return box(middle, np.stack([half[0] * along, half[1] * side, [0, 0, deep]]))


def furniture(wearer: Wearer, random: np.random.Generator, strength: float) -> Surface:
    """A chair or stool under the pelvis, a plinth under the feet, a bed under who lies: adds to the mask."""
    floor, pelvis = wearer.ground, wearer.landmark("pelvis")
    front = wearer.transforms[wearer.joint("root")][:, :3] @ np.array([0, -1.0, 0])
    way = front * [1, 1, 0]
    way = way / max(float(np.linalg.norm(way)), 1e-6) if np.linalg.norm(way) > 0.2 else np.array([0, -1.0, 0])
    thigh = float(np.linalg.norm(wearer.landmark("knee_l") - wearer.landmark("hip_l")))
    high = float(pelvis[2] - floor - 0.09 * wearer.unit)
    knees = (wearer.landmark("knee_l")[2] + wearer.landmark("knee_r")[2]) / 2
    if wearer.upright < 0.5:
        return _bed(wearer, random, strength)
    if pelvis[2] - knees < 0.5 * thigh and high > 0.1:
        wide = (0.19 + 0.08 * strength) * wearer.unit
        back = random.uniform(0.2, 0.6) * wearer.unit if random.random() < 0.75 else 0.0
        return _chair(pelvis + 0.06 * way, way, high, wide, floor, back)
    half = (0.2 + 0.35 * strength) * wearer.unit
    middle = np.append((wearer.landmark("ankle_l") + wearer.landmark("ankle_r"))[:2] / 2, floor)
    deep = random.uniform(0.03, 0.15) * wearer.unit
    return box(middle - [0, 0, deep], np.array([half, half, deep]))


def _before(wearer: Wearer, camera: Camera, along: float) -> tuple[Array, Array, Array]:
    """A point before the body at a share of its height, the picture's right and the way to the camera."""
    axes = camera.axes().numpy()
    depth = (wearer.skin @ axes[2]).min()
    middle = (wearer.skin.max(0) + wearer.skin.min(0)) / 2
    point = middle + axes[2] * (depth - 0.1 * wearer.unit - middle @ axes[2])
    low, high = wearer.skin[:, 2].min(), wearer.skin[:, 2].max()
    return point - [0, 0, middle[2] - low - along * (high - low)], axes[0], -axes[2]


def hidden_by_box(wearer: Wearer, random: np.random.Generator, strength: float, camera: Camera) -> Surface:
    """A crate, wall or counter before the body: takes a corner, a side or the feet out of the mask."""
    size = (0.1 + 0.3 * strength) * wearer.stature
    along = random.choice([0.0, 0.1, 0.5])
    point, right, near = _before(wearer, camera, along)
    low, high = wearer.skin[:, 2].min(), wearer.skin[:, 2].max()
    core = wearer.share("head", "trunk", "leg_l", "leg_r", "foot_l", "foot_r") > 0.5
    beside = core & (np.abs(wearer.skin[:, 2] - low - along * (high - low)) < size)
    slab = wearer.skin[beside if beside.any() else core]
    sign = random.choice([-1.0, 1.0])
    out = random.uniform(0.0, 0.7 - 0.3 * strength)
    # Its inner edge stands between the middle of the body there and its side.
    edge = np.quantile(sign * (slab - point) @ right, (0.5, 0.98)) @ (1 - out, out)
    wide = size * random.uniform(0.6, 2.5)
    return box(
        point + sign * (edge + wide) * right,
        np.stack([wide * right, 0.05 * near, [0, 0, size]]),
    )


def hidden_by_pole(wearer: Wearer, random: np.random.Generator, strength: float, camera: Camera) -> Surface:
    """A lamp post, tree, rope or railing before the body."""
    point, right, _ = _before(wearer, camera, 0.5)
    thick = (0.012 + 0.06 * strength) * wearer.stature * random.uniform(0.6, 1.2)
    up = np.array([random.normal(0, 0.08), 0, 1.0]) * 2 * wearer.stature
    foot = point + right * random.uniform(-0.18, 0.18) * wearer.stature
    parts = [strand(np.stack([foot - up, foot + up]), thick, 10)]
    if random.random() < 0.35:
        step = 0.14 * wearer.stature
        thin = 0.35 * thick
        parts = [
            strand(np.stack([foot + n * step * right - up, foot + n * step * right + up]), thin)
            for n in range(-4, 5)
        ]
    return merge(parts)


def hidden_by_furniture(
    wearer: Wearer, random: np.random.Generator, strength: float, camera: Camera
) -> Surface:
    """A table or a chair before the body, seen from its side of the room."""
    point, right, near = _before(wearer, camera, 0.0)
    flat = near * [1, 1, 0]
    way = flat / max(float(np.linalg.norm(flat)), 1e-6)
    aside = random.uniform(-0.15, 0.15) * wearer.stature
    floor = wearer.ground
    if random.random() < 0.5:
        wide = (0.10 + 0.06 * strength) * wearer.stature
        seat, back = 0.26 * wearer.stature, 0.26 * wearer.stature
        return _chair(point + aside * right + wide * near, way, seat, wide, floor, back)
    high = (0.28 + 0.16 * strength) * wearer.stature
    half = random.uniform(0.25, 0.5) * wearer.stature
    side = np.array([-way[1], way[0], 0.0])
    top = point * [1, 1, 0] + [0, 0, floor + high] + aside * right + 0.2 * near
    board = random.uniform(0.02, 0.07) * wearer.unit
    parts = [box(top, np.stack([half * side, 0.15 * way, [0, 0, board]]))]
    for a in (-0.92, 0.92):
        leg = top + a * half * side
        parts.append(strand(np.stack([leg, leg - [0, 0, high]]), 0.028, 6))
    return merge(parts)
