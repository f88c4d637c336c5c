"""Undo while an order is made, several steps after the last one that knows of it: Blender keeps much of what is in memory."""

import time

import bpy
import pytest

from maskel_blender import pump
from maskel_blender.orders import make_order
from maskel_blender.placement import results
from maskel_blender.preview import PREVIEW
from maskel_blender.pump import PUMP
from tests.blender.test_preview import preview, previews, settle  # noqa: F401  (a fixture)
from tests.blender.test_pump import (  # noqa: F401  (fixtures)
    cameras,
    finish,
    planes,
    press,
    pump_until,
    window,
)


@pytest.fixture
def one_a_tick(monkeypatch):
    monkeypatch.setattr(pump, "BUDGET_SECONDS", 0.0)


def step(x):
    """Something of the user's that has nothing to do with us, and its undo step."""
    bpy.data.objects["Figure"].location.x = x
    bpy.ops.ed.undo_push(message=f"moved to {x}")


def check_whole(count):
    """Every result is shown in the scene under its own name, once, and nothing of ours lies about."""
    shown = results.all_results()
    assert len(shown) == count
    ours = [item for item in bpy.data.objects if str(item.get("maskel_role", "")).startswith("xray_")]
    assert all(item.users_scene for item in ours), [item.name for item in ours if not item.users_scene]
    assert not [item.name for item in ours if item.name[-4:-3] == "."]
    assert len([c for c in bpy.data.collections if c.get("maskel_role") == "results"]) <= 1
    pictures = [image for image in bpy.data.images if image.get("maskel_role") == "xray_picture"]
    assert sorted(image.name for image in pictures) == sorted(image.name for image in shown)
    assert not [image.name for image in pictures if image.name[-4:-3] == "."]


@pytest.mark.parametrize("where", ["PLANE", "BACKGROUND"])
def test_steps_of_the_user_amid_a_batch(window, cameras, scene, server, one_a_tick, where):  # noqa: F811
    scene.maskel.result.look.placement = where
    bpy.ops.ed.undo_push(message="before")
    press(chosen=True)
    pump_until(lambda: len(results.all_results()) == 1)
    for x in (0.1, 0.2, 0.3, 0.4):
        step(x)
    bpy.ops.ed.undo()
    finish()
    check_whole(3)
    bpy.ops.ed.undo_push(message="made")
    bpy.ops.ed.undo()
    bpy.ops.ed.redo()
    check_whole(3)


@pytest.mark.parametrize("where", ["PLANE", "BACKGROUND"])
def test_retry_and_undo(window, cameras, scene, server, where):  # noqa: F811
    scene.maskel.result.look.placement = where
    bpy.ops.ed.undo_push(message="before")
    server.faults.failures = 1
    press(chosen=True)
    finish()
    assert len(results.all_results()) == 2
    bpy.ops.ed.undo_push(message="made")
    step(0.1)
    server.faults.delay = 10
    PUMP.retry()
    pump_until(lambda: server.running == 1)
    bpy.ops.ed.undo()
    assert len(results.all_results()) == 2
    server.released.set()
    finish()
    check_whole(3)


def test_undo_and_redo_make_no_second_version(window, cameras, scene, server, one_a_tick):  # noqa: F811
    scene.maskel.result.keep = "VERSIONS"
    bpy.ops.ed.undo_push(message="before")
    press(chosen=True)
    pump_until(lambda: len(results.all_results()) == 1)
    step(0.1)
    bpy.ops.ed.undo()
    # the time of a result has seconds
    time.sleep(1.1)
    pump_until(lambda: len(results.all_results()) >= 2)
    bpy.ops.ed.redo()
    finish()
    check_whole(3)


@pytest.mark.parametrize(
    "before, after", [("BACKGROUND", "PLANE"), ("PLANE", "BACKGROUND"), ("EMPTY", "PLANE")]
)
def test_results_renewed_in_another_placement(window, cameras, scene, server, one_a_tick, before, after):  # noqa: F811
    press(chosen=True)
    finish()
    for image in results.all_results():
        if "Back" not in image.name:
            image.maskel.look.placement = before
    bpy.ops.ed.undo_push(message="before")
    for x in (0.03, 0.06, 0.1):
        step(x)
    order = make_order(bpy.context, camera=None, placement=after)
    order.interactive = True
    PUMP.submit(order)
    pump_until(lambda: len(order.kept) == 2)
    bpy.ops.ed.undo()
    for collection in bpy.data.collections:
        assert [item.name for item in collection.objects]
    finish()
    check_whole(3)
    assert {results.placement_of(image) for image in results.all_results()} == {after}


def test_a_double_that_is_made_again(window, cameras, scene, server, one_a_tick):  # noqa: F811
    press(chosen=True)
    finish()
    for item in [item for item in bpy.data.objects if "solid" in item.name]:
        bpy.data.objects.remove(item)
    bpy.ops.ed.undo_push(message="before")
    for x in (0.03, 0.06, 0.1):
        step(x)
    press(chosen=True)
    pump_until(lambda: len(PUMP.orders[0].kept) == 2)
    bpy.ops.ed.undo()
    for collection in bpy.data.collections:
        assert [item.name for item in collection.objects]
    finish()
    check_whole(3)
    assert len([item for item in bpy.data.objects if "solid" in item.name]) == 3


def test_the_preview_stays_in_the_scene(scene, character, server, preview):  # noqa: F811
    settle(server, 1)
    bpy.ops.ed.undo_push(message="before")
    for x in range(4):
        bpy.data.objects["Camera"]["x"] = x
        bpy.ops.ed.undo_push(message="unrelated")
    bpy.ops.ed.undo()
    settle(server, 2)
    (empty,) = previews()
    assert empty.users_scene
    bpy.ops.ed.redo()
    settle(server, 3)
    (empty,) = previews()
    assert empty.users_scene


def test_the_preview_comes_again_after_a_save(scene, character, server, preview, tmp_path):  # noqa: F811
    settle(server, 1)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a.blend"), copy=True)
    assert PREVIEW.on
    settle(server, 2)
    assert len(previews()) == 1
