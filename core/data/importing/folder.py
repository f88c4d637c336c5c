"""A folder of real pairs and CT volumes to sample shards, whole or not at all."""

from __future__ import annotations

import contextlib
import shutil
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from maskel_core.data.importing.ct import VIEW_DEGREES
from maskel_core.data.importing.hounsfield import HounsfieldCurve
from maskel_core.data.importing.naming import Item, person_of, scan
from maskel_core.data.importing.preview import SHOWN, draw_row, write_preview
from maskel_core.data.importing.problems import ImportRefusedError, Problem
from maskel_core.data.importing.samples import ImportSettings, load_item, make_samples
from maskel_core.data.importing.shard_set import ShardSet, write_manifest
from maskel_core.data.importing.splits import assign
from maskel_core.errors import MaskelError
from maskel_core.version import __version__
from numpy.typing import NDArray

Progress = Callable[[int, int], None]


@dataclass
class ImportReport:
    """What an import did.

    Args:
        manifest: The file that names the shards.
        samples: Samples by split.
        people: Number of persons by split.
        problems: Of what was left out.
        ignored: Files whose names say nothing.
    """

    manifest: Path
    samples: dict[str, int]
    people: dict[str, int]
    problems: list[Problem]
    ignored: list[Path]


def import_folder(
    source: Path,
    out: Path,
    settings: ImportSettings | None = None,
    skip_bad: bool = False,
    progress: Progress | None = None,
) -> ImportReport:
    """Turn a folder of real data into sample shards.

    Everything is read and checked before anything is made; the folder of shards appears when all are done.

    Args:
        source: Folder of pictures and volumes, named as `maskel_core.data.importing.naming` says.
        out: Folder to make; an empty one may be there.
        settings: How to read.
        skip_bad: Leave out what cannot be used, instead of refusing all.
        progress: Called with steps done and steps in all.

    Raises:
        MaskelError: ``not_a_folder``, ``nothing_found``, ``folder_in_use``, ``cannot_write``, ``package_missing``, and of
            settings ``bad_size``, ``bad_view``, ``bad_views``, ``bad_scale``, ``bad_distance``, ``bad_energy``,
            ``bad_threshold``, ``bad_share``, ``bad_split``, ``bad_pattern``; `ImportRefusedError` with all problems of the files.
    """
    settings, out = settings or ImportSettings(), out.resolve()
    _check_settings(settings)
    curve = HounsfieldCurve.at(settings.energy, settings.ct_energy, settings.bone_threshold)
    _check_free(out)
    found = scan(source)
    whole, steps = len(found.items) + len(found.problems), 2 * len(found.items)
    report = progress or (lambda _done, _all: None)
    problems = list(found.problems)
    good: list[tuple[Item, str]] = []
    for number, item in enumerate(found.items):
        report(number, steps)
        try:
            person = person_of(item.name, settings.person)
            load_item(item, settings)
        except MaskelError as error:
            # What is wrong with every file alike is said once.
            if error.code in ("package_missing", "bad_pattern"):
                raise
            problems.append(Problem(item.name, error))
        else:
            good.append((item, person))
    if not good or (problems and not skip_bad):
        raise ImportRefusedError(problems, whole)
    splits = assign([person for _, person in good], settings.val, settings.test, settings.split)
    staging = out.with_name(f".{out.name}-{uuid.uuid4().hex[:8]}.part")
    try:
        staging.mkdir(parents=True)
        with contextlib.ExitStack() as after:
            after.callback(shutil.rmtree, staging, ignore_errors=True)
            shards = ShardSet(staging)
            after.callback(shards.close)
            rows: list[NDArray[np.uint8]] = []
            for number, (item, person) in enumerate(good, len(found.items)):
                report(number, steps)
                try:
                    made = list(make_samples(item, person, splits[person], settings, curve, shards.count))
                except MaskelError as error:
                    problems.append(Problem(item.name, error))
                    continue
                for sample in made:
                    shards.add(sample)
                rows += [draw_row(sample) for sample in made[: SHOWN - len(rows)]]
            if not shards.count or (problems and not skip_bad):
                raise ImportRefusedError(problems, whole)
            recipe = {"import": asdict(settings), "size": settings.size, "count": shards.count}
            write_manifest(staging, {**recipe, "version": __version__}, shards.close())
            write_preview(rows, staging / "preview.png")
            if out.exists():
                out.rmdir()
            staging.rename(out)
    except OSError as error:
        raise MaskelError(
            "cannot_write", f"{out} cannot be written: {error.strerror or error}.", "Choose another folder."
        ) from error
    people = Counter(splits[person] for person in shards.people)
    return ImportReport(out / "manifest.json", dict(shards.samples), dict(people), problems, found.ignored)


def _check_settings(settings: ImportSettings) -> None:
    if not 32 <= settings.size <= 2048:
        raise MaskelError(
            "bad_size", f"Pictures of {settings.size} pixels are not supported.", "Choose 32 to 2048 pixels."
        )
    if settings.view not in (*VIEW_DEGREES, "unknown"):
        known = ", ".join((*VIEW_DEGREES, "unknown"))
        raise MaskelError("bad_view", f"There is no view {settings.view!r}.", f"Choose one of {known}.")
    if not settings.yaws:
        raise MaskelError("bad_views", "No view on CT volumes is asked for.", "Name one at least.")
    grey = settings.grey
    if not (grey.bone_scale > 0 and grey.soft_scale > 0):
        raise MaskelError("bad_scale", "A scale is not above 0.", "Choose the line integral at full white.")
    if settings.distance is not None and not settings.distance > 0:
        raise MaskelError(
            "bad_distance", f"A source at {settings.distance:g} m sees nothing.", "Choose 2 to 4 m."
        )
    assign([], settings.val, settings.test, settings.split)


def _check_free(out: Path) -> None:
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise MaskelError(
            "folder_in_use", f"{out} is not empty.", "Choose another folder, or delete it first."
        )
