"""A report for a bug tracker: what matters, and nothing that tells who or where the user is."""

from __future__ import annotations

import getpass
import re
import socket
from collections.abc import Iterable, Mapping
from pathlib import Path

_PATTERNS = (
    # "Authorization: Bearer X", "token=X", "password: X"
    (re.compile(r"(?i)\b(bearer\s+)\S+"), r"\1(secret)"),
    (
        re.compile(
            r"(?i)\b((?:[\w-]*(?:token|password|passwd|secret|api[_-]?key))[\"']?\s*[=:]\s*[\"']?)[^\s\"',;]+"
        ),
        r"\1(secret)",
    ),
    # user and password in an address
    (re.compile(r"(?<=://)[^/\s@]+@"), "(secret)@"),
    # homes of any user, on any system
    (re.compile(r"(?i)\b([a-z]:[\\/]+users[\\/]+)[^\\/\r\n\"':;]+"), r"\1USER"),
    (re.compile(r"(?<![\w.])(/(?:home|Users)/)(?:[^/\r\n\"':;]+(?=/)|[^/\s\"':;]+)"), r"\1USER"),
    # what only a random secret looks like
    (re.compile(r"\b(?=[\w-]*\d)(?=[\w-]*[A-Za-z])[A-Za-z0-9_-]{40,}\b"), "(long word)"),
)
_SHORTEST_NAME = 3


def scrub(text: str, secrets: Iterable[str] = (), names: Iterable[str] | None = None, home: str = "") -> str:
    """Take secrets, user names, the computer's name and home folders out of a text.

    Args:
        text: Any text.
        secrets: Words to take out wherever they stand.
        names: Names of user and computer; None asks the system.
        home: The user's home folder; "" asks the system.

    """
    for secret in secrets:
        if secret:
            text = text.replace(secret, "(secret)")
    for folder in {home or _home()}:
        if len(folder) > _SHORTEST_NAME:
            for form in (folder, folder.replace("\\", "/"), folder.replace("\\", "\\\\")):
                text = re.sub(re.escape(form) + r"(?![\w-])", "~", text, flags=re.IGNORECASE)
    for pattern, put in _PATTERNS:
        text = pattern.sub(put, text)
    for name in _names() if names is None else names:
        if len(name) >= _SHORTEST_NAME:
            text = re.sub(
                rf"(?<![A-Za-z0-9]){re.escape(name)}(?![A-Za-z0-9])", "USER", text, flags=re.IGNORECASE
            )
    return text


def report(sections: Mapping[str, Mapping[str, object] | Iterable[str]], secrets: Iterable[str] = ()) -> str:
    """The text: a title a section, then its facts or lines; scrubbed."""
    lines = []
    for title, content in sections.items():
        lines.append(f"## {title}")
        if isinstance(content, Mapping):
            lines += [f"{name}: {'-' if value in (None, '') else value}" for name, value in content.items()]
        else:
            lines += list(content) or ["-"]
        lines.append("")
    return scrub("\n".join(lines), secrets)


def _home() -> str:
    try:
        return str(Path.home())
    except RuntimeError:
        return ""


def _names() -> list[str]:
    found = []
    for ask in (getpass.getuser, socket.gethostname):
        try:
            found.append(ask())
        except (OSError, KeyError, ImportError):
            continue
    # an account that everybody has says nothing, and is a word that logs need
    return [name for name in found if name.lower() not in ("root", "user", "localhost", "admin")]
