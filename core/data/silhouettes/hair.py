"""Hair: cuts as artists give them to characters, grown from the skull of the posed figure.

Every function takes the wearer, a random source and a strength (0 small, 1 full), and returns a surface in the world that
belongs to the character: it adds to the mask.
"""

from __future__ import annotations

import numpy as np
from maskel_core.data.silhouettes.scalp import Scalp, direction, folded, hairline, locks
from maskel_core.data.silhouettes.shapes import Array, Surface, ball, merge, smooth, sweep, unit, waves
from maskel_core.data.silhouettes.wearer import Wearer


def _flow(polar: Array, turn: Array, outward: float, aside: float) -> Array:
    """Directions along the scalp, away from the crown, with some of the normal and some to the side."""
    down = direction(polar + np.pi / 2, turn)
    side = direction(np.full_like(polar, np.pi / 2), turn + np.pi / 2)
    return down + outward * direction(polar, turn) + aside * side


def _off_face(turn: Array) -> Array:
    """Pull to the side that parts hair before the face, by azimuth."""
    angle = folded(turn)
    return np.sign(angle) * np.clip(1.6 - np.abs(angle), 0, 1.6)


def hair_short(wearer: Wearer, random: np.random.Generator, strength: float) -> Surface:
    """Cropped to tousled: a cap of 6 to 25 mm with tufts that follow a parting, a quiff or the crown's whorl."""
    scalp = Scalp(wearer)
    scale = scalp.size / 0.24
    thick = (0.005 + 0.017 * strength) * scale
    polar, turn = scalp.cells(0.0, 14, 40)
    relief = 1 + 0.25 * waves(direction(polar, turn), random, 0.7)
    quiff = 1 + random.uniform(0, 0.9) * np.exp(-(((polar - 0.7) / 0.5) ** 2)) * np.clip(np.cos(turn), 0, 1)
    cap = scalp.shell(thick * relief * quiff)
    polar, turn = scalp.roots(130, random, lower=-0.08)
    part = random.uniform(-0.8, 0.8)
    heading = _flow(polar, turn, random.uniform(0.5, 1.3), part) + random.normal(0, 0.25, (130, 3))
    front = np.clip(np.cos(turn), 0, 1)[:, None]
    heading += front * np.array([0.6 * part, random.uniform(-0.4, 0.9), random.uniform(0.2, 1.0)])
    lengths = (0.012 + 0.05 * strength) * scale * random.uniform(0.6, 1.3, 130)
    lines = scalp.grow(polar, turn, lengths, heading, weight=0.15, lift=0.6 * thick, steps=6)
    return merge([cap, locks(lines, 0.011 * scale * random.uniform(0.7, 1.3, 130))])


def _curtain(
    scalp: Scalp,
    random: np.random.Generator,
    length: float,
    volume: float,
    wave: float,
    ends: float,
    count: int,
) -> list[Surface]:
    """A cap and locks that fall from it to a length in heads; the face stays free."""
    scale = scalp.size / 0.24
    polar, turn = scalp.cells(0.0, 12, 40)
    relief = 1 + 0.15 * waves(direction(polar, turn), random, 0.9)
    parts = [scalp.shell((0.010 + 0.016 * volume) * scale * relief)]
    polar, turn = scalp.roots(count, random, top=0.15)
    angle = folded(turn)
    fringe = np.abs(angle) < random.uniform(0.45, 0.75)
    lengths = length * scalp.size * random.uniform(0.88, 1.06, count)
    # Locks from the crown have farther to go.
    lengths += (hairline(turn) - polar) * scalp.radius
    bangs = random.random() < 0.5
    aside = _off_face(turn)
    if bangs:
        reach = (hairline(turn) - polar) * scalp.radius + 0.05 * scale
        lengths, aside = np.where(fringe, reach, lengths), np.where(fringe, 0.1, aside)
    heading = _flow(polar, turn, 0.7 + 0.6 * volume, 0.0)
    heading += aside[:, None] * direction(np.full(count, np.pi / 2), turn + np.pi / 2)
    lift = (0.008 + 0.014 * volume) * scale
    lines = scalp.grow(polar, turn, lengths, heading, weight=0.45, lift=lift, steps=13)
    if wave > 0:
        share = np.linspace(0, 1, 13)[None, :, None]
        phase = random.uniform(0, 2 * np.pi, (count, 1, 1))
        swing = np.sin(share * random.uniform(9, 14) + phase) * wave * scale * share
        lines = lines + swing * unit(random.normal(size=(count, 1, 3)))
    behind = np.abs(angle) > 1.75
    gap = 0.006 * scale + random.uniform(0, 0.02 + 0.02 * volume, count)[:, None] * scale
    lines = smooth(scalp.wearer.laid_on_trunk(lines, behind, gap), 1)
    if ends != 0:
        middle = (scalp.matrix[:, :3] @ scalp.centre + scalp.matrix[:, 3])[None]
        inward = (middle - lines[:, -1]) * [1, 1, 0]
        lines[:, -1] += ends * scale * unit(inward)
        lines[:, -2] += 0.4 * ends * scale * unit(inward)
    thick = 0.013 * scale * random.uniform(0.7, 1.35, count)
    parts.append(locks(lines, thick, tip=0.12))
    return parts


