"""The user's own folder for what must survive a run: token, published server address."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def state_folder() -> Path:
    r"""The state folder; it need not exist yet.

    ``MASKEL_STATE`` wins. Otherwise Linux ``$XDG_STATE_HOME/maskel`` (``~/.local/state/maskel``), macOS
    ``~/Library/Application Support/maskel``, Windows ``%LOCALAPPDATA%\maskel``.
    """
    override = os.environ.get("MASKEL_STATE", "").strip()
    if override:
        return Path(override).expanduser()
    return platformdirs.user_state_path("maskel", appauthor=False)


def token_path() -> Path:
    """Where the server keeps its token unless told otherwise."""
    return state_folder() / "token"


def published_path() -> Path:
    """Where a running server publishes its address unless told otherwise."""
    return state_folder() / "server.json"
