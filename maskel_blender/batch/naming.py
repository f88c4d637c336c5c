"""File names out of a pattern and of names that may hold anything: safe on Windows, macOS and Linux alike. No bpy."""

from __future__ import annotations

import hashlib
import re
import string
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from ..errors import PlanError

FIELDS = ("camera", "character", "frame", "style", "scene")
"""What may stand in braces; ``frame`` takes a width, like ``{frame:04d}``."""

MOST_BYTES = 200
"""Of one file or folder name; file systems end at 255, and suffixes are still to come."""

_FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]')
_RESERVED = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³])", re.IGNORECASE)
_FRAME_FORMAT = re.compile(r"|d|0?[1-9]d?")
_OTHER_PICTURES = (".jpg", ".jpeg", ".exr", ".tif", ".tiff", ".webp", ".bmp")


def safe_name(name: str) -> str:
    """One file or folder name, without separators, that every file system takes.

    Args:
        name: Any text. Names that differ may become one: `Plan` refuses that.

    """
    # a lone surrogate, which stands for bytes that are not UTF-8, cannot be encoded
    name = name.encode("utf-8", "replace").decode("utf-8")
    name = _FORBIDDEN.sub("_", unicodedata.normalize("NFC", name)).strip().rstrip(". ")
    if not name or name.startswith("."):
        name = "_" + name.lstrip(".")
    if _RESERVED.fullmatch(name.partition(".")[0].rstrip()):
        name = "_" + name
    return _shorten(name)


def _shorten(name: str) -> str:
    encoded = name.encode("utf-8")
    if len(encoded) <= MOST_BYTES:
        return name
    ending = PurePosixPath(name).suffix
    ending = ending if len(ending.encode("utf-8")) <= 16 else ""
    tail = f"~{hashlib.sha256(encoded).hexdigest()[:8]}{ending}"
    return encoded[: MOST_BYTES - len(tail.encode("utf-8"))].decode("utf-8", "ignore") + tail


@dataclass(frozen=True)
class Pattern:
    """A relative path with fields in braces; make it by `parse`.

    Args:
        parts: Folder and file names, fields still in them; the last ends in ``.png``.
    """

    parts: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> Pattern:
        """Check a pattern.

        Args:
            text: Like ``{camera}/{character}_{frame:04d}.png``; ``{{`` stands for a brace. ``.png`` is added if it lacks.

        Raises:
            PlanError: ``bad_pattern``.

        """
        parts = tuple(text.replace("\\", "/").split("/"))
        for part in parts:
            _check(text, part)
        if parts[-1].lower().endswith(_OTHER_PICTURES):
            raise _wrong(text, "X-rays are PNG files")
        if not parts[-1].lower().endswith(".png"):
            parts = (*parts[:-1], parts[-1] + ".png")
        return cls(parts)

    def path(self, values: Mapping[str, str | int]) -> PurePosixPath:
        """The relative path for one item.

        Args:
            values: One for each of `FIELDS`.

        """
        safe = {key: safe_name(value) if isinstance(value, str) else value for key, value in values.items()}
        return PurePosixPath(*(safe_name(part.format(**safe)) for part in self.parts))

    def has(self, field: str) -> bool:
        """Whether the field is in the pattern."""
        return any(name == field for part in self.parts for _, name, _, _ in string.Formatter().parse(part))


def _check(text: str, part: str) -> None:
    if part in ("", ".", ".."):
        raise _wrong(text, "it has to stay in the output folder, without . or ..")
    try:
        pieces = list(string.Formatter().parse(part))
    except ValueError as error:
        raise _wrong(text, str(error)) from None
    for literal, field, how, conversion in pieces:
        if _FORBIDDEN.search(literal):
            raise _wrong(text, 'file names cannot hold < > : " | ? *')
        if field is None:
            continue
        # only plain names: attributes and items would reach into Python
        if field not in FIELDS:
            raise _wrong(text, f"there is no {{{field}}}")
        if conversion or (how and field != "frame") or not _FRAME_FORMAT.fullmatch(how or ""):
            raise _wrong(text, f"{{{field}:{how}}} is not understood")


def _wrong(text: str, why: str) -> PlanError:
    fields = ", ".join(f"{{{name}}}" for name in FIELDS)
    return PlanError(
        "bad_pattern",
        f'"{text}" cannot name the pictures: {why}.',
        f"Use {fields}, like {{camera}}/{{character}}_{{frame:04d}}.png.",
    )


def split_output(text: str) -> tuple[str, str]:
    """Part an output argument into the folder and the pattern: the pattern begins where the first brace is.

    Args:
        text: A folder, or a folder followed by a pattern.

    Returns:
        Folder ("" = the current one) and pattern ("" if there is no brace).

    """
    brace = text.find("{")
    if brace < 0:
        return text, ""
    cut = max(text.rfind("/", 0, brace), text.rfind("\\", 0, brace)) + 1
    return text[:cut], text[cut:]
