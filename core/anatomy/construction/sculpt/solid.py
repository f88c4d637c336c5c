"""What a sculpted bone is: closed volumes with the tissues they part, and its growth plates."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from maskel_core.anatomy.construction.remesh import DistanceField


@dataclass(frozen=True)
class Part:
    """One closed volume of a bone.

    Args:
        name: For instance ``outer``, ``core`` or ``tooth_upper_1``.
        field: Signed distance, positive inside, metres, in the space of the source skeleton.
        faces: Triangles wanted.
        inside: Tissue that begins when a ray enters.
        outside: Tissue that ends there.
        stage: When it exists: ``always``, ``milk_teeth``, ``permanent_teeth``.
    """

    name: str
    field: DistanceField
    faces: int
    inside: str
    outside: str
    stage: str = "always"


@dataclass(frozen=True)
class Epiphysis:
    """An end of a bone that a growth plate parts from the shaft.

    Args:
        name: Anatomical.
        point: (3,) centre of the plate, metres, source space.
        normal: (3,) unit vector from the shaft to the end.
        thickness: Of the plate, metres, in a bone of adult size.
        appears: Age at which its ossification centre appears, years.
        closes: Age at which the plate closes, years.
    """

    name: str
    point: np.ndarray
    normal: np.ndarray
    thickness: float
    appears: float
    closes: float


@dataclass(frozen=True)
class Solid:
    """One bone.

    Args:
        name: As in the source, or a new one.
        parts: The outer surface first, then what lies in it.
        epiphyses: Its growth plates.
    """

    name: str
    parts: tuple[Part, ...]
    epiphyses: tuple[Epiphysis, ...] = field(default=())
