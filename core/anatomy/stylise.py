"""Stylised characters: the proportions of toys, cartoons and heroes, as ranges that a random one is drawn from."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from maskel_core.anatomy.proportions import Scale

Range = tuple[float, float]


@dataclass(frozen=True)
class Style:
    """Ranges of one kind of character; every value is drawn evenly from its range.

    Args:
        even: Factor of a segment in every direction.
        limbs: Factors of a segment's length and of its girth.
        width: Factor of a segment from side to side.
        phenotypes: Values that replace those of the person.
        changes: Local changes that replace those of the person.
        years: Ages, years.
        stature: Height, metres; None: whatever the proportions give.
    """

    even: dict[str, Range] = field(default_factory=dict)
    limbs: dict[str, tuple[Range, Range]] = field(default_factory=dict)
    width: dict[str, Range] = field(default_factory=dict)
    phenotypes: dict[str, Range] = field(default_factory=dict)
    changes: dict[str, Range] = field(default_factory=dict)
    years: Range = (16.0, 70.0)
    stature: Range | None = None


def _legs(length: Range, girth: Range = (1.0, 1.0)) -> dict[str, tuple[Range, Range]]:
    return {"thigh": (length, girth), "shank": (length, girth)}


def _arms(length: Range, girth: Range = (1.0, 1.0)) -> dict[str, tuple[Range, Range]]:
    return {"upper_arm": (length, girth), "forearm": (length, girth)}


STYLES = {
    "chibi": Style(
        even={"head": (2.1, 2.9), "neck": (0.9, 1.1), "hand": (0.95, 1.2), "foot": (1.0, 1.3)},
        limbs=_legs((0.55, 0.72), (1.0, 1.2)) | _arms((0.6, 0.78), (1.0, 1.2)),
        changes={"eye_size": (0.5, 1.5), "nose_depth": (-0.8, -0.2)},
        years=(6.0, 40.0),
        stature=(0.9, 1.4),
    ),
    "toy": Style(
        even={"head": (1.6, 2.1), "hand": (1.2, 1.6), "foot": (1.3, 1.7)},
        limbs=_legs((0.68, 0.85), (1.15, 1.4))
        | _arms((0.75, 0.9), (1.15, 1.4))
        | {"neck": ((0.6, 0.85), (1.1, 1.3))},
        width={"chest": (1.0, 1.15)},
        changes={"eye_size": (0.0, 1.5), "nose_depth": (-1.0, -0.3)},
        years=(10.0, 60.0),
        stature=(0.8, 1.5),
    ),
    "heroic": Style(
        even={"head": (0.82, 0.92), "hand": (1.0, 1.15)},
        limbs=_legs((1.03, 1.14), (1.0, 1.12))
        | {"upper_arm": ((1.0, 1.06), (1.1, 1.3)), "forearm": ((1.0, 1.06), (1.1, 1.3))}
        | {"clavicle": ((1.12, 1.28), (1.0, 1.0))},
        width={"chest": (1.1, 1.22), "pelvis": (0.9, 0.98)},
        phenotypes={"muscle": (0.8, 1.0), "weight": (0.4, 0.7)},
        years=(20.0, 50.0),
        stature=(1.75, 2.15),
    ),
    "large_head": Style(even={"head": (1.35, 1.9), "neck": (1.0, 1.15)}, years=(3.0, 80.0)),
    "large_hands_and_feet": Style(
        even={"hand": (1.4, 1.9), "foot": (1.3, 1.7)},
        limbs={"forearm": ((1.0, 1.1), (1.1, 1.3)), "shank": ((0.95, 1.05), (1.05, 1.25))},
    ),
    "long_legs": Style(limbs=_legs((1.18, 1.42), (0.95, 1.05)), even={"head": (0.9, 1.1)}),
    "long_arms": Style(limbs=_arms((1.18, 1.42), (0.95, 1.05)), even={"hand": (1.0, 1.3)}),
    "big_eyed": Style(
        even={"head": (1.25, 1.6), "hand": (0.9, 1.05), "foot": (0.85, 1.05)},
        limbs=_legs((1.0, 1.15), (0.88, 0.98)) | _arms((0.95, 1.1), (0.88, 0.98)),
        changes={"eye_size": (1.2, 2.5), "nose_depth": (-1.0, -0.4), "mouth_width": (-0.8, -0.2)},
        phenotypes={"weight": (0.2, 0.5), "muscle": (0.3, 0.6)},
        years=(8.0, 30.0),
    ),
    "dwarf": Style(
        even={"head": (1.2, 1.4), "hand": (1.05, 1.3), "foot": (1.05, 1.3)},
        limbs=_legs((0.62, 0.78), (1.05, 1.2)) | _arms((0.68, 0.82), (1.05, 1.25)),
        width={"chest": (1.05, 1.15)},
        phenotypes={"muscle": (0.5, 1.0), "weight": (0.55, 0.9)},
        years=(20.0, 75.0),
        stature=(1.15, 1.45),
    ),
    "giant": Style(
        even={"head": (0.72, 0.85), "hand": (1.05, 1.25), "foot": (1.05, 1.2)},
        limbs=_legs((1.0, 1.1), (1.05, 1.2)) | _arms((1.0, 1.15), (1.05, 1.25)),
        width={"chest": (1.02, 1.12)},
        phenotypes={"muscle": (0.6, 1.0), "weight": (0.5, 0.85)},
        years=(20.0, 60.0),
        stature=(2.3, 3.2),
    ),
}
"""Kinds of stylised characters by name."""


@dataclass(frozen=True)
class Stylisation:
    """What one stylised character differs by.

    Args:
        years: Age.
        phenotypes: Values that replace the person's.
        changes: Local changes that replace the person's.
        scales: Factors by segment.
        stature: Height, metres, or None.
    """

    years: float
    phenotypes: dict[str, float]
    changes: dict[str, float]
    scales: dict[str, Scale]
    stature: float | None


def sample_stylisation(rng: np.random.Generator, name: str) -> Stylisation:
    """A random character of a kind.

    Raises:
        KeyError: There is no such kind in ``STYLES``.
    """
    style = STYLES[name]

    def draw(span: Range) -> float:
        return float(rng.uniform(*span))

    scales = {segment: Scale.even(draw(span)) for segment, span in style.even.items()}
    girths: dict[Range, float] = {}
    lengths: dict[Range, float] = {}
    for segment, (length, girth) in style.limbs.items():
        # Segments of one limb share their factors, so that knees and elbows fit.
        lengths.setdefault(length, draw(length))
        girths.setdefault(girth, draw(girth))
        scales[segment] = Scale.limb(lengths[length], girths[girth])
    for segment, span in style.width.items():
        scales[segment] = Scale(width=draw(span))
    return Stylisation(
        draw(style.years),
        {key: draw(span) for key, span in style.phenotypes.items()},
        {key: draw(span) for key, span in style.changes.items()},
        scales,
        None if style.stature is None else draw(style.stature),
    )
