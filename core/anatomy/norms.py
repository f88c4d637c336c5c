"""Published proportions of people by age and sex, each a share of stature, with their sources.

Values at birth are about, by the same authors' curves drawn on, except the head: a quarter of the length (Stratz 1909), its
breadth from the circumference of 34.5 cm (World Health Organization 2007).
"""

from __future__ import annotations

import numpy as np

ADULT = 20.0
"""Age in years from which the adult values hold."""

_AGES = (0.0, 1.0, 2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 14.0, 16.0)

# fmt: off
_GROWING: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    # Anderson, Messner & Green 1964 (J Bone Joint Surg 46-A:1197), lengths with both epiphyses, boys and girls of Boston, over
    # the median stature of the World Health Organization's standards (2006, 2007).
    "femur": (
        (0.1650, 0.1913, 0.2084, 0.2289, 0.2422, 0.2536, 0.2634, 0.2691, 0.2707, 0.2699),
        (0.1650, 0.2001, 0.2127, 0.2329, 0.2478, 0.2585, 0.2649, 0.2694, 0.2700, 0.2682),
    ),
    "tibia": (
        (0.1400, 0.1532, 0.1669, 0.1807, 0.1907, 0.1994, 0.2070, 0.2129, 0.2156, 0.2142),
        (0.1400, 0.1564, 0.1693, 0.1836, 0.1957, 0.2045, 0.2113, 0.2157, 0.2155, 0.2131),
    ),
    # About: national surveys of the United States (Malina, Hamill & Lemeshow 1973, 6 to 11 years) give 0.157 to 0.160 for the
    # living, which is 0.150 for the bones (Ruff 2000, as below).
    "bi_iliac": (
        (0.156, 0.154, 0.152, 0.150, 0.150, 0.149, 0.149, 0.149, 0.150, 0.150),
        (0.156, 0.154, 0.152, 0.150, 0.150, 0.149, 0.150, 0.152, 0.156, 0.158),
    ),
    # About: Fredriks et al. 2005 (Arch Dis Child 90:807), Dutch children; crown-rump length at one year.
    "sitting_height": (
        (0.670, 0.630, 0.595, 0.565, 0.545, 0.530, 0.520, 0.515, 0.513, 0.517),
        (0.670, 0.630, 0.595, 0.565, 0.543, 0.528, 0.519, 0.515, 0.521, 0.526),
    ),
    # Hall, Froster-Iskenius & Allanson 1989 (Handbook of Normal Physical Measurements): the span is 3 cm less than stature to
    # seven years, equal at eight to twelve, more from fourteen.
    "span": (
        (0.965, 0.960, 0.966, 0.971, 0.975, 0.990, 1.000, 1.005, 1.015, 1.027),
        (0.965, 0.960, 0.966, 0.971, 0.975, 0.990, 1.000, 1.003, 1.008, 1.015),
    ),
    # Stratz 1909 (Der Koerper des Kindes): a quarter of stature at birth, a fifth at two, a sixth at six, a seventh at
    # fourteen; in between by interpolation.
    "head_height": (
        (0.250, 0.221, 0.200, 0.182, 0.167, 0.158, 0.151, 0.147, 0.142, 0.137),
        (0.250, 0.221, 0.200, 0.182, 0.167, 0.158, 0.151, 0.146, 0.142, 0.138),
    ),
    # About: Anderson, Blais & Green 1956 (Am J Phys Anthropol 14:287), growth of the normal foot.
    "foot": (
        (0.157, 0.157, 0.158, 0.158, 0.157, 0.156, 0.156, 0.157, 0.157, 0.154),
        (0.157, 0.157, 0.158, 0.157, 0.156, 0.155, 0.155, 0.154, 0.150, 0.150),
    ),
    # About: Snyder et al. 1977, hand length.
    "hand": (
        (0.122, 0.116, 0.113, 0.110, 0.109, 0.109, 0.109, 0.109, 0.110, 0.110),
        (0.122, 0.116, 0.113, 0.110, 0.109, 0.109, 0.109, 0.110, 0.110, 0.110),
    ),
    # About: Snyder et al. 1977 (UM-HSRI-77-17), head breadth and shoulder (biacromial) breadth.
    "head_breadth": (
        (0.1880, 0.1680, 0.1560, 0.1340, 0.1220, 0.1120, 0.1050, 0.0990, 0.0930, 0.0885),
        (0.1880, 0.1670, 0.1540, 0.1320, 0.1195, 0.1100, 0.1030, 0.0965, 0.0920, 0.0900),
    ),
    "biacromial": (
        (0.240, 0.232, 0.228, 0.224, 0.222, 0.221, 0.220, 0.221, 0.225, 0.229),
        (0.240, 0.232, 0.228, 0.224, 0.221, 0.220, 0.219, 0.219, 0.220, 0.221),
    ),
}

_GROWN: dict[str, tuple[float, float]] = {
    # Trotter & Gleser 1952 (Am J Phys Anthropol 10:463): stature by the maximum length of a bone, at the means of its samples of
    # white men (174.0 cm) and women (160.7 cm). Its tibiae were measured without the malleolus (Jantz, Hunt & Meadows 1995).
    "femur": ((174.0 - 61.41) / 2.38 / 174.0, (160.7 - 54.10) / 2.47 / 160.7),
    "tibia": ((174.0 - 78.62) / 2.52 / 174.0, (160.7 - 61.53) / 2.90 / 160.7),
    "humerus": ((174.0 - 70.45) / 3.08 / 174.0, (160.7 - 57.97) / 3.36 / 160.7),
    "radius": ((174.0 - 79.01) / 3.78 / 174.0, (160.7 - 54.93) / 4.74 / 160.7),
    # Heinz et al. 2003 (J Stat Educ 11): 28.1 cm in men of 177.7 cm, 27.6 cm in women of 164.9 cm, over the skin; bones by
    # Ruff 2000 (Am J Phys Anthropol 113:269): living = 1.17 x skeletal - 3 cm.
    "bi_iliac": ((28.1 + 3) / 1.17 / 177.7, (27.6 + 3) / 1.17 / 164.9),
    # Gordon et al. 2014 (ANSUR II, Natick TR-15/007), over its mean statures of 175.6 and 162.8 cm; women's head breadth about.
    "sitting_height": (0.5227, 0.5262),
    "span": (1.033, 1.027),
    "head_breadth": (0.0878, 0.0907),
    "biacromial": (0.2367, 0.2243),
    "foot": (0.1544, 0.1511),
    "hand": (0.1101, 0.1113),
    # About: Farkas 1994, vertex to gnathion; a stature is seven and a half heads.
    "head_height": (0.1320, 0.1340),
}
# fmt: on

MEASURES = tuple(_GROWN)
"""Names of the proportions: what ``maskel_core.anatomy.anthropometry.measure`` measures."""


def published(years: float, gender: float) -> dict[str, float]:
    """Mean share of stature of each of ``MEASURES`` that is published for an age, gender 0 male to 1 female.

    Between the ages of the sources values are interpolated.
    """
    out = {}
    for name, grown in _GROWN.items():
        if name not in _GROWING:
            if years >= ADULT:
                out[name] = grown[0] + gender * (grown[1] - grown[0])
            continue
        male, female = (
            float(np.interp(years, (*_AGES, ADULT), (*growing, end)))
            for growing, end in zip(_GROWING[name], grown, strict=True)
        )
        out[name] = male + gender * (female - male)
    return out
