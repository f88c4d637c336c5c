"""Views: from which side of the character a mask was taken, where that is known."""

from __future__ import annotations

import math

VIEWS = ("unknown", "front", "back", "left", "right")
"""Names in the order of the model's view numbers; ``left``: the camera sees the character's own left side."""

MIRRORED_VIEWS = (0, 1, 2, 4, 3)
"""Number of the view that the mirrored picture shows: left and right change places."""


def view_number(yaw: float) -> int:
    """Number in `VIEWS` of the nearest of the four sides, for a camera's yaw in radians (0 = frontal)."""
    quarter = round(math.remainder(yaw, 2 * math.pi) / (math.pi / 2))
    return {0: 1, 1: 3, -1: 4, 2: 2, -2: 2}[quarter]
