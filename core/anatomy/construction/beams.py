"""Builds ``beams.safetensors``: ``python -m maskel_core.anatomy.construction.beams``.

Spectra are computed with spekpy (Poludniowski et al., "Technical Note: SpekPy v2.0", Med Phys 48, 2021), attenuation with
xraydb (Elam tables), so that nothing at run time needs either.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
import xraydb
from maskel_core.anatomy.construction.tissues import COMPOSITION, ENERGIES
from maskel_core.projection.beam import BEAMS_PATH, REFERENCES
from safetensors.torch import save_file

PEAKS_KV = (60, 70, 80, 100, 120)
ANODE_DEGREES = 12.0
ALUMINIUM_MM = 2.5
"""Total filtration that IEC 60601-1-3 asks of diagnostic tubes at the least."""

_HYDROXYAPATITE = {"Ca": 39.89, "P": 18.50, "O": 41.41, "H": 0.20}
"""Mass percentages of Ca10(PO4)6(OH)2, in which densitometry states bone mineral."""


def mass_attenuation(fractions: dict[str, float]) -> np.ndarray:
    """Mass attenuation of a mixture at ``ENERGIES``, float64 (E,), m2/kg; fractions in mass percent."""
    energies = np.array(ENERGIES) * 1000.0
    total = sum(fractions.values())
    per_gram = sum(share / total * xraydb.mu_elam(name, energies) for name, share in fractions.items())
    return np.asarray(per_gram) * 0.1


def spectrum(peak: int) -> tuple[np.ndarray, float]:
    """Fluence of a tungsten tube in bins centred on ``ENERGIES``, float64 (E,), sum 1, and the share lost below the bins."""
    import spekpy

    tube = spekpy.Spek(kvp=peak, th=ANODE_DEGREES, dk=0.5)
    tube.filter("Al", ALUMINIUM_MM)
    energy, fluence = tube.get_spectrum(edges=False)
    half = 0.5 * (ENERGIES[1] - ENERGIES[0])
    edges = np.append(np.array(ENERGIES) - half, ENERGIES[-1] + half)
    bins = np.histogram(energy, edges, weights=fluence)[0]
    return bins / bins.sum(), float(1 - bins.sum() / fluence.sum())


def build(path: Path = BEAMS_PATH) -> Path:
    """Compute spectra and reference materials and write them; returns the path."""
    spectra, lost = zip(*(spectrum(peak) for peak in PEAKS_KV), strict=True)
    materials = {
        "hydroxyapatite": _HYDROXYAPATITE,
        "lean": COMPOSITION["muscle"][1],
        "fat": COMPOSITION["fat"][1],
    }
    tensors = {
        "beam.energies": torch.tensor(ENERGIES),
        "beam.fluence": torch.tensor(np.array(spectra)).float(),
        "beam.peak_kv": torch.tensor(PEAKS_KV).float(),
        "reference.mass_attenuation": torch.tensor(
            np.array([mass_attenuation(materials[name]) for name in REFERENCES])
        ).float(),
    }
    notice = (
        f"Tungsten anode at {ANODE_DEGREES:g} degrees, {ALUMINIUM_MM:g} mm aluminium, by spekpy 2 (MIT). "
        "Attenuation: xraydb (public domain), Elam tables."
    )
    save_file(tensors, path, {"notice": notice, "references": json.dumps(REFERENCES)})
    print(f"wrote {path} ({path.stat().st_size} bytes); photons below the table: {max(lost):.1%} at most")
    return path


if __name__ == "__main__":
    build()
