"""The key and the readers' files, checked before anything is computed from them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maskel_core.errors import MaskelError
from maskel_core.study.criteria import (
    ANSWERS_FORMAT,
    CRITERIA,
    GRADES,
    GROUPS,
    KEY_FORMAT,
    SOURCES,
    VERSION,
)


@dataclass(frozen=True)
class Reading:
    """One reader's answers.

    Attributes:
        reader: Name or initials.
        path: The file.
        grades: Case to criterion to grade, 1 to 5; what is not answered, or cannot be judged, is left out.
        unjudged: Criterion to how many pictures the reader said cannot be judged by it.
        guesses: Case to guessed source.
        notes: Case to note.
    """

    reader: str
    path: Path
    grades: dict[str, dict[str, int]]
    unjudged: dict[str, int]
    guesses: dict[str, str]
    notes: dict[str, str]


def read_key(path: Path) -> dict[str, Any]:
    """The key of a study as ``build_key`` made it.

    Raises:
        MaskelError: ``key_missing``, ``key_damaged``.
    """
    if not path.is_file():
        raise MaskelError(
            "key_missing",
            f"There is no key {path}.",
            "Name the file .key.json that `maskel study make` wrote next to the page.",
        )
    key = _read(path, "key_damaged")
    if key.get("format") != KEY_FORMAT or key.get("version") != VERSION:
        raise _damaged("key_damaged", path, "it is no key of a study")
    cases = key.get("cases")
    if not isinstance(key.get("study"), str) or not isinstance(cases, list) or not cases:
        raise _damaged("key_damaged", path, "it names no study or no cases")
    wanted = {"id": str, "source": str, "sample": str, "body": str, "part": int, **dict.fromkeys(GROUPS, str)}
    for case in cases:
        fits = isinstance(case, dict) and all(isinstance(case.get(k), kind) for k, kind in wanted.items())
        if not fits or case["source"] not in SOURCES or case["part"] not in (1, 2):
            raise _damaged("key_damaged", path, "one of its cases is not complete")
    pairs = {(case["body"], case["source"]) for case in cases}
    if len({case["id"] for case in cases}) < len(cases) or len(pairs) < len(cases):
        raise _damaged("key_damaged", path, "a case is in it twice")
    return key


def read_answers(path: Path, key: dict[str, Any]) -> Reading:
    """One reader's file.

    Raises:
        MaskelError: ``answers_missing``, ``answers_damaged``, ``other_study``.
    """
    code = "answers_damaged"
    if not path.is_file():
        raise MaskelError("answers_missing", f"There is no file {path}.", "Check the path.")
    document = _read(path, code)
    if document.get("format") != ANSWERS_FORMAT or document.get("version") != VERSION:
        raise _damaged(code, path, "it is no file of answers")
    if document.get("study") != key["study"]:
        raise MaskelError(
            "other_study",
            f"{path} answers study {str(document.get('study'))[:40]}, the key is that of {key['study']}.",
            "Name the key that was written with the page this reader graded.",
        )
    reader, answers = document.get("reader"), document.get("answers")
    if not isinstance(reader, str) or not reader.strip():
        raise _damaged(code, path, "it names no reader")
    if not isinstance(answers, dict):
        raise _damaged(code, path, "it holds no answers")
    known = {case["id"] for case in key["cases"]}
    reading = Reading(reader.strip(), path, {}, dict.fromkeys(CRITERIA, 0), {}, {})
    for case, answer in answers.items():
        if case not in known or not isinstance(answer, dict):
            raise _damaged(code, path, f"it answers {case[:40]!r}, which is no case of the study")
        for name, value in answer.items():
            if name in CRITERIA and value is None:
                reading.unjudged[name] += 1
            # JSON's true is a Python int.
            elif name in CRITERIA and type(value) is int and value in GRADES:
                reading.grades.setdefault(case, {})[name] = value
            elif name == "origin" and isinstance(value, str) and value in SOURCES:
                reading.guesses[case] = value
            elif name == "note" and isinstance(value, str):
                reading.notes[case] = value
            else:
                raise _damaged(code, path, f"case {case} has {str(value)[:40]!r} for {name[:40]!r}")
    return reading


def read_all(paths: Sequence[Path], key: dict[str, Any]) -> list[Reading]:
    """Every reader's file, in the order given.

    Raises:
        MaskelError: What `read_answers` raises; ``duplicate_reader``, ``no_grades``.
    """
    readings: list[Reading] = []
    for path in paths:
        reading = read_answers(path, key)
        for other in readings:
            if other.reader.casefold() == reading.reader.casefold():
                raise MaskelError(
                    "duplicate_reader",
                    f"{other.path} and {path} are both by {reading.reader!r}.",
                    "Leave out the older file, or correct the reader's name in one of them.",
                )
        readings.append(reading)
    if not any(reading.grades for reading in readings):
        raise MaskelError(
            "no_grades", "Nothing is graded in these files.", "Grade some cases, then save the answers again."
        )
    return readings


def _read(path: Path, code: str) -> dict[str, Any]:
    try:
        # With or without a byte order mark: people open these files in editors.
        document = json.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        raise _damaged(code, path, f"it cannot be read ({error.strerror or error})") from error
    except (ValueError, RecursionError) as error:
        raise _damaged(code, path, "it is not JSON, or cut off") from error
    if not isinstance(document, dict):
        raise _damaged(code, path, "it is no JSON object")
    return document


def _damaged(code: str, path: Path, why: str) -> MaskelError:
    what = (
        "the key again from where it was kept" if code == "key_damaged" else "the answers again in the page"
    )
    return MaskelError(code, f"{path} cannot be used: {why}.", f"Save {what}.")
