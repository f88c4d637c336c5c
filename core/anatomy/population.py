"""The population that random people come from: ages, statures, builds and proportions, from published surveys."""

from __future__ import annotations

import numpy as np
from maskel_core.anatomy.proportions import Scale
from maskel_core.anatomy.typical import typical_scales

_GROWN = (
    0.0,
    0.5,
    1.0,
    2.0,
    3.0,
    4.0,
    5.0,
    6.0,
    7.0,
    8.0,
    9.0,
    10.0,
    11.0,
    12.0,
    13.0,
    14.0,
    15.0,
    16.0,
    17.0,
    18.0,
    20.0,
)
# fmt: off
_BOYS = (0.499, 0.676, 0.757, 0.871, 0.961, 1.033, 1.100, 1.160, 1.217, 1.273, 1.326, 1.378, 1.431, 1.491, 1.560, 1.632,
         1.690, 1.729, 1.752, 1.761, 1.7562)
_GIRLS = (0.491, 0.657, 0.740, 0.857, 0.951, 1.027, 1.094, 1.151, 1.208, 1.266, 1.325, 1.386, 1.450, 1.512, 1.564, 1.598,
          1.617, 1.625, 1.629, 1.631, 1.6285)
# fmt: on
"""Median length or height in metres: WHO Child Growth Standards (2006) to 5 years, WHO Growth Reference (2007) to 18; adults:
means of ANSUR II (Gordon et al. 2014)."""

_LOSS_YEARS = (0.0, 35.0, 70.0, 80.0, 110.0)
_LOSS = ((0.0, 0.0, 0.03, 0.05, 0.09), (0.0, 0.0, 0.05, 0.08, 0.13))
"""Height lost with age, metres, men and women (Sorkin, Muller & Andres 1999: 3 and 5 cm by 70, 5 and 8 cm by 80)."""

_SPREAD = 0.045
"""Standard deviation of stature relative to its mean: 4 % in the standards and surveys, a little more here so that the short
and the tall are seen as well."""

_AGES = (-1 / 3, 0.0, 1 / 3, 2 / 3, 1.0)
_SHORTEST = ((0.328, 0.437, 0.991, 1.364, 1.334), (0.328, 0.438, 0.895, 1.224, 1.210))
_TALLEST = ((0.668, 0.891, 1.936, 2.454, 2.423), (0.668, 0.891, 1.840, 2.313, 2.301))
"""Stature of anny's bodies at height 0 and 1, metres, at its ages, male and female; linear in between."""


def sample_years(rng: np.random.Generator) -> float:
    """A random age: mostly adults, the old, the young and infants among them."""
    kind = rng.random()
    if kind < 0.70:
        return float(rng.uniform(18.0, 65.0))
    if kind < 0.79:
        return float(rng.uniform(65.0, 95.0))
    if kind < 0.955:
        return float(rng.uniform(3.0, 18.0))
    if kind < 0.99:
        return float(rng.uniform(0.1, 3.0))
    return float(rng.uniform(0.0, 0.1))


def sample_stature(rng: np.random.Generator | None, years: float, gender: float) -> float:
    """Stature in metres at an age and gender (0 male, 1 female); the mean without a source of randomness."""
    male, female = (
        np.interp(years, _GROWN, grown) - np.interp(years, _LOSS_YEARS, loss)
        for grown, loss in zip((_BOYS, _GIRLS), _LOSS, strict=True)
    )
    mean = float(male + gender * (female - male))
    return mean if rng is None else mean * float(1 + _SPREAD * np.clip(rng.normal(), -2.8, 2.8))


def usual_height(stature: float, years: float, gender: float) -> float:
    """The body parameter ``height`` that gives a stature, 0.05 to 0.95."""
    from maskel_core.anatomy.age import parameter_of

    age = parameter_of(years)
    ends = []
    for table in (_SHORTEST, _TALLEST):
        male, female = (float(np.interp(age, _AGES, row)) for row in table)
        ends.append(male + gender * (female - male))
    return float(np.clip((stature - ends[0]) / (ends[1] - ends[0]), 0.05, 0.95))


def sample_flesh(rng: np.random.Generator, years: float) -> tuple[float, float]:
    """Body parameters ``weight`` (to 1.25) and ``muscle``, from thin to very heavy (adults: body-mass index 15 to 47)."""
    kind = rng.random()
    if years < 2.0:
        return float(rng.uniform(0.25, 0.9)), float(rng.beta(2.0, 3.0))
    if kind < 0.10:
        weight, muscle = rng.uniform(0.0, 0.25), rng.beta(2.0, 3.0)
    elif kind < 0.60:
        weight, muscle = rng.beta(2.2, 2.2), rng.beta(2.0, 2.4)
    elif kind < 0.84:
        weight, muscle = rng.uniform(0.6, 1.0), rng.uniform(0.0, 0.4)
    elif kind < 0.92:
        weight, muscle = rng.uniform(0.95, 1.25), rng.uniform(0.0, 0.18)
    else:
        weight, muscle = rng.uniform(0.3, 0.8), rng.uniform(0.7, 1.0)
    if years < 16.0:
        weight, muscle = min(weight, 1.0), 0.85 * muscle
    return float(weight), float(muscle)


