"""Clothes cut round the body: skin-tight, loose, with sleeves and legs, skirts and coats.

Every function takes the wearer, a random source and a strength (0 close and short, 1 wide and long), and returns a
surface in the world that belongs to the character: it adds to the mask.
"""

from __future__ import annotations

import numpy as np
from maskel_core.data.silhouettes.shapes import Array, Surface, merge, sheet, tube, unit, waves
from maskel_core.data.silhouettes.wearer import Measure, Wearer

_SIDES = ("l", "r")


def ramp(values: Array, low: float, high: float) -> Array:
    """Smooth step from 0 at ``low`` to 1 at ``high``."""
    share = np.clip((values - low) / (high - low), 0, 1)
    return share * share * (3 - 2 * share)


def folds(rings: Array, random: np.random.Generator, length: float) -> Array:
    """Creases of cloth at rest points: mostly across the limb's run, -1 to 1."""
    return 0.7 * waves(rings * [1, 1, 1.8], random, length) + 0.3 * waves(rings, random, length / 2.5)


def sleeve(
    wearer: Wearer,
    limb: str,
    random: np.random.Generator,
    start: float,
    end: float,
    loose: float,
    flare: float,
) -> Surface:
    """A tube of cloth round a limb.

    Args:
        wearer: Whose.
        limb: ``arm_l`` and so on.
        random: For the creases.
        start: Share of the limb at which it begins.
        end: Share at which it ends.
        loose: Distance to the skin, metres.
        flare: Further distance at the end, metres; below zero it is gathered there.
    """
    measure = wearer.limb(limb)
    share = np.linspace(0, 1, len(measure.centres))
    kept = np.flatnonzero((share >= start - 0.04) & (share <= end + 0.04))
    kept = kept if len(kept) > 2 else np.arange(3)
    run = (share[kept] - share[kept[0]]) / (share[kept[-1]] - share[kept[0]])
    base = measure.radius[kept]
    # Cloth hangs from the widest place above it.
    hung = np.maximum.accumulate(base, axis=0)
    radius = base + min(1.0, loose / 0.05) * 0.6 * (hung - base)
    # What begins at the trunk is sewn to it: no step at the shoulder or the hip.
    rise = 0.2 + 0.8 * ramp(run, 0.0, 0.3 / max(end, 0.3)) if start < 0.02 else np.ones(len(run))
    radius = radius + loose * rise[:, None] + flare * run[:, None] ** 1.5
    part = Measure(
        measure.centres[kept], measure.front[kept], measure.side[kept], radius, measure.weights[kept]
    )
    crease = folds(part.rings(radius), random, 0.16 * wearer.unit)
    radius = np.maximum(
        radius + 0.35 * loose * crease * np.sin(np.pi * run)[:, None], base + 0.2 * abs(loose)
    )
    if flare < 0:
        radius[-1] = base[-1] + 0.004 * wearer.unit
    return worn(wearer, part, radius)


def worn(wearer: Wearer, measure: Measure, radius: Array) -> Surface:
    """Rings of cloth at a radius (K, A) about what was measured, bent with the body."""
    made = tube(measure.rings(radius))
    columns = radius.shape[1]
    weights = np.concatenate([np.repeat(measure.weights, columns, 0), measure.weights[[0, -1]]])
    return Surface(wearer.posed(made.points, weights), made.faces)


def bodice(
    wearer: Wearer,
    random: np.random.Generator,
    loose: float,
    end: float = 0.85,
    hang: float = 0.5,
    gather: float = 0.0,
) -> Surface:
    """Cloth round the trunk from the shoulders to a share of the way to the crotch.

    Args:
        wearer: Whose.
        random: For the creases.
        loose: Distance to the skin, metres.
        end: Share of the trunk at which it ends.
        hang: 1 falls straight from chest and shoulder blades, 0 follows the waist.
        gather: How far the hem is drawn in, metres.
    """
    trunk = wearer.trunk
    count = max(4, int(np.ceil(end * (len(trunk.centres) - 1))) + 1)
    part = Measure(*(getattr(trunk, n)[2:count] for n in ("centres", "front", "side", "radius", "weights")))
    base = part.radius
    hung = np.maximum.accumulate(base[1:], axis=0)
    hung = np.concatenate([base[:1], np.minimum(hung, base[1:] + 0.09 * wearer.unit)])
    run = np.linspace(0, 1, len(base))[:, None]
    radius = base + hang * (hung - base) + loose * ramp(run, -0.2, 0.3)
    radius += 0.3 * loose * folds(part.rings(radius), random, 0.2 * wearer.unit)
    radius[-1] = np.maximum(radius[-1] - gather, base[-1] + 0.004)
    return worn(wearer, part, radius)


