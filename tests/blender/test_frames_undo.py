"""Sequences made in a window, placed by plane, Empty or camera background: one step of undo, and what happens meanwhile."""

import bpy
import pytest

from maskel_blender import pump
from maskel_blender.orders import make_order
from maskel_blender.pump import PUMP
from maskel_blender.queue.entry import EntryState
from maskel_blender.sequence.files import FrameRange
from maskel_blender.session import SESSION
from tests.blender.test_frames import generate, sequences, walk  # noqa: F401  (a fixture)
from tests.blender.test_frames_placed import PLACEMENTS, placement, players, slots
from tests.blender.test_pump import finish, pump_until, window  # noqa: F401  (a fixture)


def test_a_camera_that_goes_meanwhile_takes_no_sequence(window, scene, walk, server, tmp_path):  # noqa: F811
    generate(tmp_path)
    (plane,) = sequences()
    press(tmp_path, "BACKGROUND")
    pump_until(lambda: all(entry.state is not EntryState.PLANNED for entry in SESSION.queue.entries))
    assert PUMP.orders
    bpy.data.objects.remove(bpy.data.objects["Camera"])
    finish()
    assert SESSION.error.code == "camera_gone"
    assert sequences() == [plane]


def press(tmp_path, wanted):
    """What the button does in a window."""
    order = make_order(
        bpy.context, frames=FrameRange(1, 3), folder=str(tmp_path / "out"), placement=wanted, camera=""
    )
    order.interactive = True
    PUMP.submit(order)


@pytest.mark.parametrize("wanted", PLACEMENTS)
def test_one_undo_step(window, scene, walk, server, tmp_path, wanted):  # noqa: F811
    bpy.ops.ed.undo_push(message="before")
    press(tmp_path, wanted)
    finish()
    assert placement() == wanted
    bpy.ops.ed.undo()
    assert (sequences(), slots()) == ([], [])
    assert "MaSkel" not in bpy.data.collections
    bpy.ops.ed.redo()
    assert placement() == wanted
    bpy.context.scene.frame_set(2)
    for image, user in players():
        assert image.filepath_from_user(image_user=user).endswith("Figure_Camera_0002.png")


def test_undo_brings_back_what_was_replaced(window, scene, walk, server, tmp_path):  # noqa: F811
    bpy.ops.ed.undo_push(message="before")
    for wanted in ("PLANE", "BACKGROUND", "EMPTY"):
        press(tmp_path, wanted)
        finish()
    for wanted in ("BACKGROUND", "PLANE"):
        bpy.ops.ed.undo()
        assert placement() == wanted
    for wanted in ("BACKGROUND", "EMPTY"):
        bpy.ops.ed.redo()
        assert placement() == wanted
    generate(tmp_path, placement="BACKGROUND")
    assert placement() == "BACKGROUND"


@pytest.mark.parametrize("wanted", PLACEMENTS)
def test_an_undo_amid_the_order(window, scene, walk, server, tmp_path, monkeypatch, wanted):  # noqa: F811
    """Nothing is placed before all frames are there, so an undo meanwhile finds nothing that it does not know."""
    monkeypatch.setattr(pump, "BUDGET_SECONDS", 0.0)
    bpy.ops.ed.undo_push(message="before")
    bpy.context.scene.objects["Camera"].data.passepartout_alpha = 0.25
    bpy.ops.ed.undo_push(message="changed")
    press(tmp_path, wanted)
    pump_until(lambda: any(order.tracks["Camera"].views for order in PUMP.orders))
    bpy.ops.ed.undo()
    assert (sequences(), slots()) == ([], [])
    finish()
    assert placement() == wanted
    assert SESSION.error is None
    bpy.ops.ed.undo()
    assert (sequences(), slots()) == ([], [])
