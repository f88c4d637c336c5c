"""Clothes that hang by their own weight: wide sleeves, robes, capes.

Every function takes the wearer, a random source and a strength (0 close and short, 1 wide and long), and returns a
surface in the world that belongs to the character: it adds to the mask.
"""

from __future__ import annotations

import numpy as np
from maskel_core.data.silhouettes.garments import bodice, collar, ramp, skirt_shape, sleeve, torso
from maskel_core.data.silhouettes.shapes import Surface, merge, sheet, tube, unit, waves
from maskel_core.data.silhouettes.wearer import Wearer

_SIDES = ("l", "r")


def wide_sleeves(wearer: Wearer, random: np.random.Generator, strength: float) -> Surface:
    """Sleeves as of a kimono or a mage's robe: they hang from the forearm by their own weight."""
    parts = []
    drop = (0.08 + 0.28 * strength) * wearer.unit
    for side in _SIDES:
        parts.append(sleeve(wearer, f"arm_{side}", random, 0.0, 0.9, 0.02 * wearer.unit, 0.03 * wearer.unit))
        elbow, wrist = wearer.landmark(f"elbow_{side}"), wearer.landmark(f"wrist_{side}")
        shoulder = wearer.landmark(f"shoulder_{side}")
        top = np.concatenate(
            [
                shoulder + (elbow - shoulder) * np.linspace(0.5, 1, 4)[:-1, None],
                elbow + (wrist - elbow) * np.linspace(0, 0.92, 6)[:, None],
            ]
        )
        share = np.linspace(0, 1, len(top))
        fall = np.zeros_like(top)
        fall[:, 2] = -drop * share**0.8 * (1 + 0.04 * waves(top, random, 0.1))
        aside = unit(np.cross(wrist - shoulder, [0, 0, 1.0])) * 0.04 * wearer.unit * share[:, None]
        rings = np.stack([top + aside, top + fall + 0.5 * aside, top + fall - 0.5 * aside, top - aside], 1)
        parts.append(tube(wearer.settled(rings) if wearer.upright < 0.5 else rings))
    return merge(parts)


def robe(wearer: Wearer, random: np.random.Generator, strength: float) -> Surface:
    """A robe to the ground with hanging sleeves."""
    parts = [bodice(wearer, random, 0.02 * wearer.unit, 0.8, 0.8)]
    parts.append(torso(wearer, 0.015 * wearer.unit, random))
    parts.append(skirt_shape(wearer, random, 2.1, 0.1 + 0.3 * strength, loose=0.02))
    parts.append(wide_sleeves(wearer, random, strength))
    return merge(parts)


def cape(wearer: Wearer, random: np.random.Generator, strength: float) -> Surface:
    """A cape from the shoulders: knee to ground, hanging or lifted by wind, its hem straight or torn."""
    scale, rows, columns = wearer.unit, 14, 25
    neck, shoulder = wearer.head_of("neck01"), wearer.head_of("upperarm01.L")
    points = wearer.within("trunk")
    back = float(points[points[:, 2] > wearer.head_of("spine03")[2], 1].max())
    ground = float(wearer.rest[:, 2].min())
    length = (neck[2] - ground) * (0.45 + 0.5 * strength)
    share = np.linspace(0, 1, rows)[:, None]
    turn = np.linspace(-1.0, 1.0, columns)[None]
    half = (shoulder[0] + 0.045 * scale) * (1 + random.uniform(0.0, 0.55) * share)
    drop = np.clip(share * 4, 0, 1)
    x = half * np.sin(turn * 1.5) * (0.35 + 0.65 * drop**0.7)
    deep = back + 0.02 * scale
    y = deep - (deep - neck[1] + 0.05 * scale) * (1 - np.cos(turn * 1.5)) * (1 - 0.4 * share)
    y = y - 0.35 * (deep - neck[1]) * (1 - drop)
    rippled = np.sin(turn * random.uniform(7, 12) + random.uniform(0, 6)) * share
    y = y + 0.035 * scale * rippled
    x = x + 0.02 * scale * rippled
    torn = (
        random.uniform(0, 0.10)
        * (random.random() < 0.35)
        * waves(np.stack([turn * 1.0] * 3, -1), random, 0.25)
    )
    z = neck[2] + 0.02 * scale - np.clip(share * 4, 0, 1) * 0.06 * scale * np.abs(turn) ** 1.5
    z = z - length * share * (1 + torn)
    rest = np.stack(np.broadcast_arrays(x, y, z), -1)
    matrix = wearer.transforms[wearer.joint("spine01")]
    worn = rest @ matrix[:, :3].T + matrix[:, 3]
    # Below the shoulders cloth hangs by its weight, or as the wind takes it.
    top = worn[3]
    hanging = top[None] + np.array([0, 0, -1.0]) * (rest[3, :, 2] - rest[..., 2])[..., None]
    spread = (rest - rest[3]) * [1, 1, 0]
    hanging = hanging + spread @ matrix[:, :3].T
    away = (
        unit(matrix[:, :3] @ np.array([random.normal(0, 0.5), 1.0, 0.0])) * random.uniform(0.0, 0.55) ** 2 * 2
    )
    hanging = hanging + away * length * (share[..., None] ** 1.6) * random.uniform(0.1, 0.9)
    blend = np.clip((share - share[3]) * 4, 0, 0.85)[..., None] * ramp(np.array(wearer.upright), 0.2, 0.8)
    fallen = wearer.settled(worn * (1 - blend) + hanging * blend)
    return merge([sheet(fallen), collar(wearer, 0.03, 0.3)])