def hair_bob(wearer: Wearer, random: np.random.Generator, strength: float) -> Surface:
    """Chin to shoulder length, ends turned in or out, with or without a fringe."""
    ends = random.choice([0.02, 0.012, -0.015])
    return merge(
        _curtain(Scalp(wearer), random, 0.30 + 0.3 * strength, 0.3 + 0.9 * strength, 0.004, ends, 110)
    )


def hair_long(wearer: Wearer, random: np.random.Generator, strength: float) -> Surface:
    """Shoulder to waist length, straight or wavy, over back and chest."""
    wave = random.choice([0.0, 0.012, 0.02])
    return merge(_curtain(Scalp(wearer), random, 0.9 + 1.6 * strength, 0.3 + 0.6 * strength, wave, 0.0, 120))


def _tight(scalp: Scalp, random: np.random.Generator, thick: float = 0.009) -> Surface:
    """Hair combed close to the skull."""
    polar, turn = scalp.cells(0.0, 12, 36)
    return scalp.shell(thick * scalp.size / 0.24 * (1 + 0.15 * waves(direction(polar, turn), random, 0.5)))


def _bundle(
    scalp: Scalp,
    random: np.random.Generator,
    root: Array,
    heading: Array,
    length: float,
    thick: float,
    weight: float,
) -> Surface:
    """A tail of locks from one point of the rest head, swelling after its band and running out in tips."""
    count, steps = 16, 12
    course = unit(unit(heading) + random.normal(0, 0.09, (count, 3)))
    point = np.repeat(root[None], count, 0)
    lines = [point]
    reach = length * random.uniform(0.75, 1.05, count) / (steps - 1)
    pull = weight * (length / (steps - 1) / (0.083 * scalp.size)) * scalp.down
    for _ in range(1, steps):
        course = unit(course + pull + random.normal(0, 0.04, (count, 3)))
        point = point + course * reach[:, None]
        lines.append(point)
    local = np.stack(lines, 1)
    share = np.linspace(0, 1, steps)
    spread = thick * np.clip(share * 6, 0.25, 1) * (1 - 0.5 * share)
    local = local + unit(random.normal(size=(count, 1, 3))) * spread[:, None] * 0.8
    world = local @ scalp.matrix[:, :3].T + scalp.matrix[:, 3]
    world = smooth(scalp.wearer.laid_on_trunk(world, np.ones(count, bool), 0.03 * scalp.size / 0.24), 2)
    band = sweep(world[:, :3].mean(0)[None], np.array([[0.55, 0.7, 0.6]]) * thick, 8)
    return merge([locks(world, 0.62 * thick * random.uniform(0.7, 1.2, count)), band])


def hair_ponytail(wearer: Wearer, random: np.random.Generator, strength: float) -> Surface:
    """Combed back into one tail, high or low, that springs off the head and falls."""
    scalp = Scalp(wearer)
    scale = scalp.size / 0.24
    polar = random.uniform(0.45, 1.5)
    root = scalp.at(np.array(polar), np.array(np.pi), 0.012 * scale)
    heading = direction(np.array(polar - 0.3), np.array(np.pi))
    tail = _bundle(scalp, random, root, heading, (0.9 + 1.5 * strength) * scalp.size, 0.034 * scale, 0.24)
    return merge([_tight(scalp, random), tail])


def hair_twintails(wearer: Wearer, random: np.random.Generator, strength: float) -> Surface:
    """Two tails from the sides of the head."""
    scalp = Scalp(wearer)
    scale = scalp.size / 0.24
    polar, turn = random.uniform(0.6, 1.4), random.uniform(1.8, 2.3)
    length, thick = (0.7 + 1.6 * strength) * scalp.size, random.uniform(0.024, 0.036) * scale
    parts = [_tight(scalp, random, 0.013)]
    for side in (1.0, -1.0):
        root = scalp.at(np.array(polar), np.array(side * turn), 0.01 * scale)
        heading = direction(np.array(polar), np.array(side * turn)) + np.array([0.5 * side, 0.0, 0.25])
        parts.append(_bundle(scalp, random, root, heading, length, thick, 0.3))
    return merge(parts)


