"""Armour of knights, fantasy and space.

Every function takes the wearer, a random source and a strength (0 plain, 1 grand), and returns a surface in the world that
belongs to the character: it adds to the mask.
"""

from __future__ import annotations

import numpy as np
from maskel_core.data.silhouettes.footwear import footwear, sole_of
from maskel_core.data.silhouettes.garments import bodice, skirt_shape, worn
from maskel_core.data.silhouettes.shapes import (
    Array,
    Surface,
    ball,
    box,
    merge,
    rounded_box,
    sheet,
    strand,
    tube,
    unit,
)
from maskel_core.data.silhouettes.wearer import Measure, Wearer

_SIDES = ("l", "r")


def breastplate(wearer: Wearer, random: np.random.Generator, strength: float) -> Surface:
    """A cuirass in flat facets, waisted, with plates over the hips."""
    plate_gap = (0.012 + 0.022 * strength) * wearer.unit
    trunk = wearer.trunk
    take = slice(0, None, 4)
    rows = [1, 4, 7, 10, 12]
    radius = trunk.radius[rows][:, take] + plate_gap
    radius[1] *= 1.05
    angle = trunk.azimuths()[take][None, :, None]
    around = trunk.front[rows][:, None] * np.cos(angle) + trunk.side[rows][:, None] * np.sin(angle)
    points = trunk.centres[rows][:, None] + radius[..., None] * around
    weights = np.repeat(trunk.weights[rows], points.shape[1], 0)
    made = sheet(points, closed=True)
    parts = [Surface(wearer.posed(made.points, weights), made.faces)]
    parts.append(bodice(wearer, random, 0.5 * plate_gap, 0.7, 0.2))
    length = random.uniform(0.12, 0.25) + 0.3 * strength
    parts.append(
        skirt_shape(wearer, random, length, random.uniform(0.2, 0.5), pleats=10, depth=0.05, loose=0.012)
    )
    return merge(parts)


def pauldrons(wearer: Wearer, random: np.random.Generator, strength: float) -> Surface:
    """Shoulder plates: one or three layered shells a side, round or spiked, from guard to oversized."""
    size = (0.075 + 0.085 * strength) * wearer.unit
    layers, spiked = int(random.integers(1, 4)), random.random() < 0.35
    lift = random.uniform(0.0, 0.5)
    parts = []
    for side, sign in (("l", 1.0), ("r", -1.0)):
        root = wearer.head_of(f"upperarm01.{side.upper()}")
        out = unit(wearer.limb_path(f"arm_{side}")[1] - root)
        up = unit(np.array([0.15 * sign, 0, 1.0]))
        for layer in range(layers):
            reach = 1 - 0.14 * layer
            centre = (
                root + out * (0.012 + 0.05 * layer) * wearer.unit + up * (0.012 - 0.01 * layer) * wearer.unit
            )
            across = np.array([0, 1.0, 0])
            tall = unit(np.cross(across, out)) * -sign
            tall = tall if tall[2] > 0 else -tall
            axes = (
                np.stack(
                    [out * 0.72 * size, across * 0.85 * size, tall * (0.62 + lift * (layer == 0)) * size]
                )
                * reach
            )
            shell = ball(centre, axes, 7, 12)
            kept = (shell.points - centre) @ unit(tall) > -0.35 * size
            points = np.where(kept[:, None], shell.points, centre + (shell.points - centre) * 0.75)
            parts.append(wearer.rigid(Surface(points, shell.faces), f"upperarm01.{side.upper()}"))
        if spiked:
            for spread in (-0.5, 0.0, 0.5):
                way = unit(out * 0.5 + up + np.array([0, spread, 0]))
                line = root + way * np.linspace(0.4, 1.9, 5)[:, None] * size
                spike = strand(line, 0.2 * size * np.array([1, 0.8, 0.55, 0.3, 0.03]), 6)
                parts.append(wearer.rigid(spike, f"upperarm01.{side.upper()}"))
    return merge(parts)


