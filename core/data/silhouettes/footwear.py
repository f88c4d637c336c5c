"""Shoes, boots and heels.

Every function takes the wearer, a random source and a strength (0 plain, 1 grand), and returns a surface in the world that
belongs to the character: it adds to the mask.
"""

from __future__ import annotations

import numpy as np
from maskel_core.data.silhouettes.garments import sleeve
from maskel_core.data.silhouettes.shapes import Surface, merge, strand, tube
from maskel_core.data.silhouettes.wearer import Wearer
from scipy.spatial import ConvexHull

_SIDES = ("l", "r")


def sole_of(wearer: Wearer, side: str, front: float, heel: float, wider: float) -> list[Surface]:
    """A sole under a foot at rest: thickness under ball and heel, metres, and how far it stands out."""
    foot = wearer.within(f"foot_{side}")
    flat = foot[:, :2]
    outline = flat[ConvexHull(flat).vertices]
    middle = outline.mean(0)
    outline = middle + (outline - middle) * (1 + wider / np.linalg.norm(outline - middle, axis=1))[:, None]
    bottom = foot[:, 2].min()
    joint = f"foot.{side.upper()}"
    low, high = outline[:, 1].min(), outline[:, 1].max()
    share = np.clip((outline[:, 1] - low) / (high - low), 0, 1)
    drop = front + (heel - front) * np.clip((share - 0.35) / 0.4, 0, 1) if heel - front < 0.02 else None
    parts = []
    if drop is not None:
        rings = [
            np.column_stack([outline, np.full(len(outline), bottom + 0.02)]),
            np.column_stack([outline, bottom - drop]),
        ]
        parts.append(tube(np.stack(rings)))
    else:
        # A heel by itself and a thin sole at the ball of the foot.
        ball_of_foot = np.column_stack([outline, bottom - front * (share < 0.55)])
        parts.append(
            tube(np.stack([np.column_stack([outline, np.full(len(outline), bottom + 0.015)]), ball_of_foot]))
        )
        rear = flat[flat[:, 1] > high - 0.25 * (high - low)].mean(0)
        half = 0.028 * wearer.unit
        path = [[*rear, bottom + 0.01], [rear[0], rear[1] + 0.3 * half, bottom - heel]]
        parts.append(strand(path, [half, 0.45 * half], 8))
    return [wearer.rigid(part, joint) for part in parts]


def footwear(wearer: Wearer, thick: float, shaft: float = 0.0) -> Surface:
    """Skin of the feet, and of the shins up to a share of their height, moved outwards."""
    share = wearer.share("foot_l", "foot_r")
    amount = thick * np.clip(share * 2, 0, 1)
    if shaft > 0:
        knee, ankle = wearer.head_of("lowerleg01.L")[2], wearer.head_of("foot.L")[2]
        legs = wearer.share("leg_l", "leg_r") * (wearer.rest[:, 2] < ankle + shaft * (knee - ankle))
        amount = np.maximum(amount, thick * legs)
    return wearer.inflated(amount)


def shoes(wearer: Wearer, random: np.random.Generator, strength: float) -> Surface:
    """Slippers to chunky trainers, with a sole."""
    thick = (0.004 + 0.010 * strength) * wearer.unit
    sole = (0.006 + 0.035 * strength * random.uniform(0.5, 1)) * wearer.unit
    parts = [footwear(wearer, thick, 0.12 * strength)]
    for side in _SIDES:
        parts += sole_of(wearer, side, sole, 1.2 * sole, thick)
    return merge(parts)


def boots(wearer: Wearer, random: np.random.Generator, strength: float) -> Surface:
    """Ankle to over the knee, close or wide at the top, with a turned-down cuff, on a thick sole."""
    thick = random.uniform(0.007, 0.016) * wearer.unit
    shaft = 0.25 + 0.65 * strength
    parts = [footwear(wearer, thick, shaft)]
    flare = random.choice([0.0, 0.018, 0.04]) * wearer.unit
    for side in _SIDES:
        turned = wearer.limb(f"leg_{side}")
        start = 1 - 0.5 * shaft
        parts.append(sleeve(wearer, f"leg_{side}", random, start, 1.0, thick, 0.0))
        if flare > 0:
            ring = round(start * (len(turned.centres) - 1))
            rings = turned.rings(turned.radius + thick + flare)[[ring]]
            lower = turned.rings(turned.radius + 1.1 * thick)[[min(ring + 2, len(turned.centres) - 1)]]
            cuff = tube(np.concatenate([rings, lower]))
            parts.append(
                wearer.rigid(
                    cuff, f"lowerleg01.{side.upper()}" if start > 0.5 else f"upperleg02.{side.upper()}"
                )
            )
        sole = random.uniform(0.012, 0.03) * wearer.unit
        parts += sole_of(wearer, side, sole, sole * random.uniform(1.0, 1.5), thick)
    return merge(parts)


def heels(wearer: Wearer, random: np.random.Generator, strength: float) -> Surface:
    """Block heels, wedges and platforms of 3 to 10 cm under the flat foot."""
    high = (0.03 + 0.07 * strength) * wearer.unit
    platform = (
        high - random.uniform(0.0, 0.015) if random.random() < 0.4 else random.uniform(0.4, 0.75) * high
    )
    parts = [footwear(wearer, 0.003 * wearer.unit)]
    for side in _SIDES:
        parts += sole_of(wearer, side, platform, high, 0.002)
    return merge(parts)
