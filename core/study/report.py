"""The report of a study as tables for people."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from maskel_core.errors import MaskelError
from maskel_core.study.criteria import CRITERIA, GROUPS, SOURCES

_ESCAPES = str.maketrans(
    {**{mark: "\\" + mark for mark in "\\`*_[]|#~"}, "<": "&lt;", ">": "&gt;", "&": "&amp;"}
)

_NAMES = {**{key: name for key, (name, _) in CRITERIA.items()}, "overall": "All four"}


def markdown(report: dict[str, Any]) -> str:
    """The whole report, Markdown; texts of readers are escaped."""
    parts = [
        f"# Reading study {report['study']}\n\n{_facts(report)}",
        "## Readers\n\n" + _readers(report),
        "## Made against simulated\n\n" + summary(report),
        "## First part alone\n\nEach body seen once, so nothing is recognised.\n\n" + _first_part(report),
        "## Agreement\n\n" + _agreement(report),
        "## Guesses\n\n" + _guesses(report),
    ]
    for group, heading in GROUPS.items():
        if len(report[f"by_{group}"]) > 1 or group in ("view", "pose"):
            parts.append(f"## By {heading.lower()}\n\n" + _group(report[f"by_{group}"], heading))
    if report["notes"]:
        rows = [(n["case"], SOURCES[n["source"]], n["reader"], n["note"]) for n in report["notes"]]
        parts.append("## Notes\n\n" + table(("Case", "Picture", "Reader", "Note"), rows))
    return "\n".join(parts)


def summary(report: dict[str, Any]) -> str:
    """The table of grades by criterion."""
    rows = [
        (
            _NAMES[name],
            _interval(found["made"]),
            _interval(found["truth"]),
            _interval(found["difference"], signed=True),
            found["difference"]["n"],
            _p(found["p"]),
            _p(found.get("p_holm")),
        )
        for name, found in report["measures"].items()
    ]
    heads = ("Grade, 1 to 5", "Made", "Simulated", "Made - simulated", "Bodies", "p", "p (Holm)")
    return table(heads, rows) + (
        "\nMeans with 95 % bootstrap intervals over bodies, where there are five or more; p by flipping the signs of the "
        "bodies' differences; Holm for the four criteria.\n"
    )


def table(heads: Iterable[Any], rows: Iterable[Iterable[Any]]) -> str:
    """A Markdown table of escaped cells."""
    lines = ["| " + " | ".join(map(escape, heads)) + " |"]
    lines.append("|---" * (lines[0].count(" |")) + "|")
    lines += ["| " + " | ".join(map(escape, row)) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def escape(value: Any) -> str:
    """Text that stays text in a Markdown table: no markup, no links, no new line, no new cell."""
    return " ".join(str(value).split()).translate(_ESCAPES)


def write_report(report: dict[str, Any], out: Path) -> None:
    """Write ``report.json`` and ``report.md``.

    Raises:
        MaskelError: ``cannot_write``.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        document = json.dumps(report, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
        (out / "report.json").write_bytes(document.encode())
        (out / "report.md").write_bytes(markdown(report).encode())
    except OSError as error:
        raise MaskelError(
            "cannot_write", f"{out} cannot be written: {error.strerror or error}.", "Choose another --out."
        ) from error


def _facts(report: dict[str, Any]) -> str:
    return (
        f"Model {escape(report['model'])}, style {escape(report['style'])}, {escape(report['size'])} pixels, "
        f"{report['cases_in_study']} cases, {len(report['readers'])} reader"
        f"{'s' * (len(report['readers']) != 1)}. Simulated and made pictures of bodies that do not exist. Not for medical use.\n"
    )


def _readers(report: dict[str, Any]) -> str:
    names = ("reader", "complete", "in_part", "not_graded", "cannot_be_judged", "notes")
    heads = ("Reader", "Graded", "In part", "Not graded", "Answers 'cannot be judged'", "Notes")
    return table(heads, ([reader[name] for name in names] for reader in report["readers"]))


def _first_part(report: dict[str, Any]) -> str:
    rows = []
    for name, found in report["measures"].items():
        first = found["first_part"]
        chance = "" if first["chance_made_above"] is None else f"{first['chance_made_above']:.2f}"
        rows.append(
            (
                _NAMES[name],
                _interval(first["made"]),
                _interval(first["truth"]),
                f"{first['made']['n']} + {first['truth']['n']}",
                chance,
                _p(first["p"]),
            )
        )
    heads = ("Grade, 1 to 5", "Made", "Simulated", "Bodies", "Chance that made is above", "p (Mann-Whitney)")
    return table(heads, rows)


def _agreement(report: dict[str, Any]) -> str:
    rows = [
        (_NAMES[name], _interval({**found, "mean": found["alpha"]}), found["cases"])
        for name, found in report["agreement"].items()
    ]
    return table(("Criterion", "Krippendorff's alpha, ordinal", "Cases graded by two or more"), rows) + (
        "\n1 is perfect agreement, 0 what chance gives.\n"
    )


def _guesses(report: dict[str, Any]) -> str:
    guesses = report["guesses"]
    if guesses["all"] is None:
        return "Nobody guessed.\n"
    named = [("All guesses", guesses["all"])]
    named += [(name, guesses[source]) for source, name in SOURCES.items()]
    named += [(f"Reader {reader}", found) for reader, found in guesses["by_reader"].items()]
    rows = [
        (
            name,
            f"{found['right']} of {found['of']}",
            f"{found['share']:.0%} ({found['interval'][0]:.0%} to {found['interval'][1]:.0%})",
            _p(found["p"]),
        )
        for name, found in named
        if found is not None
    ]
    return table(("Where from?", "Right", "Share, 95 % interval", "p against 50 %"), rows) + (
        "\nExact binomial intervals; 50 % is what cannot be told apart. Several readers' guesses of one picture are not "
        "independent: then trust the rows of single readers.\n"
    )


def _group(found: dict[str, Any], heading: str) -> str:
    rows = []
    for value, measures in found.items():
        cells = [_interval(measures[name]["difference"], signed=True) for name in _NAMES]
        both = [measures["overall"][source]["mean"] for source in SOURCES]
        rows.append((value, measures["overall"]["difference"]["n"], *(_mean(mean) for mean in both), *cells))
    heads = (
        heading,
        "Bodies",
        "Made, all four",
        "Simulated, all four",
        *(f"{name}, difference" for name in _NAMES.values()),
    )
    return table(heads, rows)


def _mean(value: float | None, signed: bool = False) -> str:
    if value is None:
        return ""
    # A hyphen-minus is what terminals and readers of tables both understand; -0.00 is none.
    return f"{value if round(value, 2) else 0.0:{'+' if signed and round(value, 2) else ''}.2f}"


def _interval(found: dict[str, Any], signed: bool = False) -> str:
    text = _mean(found["mean"], signed)
    if found["interval"] is None:
        return text
    low, high = (_mean(bound, signed) for bound in found["interval"])
    return f"{text} ({low} to {high})"


def _p(value: float | None) -> str:
    if value is None:
        return ""
    return "under 0.001" if value < 0.001 else f"{value:.3f}"
