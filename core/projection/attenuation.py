"""Attenuation of tissues at any energy, from the table in the asset."""

from __future__ import annotations

import torch
from maskel_core.anatomy.age import mineral
from maskel_core.anatomy.asset import Anatomy
from maskel_core.errors import MaskelError

MINERALISED = ("cortical", "spongiosa", "tooth")
"""Tissues that belong to the bone layer; what they displace of others belongs to the soft layer."""


def attenuation(anatomy: Anatomy, energy: float) -> torch.Tensor:
    """Linear attenuation of every tissue, float (T,), 1/m, in the order of ``anatomy.names["tissues"]``.

    Args:
        anatomy: The asset.
        energy: Photon energy, keV, 20 to 120; between the table's energies interpolated by powers (log-log).

    Raises:
        MaskelError: ``bad_energy``.
    """
    energies, table = anatomy["tissue.energies"], anatomy["tissue.mu"]
    if not float(energies[0]) <= energy <= float(energies[-1]):
        raise MaskelError(
            "bad_energy",
            f"No attenuation is known at {energy:g} keV.",
            f"Choose {float(energies[0]):g} to {float(energies[-1]):g} keV.",
        )
    high = int(
        torch.searchsorted(energies, torch.tensor(energy, device=energies.device)).clamp(1, len(energies) - 1)
    )
    low, wanted = high - 1, torch.tensor(energy, device=energies.device).log()
    share = (wanted - energies[low].log()) / (energies[high].log() - energies[low].log())
    return (table[:, low].log() * (1 - share) + table[:, high].log() * share).exp()


def attenuation_at(anatomy: Anatomy, energies: tuple[float, ...], years: float) -> torch.Tensor:
    """Attenuation of every tissue of a person, float (T, E), 1/m.

    Mineral above soft tissue scales with age (see ``maskel_core.anatomy.age.mineral``).

    Raises:
        MaskelError: ``bad_energy``.
    """
    names = anatomy.names["tissues"]
    hard = torch.tensor([n in MINERALISED for n in names], device=anatomy.device).unsqueeze(1)
    mu = torch.stack([attenuation(anatomy, energy) for energy in energies], dim=1)
    base = mu[names.index("muscle")]
    return torch.where(hard, base + (mu - base) * mineral(years), mu)


def layer_matrix(anatomy: Anatomy, energies: tuple[float, ...], years: float) -> torch.Tensor:
    """What a metre of each tissue adds to each layer, float (T, 2 * energies): bone and soft at each energy.

    Raises:
        MaskelError: ``bad_energy``.
    """
    mu = attenuation_at(anatomy, energies, years)
    hard = torch.tensor([n in MINERALISED for n in anatomy.names["tissues"]], device=anatomy.device)
    bone, soft = mu * hard.unsqueeze(1), mu * ~hard.unsqueeze(1)
    return torch.stack([bone, soft], dim=2).flatten(1)
