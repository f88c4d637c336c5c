"""One closed surface of the skeleton, as the construction hands it on."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


@dataclass
class Piece:
    """A closed surface of the skeleton, in its bone's centred space.

    Args:
        bone: Its bone.
        vertices: float (N, 3), metres.
        faces: int (M, 3).
        inside: Tissue that begins where a ray enters.
        outside: Tissue that ends there.
        kind: One of ``PIECE_KINDS``.
        appears: Age at which it begins to exist, years.
        closes: Age at which it ends, years.
        centre: (3,) what an ossification centre grows from, metres.
    """

    bone: str
    vertices: np.ndarray
    faces: np.ndarray
    inside: str
    outside: str
    kind: str = "always"
    appears: float = 0.0
    closes: float = 200.0
    centre: np.ndarray = field(default_factory=lambda: np.zeros(3))
