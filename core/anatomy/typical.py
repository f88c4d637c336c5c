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
    (0.617, 0.862, 1.249, 0.947, 1.16, 0.658, 0.649, 1.301, 1.02, 0.899, 0.932),
    (0.74, 0.895, 1.16, 1.05, 1.33, 0.79, 0.794, 1.209, 1.208, 1.001, 1.073),
    (0.834, 0.906, 1.116, 0.977, 1.25, 0.839, 0.845, 1.17, 1.227, 1.001, 1.129),
    (1.008, 0.858, 1.038, 0.874, 1.102, 0.891, 0.896, 1.124, 1.147, 0.976, 1.05),
    (1.106, 0.9, 0.993, 0.894, 1.085, 0.924, 0.928, 1.089, 1.121, 0.989, 1.033),
    (1.196, 0.89, 1.006, 0.864, 1.078, 0.972, 0.974, 1.06, 1.093, 1.01, 0.995),
    (1.151, 0.905, 0.976, 0.865, 1.046, 0.964, 0.966, 1.04, 1.063, 0.985, 1.001),
    (1.109, 0.943, 0.955, 0.887, 1.033, 0.95, 0.953, 1.051, 1.046, 0.963, 1.006),
    (1.078, 0.954, 0.964, 0.929, 1.04, 0.939, 0.941, 1.056, 1.044, 0.952, 1.003),
    (1.075, 0.942, 0.991, 0.954, 1.041, 0.942, 0.943, 1.048, 1.042, 0.935, 0.978),
    (1.073, 0.927, 1.008, 0.911, 1.066, 1.112, 0.951, 1.01, 1.034, 0.941, 0.972),
)
_FEMALE = (
    (0.618, 0.857, 1.256, 0.904, 1.123, 0.663, 0.654, 1.289, 1.008, 0.897, 0.918),
    (0.767, 0.885, 1.137, 1.014, 1.346, 0.793, 0.798, 1.206, 1.186, 0.982, 1.108),
    (0.818, 0.915, 1.102, 0.975, 1.32, 0.83, 0.839, 1.176, 1.2, 0.968, 1.12),
    (0.931, 0.912, 1.034, 0.914, 1.243, 0.88, 0.89, 1.16, 1.142, 0.941, 1.055),
    (0.991, 0.935, 0.996, 0.907, 1.226, 0.905, 0.914, 1.121, 1.104, 0.943, 1.085),
    (1.036, 0.948, 0.965, 0.892, 1.218, 0.939, 0.946, 1.102, 1.068, 0.949, 1.071),
    (1.03, 0.979, 0.951, 0.898, 1.222, 0.964, 0.969, 1.094, 1.057, 0.969, 1.076),
    (1.03, 1.004, 0.938, 0.908, 1.225, 0.974, 0.978, 1.098, 1.046, 0.997, 1.074),
    (1.042, 0.979, 0.95, 0.901, 1.207, 0.99, 0.991, 1.089, 1.031, 1.001, 1.045),
    (1.084, 0.949, 0.954, 0.873, 1.179, 1.015, 1.012, 1.068, 1.031, 0.999, 1.043),
    (1.064, 0.947, 0.974, 0.911, 1.163, 1.103, 1.051, 1.041, 1.051, 0.977, 1.042),
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
