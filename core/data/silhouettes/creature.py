"""Wings and tails: clutter that no human skeleton explains.

Every function takes the wearer, a random source and a strength (0 small, 1 large), and returns a surface in the world that
belongs to the character: it adds to the mask, never to the X-ray.
"""

from __future__ import annotations

import itertools

import numpy as np
from maskel_core.data.silhouettes.shapes import Array, Surface, frame_of, merge, sheet, smooth, strand, unit
from maskel_core.data.silhouettes.wearer import Wearer


def _wing_frames(wearer: Wearer, random: np.random.Generator) -> list[Array]:
    """Planes of a left and a right wing at rest: outwards, upwards, normal, root."""
    blade = wearer.head_of("spine01")
    points = wearer.within("trunk")
    slab = points[np.abs(points[:, 2] - blade[2]) < 0.06 * wearer.unit]
    back, raised = random.uniform(0.1, 1.0), random.uniform(-0.25, 0.5)
    frames = []
    for side in (1.0, -1.0):
        root = np.array([side * 0.06 * wearer.unit, slab[:, 1].max() - 0.01, blade[2]])
        out = unit(np.array([side * np.cos(back), np.sin(back), 0.0]))
        up = unit(np.array([0.0, 0.15, 1.0]))
        frame = frame_of(root, out, up)
        turned = frame.copy()
        turned[:, 0] = np.cos(raised) * frame[:, 0] + np.sin(raised) * frame[:, 1]
        turned[:, 1] = np.cos(raised) * frame[:, 1] - np.sin(raised) * frame[:, 0]
        frames.append(turned)
    return frames


def _spread(frame: Array, points: Array) -> Array:
    return points @ frame[:, :3].T[: points.shape[-1]] + frame[:, 3]


def wings_feathered(wearer: Wearer, random: np.random.Generator, strength: float) -> Surface:
    """A bird's or an angel's wings: an arm of bone and three rows of feathers."""
    span = (0.45 + 0.95 * strength) * wearer.unit
    count = 18
    share = np.linspace(0, 1, count)
    # Arm: up to the wrist of the wing, then down along the hand.
    arm = np.stack(
        [np.interp(share, [0, 0.45, 1], [0, 0.42, 0.72]), np.interp(share, [0, 0.45, 1], [0, 0.36, 0.5])], 1
    )
    arm = smooth(arm[None], 3)[0] * span
    angle = np.interp(share, [0, 0.4, 1], [-1.75, -1.45, random.uniform(-0.5, 0.2)])
    length = span * np.interp(share, [0, 0.35, 0.75, 1], [0.28, 0.45, 0.72, 0.62])
    parts = []
    for frame in _wing_frames(wearer, random):
        made = []
        for row, wide in ((1.0, 0.05), (0.62, 0.055), (0.35, 0.06)):
            tip = (
                arm
                + np.stack([np.cos(angle), np.sin(angle)], 1)
                * (row * length * random.uniform(0.93, 1.05, count))[:, None]
            )
            along = np.linspace(0, 1, 6)[None, :, None]
            lines = arm[:, None] * (1 - along) + tip[:, None] * along
            lines[..., 1] -= 0.05 * span * (along[..., 0] ** 2) * np.cos(angle)[:, None]
            across = np.stack([-np.sin(angle), np.cos(angle)], 1)[:, None]
            half = wide * span * np.array([0.5, 0.9, 1.0, 0.95, 0.75, 0.08])[None, :, None]
            edges = np.stack([lines - half * across, lines + half * across], 2)
            made += [sheet(_spread(frame, feather)) for feather in edges]
        made.append(strand(_spread(frame, arm), 0.035 * span * (1.1 - 0.7 * share)))
        parts.append(merge(made))
    return wearer.rigid(merge(parts), "spine01")


