"""Hats, helmets, crowns, horns and ears.

Every function takes the wearer, a random source and a strength (0 plain, 1 grand), and returns a surface in the world that
belongs to the character: it adds to the mask.
"""

from __future__ import annotations

import numpy as np
from maskel_core.data.silhouettes.scalp import Scalp, direction
from maskel_core.data.silhouettes.shapes import (
    Array,
    Surface,
    ball,
    merge,
    rounded_box,
    sheet,
    strand,
    tube,
    unit,
    waves,
)
from maskel_core.data.silhouettes.wearer import Wearer


def _dome(scalp: Scalp, lift: float, end: float, tilt: float = 0.0, sides: int = 28) -> Array:
    """Rings (K, sides, 3) over the rest skull down to an angle from the crown; ``tilt`` lowers the back."""
    turn = np.linspace(0, 2 * np.pi, sides + 1)[None, :-1]
    polar = np.linspace(0.02, 1, 9)[:, None] * (end - tilt * np.cos(turn))
    return scalp.at(polar, np.broadcast_to(turn, polar.shape), lift)


def cap(wearer: Wearer, random: np.random.Generator, strength: float) -> Surface:
    """A baseball cap, worn forward, backward or askew."""
    scalp = Scalp(wearer)
    scale = scalp.size / 0.24
    high = random.uniform(0.012, 0.02)
    dome = _dome(scalp, (high + 0.01 * strength) * scale, 1.25, 0.15)
    turned = random.choice([0.0, 0.0, 0.5, np.pi])
    angle = np.linspace(-0.75, 0.75, 13) + turned
    inner = scalp.at(np.full(13, 1.25), angle, 0.016 * scale)
    outward = direction(np.full(13, np.pi / 2), angle)
    reach = (0.05 + 0.04 * strength) * scale * np.cos((angle - turned) * 1.7)[:, None]
    outer = inner + outward * reach - [0, 0, 0.012 * scale]
    brim = sheet(np.stack([inner, outer, outer - [0, 0, 0.006 * scale], inner - [0, 0, 0.006 * scale]]))
    return merge([scalp.worn(sheet(dome, closed=True)), scalp.worn(brim)])


def _brimmed(
    scalp: Scalp, heights: Array, widths: Array, reach: float, droop: float, sway: Array, oval: float = 1.18
) -> Surface:
    """A hat of rings: heights and half widths of its crown, metres, and a brim around its base."""
    turn = np.linspace(0, 2 * np.pi, 33)[:-1]
    base = scalp.centre - [0, 0, -0.38 * scalp.radius]
    first = widths[0]
    rows = [(first + reach, -droop), (first, 0.0), *zip(widths, heights, strict=True)]
    rings = []
    for number, (wide, high) in enumerate(rows):
        shift = sway * max(0.0, high) / max(heights[-1], 1e-6)
        curl = 0.35 * droop * np.cos(2 * turn) if number == 0 else 0.0
        x, y = wide * np.sin(turn), -wide * (oval if number else 1.06) * np.cos(turn)
        rings.append(base + shift + np.stack([x, y, np.broadcast_to(high + curl, turn.shape)], -1))
    return scalp.worn(tube(np.stack(rings)))


def hat(wearer: Wearer, random: np.random.Generator, strength: float) -> Surface:
    """A hat with a brim: fedora, cowboy hat, straw hat, top hat."""
    scalp = Scalp(wearer)
    scale, wide = scalp.size / 0.24, scalp.radius + 0.016 * scalp.size / 0.24
    reach = (0.035 + 0.13 * strength) * scale
    high = random.uniform(0.10, 0.15) * scale if random.random() < 0.7 else random.uniform(0.17, 0.24) * scale
    taper = random.uniform(0.75, 1.05)
    heights = np.array([0.02, 0.5 * high, high, 1.02 * high])
    widths = wide * np.array([1.0, (1 + taper) / 2, taper, 0.6 * taper])
    droop = random.uniform(-0.3, 0.3) * reach
    return _brimmed(scalp, heights, widths, reach, droop, np.zeros(3))


def witch_hat(wearer: Wearer, random: np.random.Generator, strength: float) -> Surface:
    """A tall cone that leans, with a wide brim."""
    scalp = Scalp(wearer)
    scale, wide = scalp.size / 0.24, scalp.radius + 0.016 * scalp.size / 0.24
    share = np.linspace(0.05, 1, 8)
    heights = share * (0.22 + 0.3 * strength) * scale
    widths = wide * np.clip(1 - share, 0.03, 1) ** 1.15 * (1 + 0.1 * np.sin(share * 14))
    widths[0] = wide
    sway = np.array([random.normal(0, 0.06), random.uniform(0.0, 0.2), 0.0]) * scale
    return _brimmed(scalp, heights, widths, random.uniform(0.08, 0.2) * scale, 0.02 * scale, sway)


