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
    "hand",
    "foot",
)

YEARS = (0.0, 1.0, 2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 14.0, 16.0, 20.0)

_MALE = (
    (0.593, 0.837, 1.288, 0.874, 1.128, 0.662, 0.653, 1.301, 1.017, 0.896, 0.902),
    (0.73, 0.84, 1.196, 0.988, 1.313, 0.792, 0.795, 1.213, 1.206, 1.0, 1.112),
    (0.82, 0.868, 1.114, 0.94, 1.234, 0.824, 0.829, 1.167, 1.208, 0.985, 1.092),
    (1.007, 0.844, 1.058, 0.878, 1.131, 0.885, 0.89, 1.125, 1.149, 0.978, 1.055),
    (1.081, 0.86, 1.025, 0.869, 1.108, 0.906, 0.912, 1.078, 1.113, 0.981, 1.034),
    (1.157, 0.871, 0.987, 0.853, 1.091, 0.942, 0.947, 1.052, 1.072, 0.99, 1.009),
    (1.149, 0.901, 0.97, 0.87, 1.078, 0.95, 0.954, 1.043, 1.059, 0.982, 1.005),
    (1.123, 0.923, 0.962, 0.884, 1.061, 0.942, 0.944, 1.051, 1.045, 0.963, 1.006),
    (1.087, 0.934, 0.973, 0.913, 1.06, 0.933, 0.936, 1.056, 1.044, 0.953, 1.007),
    (1.071, 0.92, 0.999, 0.918, 1.049, 0.934, 0.936, 1.044, 1.038, 0.932, 0.978),
    (1.082, 0.909, 1.015, 0.9, 1.075, 1.108, 0.947, 1.009, 1.034, 0.938, 0.975),
)
_FEMALE = (
    (0.593, 0.84, 1.281, 0.912, 1.144, 0.657, 0.648, 1.289, 1.007, 0.894, 0.9),
    (0.751, 0.87, 1.159, 1.032, 1.361, 0.79, 0.795, 1.208, 1.187, 0.982, 1.112),
    (0.809, 0.896, 1.12, 0.993, 1.327, 0.828, 0.836, 1.177, 1.2, 0.968, 1.113),
    (0.936, 0.885, 1.051, 0.925, 1.251, 0.881, 0.892, 1.164, 1.146, 0.945, 1.106),
    (0.994, 0.913, 1.01, 0.916, 1.229, 0.904, 0.914, 1.122, 1.104, 0.945, 1.091),
    (1.04, 0.928, 0.977, 0.9, 1.22, 0.939, 0.946, 1.103, 1.068, 0.95, 1.077),
    (1.03, 0.96, 0.961, 0.92, 1.223, 0.962, 0.968, 1.094, 1.056, 0.969, 1.083),
    (1.029, 0.975, 0.953, 0.941, 1.223, 0.971, 0.975, 1.095, 1.043, 0.995, 1.079),
    (1.049, 0.956, 0.961, 0.951, 1.208, 0.989, 0.992, 1.09, 1.031, 1.002, 1.054),
    (1.093, 0.927, 0.964, 0.934, 1.178, 1.014, 1.012, 1.068, 1.032, 1.0, 1.049),
    (1.074, 0.927, 0.983, 0.936, 1.168, 1.102, 1.053, 1.042, 1.051, 0.979, 1.048),
)
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
        "hand": Scale.even(factors["hand"]),
        "foot": Scale.even(factors["foot"]),
        "head": Scale(height, width, (height * width) ** 0.5),
    } | {name: Scale.limb(factors[name]) for name in ("thigh", "shank", "upper_arm", "forearm")}


def typical_factors(years: float, gender: float) -> dict[str, float]:
    """Values of ``FACTORS`` for an age in years and a gender, 0 male to 1 female."""
    mixed = (1 - gender) * np.array(_MALE) + gender * np.array(_FEMALE)
    return {
        name: float(np.interp(years, YEARS, column)) for name, column in zip(FACTORS, mixed.T, strict=True)
    }


def typical_scales(years: float, gender: float) -> dict[str, Scale]:
    """Factors by segment for an age in years and a gender, 0 male to 1 female."""
    return segment_scales(typical_factors(years, gender))