def wings_bat(wearer: Wearer, random: np.random.Generator, strength: float) -> Surface:
    """A dragon's, demon's or bat's wings: fingers with skin hung between them."""
    span = (0.45 + 1.0 * strength) * wearer.unit
    fingers = int(random.integers(3, 6))
    wrist = np.array([random.uniform(0.3, 0.45), random.uniform(0.3, 0.5)])
    angles = np.linspace(random.uniform(0.3, 0.8), -1.9, fingers)
    reach = np.linspace(0.75, 0.5, fingers)
    tips = wrist + np.stack([np.cos(angles), np.sin(angles)], 1) * reach[:, None]
    tips = np.concatenate([tips, [[0.0, random.uniform(-0.35, -0.15)]]])
    parts = []
    for frame in _wing_frames(wearer, random):
        made = [strand(_spread(frame, np.stack([[0, 0], wrist]) * span), [0.035 * span, 0.022 * span])]
        for number, (a, b) in enumerate(itertools.pairwise(tips)):
            share = np.linspace(0, 1, 9)[:, None]
            sag = 4 * share * (1 - share) * random.uniform(0.2, 0.4)
            edge = (a * (1 - share) + b * share) * (1 - sag) + wrist * sag
            hub = np.repeat(wrist[None], 9, 0)
            if number == fingers - 1:
                hub = wrist * (1 - share) + 0.0 * share
            made.append(sheet(np.stack([_spread(frame, edge * span), _spread(frame, hub * span)])))
            bone = wrist + (a - wrist) * np.linspace(0, 1.02, 5)[:, None]
            made.append(strand(_spread(frame, bone * span), 0.016 * span * np.linspace(1, 0.15, 5), 6))
        claw = wrist + np.array([[0, 0], [0.02, 0.06], [0.06, 0.1]])
        made.append(strand(_spread(frame, claw * span), span * np.array([0.02, 0.014, 0.002]), 6))
        parts.append(merge(made))
    return wearer.rigid(merge(parts), "spine01")


def tail(wearer: Wearer, random: np.random.Generator, strength: float) -> Surface:
    """A cat's, fox's, lizard's or devil's tail from the sacrum, curved."""
    scale = wearer.unit
    points = wearer.within("trunk", "leg_l", "leg_r")
    low = wearer.head_of("spine05")[2] - 0.01 * scale
    slab = points[np.abs(points[:, 2] - low) < 0.04 * scale]
    root = np.array([0.0, slab[:, 1].max() - 0.02 * scale, low])
    count = 24
    share = np.linspace(0, 1, count)
    length = (0.45 + 0.75 * strength) * scale
    pitch = (
        random.uniform(-1.0, 0.2)
        + random.uniform(0.0, 2.2) * share
        + 0.5 * np.sin(share * random.uniform(3, 7))
    )
    yaw = random.normal(0, 0.7) * share + random.normal(0, 0.5) * np.sin(share * 5)
    step = np.stack([np.cos(pitch) * np.sin(yaw), np.cos(pitch) * np.cos(yaw), np.sin(pitch)], 1)
    line = root + np.cumsum(step, 0) * (length / count)
    kind = random.integers(4)
    profile = (
        0.02 + 0 * share,
        0.02 + 0.075 * np.sin(np.pi * share**0.8) ** 1.3,
        0.075 * (1 - share) ** 1.1 + 0.003,
        0.014 * (1.1 - share) + 0.002,
    )[kind]
    radii = profile * scale * random.uniform(0.8, 1.3)
    parts = [strand(line, radii, 10)]
    if kind == 2:
        for at in range(2, 20, 2):
            up = unit(np.cross(step[at], [1.0, 0, 0]))
            fin = np.stack(
                [line[at] - 0.02 * step[at], line[at] + up * (radii[at] + 0.04 * scale * (1 - share[at]))]
            )
            parts.append(strand(fin, [0.025 * scale, 0.002], 4))
    elif kind == 3:
        aside = unit(np.cross(step[-1], [0.3, 0.2, 1.0])) * 0.045 * scale
        end = line[-1]
        tip = np.stack([[end - aside, end + aside], [end + 0.1 * scale * step[-1]] * 2])
        parts.append(sheet(tip))
    return wearer.rigid(merge(parts), "spine05")