_SOFT = (
    "belly",
    "waist",
    "hips",
    "buttocks",
    "slack_belly",
    "thigh_fat",
    "upper_arm_fat",
    "shank_fat",
    "forearm_fat",
)
_FACE = (
    "nose_depth",
    "nose_width",
    "nose_height",
    "mouth_width",
    "lips",
    "eye_size",
    "ear_size",
    "ear_wing",
    "chin_width",
)
_BREAST = ("bust", "underbust", "breast_point", "breast_lift")
_BONY = (
    "neck_girth",
    "nape",
    "cheeks",
    "cheek_bones",
    "chin",
    "wrist_girth",
    "finger_girth",
    "knee_girth",
    "ankle_girth",
)


_MOST = {
    "belly": 1.0,
    "slack_belly": 0.8,
    "hips": 0.8,
    "thigh_fat": 0.7,
    "upper_arm_fat": 0.8,
    "double_chin": 1.0,
    "head_fat": 0.7,
}
"""Where a change begins to fold or to bulge at its border."""


def sample_changes(rng: np.random.Generator, years: float, gender: float, weight: float) -> dict[str, float]:
    """Local changes of a random person: where the fat lies, breasts, muscles, face."""

    def some(spread: float, low: float, high: float) -> float:
        return float(np.clip(spread * rng.normal(), low, high))

    fat = float(np.clip((weight - 0.6) / 0.6, 0.0, 1.0))
    aged = float(np.clip((years - 45.0) / 40.0, 0.0, 1.0))
    grown = float(np.clip((years - 11.0) / 6.0, 0.0, 1.0))
    out = {name: some(0.2, -0.25, 0.5) for name in _SOFT}
    out |= {name: some(0.4, -0.8, 0.8) for name in _FACE}
    # These thin the flesh over a bone when negative.
    out |= {name: some(0.22, -0.15, 0.5) for name in _BONY}
    if gender > 0.5:
        out |= {name: grown * some(0.35, -0.5 if "_" in name else -0.1, 0.8) for name in _BREAST}
        out["breast_lift"] -= 0.5 * aged
    out["lips"] = max(out["lips"], -0.3)
    out["waist"] = max(out["waist"], -0.15)
    for name in (
        "pectorals",
        "back_muscle",
        "shoulder_muscle",
        "upper_arm_muscle",
        "forearm_muscle",
        "thigh_muscle",
        "shank_muscle",
    ):
        out[name] = grown * some(0.25, -0.1, 0.6)
    out["belly"] += fat * float(rng.uniform(0.0, 0.7 - 0.4 * gender))
    out["slack_belly"] += (0.5 * fat + 0.4 * aged) * float(rng.uniform(0.0, 1.0))
    out["slack_groin"] = 0.5 * fat * float(rng.uniform(0.0, 1.0))
    out["hips"] += fat * gender * float(rng.uniform(0.0, 0.6))
    for name in ("thigh_fat", "upper_arm_fat"):
        out[name] += fat * float(rng.uniform(0.0, 0.8))
    for name in ("double_chin", "head_fat"):
        out[name] = fat * float(rng.uniform(0.2, 1.2))
    out |= {name: min(out[name], most) for name, most in _MOST.items()}
    if years < 3.0:
        out = {name: 0.5 * value for name, value in out.items() if name not in ("slack_belly", "slack_groin")}
    return out


def sample_scales(rng: np.random.Generator, years: float, gender: float) -> dict[str, Scale]:
    """Proportions of a random person about the typical ones; standard deviations as in ANSUR II, 2 to 4 % of each measure."""

    def some(spread: float) -> float:
        return float(1 + spread * np.clip(rng.normal(), -2.5, 2.5))

    legs, arms, girth, hands = some(0.02), some(0.02), some(0.025), some(0.03)
    drawn = {
        "pelvis": Scale(1.0, some(0.03), some(0.02)),
        "loin": Scale(1.0, some(0.02), some(0.02)),
        "chest": Scale(1.0, some(0.03), some(0.03)),
        "clavicle": Scale.limb(some(0.025)),
        "neck": Scale.limb(some(0.04), some(0.02)),
        "head": Scale.even(some(0.025)) * Scale(some(0.01), some(0.012), some(0.015)),
        "upper_arm": Scale.limb(arms * some(0.01), girth),
        "forearm": Scale.limb(arms * some(0.012), girth),
        "hand": Scale.even(hands),
        "thigh": Scale.limb(legs * some(0.01), girth),
        "shank": Scale.limb(legs * some(0.012), girth),
        "foot": Scale.even(hands * some(0.02)),
    }
    typical = typical_scales(years, gender)
    return {name: scale * typical.get(name, Scale()) for name, scale in drawn.items()}
