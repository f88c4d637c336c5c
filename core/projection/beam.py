"""Polyenergetic beams: what a detector sees of line integrals that differ from energy to energy.

A tube's beam holds photons of all energies up to its peak. Soft ones are absorbed first, so that the beam hardens on its way
and the signal grows less than in proportion to thickness (Bushberg et al., "The Essential Physics of Medical Imaging").
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

import torch
from maskel_core.anatomy.asset import ASSET_PATH, Anatomy
from maskel_core.anatomy.figure import Figure
from maskel_core.errors import MaskelError
from maskel_core.projection.attenuation import attenuation_at
from maskel_core.projection.camera import Camera
from maskel_core.projection.xray import project_tissues
from safetensors.torch import load_file

BEAMS_PATH = ASSET_PATH.parent / "beams.safetensors"
"""Spectra and reference materials that ship with the package."""

REFERENCES = ["hydroxyapatite", "lean", "fat"]
"""Materials whose mass attenuation the file holds."""

_TINY = 1e-30

_PIXELS = 1 << 17
"""Pixels that are held at all energies at once."""


@dataclass(frozen=True)
class Beam:
    """An X-ray beam.

    Args:
        energies: float (E,), keV.
        weights: float (E,), share of each energy in the detector's signal without a body, sum 1.
    """

    energies: torch.Tensor
    weights: torch.Tensor

    def mean_energy(self) -> float:
        """Mean energy of the signal, keV."""
        return float((self.energies * self.weights).sum())

    def signal(self, integrals: torch.Tensor) -> torch.Tensor:
        """Logarithmic signal -log(sum of S(E) exp(-L(E))).

        Args:
            integrals: float (E, ...), line integrals at the beam's energies, not negative.

        Returns:
            float (...), 0 without a body.
        """
        weights = self.weights.to(integrals).clamp(min=_TINY).log()
        return -(weights.reshape(-1, *[1] * (integrals.dim() - 1)) - integrals).logsumexp(0)


@functools.lru_cache(maxsize=2)
def beam_tensors(path: Path = BEAMS_PATH) -> dict[str, torch.Tensor]:
    """Tensors ``beam.energies`` (E,) keV, ``beam.fluence`` (P, E), ``beam.peak_kv`` (P,), ``reference.mass_attenuation`` (3, E)
    m2/kg in the order of ``REFERENCES``.

    Raises:
        MaskelError: ``asset_missing``.
    """
    if not path.is_file():
        raise MaskelError(
            "asset_missing", f"The file {path.name} is missing.", "Reinstall the maskel package."
        )
    return load_file(path)


def tube_beam(peak_kv: int, *, integrating: bool = True) -> Beam:
    """The beam of a tungsten tube behind 2.5 mm of aluminium.

    Args:
        peak_kv: Tube voltage, one of 60, 70, 80, 100, 120.
        integrating: Whether the detector weighs photons by their energy (a scintillator) or counts them.

    Raises:
        MaskelError: ``bad_energy``.
    """
    tensors = beam_tensors()
    peaks = [int(p) for p in tensors["beam.peak_kv"]]
    if peak_kv not in peaks:
        known = ", ".join(str(p) for p in peaks)
        raise MaskelError("bad_energy", f"No beam of {peak_kv:g} kV is known.", f"Choose one of {known}.")
    energies, fluence = tensors["beam.energies"], tensors["beam.fluence"][peaks.index(peak_kv)]
    used = fluence > 0
    weights = fluence[used] * (energies[used] if integrating else 1.0)
    return Beam(energies[used], weights / weights.sum())


def single_energy(energy: float) -> Beam:
    """A beam of one energy, keV."""
    return Beam(torch.tensor([energy]), torch.ones(1))


def project_beam(anatomy: Anatomy, figure: Figure, camera: Camera, size: int, beam: Beam) -> torch.Tensor:
    """Logarithmic signal of a figure in a beam, float (S, S).

    Args:
        anatomy: The asset.
        figure: The posed body.
        camera: The view.
        size: Edge of the square picture, pixels.
        beam: The beam.

    Raises:
        MaskelError: ``bad_energy`` for energies outside the asset's table.
    """
    paths = project_tissues(anatomy, figure, camera, size).lengths
    mu = attenuation_at(anatomy, tuple(beam.energies.tolist()), figure.years)
    # Some rows at a time: the picture at every energy would fill the memory.
    rows = max(1, _PIXELS // size)
    parts = [
        beam.signal(torch.einsum("te,tij->eij", mu, part).clamp(min=0)) for part in paths.split(rows, dim=1)
    ]
    return torch.cat(parts)