def _offset(wearer: Wearer, shares: Array, loose: float, random: np.random.Generator) -> Surface:
    amount = loose * ramp(shares, 0.35, 0.8)
    return wearer.inflated(amount * (1 + 0.3 * waves(wearer.rest, random, 0.12 * wearer.unit)))


def torso(wearer: Wearer, loose: float, random: np.random.Generator) -> Surface:
    """Cloth over trunk and shoulders, running out along the upper arm, where a sleeve goes on."""
    shares = wearer.share("trunk")
    for side in _SIDES:
        away = np.linalg.norm(wearer.rest - wearer.head_of(f"upperarm01.{side.upper()}"), axis=1)
        shares = shares + wearer.share(f"arm_{side}") * (
            1 - ramp(away, 0.09 * wearer.unit, 0.2 * wearer.unit)
        )
    return _offset(wearer, shares, loose, random)


def tight_clothes(wearer: Wearer, random: np.random.Generator, strength: float) -> Surface:
    """A bodysuit, leggings, or underclothes: 1 to 8 mm over the skin, with seams at wrists, ankles and neck."""
    pieces = [("trunk", "arm_l", "arm_r", "leg_l", "leg_r"), ("trunk",), ("leg_l", "leg_r", "trunk")]
    share = wearer.share(*pieces[random.integers(3)])
    return _offset(wearer, share, (0.001 + 0.007 * strength) * wearer.unit, random)


def shirt(wearer: Wearer, random: np.random.Generator, strength: float) -> Surface:
    """A T-shirt or vest: short sleeves that stand off the arm, hanging from the chest."""
    loose = (0.008 + 0.03 * strength) * wearer.unit
    reach = random.uniform(0.2, 0.48)
    parts = [bodice(wearer, random, loose, random.uniform(0.8, 1.0), 0.3 + 0.7 * strength)]
    parts.append(torso(wearer, 0.6 * loose, random))
    parts += [sleeve(wearer, f"arm_{s}", random, 0.0, reach, loose, 0.8 * loose) for s in _SIDES]
    return merge(parts)


def sweater(wearer: Wearer, random: np.random.Generator, strength: float) -> Surface:
    """A jumper or hoodie: long wide sleeves gathered at the cuff, gathered hem, collar or a hood down the back."""
    loose = (0.014 + 0.034 * strength) * wearer.unit
    parts = [bodice(wearer, random, loose, random.uniform(0.85, 1.0), 0.5 + 0.5 * strength, 0.8 * loose)]
    parts.append(torso(wearer, 0.8 * loose, random))
    parts += [sleeve(wearer, f"arm_{s}", random, 0.0, 0.97, loose, -1e-3) for s in _SIDES]
    parts.append(_hood(wearer, 0.6 + 0.4 * strength) if random.random() < 0.6 else collar(wearer, 0.04, 0.2))
    return merge(parts)


def _hood(wearer: Wearer, size: float) -> Surface:
    """A hood that lies on the shoulders behind the neck."""
    neck, scale = wearer.head_of("neck01"), wearer.unit * size
    turn = np.linspace(-2.2, 2.2, 15)
    bulge = np.linspace(0, 2 * np.pi, 9)[:-1]
    thick = (0.055 * (0.55 + 0.45 * np.cos(turn / 2) ** 2))[:, None] * scale
    around = (0.085 * wearer.unit + thick * np.cos(bulge))[..., None]
    way = np.stack([np.sin(turn), 0.9 * np.cos(turn), np.zeros_like(turn)], -1)[:, None]
    height = (-0.005 + 0.012 * np.cos(turn)[:, None]) * scale + 0.9 * thick * np.sin(bulge)
    points = neck + around * way
    points[..., 2] += height
    return wearer.rigid(tube(points), "spine01")


def collar(wearer: Wearer, height: float, flare: float) -> Surface:
    """A band round the neck: height in metres for an adult, flare as widening over height."""
    neck = wearer.within("neck")
    base = wearer.head_of("neck01")
    low = neck[np.abs(neck[:, 2] - base[2]) < 0.04 * wearer.unit]
    low = low if len(low) > 8 else neck
    middle = (low.min(0) + low.max(0)) / 2
    half = (low.max(0) - low.min(0)) / 2 + 0.008 * wearer.unit
    turn = np.linspace(0, 2 * np.pi, 25)[:-1]
    rows = np.linspace(0, 1, 4)[:, None] * height * wearer.unit
    x = middle[0] + (half[0] + flare * rows) * np.sin(turn)
    y = middle[1] - (half[1] + flare * rows) * np.cos(turn)
    z = np.broadcast_to(base[2] + 0.005 * wearer.unit + rows * (1 - 0.3 * np.cos(turn)), x.shape)
    return wearer.rigid(sheet(np.stack([x, y, z], -1), closed=True), "neck01")