def beanie(wearer: Wearer, random: np.random.Generator, strength: float) -> Surface:
    """A knitted cap, close or slouching, some with a bobble."""
    scalp = Scalp(wearer)
    scale = scalp.size / 0.24
    dome = _dome(scalp, 0.012 * scale, 1.35, 0.1)
    slouch = (1 - np.linspace(0, 1, 9) ** 2)[:, None, None] * strength * scale
    dome = dome + slouch * np.array([0.0, 0.035, 0.05])
    hem = _dome(scalp, 0.02 * scale, 1.38, 0.1)[6:]
    parts = [scalp.worn(sheet(dome, closed=True)), scalp.worn(sheet(hem, closed=True))]
    if random.random() < 0.4:
        bobble = ball(dome[0].mean(0) - [0, 0, -0.02 * scale], 0.032 * scale)
        bumps = 1 + 0.1 * waves(bobble.points, random, 0.02 * scale)
        middle = bobble.points.mean(0)
        parts.append(scalp.worn(Surface(middle + (bobble.points - middle) * bumps[:, None], bobble.faces)))
    return merge(parts)


def crown(wearer: Wearer, random: np.random.Generator, strength: float) -> Surface:
    """A crown or tiara with points."""
    scalp = Scalp(wearer)
    scale = scalp.size / 0.24
    count = int(random.integers(5, 10)) * 8
    turn = np.linspace(0, 2 * np.pi, count + 1)[:-1]
    high = (0.03 + 0.06 * strength) * scale
    tooth = np.abs((np.arange(count) % 8) / 4 - 1)
    shape = tooth ** random.choice([1.0, 2.5]) * (
        0.4 + 0.6 * np.clip(np.cos(turn), 0, 1) ** random.choice([0, 1])
    )
    base = scalp.at(np.full(count, 0.95), turn, 0.012 * scale)
    base[:, 2] = base[:, 2].mean()
    out = (base - scalp.centre) * [1, 1, 0]
    rings = [
        base,
        base - [0, 0, -0.35 * high],
        base + 0.12 * out + np.stack([0 * turn, 0 * turn, high * (0.4 + shape)], -1),
    ]
    return scalp.worn(sheet(np.stack(rings), closed=True))


def headphones(wearer: Wearer, random: np.random.Generator, strength: float) -> Surface:
    """A band over the head and a cup on each ear."""
    scalp = Scalp(wearer)
    scale = scalp.size / 0.24
    angle = np.linspace(-1.45, 1.45, 15)
    lift, thick = random.uniform(0.012, 0.03) * scale, random.uniform(0.006, 0.013) * scale
    band = scalp.at(np.abs(angle), np.where(angle > 0, np.pi / 2, -np.pi / 2), lift)
    parts = [strand(band, thick, 6)]
    size = (0.03 + 0.02 * strength) * random.uniform(0.85, 1.15) * scale
    for side in (1.0, -1.0):
        ear = scalp.at(np.array(1.6), np.array(side * np.pi / 2), 0.012 * scale)
        parts.append(rounded_box(ear, np.array([0.02 * scale, size, 1.15 * size]), 0.6))
    return scalp.worn(merge(parts))


def helmet(wearer: Wearer, random: np.random.Generator, strength: float) -> Surface:
    """A knight's, a Viking's, a soldier's, a rider's or an astronaut's helmet, with crest, horns, plume or neck guard."""
    scalp = Scalp(wearer)
    scale = scalp.size / 0.24
    lift = (0.018 + 0.014 * strength) * scale
    kind = random.integers(4)
    if kind == 0:
        radius = scalp.size * (0.68 + 0.12 * strength)
        middle = scalp.centre - [0, 0.0, 0.12 * scalp.size]
        neck = np.stack([middle - [0, 0, 0.8 * radius], middle - [0, 0, 1.02 * radius]])
        return scalp.worn(merge([ball(middle, radius, 12, 24), strand(neck, 0.75 * radius, 20)]))
    parts = []
    if kind == 1:
        # Closed: over face and jaw, with a ridge and a pointed visor.
        turn = np.linspace(0, 2 * np.pi, 29)[None, :-1]
        polar = np.linspace(0.02, 2.35, 13)[:, None] * np.ones_like(turn)
        beak = (
            random.uniform(0.0, 0.05)
            * scale
            * np.exp(-(((polar - 1.75) / 0.4) ** 2))
            * np.clip(np.cos(turn), 0, 1) ** 3
        )
        wall = scalp.at(polar, np.broadcast_to(turn, polar.shape), lift + beak)
        parts.append(sheet(wall, closed=True))
        gorget = wall[-1:] * 1.0
        flared = scalp.centre + (gorget - scalp.centre) * [1.3, 1.3, 1.25]
        parts.append(sheet(np.concatenate([gorget, flared]), closed=True))
    else:
        end = random.uniform(1.5, 1.75)
        wall = _dome(scalp, lift, end, 0.25)
        parts.append(sheet(wall, closed=True))
        rim = random.uniform(0.005, 0.04) * scale
        edge = wall[-1:]
        outward = unit((edge - scalp.centre) * [1, 1, 0]) * rim
        parts.append(sheet(np.concatenate([edge, edge + outward - [0, 0, rim / 2]]), closed=True))
    trim = random.integers(4)
    if trim == 0:
        parts += _horn_pair(scalp, random, (0.1 + 0.2 * strength) * scale, 0.022 * scale, 1.0)
    elif trim == 1:
        angle = np.linspace(-0.6, 2.0, 14)
        foot = scalp.at(np.abs(angle), np.where(angle < 0, 0.0, np.pi), lift)
        tall = (0.04 + 0.09 * strength) * scale * np.sin(np.linspace(0.25, np.pi - 0.1, 14)) ** 0.6
        top = foot + unit(foot - scalp.centre) * (tall * (1 + 0.06 * random.normal(size=14)))[:, None]
        side = np.array([0.012 * scale, 0, 0])
        parts.append(tube(np.stack([foot + side, top + 0.6 * side, top - 0.6 * side, foot - side], 1)))
    elif trim == 2:
        root = scalp.at(np.array(0.25), np.array(np.pi), lift)
        share = np.linspace(0, 1, 9)[:, None]
        plume = root + share * np.array([0, 0.16, 0.12]) * scale * (0.6 + strength)
        plume[:, 2] -= (share[:, 0] ** 2.2) * 0.26 * scale * (0.6 + strength)
        parts.append(strand(plume, 0.035 * scale * np.sin(np.linspace(0.25, 2.8, 9)), 8, 0.6))
    return scalp.worn(merge(parts))


