"""Are people proportioned as published? Random men, women and children, measured on their skin and bones.

    python benchmarks/anthropometry.py [--count 24] [--seed 5]
    python benchmarks/anthropometry.py --fit    (prints the table of maskel_core.anatomy.typical)

Writes docs/measurements/anthropometry.json: the mean share of stature of each measure beside the published one, by age and sex.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import report

CHILDREN = (1.0, 2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 14.0, 16.0)
ADULT_AIM, CHILD_AIM = 0.03, 0.06
SEXES = {"male": 0.0, "female": 1.0}
_WEIGHTS = {
    "femur": 2.4,
    "tibia": 1.7,
    "sitting_height": 2.6,
    "bi_iliac": 2.0,
    "span": 2.5,
    "head_height": 2.0,
    "humerus": 1.5,
}
"""Weights of the measures in the fit; one of the others."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=24)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--fit", action="store_true")
    parser.add_argument("--out", type=Path, default=report.FOLDER)
    options = parser.parse_args()
    from maskel_core.anatomy.asset import default_anatomy

    anatomy = default_anatomy()
    if options.fit:
        print_factors(anatomy)
        return 0
    groups = {}
    for sex, gender in SEXES.items():
        groups[f"{sex} 18-65"] = compared(anatomy, None, gender, options)
        for years in CHILDREN:
            groups[f"{sex} {years:g}"] = compared(anatomy, years, gender, options)
    for name, group in groups.items():
        print(
            f"{name:13} "
            + "  ".join(f"{k} {v['mean']:.3f} ({v['off']:+.1%})" for k, v in group["shares"].items())
        )
    kept = {name: worst(groups, name == "adults") for name in ("adults", "children")}
    print(kept)
    report.keep(
        "anthropometry",
        {"machine": report.machine(), "people_a_group": options.count, "worst": kept, "groups": groups},
        options.out,
    )
    return 0


def compared(anatomy, years: float | None, gender: float, options: argparse.Namespace) -> dict:
    """Mean shares of stature of random people beside the published ones; ages 18 to 65 without an age."""
    from maskel_core.anatomy.anthropometry import measure
    from maskel_core.anatomy.norms import published
    from maskel_core.anatomy.person import sample_real_person

    rng = np.random.default_rng([options.seed, int(years or 0), int(gender)])
    found = [
        measure(anatomy, sample_real_person(rng, years or float(rng.uniform(18.0, 65.0)), gender))
        for _ in range(options.count)
    ]
    wanted = published(years or 40.0, gender)
    shares = {}
    for name, share in wanted.items():
        mean = float(np.mean([row[name] for row in found]))
        shares[name] = {
            "mean": round(mean, 4),
            "spread": round(float(np.std([row[name] for row in found])), 4),
            "published": round(share, 4),
            "off": round(mean / share - 1, 4),
        }
    return {"stature": round(float(np.mean([row["stature"] for row in found])), 3), "shares": shares}


def worst(groups: dict, grown: bool) -> dict:
    """Aim, greatest deviation and share of the measures within the aim, of adults or of children."""
    aim = ADULT_AIM if grown else CHILD_AIM
    off = {
        f"{name}: {key}": abs(value["off"])
        for name, group in groups.items()
        if name.endswith("18-65") == grown
        for key, value in group["shares"].items()
    }
    at = max(off, key=off.__getitem__)
    return {
        "aim": aim,
        "greatest": round(off[at], 4),
        "at": at,
        "within": round(float(np.mean([v <= aim for v in off.values()])), 3),
    }


def fitted(anatomy, years: float, gender: float, rounds: int = 2) -> list[float]:
    """Factors of ``maskel_core.anatomy.typical`` for the mean person of an age and gender, by Gauss and Newton from those there.

    Every measure is drawn to its published share, every factor to one.
    """
    from maskel_core.anatomy.anthropometry import measure
    from maskel_core.anatomy.norms import published
    from maskel_core.anatomy.person import make_person
    from maskel_core.anatomy.typical import FACTORS, segment_scales, typical_factors

    wanted = published(years, gender)
    tolerance = {name: 0.02 / _WEIGHTS.get(name, 1.0) for name in wanted}
    loose = 0.12 if years > 3 else 0.2
    plain = replace(make_person(years, gender), scales={}, stature=None)
    stature = measure(anatomy, plain)["stature"]

    def residual(logs: np.ndarray) -> np.ndarray:
        scales = segment_scales(dict(zip(FACTORS, np.exp(logs), strict=True)))
        found = measure(anatomy, replace(plain, scales=scales))
        off = [np.log(found[name] / share) / tolerance[name] for name, share in wanted.items()]
        # Stature stays, so that girths, which have no factor, keep their share of it.
        return np.concatenate([off, logs / loose, [np.log(found["stature"] / stature) / 0.005]])

    logs = np.log(list(typical_factors(years, gender).values()))
    best, least = logs, np.inf
    for _ in range(rounds + 1):
        now = residual(logs)
        if now @ now < least:
            best, least = logs, now @ now
        slope = np.stack([(residual(logs + step) - now) / 0.01 for step in 0.01 * np.eye(len(logs))], axis=1)
        logs = logs + np.clip(np.linalg.lstsq(slope, -now, rcond=None)[0], -0.1, 0.1)
    return [round(float(value), 3) for value in np.exp(best)]


def print_factors(anatomy) -> None:
    """The table of factors, ready for the module."""
    from maskel_core.anatomy.typical import YEARS

    for sex, gender in SEXES.items():
        print(f"_{sex.upper()} = (")
        for years in YEARS:
            print(f"    {tuple(fitted(anatomy, years, gender))},", flush=True)
        print(")")


if __name__ == "__main__":
    raise SystemExit(main())
