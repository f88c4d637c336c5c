"""The option that approves pictures anew, and a Blender with the extension installed."""

from __future__ import annotations

import pytest

from .play import find_blender, install, missing


@pytest.fixture(scope="session")
def blender():
    """The program; skips where there is none or no screen."""
    reason = missing()
    if reason:
        pytest.skip(reason)
    return find_blender()


@pytest.fixture(scope="session")
def resources(blender, tmp_path_factory):
    """User files of a Blender with the extension in it."""
    folder = tmp_path_factory.mktemp("blender")
    install(blender, folder)
    return folder