def _horn_pair(
    scalp: Scalp, random: np.random.Generator, length: float, thick: float, polar: float
) -> list[Surface]:
    """Two curved horns on the rest skull."""
    turn, curl = random.uniform(1.1, 1.8), random.uniform(-0.5, 2.6)
    back = random.uniform(-0.4, 0.7)
    share = np.linspace(0, 1, 12)
    horns = []
    for side in (1.0, -1.0):
        root = scalp.at(np.array(polar), np.array(side * turn), -0.005)
        angle = polar + 0.1 + (share - 0.2) * -curl
        step = np.stack([side * np.sin(angle), back * share, np.cos(angle)], -1)
        line = root + np.cumsum(unit(step), 0) * (length / len(share))
        ridges = 1 + 0.07 * np.sin(share * 40) * (random.random() < 0.5)
        horns.append(strand(line, thick * np.clip(1 - share, 0.03, 1) ** 0.8 * ridges, 7))
    return horns


def horns(wearer: Wearer, random: np.random.Generator, strength: float) -> Surface:
    """Horns of a demon, ram or dragon, or a stag's antlers."""
    scalp = Scalp(wearer)
    scale = scalp.size / 0.24
    length = (0.07 + 0.28 * strength) * scale
    polar = random.uniform(0.5, 0.95)
    if random.random() < 0.7:
        return scalp.worn(merge(_horn_pair(scalp, random, length, 0.024 * scale, polar)))
    parts = []
    share = np.linspace(0, 1, 10)
    for side in (1.0, -1.0):
        root = scalp.at(np.array(0.6), np.array(side * 1.3), 0.0)
        out = np.stack([side * (0.75 * share**0.7), 0.25 * share, 0.9 * share**1.3], -1) * length * 1.2
        beam = root + out
        parts.append(strand(beam, 0.012 * scale * (1 - 0.75 * share), 6))
        for at in (2, 4, 6, 8):
            tine = np.array([0.25 * side, random.uniform(-0.7, 0.1), random.uniform(0.6, 1.0)])
            reach = length * random.uniform(0.25, 0.45) * share[::3, None] * unit(tine)
            parts.append(strand(beam[at] + reach, 0.009 * scale * (1.05 - share[::3]), 5))
    return scalp.worn(merge(parts))


def animal_ears(wearer: Wearer, random: np.random.Generator, strength: float) -> Surface:
    """Ears of cat, fox, rabbit or elf."""
    scalp = Scalp(wearer)
    scale = scalp.size / 0.24
    kind = random.integers(3)
    parts = []
    for side in (1.0, -1.0):
        share = np.linspace(0, 1, 7)
        if kind == 0:
            root, way = scalp.at(np.array(0.62), np.array(side * 1.45), -0.01), [0.35 * side, 0.0, 1.0]
            length, wide, profile = 0.06 + 0.06 * strength, 0.036, np.clip(1 - share, 0.03, 1)
        elif kind == 1:
            root, way = scalp.at(np.array(0.35), np.array(side * 1.5), -0.01), [0.22 * side, 0.1, 1.0]
            length, wide, profile = (
                0.14 + 0.16 * strength,
                0.028,
                np.sin(np.linspace(0.6, np.pi - 0.08, 7)) ** 0.7,
            )
        else:
            root, way = scalp.at(np.array(1.62), np.array(side * np.pi / 2), -0.005), [1.0 * side, 0.55, 0.45]
            length, wide, profile = 0.06 + 0.12 * strength, 0.02, np.clip(1 - share, 0.03, 1)
        line = root + share[:, None] * unit(way) * length * scale
        if kind == 1:
            line[:, 1] += share**3 * random.uniform(-0.05, 0.12) * scale
        parts.append(strand(line, wide * scale * profile, 8, 0.5))
    return scalp.worn(merge(parts))
