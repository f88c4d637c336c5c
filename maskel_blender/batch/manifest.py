"""What became of each item: a journal that survives a kill at any moment, and the JSON made of it. No bpy.

While a batch runs, each finished item is one line of ``MANIFEST.journal``, on disk before the next is begun. At the end the
manifest is written as a whole and replaces the former one in one step; only then the journal goes.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import IO, Any

from ..errors import PlanError
from ..files import digest_of, write_whole
from .plan import Item, Plan

VERSION = 1

PENDING, DONE, FAILED = "pending", "done", "failed"

Key = tuple[str, str, int]


@dataclass(frozen=True)
class FileRecord:
    """One file: kind, path relative to the plan's folder with forward slashes, SHA-256, size."""

    kind: str
    path: str
    sha256: str
    bytes: int


@dataclass(frozen=True)
class Record:
    """What became of one item.

    Args:
        camera: Name of the camera.
        character: Name of the character.
        frame: Frame.
        status: ``pending``, ``done`` or ``failed``.
        settings: Digest of the settings it was made with.
        files: What was written.
        model: Model id.
        version: Server version.
        seconds: From the silhouette to the files, the wait for the model included.
        inference: Of these, the model's own as the server tells them.
        mask_sha256: Of the silhouette's PNG.
        familiarity: How like the training masks the silhouette is, 0..1; None if the server does not say.
        time: When it was done, ISO 8601, UTC.
        error: code, message and fix, if it failed.
        warnings: What will hurt the X-ray, worst first: code, message and fix of each.
    """

    camera: str
    character: str
    frame: int
    status: str = PENDING
    settings: str = ""
    files: tuple[FileRecord, ...] = ()
    model: str = ""
    version: str = ""
    seconds: float = 0.0
    inference: float = 0.0
    mask_sha256: str = ""
    familiarity: float | None = None
    time: str = ""
    error: dict[str, str] | None = None
    warnings: tuple[dict[str, str], ...] = ()

    @property
    def key(self) -> Key:
        """What tells it from the others."""
        return (self.camera, self.character, self.frame)

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> Record:
        """Read what `asdict` gave; unknown keys are of a later version and left out.

        Raises:
            ValueError, KeyError, TypeError: If it is no record.

        """
        known = {item.name for item in fields(cls)}
        kept = {key: value for key, value in values.items() if key in known}
        kept["files"] = tuple(
            FileRecord(str(f["kind"]), str(f["path"]), str(f["sha256"]), int(f["bytes"]))
            for f in kept.get("files", ())
        )
        kept["warnings"] = tuple(kept.get("warnings", ()))
        kept["frame"] = int(kept["frame"])
        return cls(**kept)

    def holds_for(self, item: Item, plan: Plan) -> bool:
        """Whether the item is finished: made as the plan wants it, all files there and unchanged."""
        if self.status != DONE or self.settings != plan.settings.digest:
            return False
        if {f.kind: f.path for f in self.files} != {k: p.as_posix() for k, p in item.files.items()}:
            return False
        return all(digest_of(plan.folder / f.path) == f.sha256 for f in self.files)


@dataclass
class Manifest:
    """Records by item, kept in a file if one is named.

    Args:
        path: The manifest; None keeps the records in memory.
        records: What is known, by key.
    """

    path: Path | None = None
    records: dict[Key, Record] = field(default_factory=dict)
    _journal: IO[str] | None = None

    @property
    def journal_path(self) -> Path | None:
        """Where the journal lies while a batch runs, and after a kill."""
        return None if self.path is None else self.path.with_name(self.path.name + ".journal")

    def load(self) -> None:
        """Read the manifest and a journal left behind by a kill.

        Raises:
            PlanError: ``bad_manifest``.

        """
        path, journal = self.path, self.journal_path
        if path is None or journal is None:
            return
        try:
            if path.exists():
                document = json.loads(path.read_text(encoding="utf-8"))
                if document["maskel_manifest"] > VERSION:
                    raise ValueError("it is of a later version")
                self._take(Record.from_values(values) for values in document["items"])
            if journal.exists():
                self._take(_read_journal(journal))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise PlanError(
                "bad_manifest",
                f"{path} cannot be read as a manifest: {error}.",
                "Name another file, or start anew with --no-resume.",
            ) from None

    def begin(self, resume: bool = True) -> None:
        """Open the journal.

        Args:
            resume: Whether what is known stays; else it is forgotten, in the files too.

        Raises:
            PlanError: ``cannot_write``.

        """
        if not resume:
            self.records.clear()
        path, journal = self.path, self.journal_path
        if path is None or journal is None:
            return
        try:
            journal.parent.mkdir(parents=True, exist_ok=True)
            if not resume:
                journal.unlink(missing_ok=True)
                path.unlink(missing_ok=True)
            _drop_torn_line(journal)
            self._journal = journal.open("a", encoding="utf-8", errors="backslashreplace", newline="\n")
        except OSError as error:
            raise PlanError(
                "cannot_write", f"{journal} cannot be written: {error}.", "Name another manifest."
            ) from None

    def add(self, record: Record) -> None:
        """Note what became of an item; on disk when this returns."""
        self.records[record.key] = record
        if self._journal is not None:
            self._journal.write(json.dumps(asdict(record), ensure_ascii=False) + "\n")
            self._journal.flush()
            os.fsync(self._journal.fileno())

    def finish(self, plan: Plan, head: Mapping[str, Any]) -> dict[str, Any]:
        """Write the manifest and drop the journal.

        Args:
            plan: Gives the order; what is known of items of other plans is kept behind, unless this plan took over their files.
            head: What to tell of the batch as a whole.

        Returns:
            The manifest as it was written.

        """
        self.close()
        document = self.document(plan, head)
        if self.path is not None and self.journal_path is not None:
            write_whole(
                self.path, (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode("utf-8")
            )
            self.journal_path.unlink(missing_ok=True)
        return document

    def document(self, plan: Plan, head: Mapping[str, Any]) -> dict[str, Any]:
        """The manifest as plain values."""
        mine = {item.key for item in plan.items}
        taken = {path.as_posix().casefold() for item in plan.items for path in item.files.values()}
        items = [self.records.get(item.key, Record(*item.key)) for item in plan.items]
        items += [
            record
            for key, record in self.records.items()
            if key not in mine and not any(f.path.casefold() in taken for f in record.files)
        ]
        counts = {status: sum(item.status == status for item in items) for status in (DONE, FAILED, PENDING)}
        return {
            "maskel_manifest": VERSION,
            **head,
            "counts": counts,
            "items": [asdict(item) for item in items],
        }

    def close(self) -> None:
        """Close the journal and leave it where it is."""
        if self._journal is not None:
            self._journal.close()
            self._journal = None

    def _take(self, records: Iterable[Record]) -> None:
        for record in records:
            self.records[record.key] = record


def _read_journal(path: Path) -> Iterable[Record]:
    """All whole lines; the last is torn if the process was killed while it wrote."""
    for line in path.read_bytes().split(b"\n")[:-1]:
        # after a power cut a line may be whole and yet not what was written
        with contextlib.suppress(ValueError, KeyError, TypeError):
            yield Record.from_values(json.loads(line))


def _drop_torn_line(path: Path) -> None:
    if not path.exists():
        return
    with path.open("r+b") as file:
        whole = file.read().rfind(b"\n") + 1
        file.truncate(whole)
