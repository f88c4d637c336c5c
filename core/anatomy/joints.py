"""Names of the anatomical joints that travel with every sample and every answer."""

from __future__ import annotations

_AXIAL = ("head", "jaw", "c7", "t6", "l1", "l5", "pelvis")
_PAIRED = (
    "clavicle",
    "shoulder",
    "elbow",
    "wrist",
    "middle_finger",
    "hip",
    "knee",
    "ankle",
    "heel",
    "toe",
)

JOINT_NAMES: tuple[str, ...] = _AXIAL + tuple(f"{name}_{side}" for name in _PAIRED for side in "lr")
"""The 27 joints in the order of heat maps and arrays; ``_l`` and ``_r`` are the character's own left and right."""

MIRRORED: tuple[int, ...] = tuple(
    JOINT_NAMES.index(name[:-1] + {"l": "r", "r": "l"}[name[-1]] if name.endswith(("_l", "_r")) else name)
    for name in JOINT_NAMES
)
"""Index of each joint's mirror image: ``mirrored[i] = joints[MIRRORED[i]]`` after the picture was flipped."""
