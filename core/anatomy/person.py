"""A person: what the body is made from, and how random ones are drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from maskel_core.anatomy.age import parameter_of, years_of
from maskel_core.anatomy.population import (
    sample_changes,
    sample_flesh,
    sample_scales,
    sample_stature,
    sample_years,
    usual_height,
)
from maskel_core.anatomy.proportions import Scale
from maskel_core.anatomy.stylise import STYLES, sample_stylisation
from maskel_core.anatomy.typical import typical_scales

STYLISED_SHARE = 0.2
"""Share of stylised characters among random people."""

_GROUPS = (
    (28 / 365, "newborn"),
    (1.0, "infant"),
    (3.0, "toddler"),
    (12.0, "child"),
    (18.0, "teen"),
    (65.0, "adult"),
)


@dataclass(frozen=True)
class Person:
    """One body, unposed.

    Args:
        phenotypes: gender (0 male, 1 female), age (-1/3 newborn to 1), muscle, weight (to 1.25), height, proportions.
        changes: Local changes of the skin by name, usually -1 to 1 (see ``change_skin``).
        scales: Factors by segment (see ``maskel_core.anatomy.proportions``).
        stature: Height in metres, or None for what phenotypes and scales give.
        style: Kind of stylised character, one of ``STYLES``; None for a real person.
    """

    phenotypes: Mapping[str, float]
    changes: Mapping[str, float] = field(default_factory=dict)
    scales: Mapping[str, Scale] = field(default_factory=dict)
    stature: float | None = None
    style: str | None = None

    @property
    def years(self) -> float:
        """Age."""
        return age_years(self.phenotypes)

    @property
    def age_group(self) -> str:
        """newborn, infant, toddler, child, teen, adult or elder."""
        return age_group(self.years)


def age_years(phenotypes: Mapping[str, float]) -> float:
    """Age in years of a body's phenotypes."""
    return years_of(phenotypes["age"])


def age_group(years: float) -> str:
    """Name of an age: newborn (to 28 days), infant (to 1 year), toddler (3), child (12), teen (18), adult (65), elder."""
    return next((name for limit, name in _GROUPS if years < limit), "elder")


def make_person(years: float, gender: float, weight: float = 0.5, muscle: float = 0.5) -> Person:
    """The person of mean stature and proportions of an age and sex."""
    stature = sample_stature(None, years, gender)
    phenotypes = {
        "gender": gender,
        "age": parameter_of(years),
        "muscle": muscle,
        "weight": weight,
        "height": usual_height(stature, years, gender),
        "proportions": 0.5,
    }
    return Person(phenotypes, {}, typical_scales(years, gender), stature)


def sample_person(rng: np.random.Generator, style: str | None = None) -> Person:
    """A random person of any age, sex and build; a fifth are stylised characters.

    Args:
        rng: Source of randomness.
        style: Kind of stylised character, one of ``STYLES``; None leaves it to chance.
    """
    years = sample_years(rng)
    if style is None and rng.random() < STYLISED_SHARE:
        style = str(rng.choice(list(STYLES)))
    drawn = None if style is None else sample_stylisation(rng, style)
    if drawn is not None:
        years = drawn.years
    person = sample_real_person(rng, years, float(rng.beta(0.5, 0.5)))
    if drawn is None:
        return person
    scales = dict(person.scales)
    for segment, scale in drawn.scales.items():
        scales[segment] = scales.get(segment, Scale()) * scale
    phenotypes, changes = (dict(person.phenotypes) | drawn.phenotypes, dict(person.changes) | drawn.changes)
    return Person(phenotypes, changes, scales, drawn.stature, style)


def sample_real_person(rng: np.random.Generator, years: float, gender: float) -> Person:
    """A random person of an age and gender (0 male, 1 female), not stylised."""
    stature = sample_stature(rng, years, gender)
    weight, muscle = sample_flesh(rng, years)
    phenotypes = {
        "gender": gender,
        "age": parameter_of(years),
        "muscle": muscle,
        "weight": weight,
        "height": usual_height(stature, years, gender),
        "proportions": float(rng.beta(2.0, 2.0)),
    }
    scales = sample_scales(rng, years, gender)
    changes = sample_changes(rng, years, gender, weight)
    return Person(phenotypes, changes, scales, stature)
