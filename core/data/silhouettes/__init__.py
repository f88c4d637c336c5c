"""Silhouettes as artists' characters have them: hair, clothes, armour, props, occluders and edges, each named and seeded."""

from __future__ import annotations

from maskel_core.data.silhouettes.dressing import (
    OUTFITS,
    Dressing,
    Outfit,
    Recipe,
    choose,
    design,
    draw,
    dress,
    repeat,
)
from maskel_core.data.silhouettes.framing import Move
from maskel_core.data.silhouettes.registry import AUGMENTATIONS, KINDS

__all__ = [
    "AUGMENTATIONS",
    "KINDS",
    "OUTFITS",
    "Dressing",
    "Move",
    "Outfit",
    "Recipe",
    "choose",
    "design",
    "draw",
    "dress",
    "repeat",
]
