"""Log lines for machines: one JSON object a line, without pictures, tokens or paths of the user."""

from __future__ import annotations

import json
import logging
import re
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

FIELDS = ("call", "job", "status", "code", "seconds", "sizes")
"""What a record may carry besides time, level, event and message."""

# Drive, home, UNC or absolute path of two parts and more; a call's path is none of the user's.
_PATH = re.compile(
    r"(?:(?<![A-Za-z])[A-Za-z]:[\\/]|\\\\|~[\\/]|(?<![\w:])(?<!:/)/(?!v1/|/))"
    r"[^\s\"'<>|:;,]*[\\/][^\"'<>|:;,\n]*"
)


class JsonFormatter(logging.Formatter):
    """Writes records as JSON objects."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        values: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": getattr(record, "event", "log"),
        }
        for name in FIELDS:
            value = getattr(record, name, None)
            if value is not None:
                values[name] = value
        if values["event"] == "log":
            values["message"] = without_paths(record.getMessage())
        if record.exc_info and record.exc_info[1] is not None:
            error = record.exc_info[1]
            values["error"] = type(error).__name__
            values["reason"] = without_paths(str(error))
            values["where"] = [
                f"{Path(frame.filename).name}:{frame.lineno} {frame.name}"
                for frame in traceback.extract_tb(error.__traceback__)
            ]
        return json.dumps(values, ensure_ascii=True)


def without_paths(text: str) -> str:
    """A text in which every path of two parts and more is the word PATH; the paths of calls stay."""
    return _PATH.sub("PATH", text)[:2000]
