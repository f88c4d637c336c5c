"""``maskel data import`` as users meet it."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from tests.core.importable import pair, png, truncated


@pytest.fixture
def maskel(monkeypatch, capsys):
    """Run the command in this process; answers (status, stderr)."""
    from maskel_core.cli import main

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["maskel", "data", "import", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code or 0, capsys.readouterr().err

    return run


@pytest.fixture
def source(tmp_path):
    for number in range(4):
        pair(tmp_path / "in", f"p{number}", seed=number)
    return tmp_path / "in"


def test_a_good_folder(maskel, source, tmp_path):
    (source / "notes.txt").write_text("hello")
    status, said = maskel(source, "--out", tmp_path / "out", "--size", 64, "--view", "front")
    assert status == 0, said
    assert "train: 2 samples of 2 people" in said and "notes.txt" in said
    assert (tmp_path / "out" / "manifest.json").exists()


def test_bad_files_are_listed_with_their_fix(maskel, source, tmp_path):
    truncated(source / "p1.bone.png")
    png(source / "one.xray.png", np.zeros((9, 9), np.uint8))
    status, said = maskel(source, "--out", tmp_path / "out", "--size", 64)
    assert status == 1 and "Traceback" not in said
    assert "p1.bone.png is damaged" in said and "one.xray.png is a plain radiograph" in said
    assert "2 of 5" in said and not (tmp_path / "out").exists()
    status, said = maskel(source, "--out", tmp_path / "out", "--size", 64, "--skip-bad")
    assert status == 1 and "2 left out" in said
    assert (tmp_path / "out" / "manifest.json").exists()


def test_wrong_use(maskel, source, tmp_path):
    assert maskel(source, "--out", tmp_path / "out", "--intensity", "--bone-scale", 3)[0] == 2
    assert maskel(source)[0] == 2
    assert maskel(source, "--out", tmp_path / "out", "--views", "up")[0] == 1
    assert not (tmp_path / "out").exists()


def test_one_person_is_told_what_is_missing(maskel, source, tmp_path):
    status, said = maskel(source, "--out", tmp_path / "out", "--size", 64, "--person", "^p")
    assert status == 0 and "train: 4 samples of 1 people" in said
    assert "val and test" in said
