"""What a silhouette counts as body, and how it is finished. No bpy."""

from __future__ import annotations

from dataclasses import dataclass

SIDES = ("unknown", "front", "back", "left", "right")
"""Sides of the character that a mask can show, as the model names them; left is the character's own left."""


@dataclass(frozen=True)
class SilhouetteOptions:
    """How to make a silhouette.

    Args:
        left_out: Full names of objects that do not count, wherever they stand, within instances too.
        fill_holes: Whether holes are filled.
        largest_hole: Holes larger than this share of the body's area stay open; 1.0 fills all.
        side: One of `SIDES`, or "auto" to find it out.
    """

    left_out: frozenset[str] = frozenset()
    fill_holes: bool = False
    largest_hole: float = 1.0
    side: str = "auto"


DEFAULT_OPTIONS = SilhouetteOptions()
