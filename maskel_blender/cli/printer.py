"""What the command prints: lines for people and farms, or JSON lines for programs. No bpy."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from ..batch.manifest import DONE, Record
from ..batch.progress import Progress, Report


class Printer:
    """Prints progress to stdout and errors to stderr.

    Args:
        folder: Where the files go.
        quiet: Print errors only.
        as_json: One JSON object a line instead of text.
    """

    def __init__(self, folder: Path, quiet: bool = False, as_json: bool = False) -> None:
        self._folder = folder
        self._quiet = quiet
        self._json = as_json

    def note(self, text: str) -> None:
        """Something worth knowing."""
        if not self._quiet and not self._json:
            _print(f"maskel: {text}")

    def progress(self, progress: Progress) -> None:
        """One more item, or the beginning."""
        record = progress.record
        if record is not None and record.error is not None:
            _print(f"maskel: {_name(record)}: {record.error['message']} {record.error['fix']}", sys.stderr)
        if self._quiet:
            return
        for warning in record.warnings if record is not None and not progress.skipped else ():
            _print(f"maskel: {_name(record)}: warning: {warning['message']} {warning['fix']}", sys.stderr)
        if self._json:
            self._event(progress)
        elif record is None:
            _print(f"maskel: {progress.total} X-rays to make")
        elif record.status == DONE:
            if not progress.skipped:
                # the words render farms look for in what Blender prints
                _print(f"Saved: '{self._folder / record.files[0].path}'")
            left = "" if progress.seconds_left is None else f", {progress.seconds_left:.0f} s left"
            done = progress.done + progress.failed
            how = "was done already" if progress.skipped else f"{record.seconds:.2f} s"
            _print(f"maskel: {done} of {progress.total}{left}: {_name(record)}: {how}")

    def interrupted(self, count: int) -> None:
        """A signal came."""
        if count == 1:
            _print("maskel: finishing the X-rays in work; once more (Ctrl-C) to leave them", sys.stderr)

    def end(self, report: Report, manifest: Path | None) -> None:
        """The last word."""
        if report.error is not None:
            _print(f"maskel: ended early: {report.error}", sys.stderr)
        if self._json and not self._quiet:
            values = {"event": "end", "status": report.manifest["status"], "manifest": _text(manifest)}
            counts = {"done": report.done, "failed": report.failed, "skipped": report.skipped}
            _print(json.dumps(values | counts))
        else:
            before = f" ({report.skipped} before)" if report.skipped else ""
            self.note(f"{report.manifest['status']}: {report.done} done{before}, {report.failed} failed")

    def _event(self, progress: Progress) -> None:
        values: dict[str, Any] = {
            "event": "begin" if progress.record is None else "item",
            "done": progress.done,
            "failed": progress.failed,
            "total": progress.total,
            "seconds": round(progress.seconds, 3),
            "seconds_left": None if progress.seconds_left is None else round(progress.seconds_left, 1),
        }
        record = progress.record
        if record is not None:
            values |= {
                "camera": record.camera,
                "character": record.character,
                "frame": record.frame,
                "status": record.status,
                "skipped": progress.skipped,
                "files": {file.kind: str(self._folder / file.path) for file in record.files},
                "error": record.error,
                "warnings": record.warnings,
            }
        _print(json.dumps(values))


def error_line(error: BaseException) -> None:
    """An error that ended the command."""
    _print(f"maskel: {error}", sys.stderr)


def _name(record: Record) -> str:
    return f"{record.camera}, {record.character}, frame {record.frame}"


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _print(line: str, stream: Any = None) -> None:
    """Also where the console cannot show every letter of a name."""
    stream = stream or sys.stdout
    encoding = getattr(stream, "encoding", None) or "utf-8"
    print(line.encode(encoding, "backslashreplace").decode(encoding), file=stream, flush=True)
