"""What a character holds or carries: weapons, tools, bags.

Every function takes the wearer, a random source and a strength (0 small, 1 oversized), and returns a surface in the world that
belongs to the character: it adds to the mask.
"""

from __future__ import annotations

import numpy as np
from maskel_core.data.silhouettes.shapes import (
    Array,
    Surface,
    ball,
    frame_of,
    merge,
    plate,
    rounded_box,
    strand,
    strip,
    unit,
)
from maskel_core.data.silhouettes.wearer import Wearer


class Grip:
    """A hand that holds something.

    Args:
        wearer: Whose.
        side: ``"l"`` or ``"r"``.

    Attributes:
        centre: Middle of the palm's grip, world.
        along: From wrist to knuckles.
        across: Out of the fist on the thumb's side.
        scale: Metres for a metre of an adult.
    """

    def __init__(self, wearer: Wearer, side: str) -> None:
        def at(name: str) -> Array:
            joint = wearer.joint(f"{name}.{side.upper()}")
            return wearer.transforms[joint] @ np.append(wearer.heads[joint], 1)

        wrist, index, little, middle = (at(n) for n in ("wrist", "finger2-1", "finger5-1", "finger3-1"))
        self.along = unit(middle - wrist)
        self.across = unit(index - little - self.along * (self.along @ (index - little)))
        self.palm = np.cross(self.along, self.across) * (1 if side == "l" else -1)
        self.centre = 0.15 * wrist + 0.85 * middle + 0.025 * wearer.unit * self.palm
        self.scale = wearer.unit
        self.side = side

    def pointing(self, random: np.random.Generator, towards_fingers: float) -> Array:
        """Direction of what sticks out of the fist, leaning from the thumb's side towards the fingers."""
        way = unit(self.across + random.uniform(0, towards_fingers) * self.along)
        return unit(way + random.normal(0, 0.12, 3))


def _either(random: np.random.Generator) -> str:
    return "r" if random.random() < 0.7 else "l"


def sword(wearer: Wearer, random: np.random.Generator, strength: float) -> Surface:
    """A dagger, sword, sabre or a giant's blade, with guard and pommel."""
    grip = Grip(wearer, _either(random))
    way = grip.pointing(random, 1.2)
    length = (0.35 + 1.05 * strength) * grip.scale
    wide = (0.018 + 0.05 * strength**2 * random.uniform(0.3, 1.6)) * grip.scale
    frame = frame_of(grip.centre, way, unit(np.cross(way, grip.palm)) + 0.3 * random.normal(size=3))
    curve = random.choice([0.0, 0.0, random.uniform(-0.14, 0.14)])
    share = np.linspace(0, 1, 9)
    middle = curve * length * share**2
    profile = wide * np.clip((1 - share) * random.uniform(2.5, 8), 0.02, 1)
    x = 0.09 * grip.scale + share * length
    parts = [
        strip(np.column_stack([x, middle + profile]), np.column_stack([x, middle - profile]), frame, 0.008)
    ]
    handle = np.stack(
        [grip.centre - 0.09 * grip.scale * (1 + strength) * way, grip.centre + 0.1 * grip.scale * way]
    )
    parts.append(strand(handle, 0.014 * grip.scale))
    parts.append(ball(handle[0], 0.022 * grip.scale, 6, 8))
    guard = random.uniform(0.03, 0.12) * grip.scale
    side = frame[:, 1] * guard
    parts.append(strand(np.stack([handle[1] - side, handle[1], handle[1] + side]), 0.012 * grip.scale))
    return merge(parts)


def _pole(grip: Grip, random: np.random.Generator, length: float, below: float) -> tuple[Array, Array, Array]:
    """Foot, head and direction of a pole in the hand: upright or carried."""
    way = (
        unit(np.array([0, 0, 1.0]) + random.normal(0, 0.1, 3))
        if random.random() < 0.6
        else grip.pointing(random, 0.7)
    )
    return grip.centre - below * length * way, grip.centre + (1 - below) * length * way, way


