"""What densitometry finds in bodies whose bones and soft tissues are known, and how beams harden in them.

    python benchmarks/physics.py [--size 512]

Needs xraydb (extra ``asset``) for the tissues' densities. Writes docs/measurements/physics.json. Exit status 1 if the mineral of
a whole skeleton is more than 8 % off, or soft tissue more than 2 %.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

MINERAL_LIMIT, SOFT_LIMIT = 0.08, 0.02
CASES = {
    "man of 30": (30.0, 0.0),
    "woman of 30": (30.0, 1.0),
    "woman of 75": (75.0, 1.0),
    "boy of 8": (8.0, 0.0),
}
LUMBAR = ("l1", "l2", "l3", "l4")
CALCIUM_OF_HYDROXYAPATITE = 0.3989
PHOTONS = 500_000.0
"""A pixel without a body, each energy: with it a pixel behind 20 cm of tissue counts about 2,000."""


def mineral_densities() -> dict[str, float]:
    """Hydroxyapatite in mineralised tissues, g/cm3, by their calcium."""
    from maskel_core.anatomy.construction.tissues import COMPOSITION
    from maskel_core.projection.attenuation import MINERALISED

    return {
        name: COMPOSITION[name][0] * COMPOSITION[name][1]["Ca"] / 100 / CALCIUM_OF_HYDROXYAPATITE
        for name in MINERALISED
    }


def scanned(years: float, gender: float, size: int) -> dict[str, float]:
    """True and found areal densities of one standing body."""
    import torch
    from maskel_core.anatomy.age import mineral
    from maskel_core.anatomy.asset import default_anatomy
    from maskel_core.anatomy.construction.tissues import COMPOSITION
    from maskel_core.anatomy.figure import make_figure
    from maskel_core.anatomy.person import make_person
    from maskel_core.anatomy.pose import Limb, Pose
    from maskel_core.projection import Camera, signed_thickness
    from maskel_core.projection.detector import Detector
    from maskel_core.projection.dxa import decompose
    from maskel_core.projection.xray import project_figure, project_tissues

    anatomy = default_anatomy()
    arm = Limb(abduction=0.25)
    figure = make_figure(anatomy, make_person(years, gender), Pose("standing", (arm, arm)))
    low, high = figure.skin.amin(0), figure.skin.amax(0)
    camera = Camera(target=tuple(((low + high) / 2).tolist()), height=float(high[2] - low[2]) * 1.04)
    seen = project_figure(anatomy, figure, camera, size, energies=(40.0, 70.0)).energies.sum(1)
    paths = project_tissues(anatomy, figure, camera, size)
    length = dict(zip(anatomy.names["tissues"], paths.lengths * 100, strict=True))
    # At other ages than a young adult's a part of each bone attenuates as muscle does.
    share = mineral(years)
    hard = mineral_densities()
    true = sum(length[name] * density for name, density in hard.items()) * share
    whole = sum(
        thickness
        * (
            COMPOSITION[n][0] * share + COMPOSITION["muscle"][0] * (1 - share)
            if n in hard
            else COMPOSITION[n][0]
        )
        for n, thickness in length.items()
    )
    found = decompose(seen[0], seen[1], reach=size / 100)
    scanner = Detector(photons=PHOTONS, fwhm=0.0, scatter=0.0, electronic=0.0)
    noisy = decompose(*(scanner.read(picture, seed) for seed, picture in enumerate(seen)), reach=size / 100)
    inside = paths.mask > 0.99
    pixel = (camera.height / size * 100) ** 2 / 1000
    spine = torch.tensor(
        [int((anatomy["piece.bone"] == anatomy.names["bones"].index(n)).nonzero()[0]) for n in LUMBAR]
    )
    faces = anatomy["bone.faces"][torch.isin(anatomy["bone.face_piece"], spine)]
    flat = camera.project(figure.bones, (size, size))
    region = signed_thickness(flat, faces, (size, size), perspective=False)[0] > 1e-3
    bone = torch.stack([found.mineral[inside], true[inside]])
    soft = (whole - true)[inside]
    return {
        "mineral_kg": float(true[inside].sum()) * pixel,
        "mineral_found_kg": float(found.mineral[inside].sum()) * pixel,
        "mineral_correlation": float(bone.corrcoef()[0, 1]),
        "soft_tissue_l1": float((found.soft[inside] - soft).abs().sum() / soft.sum()),
        "lumbar_g_cm2": float(true[region].mean()),
        "lumbar_found_g_cm2": float(found.mineral[region].mean()),
        "lumbar_found_with_noise_g_cm2": float(noisy.mineral[region].mean()),
    }


def hardening() -> dict[str, dict[str, float]]:
    """Effective energy, keV, that a beam's signal behind muscle corresponds to, by thickness."""
    import numpy as np
    import torch
    from maskel_core.anatomy.asset import default_anatomy
    from maskel_core.projection.attenuation import attenuation
    from maskel_core.projection.beam import tube_beam

    anatomy = default_anatomy()
    muscle = anatomy.names["tissues"].index("muscle")
    grid = np.linspace(20, 120, 501)
    curve = np.array([float(attenuation(anatomy, float(e))[muscle]) for e in grid])
    out = {}
    for peak in (60, 70, 80, 100, 120):
        beam = tube_beam(peak)
        mu = torch.stack([attenuation(anatomy, float(e))[muscle] for e in beam.energies])
        out[f"{peak} kV"] = {
            f"{centimetres} cm": round(
                float(
                    np.interp(-float(beam.signal(mu * centimetres / 100)) / centimetres * 100, -curve, grid)
                ),
                1,
            )
            for centimetres in (1, 10, 25)
        }
    return out


def main() -> int:
    import report
    import torch

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--out", type=Path, default=report.FOLDER)
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = {name: scanned(*case, options.size) for name, case in CASES.items()}
    result = {
        "what": "bone mineral and soft tissue by 40 and 70 keV beside what is in the body; energies of hardened beams",
        "command": "python benchmarks/physics.py " + " ".join(sys.argv[1:]),
        "machine": report.machine(),
        "densitometry": {n: {k: round(v, 4) for k, v in row.items()} for n, row in rows.items()},
        "effective_kev_behind_muscle": hardening(),
    }
    report.keep("physics", result, options.out)
    good = all(
        abs(row["mineral_found_kg"] / row["mineral_kg"] - 1) < MINERAL_LIMIT
        and row["soft_tissue_l1"] < SOFT_LIMIT
        for row in rows.values()
    )
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