def trousers(wearer: Wearer, random: np.random.Generator, strength: float) -> Surface:
    """Slim to baggy, straight, flared or gathered at the ankle, or cut off at the knee."""
    loose = (0.006 + 0.034 * strength) * wearer.unit
    end = 1.0 if random.random() < 0.75 else random.uniform(0.3, 0.6)
    flare = random.choice([0.0, 0.4 * loose, 0.055 * strength * wearer.unit, -1e-3])
    parts = [sleeve(wearer, f"leg_{s}", random, 0.0, end, loose, flare) for s in _SIDES]
    share = wearer.share("leg_l", "leg_r")
    parts.append(
        _offset(
            wearer, np.where(wearer.rest[:, 2] > wearer.head_of("lowerleg01.L")[2], share, 0), loose, random
        )
    )
    waist = wearer.head_of("spine05")[2] + 0.02 * wearer.unit
    hips = wearer.share("trunk", "leg_l", "leg_r") * (wearer.rest[:, 2] < waist)
    parts.append(wearer.inflated(0.7 * loose * hips * (wearer.rest[:, 2] > waist - 0.25 * wearer.unit)))
    return merge(parts)


def _skirt_weights(wearer: Wearer, points: Array, hip: float, knee: float) -> Array:
    """Joint weights (N, J) of skirt points: the pelvis above, each thigh on its side below, shins under the knee."""
    depth = (hip - points[:, 2]) / (hip - knee)
    leg = ramp(depth, -0.25, 0.35)
    width = 0.07 * wearer.unit
    left = ramp(points[:, 0], -width, width)
    shin = 0.85 * ramp(depth, 0.85, 1.5)
    weights = np.zeros((len(points), len(wearer.heads)))
    weights[:, wearer.joint("root")] = 1 - leg
    for side, share in (("L", left), ("R", 1 - left)):
        weights[:, wearer.joint(f"upperleg02.{side}")] = leg * share * (1 - shin)
        weights[:, wearer.joint(f"lowerleg01.{side}")] = leg * share * shin
    return weights


def _bent(wearer: Wearer) -> float:
    """Flexion of the hips, the mean of both, as a share of a right angle."""
    trunk = unit(wearer.landmark("pelvis") - wearer.landmark("l1"))
    cosines = [trunk @ unit(wearer.landmark(f"knee_{s}") - wearer.landmark(f"hip_{s}")) for s in _SIDES]
    return float(np.clip(np.arccos(np.clip(cosines, -1, 1)).mean() / (np.pi / 2) - 0.25, 0, 1))