def staff(wearer: Wearer, random: np.random.Generator, strength: float) -> Surface:
    """A staff, spear, wand or broom: a pole with an orb, hook, blade or bristles."""
    grip = Grip(wearer, _either(random))
    length = (0.8 + 1.3 * strength) * grip.scale
    foot, top, way = _pole(grip, random, length, random.uniform(0.3, 0.6))
    parts = [
        strand(
            np.linspace(foot, top, 6) + random.normal(0, 0.004, (6, 3)),
            random.uniform(0.011, 0.02) * grip.scale,
        )
    ]
    aside = unit(np.cross(way, random.normal(size=3)))
    kind = random.integers(4)
    if kind == 0:
        parts.append(ball(top, random.uniform(0.03, 0.08) * grip.scale))
    elif kind == 1:
        angle = np.linspace(-0.4, 4.2, 16)[:, None]
        hook = random.uniform(0.06, 0.12) * grip.scale
        ring = top + hook * (aside * (1 - np.cos(angle)) + way * np.sin(angle))
        parts.append(strand(ring, 0.016 * grip.scale * np.linspace(1, 0.4, 16)))
    elif kind == 2:
        frame = frame_of(top, way, aside)
        blade, wide = random.uniform(0.15, 0.35) * grip.scale, random.uniform(0.025, 0.06) * grip.scale
        parts.append(
            plate(
                [[0, -0.4 * wide], [0.3 * blade, -wide], [blade, 0], [0.3 * blade, wide], [0, 0.4 * wide]],
                frame,
                0.01,
            )
        )
    else:
        line = np.linspace(foot, foot - 0.3 * way * grip.scale, 5)
        parts.append(strand(line, np.array([0.02, 0.055, 0.065, 0.06, 0.05]) * grip.scale, 10))
    return merge(parts)


def axe(wearer: Wearer, random: np.random.Generator, strength: float) -> Surface:
    """An axe with one or two blades, a war hammer or a club."""
    grip = Grip(wearer, _either(random))
    length = (0.45 + 0.75 * strength) * grip.scale
    way = grip.pointing(random, 0.9)
    foot, top = grip.centre - 0.25 * length * way, grip.centre + 0.75 * length * way
    frame = frame_of(top, way, unit(np.cross(way, grip.palm)) + 0.3 * random.normal(size=3))
    parts = [strand(np.stack([foot, top + 0.03 * way]), 0.015 * grip.scale)]
    size = (0.07 + 0.13 * strength) * grip.scale
    kind = random.integers(3)
    if kind == 0:
        share = np.linspace(-1, 1, 9)
        for sign in (1, -1)[: 1 + int(random.random() < 0.4)]:
            edge = np.column_stack([-0.3 * size + share * size, sign * size * (1.15 - 0.35 * share**2)])
            root = np.column_stack([-0.3 * size + 0.3 * share * size, np.full(9, sign * 0.01)])
            parts.append(strip(edge, root, frame, 0.012))
    elif kind == 1:
        head = np.stack([frame[:, 1] * 1.1 * size, way * 0.6 * size, frame[:, 2] * 0.55 * size])
        parts.append(rounded_box(top - 0.3 * size * way, head, 0.2))
    else:
        line = np.linspace(top - 1.8 * size * way, top + 0.4 * size * way, 7)
        parts.append(strand(line, size * np.array([0.15, 0.3, 0.45, 0.6, 0.65, 0.55, 0.3]), 8))
    return merge(parts)


def gun(wearer: Wearer, random: np.random.Generator, strength: float) -> Surface:
    """A pistol to a rifle, along the forearm: barrel, body, grip, magazine, stock."""
    grip = Grip(wearer, _either(random))
    way = unit(grip.along + 0.25 * random.normal(size=3))
    up = unit(grip.across)
    frame = frame_of(grip.centre, way, up)
    long = 0.18 + 0.75 * strength
    unit_length = grip.scale
    high = 0.022 + 0.02 * strength

    def block(
        start: float, end: float, low: float, top: float, slant: float = 0.0, thick: float = 0.03
    ) -> None:
        corners = [[start, low], [end, low], [end + slant, top], [start + slant, top]]
        parts.append(plate(np.array(corners) * unit_length, frame, thick * unit_length))

    parts: list[Surface] = []
    block(-0.02, 0.03, -0.07, 0.05, 0.02)
    block(-0.05 - 0.12 * strength, 0.45 * long, 0.04, 0.04 + 2 * high)
    block(0.45 * long, long, 0.05 + 0.6 * high, 0.055 + 1.2 * high, 0.0, 0.02)
    if strength > 0.35:
        block(-0.42, -0.15, -0.03, 0.06, 0.02)
        block(0.13, 0.19, -0.14, 0.05, -0.04)
        if random.random() < 0.5:
            block(0.0, 0.2, 0.06 + 2 * high, 0.10 + 2 * high)
    return merge(parts)