def hair_braid(wearer: Wearer, random: np.random.Generator, strength: float) -> Surface:
    """One or two plaits with their bulges and a tuft at the end."""
    scalp = Scalp(wearer)
    scale = scalp.size / 0.24
    parts = [_tight(scalp, random)]
    turns = [np.pi] if random.random() < 0.6 else [2.3, -2.3]
    length = (0.8 + 1.5 * strength) * scalp.size
    for turn in turns:
        polar = np.array([random.uniform(1.3, 1.9)])
        heading = direction(polar, np.array([turn])) + 0.3
        line = scalp.grow(
            polar, np.array([turn]), np.array([length]), heading, weight=0.4, lift=0.02 * scale, steps=28
        )
        line = smooth(wearer.laid_on_trunk(line, np.ones(1, bool), 0.02 * scale), 4)
        share = np.linspace(0, 1, 28)
        bulge = 0.019 * scale * (1 + 0.28 * np.abs(np.sin(share * 11 * np.pi))) * (1 - 0.45 * share)
        bulge[-4:] = np.array([0.35, 0.9, 0.8, 0.1]) * 0.015 * scale
        parts.append(sweep(line, bulge[None], 8, 0.8))
    return merge(parts)


def hair_afro(wearer: Wearer, random: np.random.Generator, strength: float) -> Surface:
    """A ball of tight curls, 3 to 12 cm thick, its edge uneven."""
    scalp = Scalp(wearer)
    scale = scalp.size / 0.24
    polar, turn = scalp.cells(0.12, 18, 48)
    ways = direction(polar, turn)
    thick = (0.03 + 0.09 * strength) * scale
    round_off = 1 + 0.12 * np.cos(2 * polar)
    fuzz = 1 + 0.06 * waves(ways, random, 0.5) + 0.07 * waves(ways, random, 0.16)
    parts = [scalp.shell(thick * round_off * fuzz, 0.12)]
    polar, turn = scalp.roots(170, random, lower=0.1)
    ways = direction(polar, turn)
    lift = thick * (1 + 0.12 * np.cos(2 * polar)) * np.clip((hairline(turn) + 0.12 - polar) * 4, 0.2, 1)
    centres = scalp.at(polar, turn, 0.93 * lift)
    start, stop = centres - 0.006 * scale * ways, centres + 0.006 * scale * ways
    tufts = sweep(np.stack([start, centres, stop], 1), np.array([[0.5, 1.0, 0.35]]) * 0.009 * scale, 5)
    parts.append(scalp.worn(tufts))
    return merge(parts)


def hair_bun(wearer: Wearer, random: np.random.Generator, strength: float) -> Surface:
    """Hair up: one knot at the crown or nape, or two at the sides, with loose ends."""
    scalp = Scalp(wearer)
    scale = scalp.size / 0.24
    radius = (0.026 + 0.03 * strength) * scale
    places = [(random.uniform(0.1, 1.6), np.pi)] if random.random() < 0.7 else [(0.75, 1.9), (0.75, -1.9)]
    parts = [_tight(scalp, random, 0.012)]
    for polar, turn in places:
        size = radius / np.sqrt(len(places))
        centre = scalp.at(np.array(polar), np.array(turn), 0.75 * size)
        knot = ball(centre, size, 10, 18)
        bumps = 1 + 0.08 * waves(knot.points, random, 0.05 * scale)
        knot = Surface(centre + (knot.points - centre) * bumps[:, None], knot.faces)
        parts.append(scalp.worn(knot))
    polars, turns = scalp.roots(14, random, top=0.7)
    heading = _flow(polars, turns, 0.8, 0.0) + random.normal(0, 0.3, (14, 3))
    lengths = random.uniform(0.02, 0.09, 14) * scale
    parts.append(locks(scalp.grow(polars, turns, lengths, heading, weight=0.35), 0.003 * scale))
    return merge(parts)


