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
    (0.597, 0.868, 1.245, 1.006, 1.427, 0.767, 0.769, 1.289, 1.245, 1.039, 1.094),
    (0.722, 0.888, 1.179, 0.958, 1.312, 0.801, 0.805, 1.206, 1.205, 1.012, 1.072),
    (0.815, 0.916, 1.115, 0.921, 1.25, 0.837, 0.842, 1.16, 1.217, 1.007, 1.06),
    (0.995, 0.894, 1.033, 0.856, 1.141, 0.889, 0.893, 1.121, 1.148, 0.994, 1.018),
    (1.066, 0.91, 1.0, 0.85, 1.122, 0.908, 0.913, 1.075, 1.113, 0.998, 1.002),
    (1.14, 0.918, 0.965, 0.835, 1.104, 0.942, 0.946, 1.05, 1.071, 1.006, 0.985),
    (1.127, 0.943, 0.952, 0.859, 1.084, 0.95, 0.953, 1.04, 1.058, 0.995, 0.987),
    (1.105, 0.958, 0.949, 0.884, 1.061, 0.944, 0.946, 1.049, 1.045, 0.976, 0.993),
    (1.069, 0.967, 0.963, 0.919, 1.054, 0.938, 0.94, 1.055, 1.044, 0.964, 0.994),
    (1.055, 0.954, 0.99, 0.934, 1.04, 0.942, 0.943, 1.045, 1.039, 0.943, 0.97),
    (1.07, 0.931, 1.008, 0.889, 1.089, 1.102, 0.959, 1.009, 1.034, 0.963, 0.969),
)
_FEMALE = (
    (0.604, 0.87, 1.236, 1.091, 1.424, 0.762, 0.764, 1.278, 1.232, 1.041, 1.094),
    (0.748, 0.901, 1.15, 1.035, 1.358, 0.799, 0.804, 1.203, 1.187, 0.998, 1.086),
    (0.802, 0.936, 1.105, 0.995, 1.336, 0.834, 0.843, 1.173, 1.201, 0.983, 1.094),
    (0.924, 0.928, 1.032, 0.93, 1.267, 0.885, 0.895, 1.16, 1.145, 0.958, 1.074),
    (0.979, 0.955, 0.993, 0.921, 1.251, 0.906, 0.915, 1.119, 1.104, 0.957, 1.065),
    (1.023, 0.966, 0.963, 0.906, 1.247, 0.938, 0.946, 1.101, 1.068, 0.962, 1.055),
    (1.014, 0.994, 0.95, 0.921, 1.251, 0.962, 0.967, 1.093, 1.056, 0.98, 1.065),
    (1.013, 1.005, 0.943, 0.937, 1.249, 0.971, 0.975, 1.094, 1.043, 1.004, 1.066),
    (1.034, 0.983, 0.953, 0.947, 1.225, 0.991, 0.992, 1.088, 1.031, 1.01, 1.04),
    (1.077, 0.952, 0.958, 0.932, 1.185, 1.018, 1.014, 1.067, 1.031, 1.007, 1.039),
    (1.061, 0.949, 0.976, 0.945, 1.198, 1.089, 1.053, 1.041, 1.051, 0.997, 1.039),
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


def typical_scales(years: float, gender: float) -> dict[str, Scale]:
    """Factors by segment for an age in years and a gender, 0 male to 1 female."""
    mixed = (1 - gender) * np.array(_MALE) + gender * np.array(_FEMALE)
    return segment_scales(
        {name: float(np.interp(years, YEARS, column)) for name, column in zip(FACTORS, mixed.T, strict=True)}
    )
