"""Linear attenuation of tissues from their elemental composition, by xraydb's Elam tables."""

from __future__ import annotations

import numpy as np
import xraydb

ENERGY_KEV = 40.0
"""Effective energy of the line integrals: that of a DXA scanner's low beam and of a 60 to 70 kVp limb radiograph."""

# Mass percentages and density (g/cm3): ICRU reports 44 and 46 (tooth: dentine and enamel mixed); spongiosa: ICRU 46.
COMPOSITION: dict[str, tuple[float, dict[str, float]]] = {
    "cortical": (
        1.92,
        {"H": 3.4, "C": 15.5, "N": 4.2, "O": 43.5, "Na": 0.1, "Mg": 0.2, "P": 10.3, "S": 0.3, "Ca": 22.5},
    ),
    "spongiosa": (
        1.18,
        {
            "H": 8.5,
            "C": 40.4,
            "N": 5.8,
            "O": 36.7,
            "Na": 0.1,
            "Mg": 0.1,
            "P": 3.4,
            "S": 0.2,
            "Cl": 0.2,
            "K": 0.1,
            "Ca": 7.4,
            "Fe": 0.1,
        },
    ),
    "muscle": (
        1.05,
        {"H": 10.2, "C": 14.3, "N": 3.4, "O": 71.0, "Na": 0.1, "P": 0.2, "S": 0.3, "Cl": 0.1, "K": 0.4},
    ),
    "tooth": (
        2.2,
        {"H": 2.2, "C": 9.5, "N": 2.9, "O": 42.1, "Na": 0.3, "Mg": 0.7, "P": 13.7, "S": 0.1, "Ca": 28.5},
    ),
    "cartilage": (
        1.10,
        {"H": 9.6, "C": 9.9, "N": 2.2, "O": 74.4, "Na": 0.5, "P": 2.2, "S": 0.9, "Cl": 0.3},
    ),
    "fat": (0.95, {"H": 11.4, "C": 59.8, "N": 0.7, "O": 27.8, "Na": 0.1, "S": 0.1, "Cl": 0.1}),
    "brain": (
        1.04,
        {"H": 10.7, "C": 14.5, "N": 2.2, "O": 71.2, "Na": 0.2, "P": 0.4, "S": 0.2, "Cl": 0.3, "K": 0.3},
    ),
    "air": (0.0012, {"C": 0.01, "N": 75.5, "O": 23.2, "Ar": 1.3}),
    "marrow": (0.98, {"H": 11.5, "C": 64.4, "N": 0.7, "O": 23.1, "Na": 0.1, "S": 0.1, "Cl": 0.1}),
    "lung": (
        0.26,
        {"H": 10.3, "C": 10.5, "N": 3.1, "O": 74.9, "Na": 0.2, "P": 0.2, "S": 0.3, "Cl": 0.3, "K": 0.2},
    ),
}


def attenuation(tissue: str, energy: float = ENERGY_KEV) -> float:
    """Linear attenuation coefficient of a tissue in 1/m at an energy in keV."""
    density, fractions = COMPOSITION[tissue]
    total = sum(fractions.values())
    per_gram = sum(
        share / total * xraydb.mu_elam(element, energy * 1000.0) for element, share in fractions.items()
    )
    return float(per_gram * density * 100.0)


TISSUES = tuple(COMPOSITION)
"""Order of the tissues in the asset."""

ENERGIES = tuple(float(e) for e in range(20, 121, 2))
"""Energies of the asset's table, keV."""


def table() -> np.ndarray:
    """Attenuation of every tissue at every energy, float64 (T, E), 1/m."""
    return np.array([[attenuation(tissue, energy) for energy in ENERGIES] for tissue in TISSUES])
