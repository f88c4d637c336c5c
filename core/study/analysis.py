"""What the answers of a study say: made against simulated, by criterion, agreement of readers, guesses."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from maskel_core.study.answers import Reading, read_all, read_key
from maskel_core.study.criteria import CRITERIA, GRADES, GROUPS, SOURCES
from maskel_core.study.statistics import (
    alpha_interval,
    coincidences,
    holm,
    krippendorff_alpha,
    mean_interval,
    paired_test,
    proportion,
    rank_test,
)
from numpy.typing import NDArray

MEASURES = (*CRITERIA, "overall")
"""The criteria, and the mean of all four where all four are given."""


def analyse(answers: Sequence[Path], key: Path) -> dict[str, Any]:
    """The report of a study.

    A body is the unit of every interval and test: grades are averaged over readers first, and a body counts once however
    many readers graded it. What the figures say is about these readers.

    Args:
        answers: One file a reader.
        key: Of the study.

    Returns:
        JSON-ready: ``study`` facts, ``readers``, ``measures`` by criterion and ``overall`` (made, truth, difference with
        interval and tests), ``by_GROUP``, ``agreement``, ``guesses``, ``cases``, ``notes``. None stands where there is too
        little to compute from.

    Raises:
        MaskelError: ``key_missing``, ``key_damaged``, ``answers_missing``, ``answers_damaged``, ``other_study``,
            ``duplicate_reader``, ``no_grades``.
    """
    known = read_key(key)
    readings = read_all(answers, known)
    cases = known["cases"]
    grades = grade_table(readings, cases)
    report: dict[str, Any] = {
        name: known.get(name) for name in ("study", "model", "style", "size", "seed", "plain", "version")
    }
    report["cases_in_study"] = len(cases)
    report["readers"] = [_reader(reading, len(cases)) for reading in readings]
    everything = list(range(len(cases)))
    report["measures"] = {
        name: _measure(table, cases, everything, tests=True) for name, table in grades.items()
    }
    tested = [name for name in CRITERIA if report["measures"][name]["p"] is not None]
    for name, p in zip(tested, holm([report["measures"][name]["p"] for name in tested]), strict=True):
        report["measures"][name]["p_holm"] = p
    for group in GROUPS:
        values = sorted({case[group] for case in cases})
        picks = {value: [i for i in everything if cases[i][group] == value] for value in values}
        report[f"by_{group}"] = {
            value: {name: _measure(table, cases, pick) for name, table in grades.items()}
            for value, pick in picks.items()
        }
    report["agreement"] = {name: _agreement(grades[name], cases) for name in CRITERIA}
    report["guesses"] = _guesses(readings, cases)
    report["cases"] = [
        {**case, "grades": {name: _number(_means(table)[i]) for name, table in grades.items()}}
        for i, case in enumerate(cases)
    ]
    report["notes"] = [
        {
            "case": case["id"],
            "source": case["source"],
            "reader": reading.reader,
            "note": reading.notes[case["id"]],
        }
        for case in cases
        for reading in readings
        if case["id"] in reading.notes
    ]
    return report


def grade_table(
    readings: Sequence[Reading], cases: Sequence[dict[str, Any]]
) -> dict[str, NDArray[np.float64]]:
    """Grades by measure: float (readers, cases), NaN where there is none."""
    table = {
        name: np.array(
            [
                [reading.grades.get(case["id"], {}).get(name, np.nan) for case in cases]
                for reading in readings
            ],
            dtype=np.float64,
        )
        for name in CRITERIA
    }
    # NaN where one of the four is missing: means of different criteria cannot be compared.
    table["overall"] = np.mean(list(table.values()), axis=0)
    return table


def _reader(reading: Reading, cases: int) -> dict[str, Any]:
    complete = sum(len(grades) == len(CRITERIA) for grades in reading.grades.values())
    return {
        "reader": reading.reader,
        "complete": complete,
        "in_part": len(reading.grades) - complete,
        "not_graded": cases - len(reading.grades),
        "cannot_be_judged": sum(reading.unjudged.values()),
        "notes": len(reading.notes),
    }


def _measure(
    table: NDArray[np.float64], cases: Sequence[dict[str, Any]], pick: Sequence[int], tests: bool = False
) -> dict[str, Any]:
    """Made, truth and their difference over some cases; ``tests`` adds p-values and the first part alone."""
    means = _means(table)
    found: dict[str, Any] = {}
    for source in SOURCES:
        values = means[[i for i in pick if cases[i]["source"] == source]]
        found[source] = _summary(values[np.isfinite(values)])
    differences = _differences(table, cases, pick)
    found["difference"] = _summary(differences)
    if tests:
        found["p"] = paired_test(differences)
        first = {
            source: means[[i for i in pick if cases[i]["source"] == source and cases[i]["part"] == 1]]
            for source in SOURCES
        }
        made, truth = (values[np.isfinite(values)] for values in (first["made"], first["truth"]))
        ranked = rank_test(made, truth)
        found["first_part"] = {
            "made": _summary(made),
            "truth": _summary(truth),
            "chance_made_above": None if ranked is None else ranked[0],
            "p": None if ranked is None else ranked[1],
        }
    return found


def _differences(
    table: NDArray[np.float64], cases: Sequence[dict[str, Any]], pick: Sequence[int]
) -> NDArray[np.float64]:
    """Made less truth of every body, a reader's own two grades compared, averaged over the readers who gave both."""
    pairs: dict[str, dict[str, int]] = {}
    for i in pick:
        pairs.setdefault(cases[i]["body"], {})[cases[i]["source"]] = i
    whole = [pair for pair in pairs.values() if len(pair) == len(SOURCES)]
    if not whole:
        return np.empty(0)
    differences = _means(table[:, [p["made"] for p in whole]] - table[:, [p["truth"] for p in whole]])
    return differences[np.isfinite(differences)]


def _means(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over readers of every case; NaN where nobody graded it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        means: NDArray[np.float64] = np.nanmean(table, axis=0)
    return means


def _summary(values: NDArray[np.float64]) -> dict[str, Any]:
    interval = mean_interval(values)
    return {
        "mean": float(values.mean()) if len(values) else None,
        "interval": None if interval is None else list(interval),
        "n": len(values),
    }


def _agreement(table: NDArray[np.float64], cases: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Krippendorff's ordinal alpha over all cases that two readers or more graded."""
    shared = int((np.isfinite(table).sum(axis=0) > 1).sum())
    alpha = krippendorff_alpha(coincidences(table, list(GRADES)).sum(axis=0))
    interval = (
        None if alpha is None else alpha_interval(table, list(GRADES), [case["body"] for case in cases])
    )
    return {"alpha": alpha, "interval": None if interval is None else list(interval), "cases": shared}


def _guesses(readings: Sequence[Reading], cases: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """How often the source was guessed right: of all guesses, by what the picture was, and by reader."""
    truth = {case["id"]: case["source"] for case in cases}
    told = [(r.reader, truth[case], guess) for r in readings for case, guess in r.guesses.items()]

    def share(rows: list[tuple[str, str, str]]) -> dict[str, Any] | None:
        return proportion(sum(was == guess for _, was, guess in rows), len(rows)) if rows else None

    return {
        "all": share(told),
        **{source: share([row for row in told if row[1] == source]) for source in SOURCES},
        "by_reader": {r.reader: share([row for row in told if row[0] == r.reader]) for r in readings},
    }


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