def limb_armour(wearer: Wearer, random: np.random.Generator, strength: float) -> Surface:
    """Vambraces, gauntlets, knee cops and greaves in facets."""
    thick = (0.010 + 0.016 * strength) * random.uniform(0.8, 1.2) * wearer.unit
    corners, flare = int(random.integers(5, 9)), random.uniform(1.0, 1.2)
    parts = []
    for limb, first, last in (("arm", 9, 15), ("leg", 9, 15)):
        for side in _SIDES:
            measure = wearer.limb(f"{limb}_{side}")
            rows = np.array([first, first + 2, last])
            radius = measure.radius[rows].max(1, keepdims=True) + thick
            radius = radius * np.array([[flare], [1.0], [0.95]])
            turn = (np.arange(corners)[None] + 0.5) * (2 * np.pi / corners)
            around = (measure.front[rows][:, None] * np.cos(turn)[..., None]) + (
                measure.side[rows][:, None] * np.sin(turn)[..., None]
            )
            points = measure.centres[rows][:, None] + radius[..., None] * around
            joint = {"arm": "lowerarm01", "leg": "lowerleg01"}[limb] + "." + side.upper()
            parts.append(wearer.rigid(tube(points), joint))
            hinge = measure.centres[8] + 0.5 * measure.radius[8].mean() * measure.front[8] * (
                1 if limb == "leg" else -1
            )
            cop = ball(hinge, (measure.radius[8].mean() * 0.8 + thick), 6, 8)
            parts.append(wearer.rigid(cop, joint))
    hands = wearer.share("hand_l", "hand_r")
    parts.append(wearer.inflated(0.6 * thick * hands))
    parts.append(footwear(wearer, thick))
    return merge(parts)


def _bellows(wearer: Wearer, limb: str, at: float, reach: float, thick: float) -> Surface:
    """Four ripples of a hose round a limb, about a level ``at`` of its measure and ``reach`` levels to both sides."""
    measure = wearer.limb(limb)
    station = np.linspace(at - reach, at + reach, 25).clip(0, len(measure.centres) - 1.001)
    row = station.astype(int)

    def between(values: Array) -> Array:
        share = (station - row)[:, None]
        return values[row] * (1 - share) + values[row + 1] * share

    parts = (measure.centres, measure.front, measure.side, measure.radius, measure.weights)
    level = Measure(*(between(values) for values in parts))
    ripple = thick * (0.95 + 0.35 * np.abs(np.sin(np.pi * np.linspace(0, 4, 25))))
    return worn(wearer, level, level.radius + ripple[:, None])


def hard_suit(wearer: Wearer, random: np.random.Generator, strength: float) -> Surface:
    """A space or robot suit: bulky limbs with bellows at the joints, a chest box and a pack."""
    thick = (0.02 + 0.045 * strength) * random.uniform(0.8, 1.1) * wearer.unit
    share = wearer.share("trunk", "arm_l", "arm_r", "leg_l", "leg_r", "hand_l", "hand_r", "foot_l", "foot_r")
    hands = 1 - 0.65 * wearer.share("hand_l", "hand_r")
    parts = [wearer.inflated(thick * share * hands)]
    parts += [
        _bellows(wearer, f"{limb}_{side}", at, reach, thick)
        for limb, reach in (("arm", 2.2), ("leg", 1.6))
        for side in _SIDES
        for at in (1.0, 7.5, 14.0)
    ]
    chest = wearer.trunk.centres[5]
    deep = float(wearer.trunk.radius[5].mean())
    half = np.array([0.13, 0.05, 0.09]) * random.uniform(0.8, 1.2, 3) * wearer.unit
    parts.append(wearer.rigid(box(chest - [0, deep, 0], half), "spine02"))
    pack = np.array([0.17, 0.09, 0.22]) * random.uniform(0.8, 1.2, 3) * wearer.unit
    parts.append(wearer.rigid(rounded_box(chest - [0, -deep - 0.06 * wearer.unit, 0], pack, 0.3), "spine02"))
    for side in _SIDES:
        parts += sole_of(wearer, side, 0.03 * wearer.unit, 0.035 * wearer.unit, thick)
    return merge(parts)
