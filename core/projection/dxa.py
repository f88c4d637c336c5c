"""Dual-energy densitometry: bone mineral and soft tissue from two pictures at two energies, as a scanner does it.

Two line integrals give two unknowns, the areal densities of hydroxyapatite and of soft tissue. The soft tissue's own mixture of
lean and fat is read where there is no bone and carried under the bones (Blake & Fogelman, "Technical principles of dual energy
X-ray absorptiometry", Semin Nucl Med 27, 1997).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from maskel_core.errors import MaskelError
from maskel_core.projection.beam import REFERENCES, beam_tensors
from maskel_core.projection.detector import gaussian_blur

_BONE_FREE = 0.06
"""Areal mineral density below which a pixel counts as free of bone, g/cm2."""

_ROUNDS = 3

_THIN = 0.15
"""Line integral at the low energy below which the mixture of soft tissue cannot be read."""


@dataclass
class Densitometry:
    """What a scanner tells of each pixel.

    Args:
        mineral: float (H, W), areal density of bone mineral, g/cm2.
        soft: float (H, W), areal density of all else, g/cm2.
        fat: float (H, W), mass share of fat in the soft tissue, 0 to 1.
    """

    mineral: torch.Tensor
    soft: torch.Tensor
    fat: torch.Tensor


def reference_attenuation(energies: tuple[float, float]) -> torch.Tensor:
    """Mass attenuation of ``REFERENCES`` at two energies in keV, float64 (2, 3), cm2/g; interpolated log-log.

    Raises:
        MaskelError: ``bad_energy`` if the first is not the lower, or the table does not reach them.
    """
    tensors = beam_tensors()
    least, most = float(tensors["beam.energies"][0]), float(tensors["beam.energies"][-1])
    if not least <= energies[0] < energies[1] <= most:
        raise MaskelError(
            "bad_energy",
            f"Densitometry needs a lower and a higher energy, not {energies[0]:g} and {energies[1]:g} keV.",
            f"Choose two from {least:g} to {most:g} keV, the lower first; 40 and 70 are usual.",
        )
    grid = tensors["beam.energies"].double().log()
    table = (tensors["reference.mass_attenuation"].double() * 10.0).log()
    rows = []
    for energy in energies:
        wanted = torch.tensor(energy, dtype=torch.float64).log()
        high = int(torch.searchsorted(grid, wanted).clamp(1, len(grid) - 1))
        share = (wanted - grid[high - 1]) / (grid[high] - grid[high - 1])
        rows.append((table[:, high - 1] * (1 - share) + table[:, high] * share).exp())
    return torch.stack(rows)


def _solve(
    low: torch.Tensor, high: torch.Tensor, bone: torch.Tensor, soft: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Areal densities of bone and soft tissue from two integrals by Cramer's rule; bone and soft (2, ...) in cm2/g."""
    determinant = bone[0] * soft[1] - bone[1] * soft[0]
    return (low * soft[1] - high * soft[0]) / determinant, (bone[0] * high - bone[1] * low) / determinant


def _blend(lean: torch.Tensor, lipid: torch.Tensor, mixture: torch.Tensor) -> torch.Tensor:
    """Mass attenuation (2, H, W) of soft tissue with a mass share of fat (H, W)."""
    return lean[:, None, None] * (1 - mixture) + lipid[:, None, None] * mixture


def _mixture(fat: torch.Tensor, total: torch.Tensor, free: torch.Tensor, reach: float) -> torch.Tensor:
    """Mass share of fat (H, W), from the pixels free of bone and round the others."""
    # Weighed by mass: bones lie where the body is thick, not in its rim, which is all fat.
    mass = free * total
    lipids = torch.minimum(free * fat.clamp(min=0), mass)
    mean = lipids.sum() / mass.sum().clamp(min=1e-9)
    # Far from every bone-free pixel the mean of the picture stands in.
    faint = (1e-3 * mass.sum() / free.sum().clamp(min=1)).clamp(min=1e-9)
    near_fat, near_mass = gaussian_blur(torch.stack([lipids, mass]), reach)
    return (near_fat + faint * mean) / (near_mass + faint)


def decompose(
    low: torch.Tensor,
    high: torch.Tensor,
    energies: tuple[float, float] = (40.0, 70.0),
    reach: float = 3.0,
    fat: float | None = None,
) -> Densitometry:
    """Mineral and soft tissue of a pair of pictures.

    Args:
        low: float (H, W), line integral at the lower energy.
        high: float (H, W), line integral at the higher energy.
        energies: The two energies, keV.
        reach: How far from the bones the soft tissue's mixture is taken, pixels (standard deviation).
        fat: Mass share of fat, if known; else read from the picture where there is no bone.

    Raises:
        MaskelError: ``bad_energy``.
    """
    reference = reference_attenuation(energies).to(low.device)
    low, high = low.double(), high.double()
    hydroxyapatite, lean, lipid = (reference[:, REFERENCES.index(n)] for n in REFERENCES)
    if fat is None:
        fat_mass, lean_mass = _solve(low, high, lipid, lean)
        total = (fat_mass + lean_mass).clamp(min=0)
        # Bone looks like less than no fat; what is left of it goes with each estimate of the mixture round it.
        free = ((fat_mass > -0.02 * total) & (low > _THIN)).double()
        for _ in range(_ROUNDS):
            mixture = _mixture(fat_mass, total, free, reach)
            first, _ = _solve(low, high, hydroxyapatite[:, None, None], _blend(lean, lipid, mixture))
            free = ((first < _BONE_FREE) & (low > _THIN)).double()
        mixture = _mixture(fat_mass, total, free, reach)
    else:
        mixture = torch.full_like(low, fat)
    mineral, rest = _solve(low, high, hydroxyapatite[:, None, None], _blend(lean, lipid, mixture))
    return Densitometry(mineral.float(), rest.float(), mixture.float())