def shield(wearer: Wearer, random: np.random.Generator, strength: float) -> Surface:
    """A buckler, round, kite or tower shield on the forearm."""
    side = "l" if random.random() < 0.7 else "r"
    elbow, wrist, shoulder = (wearer.landmark(f"{n}_{side}") for n in ("elbow", "wrist", "shoulder"))
    along = unit(wrist - elbow)
    body = (wearer.landmark("t6") + wearer.landmark("l1")) / 2
    outward: Array = (elbow + wrist) / 2 - body
    outward = unit(outward - along * (along @ outward) + 0.25 * random.normal(size=3))
    size = (0.16 + 0.28 * strength) * wearer.unit
    centre = 0.35 * elbow + 0.65 * wrist + 0.055 * wearer.unit * outward
    up = along if random.random() < 0.4 else np.array([0, 0, -1.0])
    across = np.cross(outward, up)
    across = across if np.linalg.norm(across) > 0.2 else np.cross(outward, shoulder - elbow)
    frame = frame_of(centre, across, np.cross(across, outward))
    angle = np.linspace(0, 2 * np.pi, 25)[:-1]
    kind = random.integers(3)
    if kind == 0:
        outline = np.column_stack([np.cos(angle), np.sin(angle)])
    elif kind == 1:
        outline = np.array(
            [[-0.75, 0.9], [0.75, 0.9], [0.72, 0.2], [0.45, -0.65], [0, -1.35], [-0.45, -0.65], [-0.72, 0.2]]
        )
    else:
        outline = np.array([[-0.7, 1.2], [0.7, 1.2], [0.7, -1.2], [-0.7, -1.2]])
    return merge([plate(outline * size, frame, 0.03), ball(centre + 0.02 * outward, 0.18 * size)])


def bow(wearer: Wearer, random: np.random.Generator, strength: float) -> Surface:
    """A bow with its string, at times an arrow, in one hand."""
    grip = Grip(wearer, "l" if random.random() < 0.7 else "r")
    half = (0.4 + 0.35 * strength) * grip.scale
    way = unit(np.array([0, 0, 1.0]) + random.normal(0, 0.2, 3)) if random.random() < 0.5 else grip.across
    front = unit(grip.along - way * (way @ grip.along))
    share = np.linspace(-1, 1, 17)[:, None]
    bend = random.uniform(0.2, 0.4)
    limb = grip.centre + half * (share * way - bend * front * share**2 * (1.25 - 0.35 * share**4))
    parts = [strand(limb, 0.016 * grip.scale * (1.15 - np.abs(share[:, 0]) ** 2 * 0.8))]
    parts.append(strand(limb[[0, -1]], 0.0025, 4))
    if random.random() < 0.4:
        parts.append(strand(grip.centre + front * np.array([[-0.45], [0.35]]) * grip.scale, 0.006))
    return merge(parts)


def handbag(wearer: Wearer, random: np.random.Generator, strength: float) -> Surface:
    """A bag or suitcase that hangs from the hand by its weight."""
    grip = Grip(wearer, _either(random))
    half = (np.array([0.10, 0.035, 0.07]) + np.array([0.2, 0.08, 0.17]) * strength) * grip.scale
    half *= random.uniform(0.75, 1.15, 3)
    turn = random.uniform(0, np.pi)
    axes = (
        np.array([[np.cos(turn), np.sin(turn), 0], [-np.sin(turn), np.cos(turn), 0], [0, 0, 1.0]])
        * half[:, None]
    )
    handle = random.uniform(0.04, 0.2) * grip.scale
    centre = grip.centre - [0, 0, handle + half[2]]
    parts = [rounded_box(centre, axes, random.uniform(0.15, 0.6))]
    for sign in (1, -1):
        foot = centre + sign * 0.5 * axes[0] + 0.9 * axes[2]
        parts.append(strand(np.stack([foot, grip.centre]), 0.007 * grip.scale, 5))
    return merge(parts)


