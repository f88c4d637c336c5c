"""The page: one HTML file that needs nothing else and knows nothing of the key."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from maskel_core.errors import MaskelError
from maskel_core.images import encode_png
from maskel_core.study.cases import Case
from maskel_core.study.criteria import (
    ANSWERS_FORMAT,
    CRITERIA,
    GRADES,
    KEY_FORMAT,
    PAGE_FORMAT,
    SOURCES,
    VERSION,
)

_HERE = Path(__file__).parent


def key_path(page: Path) -> Path:
    """Where the key of a page lies: ``study.html`` has ``study.key.json``."""
    return page.with_suffix(".key.json")


def study_id(cases: Sequence[Case]) -> str:
    """Sixteen hexadecimal digits that stand for these pictures under these names in this order."""
    digest = hashlib.sha256()
    for case in cases:
        digest.update(f"{case.id} {case.picture.shape}\n".encode())
        digest.update(case.picture.tobytes())
    return digest.hexdigest()[:16]


def build_page(cases: Sequence[Case], style: str) -> str:
    """The HTML of a study.

    Scripts and styles are let in by their hashes only, pictures as data, and nothing else: the page cannot reach a network
    (Content Security Policy level 3).

    Args:
        cases: In the order in which they are shown; their sources, samples and groups stay out of the page.
        style: Name of the tone curve, shown to the reader.
    """
    study = {
        "format": PAGE_FORMAT,
        "answers": ANSWERS_FORMAT,
        "version": VERSION,
        "study": study_id(cases),
        "style": style,
        "criteria": [{"id": key, "name": name, "question": text} for key, (name, text) in CRITERIA.items()],
        "grades": [{"value": value, "name": name} for value, name in GRADES.items()],
        "sources": [{"id": key, "name": name} for key, name in SOURCES.items()],
        "cases": [{"id": case.id, "picture": _data_url(case)} for case in cases],
    }
    style_text, script = (_read(name) for name in ("page.css", "page.js"))
    parts = {
        "csp": "; ".join(
            (
                "default-src 'none'",
                "img-src data:",
                f"style-src '{_hash(style_text)}'",
                f"script-src '{_hash(script)}'",
                "base-uri 'none'",
                "form-action 'none'",
            )
        ),
        "style": style_text,
        "script": script,
        "study": embed_json(study),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], _read("page.html"))


def embed_json(value: Any) -> str:
    """JSON that can stand inside a script element: no ``<``, ``>`` or ``&``, whatever the texts hold."""
    text = json.dumps(value, ensure_ascii=True)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def build_key(cases: Sequence[Case], **facts: Any) -> dict[str, Any]:
    """The key of a study: which case is what, and the facts given (model, seed, style, size)."""
    return {
        "format": KEY_FORMAT,
        "version": VERSION,
        "study": study_id(cases),
        **facts,
        "cases": [
            {
                "id": case.id,
                "source": case.source,
                "sample": case.sample,
                "body": case.body,
                "part": case.part,
                **case.groups,
            }
            for case in cases
        ],
    }


def write_study(page: Path, cases: Sequence[Case], style: str, **facts: Any) -> Path:
    """Write the page and its key; neither replaces one that is there, for answers to it may exist.

    Returns:
        Path of the key.

    Raises:
        MaskelError: ``file_exists``, ``cannot_write``.
    """
    check_free(page)
    key = key_path(page)
    document = json.dumps(build_key(cases, style=style, **facts), indent=1) + "\n"
    try:
        page.parent.mkdir(parents=True, exist_ok=True)
        # The key first: a page without one could never be analysed.
        key.write_bytes(document.encode())
        page.write_bytes(build_page(cases, style).encode())
    except OSError as error:
        for path in (page, key):
            with suppress(OSError):
                path.unlink()
        raise MaskelError(
            "cannot_write", f"{page} cannot be written: {error.strerror or error}.", "Check the folder."
        ) from error
    return key


def check_free(page: Path) -> None:
    """Raise MaskelError ``file_exists`` where a page or its key lies already."""
    for path in (page, key_path(page)):
        if path.exists():
            raise MaskelError(
                "file_exists",
                f"{path} is there already, and without its key the answers to a study are lost.",
                "Choose another name for --out, or delete the page and its key.",
            )


def _data_url(case: Case) -> str:
    return "data:image/png;base64," + base64.b64encode(encode_png(case.picture)).decode()


def _read(name: str) -> str:
    return (_HERE / name).read_text("utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
