"""What the model is meant to reach, beside what it reaches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

FALL_LIMIT = 0.15
"""Largest share by which a figure may fall when hair, clothes, props, crops or noise change the mask."""

FALL_FAMILIES = ("hair", "clothes", "props", "crops", "noise")
"""Families of changes that are held to it."""

MIRROR_TOLERANCE = 0.01
"""Largest difference of mirror images that counts as rounding, 1 = the dense integral of the layer."""


@dataclass(frozen=True)
class Aim:
    """One figure and where it should lie.

    Attributes:
        figure: Key of a summary.
        where: ``"all"`` views or ``"front"``.
        low: Least value.
        high: Largest value.
    """

    figure: str
    where: str
    low: float = float("-inf")
    high: float = float("inf")


CRISP = (0.85, 1.15)
"""Crispness between which a picture is neither blurred nor grainy; an answer outside has bought its figures with blur."""

AIMS = (
    Aim("high_pass_correlation", "front", low=0.75),
    Aim("high_pass_correlation", "all", low=0.60),
    Aim("slope_correlation", "front", low=0.65),
    Aim("joint_median", "front", high=0.015),
    Aim("joint_median", "all", high=0.025),
    Aim("crispness", "front", *CRISP),
    Aim("crispness", "all", *CRISP),
)


def judge(report: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """The aims with what the answer ``name`` reaches.

    Args:
        report: Keys ``all`` and ``front`` (summaries by answer), and ``robustness`` and ``mirror`` where they were measured.
        name: Of the answer.

    Returns:
        Dicts ``figure``, ``where``, ``low`` and ``high`` (None where there is no such bound), ``reached``, ``passed``;
        aims whose figure was not measured are left out.
    """
    found = []
    for aim in AIMS:
        value = report[aim.where].get(name, {}).get(aim.figure)
        if value is not None:
            found.append(_row(aim.figure, aim.where, aim.low, aim.high, value))
    for family, figures in (report.get("robustness") or {}).get("families", {}).items():
        if family in FALL_FAMILIES:
            found.append(_row("largest_fall", family, float("-inf"), FALL_LIMIT, figures["largest_fall"]))
    if report.get("mirror"):
        found.append(
            _row("mirror_largest", "all", float("-inf"), MIRROR_TOLERANCE, report["mirror"]["largest"])
        )
    return found


def _row(figure: str, where: str, low: float, high: float, value: float) -> dict[str, Any]:
    return {
        "figure": figure,
        "where": where,
        "low": None if low == float("-inf") else low,
        "high": None if high == float("inf") else high,
        "reached": value,
        "passed": low <= value <= high,
    }
