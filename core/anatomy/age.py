"""Age: from the body's parameter to years, and what years do to bones."""

from __future__ import annotations

import numpy as np
import torch

_PARAMETER = (-1 / 3, 0.0, 0.05, 0.215, 0.415, 0.67, 0.77, 0.83, 1.0)
_YEARS = (0.0, 0.5, 1.0, 4.0, 11.0, 16.0, 18.0, 64.0, 110.0)
"""anny's calibration of its age parameter by the growth standards of the World Health Organization, from one year. Its
newborn at -1/3 and its baby at 0 have the length and mass of the standards' medians at birth and at six months."""

_MINERAL_YEARS = (0.0, 1.0, 5.0, 12.0, 20.0, 40.0, 60.0, 90.0)
_MINERAL = (0.62, 0.68, 0.78, 0.87, 1.0, 1.0, 0.94, 0.80)
"""Mineral of bone relative to a young adult: densities after ICRP publication 89 (cortex of the newborn 1.66, of the adult
1.92 g/cm3, hence about 0.62 of the attenuation above soft tissue), and the loss of the aged (NHANES III, both sexes)."""


def years_of(parameter: float) -> float:
    """Age in years of the body parameter ``age`` (-1/3 newborn to 1)."""
    return float(np.interp(parameter, _PARAMETER, _YEARS))


def parameter_of(years: float) -> float:
    """The body parameter ``age`` of an age in years, 0 to 110."""
    return float(np.interp(years, _YEARS, _PARAMETER))


def mineral(years: float) -> float:
    """Mineral of bone relative to a young adult's, 0.6 to 1."""
    return float(np.interp(years, _MINERAL_YEARS, _MINERAL))


def nucleus_size(years: float, appears: torch.Tensor, closes: torch.Tensor) -> torch.Tensor:
    """Size of ossification centres relative to the whole epiphysis, 0 (none) to 1.

    Growth of a centre is fast at first: it fills most of its cartilage in the first half of its time.

    Args:
        years: Age.
        appears: float (P,), age at which the centre appears.
        closes: float (P,), age at which the plate closes.
    """
    share = ((years - appears) / (0.8 * (closes - appears)).clamp(min=0.1)).clamp(0, 1)
    size = 0.28 + 0.72 * share.sqrt()
    return torch.where(torch.as_tensor(years) >= appears, size, torch.zeros_like(size))


def presence(years: float, kind: torch.Tensor, appears: torch.Tensor, closes: torch.Tensor) -> torch.Tensor:
    """Whether pieces exist at an age, 0 or 1, float (P,); kinds as in ``PIECE_KINDS``.

    Args:
        years: Age.
        kind: int64 (P,).
        appears: float (P,), years.
        closes: float (P,), years.
    """
    open_plate = years < closes
    always = kind == PIECE_KINDS.index("always")
    plate = (kind == PIECE_KINDS.index("plate")) & open_plate
    nucleus = (kind == PIECE_KINDS.index("nucleus")) & open_plate & (years >= appears)
    span = (kind == PIECE_KINDS.index("span")) & (years >= appears) & open_plate
    return (always | plate | nucleus | span).to(appears)


PIECE_KINDS = ("always", "plate", "nucleus", "span")
"""``plate``: cartilage for an unfused end; ``nucleus``: the bone in it; ``span``: there from ``appears`` to ``closes``."""