def backpack(wearer: Wearer, random: np.random.Generator, strength: float) -> Surface:
    """A school bag to an expedition pack, with a roll, pockets and straps."""
    scale = wearer.unit
    half = (np.array([0.11, 0.06, 0.15]) + np.array([0.09, 0.09, 0.20]) * strength) * scale
    half *= random.uniform(0.8, 1.1, 3)
    trunk = wearer.within("trunk")
    middle = wearer.head_of("spine02")
    slab = trunk[np.abs(trunk[:, 2] - middle[2]) < 0.12 * scale]
    centre = np.array([0.0, slab[:, 1].max() + 0.8 * half[1], middle[2] + random.uniform(-0.02, 0.1) * scale])
    parts = [rounded_box(centre, half, random.uniform(0.25, 0.5))]
    if random.random() < 0.5:
        pocket = centre + np.array([0, half[1], -0.45 * half[2]])
        parts.append(rounded_box(pocket, half * [0.75, 0.5, 0.4], 0.4))
    if random.random() < 0.45:
        roll = centre + np.outer([-1.2, 1.2], [half[0], 0, 0]) + [0, 0, half[2] + 0.05 * scale]
        parts.append(strand(roll, 0.065 * scale, 12))
    shoulder = wearer.head_of("shoulder01.L")
    for sign in (1, -1):
        x = sign * 0.85 * shoulder[0]
        top = np.array([x, shoulder[1], shoulder[2] + 0.055 * scale])
        chest = np.array([x, slab[:, 1].min() + 0.01, middle[2]])
        line = np.stack([centre + np.array([x, -half[1], 0.7 * half[2]]), top, chest])
        parts.append(strand(line, 0.018 * scale, 6))
    return wearer.rigid(merge(parts), "spine02")


def shoulder_bag(wearer: Wearer, random: np.random.Generator, strength: float) -> Surface:
    """A satchel, quiver or sheathed sword on a strap across the body."""
    scale = wearer.unit
    sign = random.choice([-1.0, 1.0])
    trunk = wearer.trunk
    shoulder = wearer.head_of("shoulder01.L") * [-sign, 1, 1] + np.array([0, 0, 0.05 * scale])
    hip = wearer.head_of("upperleg01.L") * [sign, 1, 1]
    wide = float(trunk.radius[-5].max())
    parts = []
    for front in (1, -1):
        middle = trunk.centres[8] - [0, front * (float(trunk.radius[8][[0, 16]].mean()) + 0.01), 0]
        hang = np.array([sign * (wide + 0.02), hip[1], hip[2] + 0.05 * scale])
        parts.append(strand(np.stack([shoulder, middle, hang]), 0.016 * scale, 6, 0.6))
    if random.random() < 0.55:
        half = (np.array([0.045, 0.11, 0.09]) + np.array([0.04, 0.07, 0.06]) * strength) * scale
        parts.append(rounded_box([sign * (wide + half[0]), hip[1], hip[2] - 0.02 * scale], half, 0.3))
        return wearer.rigid(merge(parts), "spine05")
    back = trunk.centres[6] + np.array([0, float(trunk.radius[6][16]) + 0.05 * scale, 0])
    way = unit(np.array([-sign * random.uniform(0.3, 0.9), 0, 1.0]))
    length = (0.25 + 0.45 * strength) * scale
    parts.append(strand(np.stack([back - length * way, back + 0.8 * length * way]), 0.045 * scale, 8, 0.7))
    if random.random() < 0.6:
        parts += [
            strand(
                np.stack([back, back + (length + 0.12 * scale) * unit(way + 0.06 * random.normal(size=3))]),
                0.008,
            )
            for _ in range(4)
        ]
    else:
        tip = back + (length + 0.1 * scale) * way
        parts.append(strand(np.stack([back, tip]), 0.015 * scale))
        parts.append(
            strand(tip - 0.05 * way + np.array([[-0.08], [0.08]]) * np.cross(way, [0, 1, 0]), 0.012 * scale)
        )
    return wearer.rigid(merge(parts), "spine02")
