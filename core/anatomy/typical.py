"""Factors that bring the mean body of an age and sex to published proportions."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from maskel_core.anatomy.proportions import Scale

FACTORS = (
    "thigh",
    "shank",
    "trunk",
    "pelvis_width",
    "shoulder_width",
    "upper_arm",
    "forearm",
    "head_height",
    "head_width",
)

YEARS = (0.0, 1.0, 2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 14.0, 16.0, 20.0)

_MALE: tuple[tuple[float, ...], ...] = ((1.0,) * 9,) * 11
_FEMALE: tuple[tuple[float, ...], ...] = ((1.0,) * 9,) * 11
"""A row for each of ``YEARS``, in the order of ``FACTORS``; printed by benchmarks/anthropometry.py --fit."""


def segment_scales(factors: Mapping[str, float]) -> dict[str, Scale]:
    """Factors of segments from those of ``FACTORS``."""
    trunk, pelvis, shoulder = (factors[name] for name in ("trunk", "pelvis_width", "shoulder_width"))
    height, width = factors["head_height"], factors["head_width"]
    return {
        "pelvis": Scale(trunk, pelvis, 1.0),
        "loin": Scale(trunk, pelvis**0.5, 1.0),
        "chest": Scale(trunk, shoulder**0.5, 1.0),
        "clavicle": Scale.limb(shoulder),
        "head": Scale(height, width, (height * width) ** 0.5),
    } | {name: Scale.limb(factors[name]) for name in ("thigh", "shank", "upper_arm", "forearm")}


def typical_scales(years: float, gender: float) -> dict[str, Scale]:
    """Factors by segment for an age in years and a gender, 0 male to 1 female."""
    mixed = (1 - gender) * np.array(_MALE) + gender * np.array(_FEMALE)
    return segment_scales(
        {name: float(np.interp(years, YEARS, column)) for name, column in zip(FACTORS, mixed.T, strict=True)}
    )