def skirt_shape(
    wearer: Wearer,
    random: np.random.Generator,
    length: float,
    flare: float,
    *,
    pleats: int = 0,
    depth: float = 0.0,
    puff: float = 0.0,
    open_front: float = 0.0,
    loose: float = 0.006,
) -> Surface:
    """A skirt from the waist, hung from the hips.

    Args:
        wearer: Whose.
        random: For the fall of the cloth.
        length: 1 reaches the knee, 2 the ankle.
        flare: Widening per metre of fall; below zero it narrows under the hips.
        pleats: Number round the hem.
        depth: Of the pleats, share of the radius at the hem.
        puff: Bulge under the waist as of a crinoline, metres.
        open_front: Angle left open before, radians.
        loose: Distance to the hips, metres.
    """
    scale = wearer.unit
    hip, knee = wearer.head_of("upperleg01.L")[2], wearer.head_of("lowerleg01.L")[2]
    waist = wearer.head_of("spine05")[2] + 0.09 * scale
    hem = hip - length * (hip - knee)
    hem = max(hem, float(wearer.rest[:, 2].min()) + 0.02 * scale)
    rows, columns = 16, 60
    axis = np.array([0.0, wearer.trunk_path[-2][1], 0.0])
    path = np.repeat(axis[None], 2, 0)
    path[:, 2] = waist, hip - 0.10 * scale
    # Sitting presses the cloth flat.
    wide = 1 - 0.8 * _bent(wearer)
    flare, puff = flare * wide if flare > 0 else flare, puff * wide
    hips = wearer.measure(path, 7, ("trunk", "leg_l", "leg_r"), columns)
    z = np.linspace(waist, hem, rows)
    fall = waist - z
    known = np.maximum.accumulate(hips.radius, axis=0)
    table = np.stack([np.interp(-z, -hips.centres[:, 2], known[:, i]) for i in range(columns)], 1)
    radius = table + loose * scale
    below = np.clip(fall - 0.05 * scale, 0, None)[:, None]
    radius += flare * below if flare >= 0 else flare * np.clip(hip - 0.08 * scale - z, 0, None)[:, None]
    share = np.linspace(0, 1, rows)[:, None]
    radius += puff * np.sin(np.pi * np.minimum(share * 1.25, 1) ** 0.6)
    turn = hips.azimuths()[None]
    phase = random.uniform(0, 2 * np.pi)
    swing = np.sin(turn * random.integers(5, 9) + phase) * 0.035 + np.sin(turn * 3 + 2 * phase) * 0.03
    radius *= 1 + share * np.clip(flare, 0, 1) * swing
    if pleats:
        radius *= 1 + depth * share**0.5 * np.abs(np.sin(turn * pleats / 2 + phase))
    around = hips.front[:1, None] * np.cos(turn)[..., None] + hips.side[:1, None] * np.sin(turn)[..., None]
    points = axis + radius[..., None] * around
    hem_wave = 0.02 * scale * np.sin(turn * random.integers(2, 5) + phase) * share
    points[..., 2] = z[:, None] + hem_wave
    if open_front > 0:
        kept = np.abs((turn[0] + np.pi) % (2 * np.pi) - np.pi) > open_front / 2
        order = np.flatnonzero(np.roll(kept, columns // 2))
        points = np.roll(points, columns // 2, axis=1)[:, order]
    flat = points.reshape(-1, 3)
    made = sheet(points, closed=open_front <= 0)
    hung = wearer.posed(flat, _skirt_weights(wearer, flat, hip, knee))
    return Surface(wearer.settled(hung), made.faces)


def skirt(wearer: Wearer, random: np.random.Generator, strength: float) -> Surface:
    """From a mini to the calf: A-line or bell-shaped."""
    return skirt_shape(wearer, random, 0.35 + 1.2 * strength, random.uniform(0.15, 0.6))


def skirt_pleated(wearer: Wearer, random: np.random.Generator, strength: float) -> Surface:
    """A pleated skirt, its hem zigzagging."""
    pleats = int(random.integers(10, 17))
    length, depth = 0.4 + 0.7 * strength, random.uniform(0.05, 0.1)
    return skirt_shape(wearer, random, length, random.uniform(0.3, 0.6), pleats=pleats, depth=depth)


def dress(wearer: Wearer, random: np.random.Generator, strength: float) -> Surface:
    """Bodice and skirt in one, sleeveless or with puffed sleeves, from summer dress to ball gown."""
    loose = 0.006 * wearer.unit
    parts = [_offset(wearer, wearer.share("trunk"), loose, random)]
    kind = random.integers(3)
    if kind == 0:
        parts.append(skirt_shape(wearer, random, 0.5 + strength, random.uniform(0.1, 0.5)))
    elif kind == 1:
        flare, puff = random.uniform(0.3, 0.7), random.uniform(0.02, 0.10) * strength * wearer.unit
        parts.append(skirt_shape(wearer, random, 1.2 + 0.95 * strength, flare, puff=puff))
    else:
        parts.append(skirt_shape(wearer, random, 0.9 + 1.2 * strength, random.uniform(-0.06, 0.05)))
    if random.random() < 0.5:
        bulge = random.uniform(0.015, 0.05) * wearer.unit
        parts += [
            sleeve(wearer, f"arm_{s}", random, 0.02, random.uniform(0.2, 0.3), bulge, -1e-3) for s in _SIDES
        ]
    return merge(parts)


def coat(wearer: Wearer, random: np.random.Generator, strength: float) -> Surface:
    """A jacket to greatcoat: wide sleeves, collar, skirts that fall open before the legs."""
    loose = (0.015 + 0.02 * strength) * wearer.unit
    parts = [bodice(wearer, random, loose, 0.75, 0.6)]
    parts.append(torso(wearer, loose, random))
    parts += [sleeve(wearer, f"arm_{s}", random, 0.0, 0.95, loose, 0.012 * wearer.unit) for s in _SIDES]
    parts.append(collar(wearer, random.uniform(0.03, 0.11), random.uniform(0.2, 0.7)))
    length = 0.3 + 1.45 * strength
    flare, gap = random.uniform(0.08, 0.4), random.uniform(0.0, 1.2)
    parts.append(skirt_shape(wearer, random, length, flare, open_front=gap, loose=0.02))
    return merge(parts)
