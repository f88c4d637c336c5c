"""Files that are there whole or not at all."""

from pathlib import Path

import pytest

from maskel_blender import files


def test_what_is_read_for_a_moment_is_replaced_a_moment_later(tmp_path, monkeypatch):
    """As on Windows, where a file that is open cannot be replaced."""
    replace, refused = Path.replace, []

    def refuse_twice(part, path):
        if len(refused) < 2:
            refused.append(part)
            raise PermissionError(13, "used by another process")
        return replace(part, path)

    monkeypatch.setattr(Path, "replace", refuse_twice)
    target = tmp_path / "a.png"
    target.write_bytes(b"old")
    files.write_whole(target, b"new")
    assert target.read_bytes() == b"new"
    assert len(refused) == 2


def test_what_stays_refused_is_an_error(tmp_path, monkeypatch):
    def refuse(part, path):
        raise PermissionError(13, "used by another process")

    monkeypatch.setattr(Path, "replace", refuse)
    monkeypatch.setattr(files, "_PAUSES", (0.0,))
    with pytest.raises(PermissionError):
        files.write_whole(tmp_path / "a.png", b"new")
