"""What users do, in a real Blender with a window, by simulated events.

    MASKEL_BLENDER=/usr/bin/blender python -m pytest tests/window

MASKEL_APPROVE=1 takes the pictures as the approved ones of that Blender's series; look at them first.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from .pictures import MEAN, WORST, approve, difference
from .play import Played, play, series, server_for

pytestmark = [pytest.mark.slow, pytest.mark.blender, pytest.mark.window]

APPROVED = Path(__file__).parent / "approved"
TALL = (1440, 1900)
BAD_WORDS = ("Traceback", "Error:", "rna_uiItem", "unknown operator", "segmentation")


@pytest.fixture
def played(blender, resources, tmp_path):
    """Plays a scenario and checks what holds of every one: to its end, clean console and exit, no process left."""

    def run(scenario: str, size: tuple[int, int] = (1440, 900), wanted: tuple[str, ...] = ()) -> Played:
        result = play(scenario, tmp_path, resources, blender, size, server_for(scenario))
        assert result.error is None, result.error
        assert result.status == 0, result.console
        assert not [word for word in BAD_WORDS if word in result.console], result.console
        for name in wanted:
            _compare(tmp_path / f"{name}.png", APPROVED / series(blender) / f"{scenario}_{name}.png")
        _no_server_left(resources)
        return result

    return run


def _compare(picture: Path, approved: Path) -> None:
    if os.environ.get("MASKEL_APPROVE"):
        approve(picture, approved)
    if approved.exists():
        mean, worst = difference(picture, approved)
        assert mean <= MEAN, f"{approved.name}: {mean:.1f} grey levels apart"
        assert worst <= WORST, f"{approved.name}: {worst:.0f} grey levels apart at one place"


def _no_server_left(resources: Path) -> None:
    """No process has our Blender's folder in its arguments: a server is told its files there."""
    proc = Path("/proc")
    if not proc.is_dir():
        return
    end = time.monotonic() + 15.0
    while left := [folder.name for folder in proc.iterdir() if str(resources) in _arguments(folder)]:
        assert time.monotonic() < end, f"left running: {left}"
        time.sleep(0.1)


def _arguments(folder: Path) -> str:
    try:
        return (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def test_button_plane_and_one_undo(played):
    values = played("generate", wanted=("panel", "generated", "undone")).values
    assert values["planes"] == 1
    assert values["planes after undo"] == 0
    assert not values["collection after undo"]
    assert values["planes after redo"] == 1


def test_every_panel(played):
    played("everything_open", TALL, wanted=("before", "after"))


def test_cancel(played):
    values = played("cancel", wanted=("busy",)).values
    assert values == {"message": "Cancelled", "planes": 0}


def test_rigging_set(played):
    values = played("several_cameras", wanted=("all",)).values
    assert values["planes"] == 4
    assert values["message"].startswith("4 X-rays")
    assert values["planes after undo"] == 0


def test_undo_amid_a_batch_of_backgrounds(played):
    values = played("undo_meanwhile").values
    assert not values["moved"]
    assert values["backgrounds"] == values["results"] == 4
    assert values["results after undo"] == 0


def test_one_fails_and_is_retried_by_its_button(played):
    values = played("retry", TALL, wanted=("failed_one",)).values
    assert values["first"] == [1, 1]
    assert values["second"] == [2, 0]
    assert values["error"] == ""


def test_frames_follow_the_timeline(played):
    values = played("frames", wanted=("frame_1", "frame_4", "as_empty", "as_background")).values
    assert values["frame"] == 2
    assert values["sequences"] == 1


def test_placements_and_styles(played):
    values = played("looks", wanted=("empty", "background", "plane")).values
    assert values["empty"][0] == values["background"][0] == 0
    assert values["plane"][0] == 1


def test_material_preview(played):
    played("material_preview", wanted=("material",))


def test_live_preview(played):
    values = played("live_preview", TALL, wanted=("camera",)).values
    assert values["places while orbiting"] > 5
    assert values["error"] == "None"
    assert not values["on"]
    assert not values["left behind"]
    assert values["X-rays"] == 0


def test_server_by_its_buttons(played):
    values = played("server", TALL, wanted=("ready", "stopped")).values
    assert "status: ready" in values["diagnostics"]
    assert "loading weights" in values["log"]
    assert values["windows"] == 2
    assert values["error"] == "None"


def test_nothing_installed_leads_to_the_set_up(played):
    values = played("nothing_installed", wanted=("error", "preferences")).values
    assert values == {"code": "maskel_not_found", "windows": 2, "section": "ADDONS"}


def test_another_file_during_a_job(played):
    values = played("other_file").values
    assert not values["busy after load"]
    assert values["planes"] == 0
    assert values["error"] == "None"


def test_disabled_during_a_job(played):
    values = played("disable").values
    assert not values["panel"]
    assert not values["enabled"]
    assert values["planes"] == 0
    assert values["planes at last"] == 1


def test_quit_during_a_job(played):
    played("leave")
