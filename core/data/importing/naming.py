"""Which files of a folder belong together.

Pictures: ``STEM.mask``, ``STEM.bone``, ``STEM.soft``, ``STEM.xray`` as ``.png`` or ``.dcm``. Volumes: ``STEM.nii.gz`` or
``STEM.nii`` with ``STEM.body`` and ``STEM.bones`` of the same kinds. ``STEM.joints.json`` goes with either.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from maskel_core.data.importing.problems import Problem, refuse
from maskel_core.errors import MaskelError

PICTURES = (".png", ".dcm")
VOLUMES = (".nii.gz", ".nii")
PICTURE_ROLES = ("mask", "bone", "soft", "xray")
VOLUME_ROLES = ("body", "bones")

_SUBJECT = re.compile(r"sub-[A-Za-z0-9]+")


@dataclass
class Item:
    """A pair or a volume with what belongs to it.

    Args:
        name: Path of the stem relative to the folder, with slashes.
        kind: ``pair`` or ``ct``.
        files: By role: those of `PICTURE_ROLES`, or ``ct`` and those of `VOLUME_ROLES`; ``joints`` where there are some.
    """

    name: str
    kind: Literal["pair", "ct"]
    files: dict[str, Path] = field(default_factory=dict)


@dataclass
class Found:
    """What a folder holds.

    Args:
        items: Pairs and volumes, by name.
        problems: Of files that are there twice.
        ignored: Files whose names say nothing.
    """

    items: list[Item]
    problems: list[Problem]
    ignored: list[Path]


def scan(source: Path) -> Found:
    """Sort the files of a folder and its sub-folders into pairs and volumes; hidden files are left alone.

    Raises:
        MaskelError: ``not_a_folder``, ``nothing_found``.
    """
    if not source.is_dir():
        raise MaskelError("not_a_folder", f"{source} is no folder.", "Name the folder that holds the files.")
    items: dict[tuple[str, str], Item] = {}
    problems: list[Problem] = []
    ignored: list[Path] = []
    joints: dict[str, Path] = {}
    for path in sorted(p for p in source.rglob("*") if p.is_file()):
        relative = path.relative_to(source)
        if any(part.startswith(".") for part in relative.parts):
            continue
        known = _classify(path.name)
        if known is None:
            ignored.append(path)
            continue
        stem, kind, role = known
        name = (relative.parent / stem).as_posix()
        if kind == "joints":
            joints[name] = path
            continue
        item = items.setdefault((name, kind), Item(name, "pair" if kind == "pair" else "ct"))
        if role in item.files:
            why = refuse("file_twice", path, f"says the same as {item.files[role].name}", "Keep one of them.")
            problems.append(Problem(name, why))
            continue
        item.files[role] = path
    for name, path in joints.items():
        owners = [item for (other, _), item in items.items() if other == name]
        for item in owners:
            item.files["joints"] = path
        if not owners:
            ignored.append(path)
    if not items:
        raise MaskelError(
            "nothing_found",
            f"{source} holds no pair and no volume ({len(ignored)} other files).",
            "Name pictures STEM.mask.png and STEM.bone.png (or .dcm), volumes STEM.nii.gz: see docs/real-data.md.",
        )
    twice = {problem.name for problem in problems}
    return Found([items[k] for k in sorted(items) if items[k].name not in twice], problems, ignored)


def _classify(name: str) -> tuple[str, str, str] | None:
    """Stem, kind (``pair``, ``ct``, ``joints``) and role of a file; None where its name says nothing."""
    lower = name.lower()
    if lower.endswith(".joints.json"):
        return name[: -len(".joints.json")], "joints", "joints"
    for endings, roles, kind in ((PICTURES, PICTURE_ROLES, "pair"), (VOLUMES, VOLUME_ROLES, "ct")):
        ending = next((e for e in endings if lower.endswith(e)), None)
        if ending is None:
            continue
        stem, _, role = name[: -len(ending)].rpartition(".")
        if stem and role.lower() in roles:
            return stem, kind, role.lower()
        return (name[: -len(ending)], "ct", "ct") if kind == "ct" else None
    return None


def person_of(name: str, pattern: str | None = None) -> str:
    """The person that an item shows.

    Args:
        name: Of the item.
        pattern: Regular expression that is searched in the name: its first group, or all it finds, is the person. Without
            one: a part ``sub-LABEL`` (BIDS), else the first folder, else the whole name.

    Raises:
        MaskelError: ``no_person`` where the pattern finds nothing, ``bad_pattern`` where it is none.
    """
    if pattern is not None:
        try:
            found = re.search(pattern, name)
        except re.error as error:
            raise MaskelError(
                "bad_pattern", f"{pattern!r} is no regular expression: {error}.", "Correct --person."
            ) from error
        if found is None:
            raise refuse("no_person", name, f"has no person by {pattern!r}", "Correct --person or the name.")
        return next((group for group in found.groups() if group), found.group())
    subject = _SUBJECT.search(name)
    return subject.group() if subject else name.split("/")[0]