def hair_curls(wearer: Wearer, random: np.random.Generator, strength: float) -> Surface:
    """Corkscrew curls, from the ears to below the shoulders."""
    scalp = Scalp(wearer)
    scale = scalp.size / 0.24
    count, steps = 75, 36
    polar, turn = scalp.roots(count, random)
    near_face = np.abs(folded(turn)) < 0.8
    length = (0.35 + 0.75 * strength) * scalp.size * random.uniform(0.8, 1.1, count)
    length = np.where(near_face, 0.07 * scale, length + (hairline(turn) - polar) * scalp.radius)
    heading = _flow(polar, turn, 1.3, 0.0) + _off_face(turn)[:, None] * direction(
        np.full(count, np.pi / 2), turn + np.pi / 2
    )
    lines = scalp.grow(polar, turn, length, heading, weight=0.3, lift=0.028 * scale, steps=steps)
    behind = np.abs(folded(turn)) > 1.75
    lines = wearer.laid_on_trunk(lines, behind, 0.02 * scale)
    share = np.linspace(0, 1, steps)[None]
    phase = share * length[:, None] / (0.05 * scale) * 2 * np.pi + random.uniform(0, 2 * np.pi, (count, 1))
    first = unit(random.normal(size=(count, 1, 3)))
    second = unit(np.cross(first, unit(lines[:, -1:] - lines[:, :1])))
    width = 0.012 * scale * np.clip(share * 4, 0, 1)
    coils = lines + (width * np.cos(phase))[..., None] * first + (width * np.sin(phase))[..., None] * second
    return merge(
        [_tight(scalp, random, 0.024), locks(coils, 0.011 * scale * random.uniform(0.7, 1.2, count))]
    )


def hair_spikes(wearer: Wearer, random: np.random.Generator, strength: float) -> Surface:
    """Large pointed locks as in anime: swept up, back or to all sides."""
    scalp = Scalp(wearer)
    scale = scalp.size / 0.24
    count = int(random.integers(22, 36))
    polar, turn = scalp.roots(count, random)
    sweep_back = np.array([random.normal(0, 0.3), random.uniform(-0.2, 0.9), random.uniform(0.0, 0.9)])
    heading = direction(polar, turn) + sweep_back + random.normal(0, 0.15, (count, 3))
    fringe = (np.abs(folded(turn)) < 0.7) & (polar > 0.5)
    heading[fringe] = _flow(polar, turn, 0.5, 0.0)[fringe] + random.normal(0, 0.25, (int(fringe.sum()), 3))
    lengths = (0.07 + 0.14 * strength) * scale * random.uniform(0.6, 1.3, count)
    lengths[fringe] = random.uniform(0.05, 0.09, int(fringe.sum())) * scale
    lines = scalp.grow(polar, turn, lengths, heading, weight=0.09, lift=0.012 * scale, steps=6)
    share = np.linspace(0, 1, 6)
    cone = np.clip(1.05 - share, 0.02, 1) ** 0.9
    spikes = sweep(lines, 0.030 * scale * random.uniform(0.7, 1.15, (count, 1)) * cone, 5, 0.6)
    return merge([_tight(scalp, random, 0.02), spikes])


def hair_mohawk(wearer: Wearer, random: np.random.Generator, strength: float) -> Surface:
    """A crest along the middle of the head, from solid to spiked."""
    scalp = Scalp(wearer)
    scale = scalp.size / 0.24
    count = 26
    share = np.linspace(0, 1, count)
    polar = np.abs(np.interp(share, [0, 0.4, 1], [-0.8, 0.0, 1.8]))
    turn = np.where(share < 0.4, 0.0, np.pi) + random.normal(0, 0.05, count)
    height = (0.05 + 0.12 * strength) * scale * (0.65 + 0.35 * np.sin(np.pi * share))
    heading = direction(polar, turn) + random.normal(0, 0.06, (count, 3)) + [0.0, 0.25, 0.1]
    lengths = height * random.uniform(0.85, 1.1, count)
    lines = scalp.grow(polar, turn, lengths, heading, weight=0.03, lift=0.0, steps=6)
    width = random.uniform(0.010, 0.02) * scale
    fins = sweep(lines, width * np.array([[1.0, 1.0, 0.95, 0.85, 0.6, 0.15]]), 6)
    return merge([fins, _tight(scalp, random, 0.003)])


def beard(wearer: Wearer, random: np.random.Generator, strength: float) -> Surface:
    """A beard from the jaw, stubble to a dwarf's."""
    scalp = Scalp(wearer)
    scale = scalp.size / 0.24
    count = 46
    turn = random.uniform(-1.15, 1.15, count)
    polar = random.uniform(2.05, 2.45, count) - 0.25 * np.abs(turn)
    middle = np.exp(-((turn / 0.6) ** 2))
    lengths = scale * (0.015 + (0.02 + 0.22 * strength**1.5 * middle)) * random.uniform(0.7, 1.1, count)
    heading = direction(polar, turn) + np.array([0.0, -0.2, -0.9])
    lines = scalp.grow(polar, turn, lengths, heading, weight=0.3, lift=0.006 * scale, steps=8)
    return locks(lines, 0.011 * scale * random.uniform(0.7, 1.2, count))
