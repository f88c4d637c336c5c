"""Hounsfield units to attenuation at another energy.

A CT number says how much a voxel attenuates at the scanner's energy, not what it is made of. Both curves here run straight
between the reference tissues of our own tables (ICRU 44 and 46), each at the Hounsfield unit that it has at the scanner's
effective energy: the stoichiometric calibration of Schneider, Pedroni and Lomax, Phys Med Biol 41 (1996) 111. Soft tissue runs
through air, lung, fat and muscle; bone is a mixture by volume of marrow and cortical bone, as in Schneider, Bortfeld and
Schlegel, Phys Med Biol 45 (2000) 459. The mixture gives ICRU's spongiosa at 40 keV to 1 % (test).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from maskel_core.anatomy.asset import Anatomy, default_anatomy
from maskel_core.errors import MaskelError
from maskel_core.projection.attenuation import attenuation
from numpy.typing import NDArray

_WATER_KEV = (20.0, 30.0, 40.0, 50.0, 60.0, 80.0, 100.0, 150.0)
_WATER = (0.8096, 0.3756, 0.2683, 0.2269, 0.2059, 0.1837, 0.1707, 0.1505)
"""Mass attenuation of water, cm2/g. Source: NISTIR 5632, table 4."""

CT_KEV = 70.0
"""Effective energy of a scanner at 120 kV: cortical bone has 1553 HU by our tables there and 1524 in Schneider 2000."""

BONE_HU = 200.0
"""From here a voxel counts as bone; spongiosa of ICRU 46 has 284 HU, vessels with contrast medium about as much."""

INNER_HU = 50.0
"""The same within a given mask of bones: the spongiosa of the old, but not the marrow of a long bone's canal."""

HIGHEST_HU = 3071.0
"""Largest Hounsfield unit that is believed: metal and its streaks lie above."""


def water(energy: float) -> float:
    """Linear attenuation of water at 20 °C, 1/m, at an energy of 20 to 150 keV, log-log between the table's."""
    at = np.interp(np.log(energy), np.log(_WATER_KEV), np.log(_WATER))
    return float(np.exp(at)) * 0.9982 * 100


@dataclass(frozen=True)
class HounsfieldCurve:
    """Attenuation by Hounsfield unit.

    Args:
        soft: Hounsfield units and 1/m of the corners of soft tissue's curve, float64 (N,) each, rising.
        bone: The same of bone: marrow, cortical bone, and on in a straight line to `HIGHEST_HU`.
        threshold: Hounsfield unit from which a voxel counts as bone.
    """

    soft: tuple[NDArray[np.float64], NDArray[np.float64]]
    bone: tuple[NDArray[np.float64], NDArray[np.float64]]
    threshold: float = BONE_HU

    @classmethod
    def at(
        cls,
        energy: float = 40.0,
        ct_energy: float = CT_KEV,
        threshold: float = BONE_HU,
        anatomy: Anatomy | None = None,
    ) -> HounsfieldCurve:
        """The curves to an energy, keV.

        Args:
            energy: Of the X-rays that are made, 20 to 120 keV.
            ct_energy: Effective energy of the scanner, keV.
            threshold: Hounsfield unit from which a voxel counts as bone.
            anatomy: The asset whose tables are used; default the one that ships.

        Raises:
            MaskelError: ``bad_energy``, ``bad_threshold``.
        """
        anatomy = anatomy or default_anatomy()
        wanted, seen = (attenuation(anatomy, e).double().cpu().numpy() for e in (energy, ct_energy))
        units = 1000 * (seen / water(ct_energy) - 1)
        names = anatomy.names["tissues"]

        def corner(tissue: str) -> tuple[float, float]:
            number = names.index(tissue)
            return float(units[number]), float(wanted[number])

        marrow, cortical, muscle = corner("marrow"), corner("cortical"), corner("muscle")
        if not marrow[0] < threshold < cortical[0]:
            raise MaskelError(
                "bad_threshold",
                f"Bone cannot begin at {threshold:g} HU.",
                f"Choose more than marrow's {marrow[0]:.0f} and less than cortical bone's {cortical[0]:.0f}.",
            )
        top = HIGHEST_HU
        # Above muscle, soft tissue is taken as denser muscle.
        dense = (top, muscle[1] * (1000 + top) / (1000 + muscle[0]))
        slope = (cortical[1] - marrow[1]) / (cortical[0] - marrow[0])
        beyond = (top, cortical[1] + slope * (top - cortical[0]))
        soft = np.array([(-1000.0, 0.0), corner("lung"), corner("fat"), muscle, dense])
        bone = np.array([marrow, cortical, beyond])
        return cls((soft[:, 0], soft[:, 1]), (bone[:, 0], bone[:, 1]), threshold)

    def layers(
        self, units: NDArray[np.floating], body: NDArray[np.bool_], bones: NDArray[np.bool_] | None = None
    ) -> NDArray[np.float32]:
        """Attenuation of the bone and the soft-tissue layer, float32 (2, ...), 1/m, 0 outside the body.

        A voxel of bone gives all its attenuation to the bone layer, its marrow included, as spongiosa does in simulated
        samples.

        Args:
            units: Hounsfield units (...).
            body: Where the body is.
            bones: Where bones are, if that is known; then bone begins at `INNER_HU` within and nowhere without.
        """
        hard = body & (units >= (self.threshold if bones is None else INNER_HU))
        if bones is not None:
            hard &= bones
        clipped = units.clip(-1000.0, HIGHEST_HU)
        out = np.zeros((2, *units.shape), np.float32)
        out[0][hard] = np.interp(clipped[hard], *self.bone)
        fleshy = body & ~hard
        out[1][fleshy] = np.interp(clipped[fleshy], *self.soft)
        return out
