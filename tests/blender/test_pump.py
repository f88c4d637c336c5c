"""Batches as in a window: the button returns at once, and the pump is called as Blender's timer calls it."""

import time

import bpy
import pytest

import maskel_blender
from benchmarks import blender_scene as bench
from maskel_blender import compat, pump
from maskel_blender.errors import MaskelError
from maskel_blender.orders import make_order
from maskel_blender.placement import painting, results
from maskel_blender.placement.roles import find_collection
from maskel_blender.pump import PUMP
from maskel_blender.queue.entry import EntryState
from maskel_blender.session import SESSION

SECONDS = 15.0


def planes():
    return sorted(item.name for item in bpy.data.objects if item.get("maskel_role") == "xray_plane")


def pump_until(condition):
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end, [(entry.label, entry.words) for entry in SESSION.queue.entries]
        PUMP.tick()
        time.sleep(0.005)


def finish():
    pump_until(lambda: not PUMP.orders)


@pytest.fixture
def window(scene, monkeypatch):
    """As if there were an event loop: operators do not wait."""
    monkeypatch.setattr(compat, "waits_for_results", lambda: False)


@pytest.fixture
def cameras(scene, character):
    bench.add_camera(scene, "Side", location=(4.5, 0.0, 1.0))
    bench.add_camera(scene, "Back", location=(0.0, 4.5, 1.0))
    scene.maskel.views.source = "ALL"
    return ["Back", "Camera", "Side"]


def press(chosen=False):
    """What the button does in a window; without one Blender itself turns an invocation into an execution."""
    order = make_order(bpy.context, camera=None if chosen else "")
    order.interactive = True
    PUMP.submit(order)


def test_the_button_returns_at_once(window, character, server):
    server.faults.delay = SECONDS
    press()
    assert SESSION.busy
    assert bpy.app.timers.is_registered(PUMP.timer)
    pump_until(lambda: server.running == 1)
    assert planes() == []
    began = time.monotonic()
    PUMP.tick()
    assert time.monotonic() - began < SECONDS / 2
    server.released.set()
    finish()
    assert len(planes()) == 1
    assert not SESSION.busy
    assert PUMP.timer() is None


def test_all_chosen_cameras(window, cameras, server):
    press(chosen=True)
    assert [entry.label for entry in SESSION.queue.entries] == [f"Figure, {name}" for name in cameras]
    finish()
    assert planes() == [f"X-ray Figure {name}" for name in cameras]
    assert SESSION.message.startswith("3 X-rays")
    assert all(form["priority"] == b"batch" for form in server.forms)


def test_one_undo_step_takes_a_whole_batch_away(window, cameras, server):
    bpy.ops.ed.undo_push(message="before")
    press(chosen=True)
    finish()
    assert len(planes()) == 3
    bpy.ops.ed.undo()
    assert planes() == []
    assert "MaSkel" not in bpy.data.collections
    assert "Figure" in bpy.data.objects
    bpy.ops.ed.redo()
    assert len(planes()) == 3


def test_an_undo_in_between_loses_no_result(window, cameras, server, monkeypatch):
    # one is placed at a tick, however many have come
    monkeypatch.setattr(pump, "BUDGET_SECONDS", 0.0)
    bpy.ops.ed.undo_push(message="before")
    bpy.data.objects["Figure"].location.x = 0.1
    bpy.ops.ed.undo_push(message="moved")
    server.faults.delay = 0.0
    press(chosen=True)
    pump_until(lambda: len(planes()) == 1)
    bpy.ops.ed.undo()
    assert planes() == []
    finish()
    assert len(planes()) == 3
    assert bpy.data.objects["Figure"].location.x == 0.0
    bpy.ops.ed.undo()
    assert planes() == []


def test_pictures_are_painted_beside_the_main_thread(window, cameras, server, monkeypatch):
    on_main = []

    def paint(*arguments):
        on_main.append(arguments)
        return painting.paint_png(*arguments)

    monkeypatch.setattr(results, "paint_png", paint)
    press(chosen=True)
    finish()
    assert len(planes()) == 3
    assert on_main == []
    results.all_results()[0].maskel.style = "inverted"
    assert len(on_main) == 1


def test_an_order_holds_the_settings_it_was_given_with(window, cameras, scene, server):
    scene.maskel.character.side = "FRONT"
    press(chosen=True)
    pump_until(lambda: SESSION.queue.entries[0].request is not None)
    scene.maskel.character.side = "BACK"
    scene.maskel.character.left_out.add().object = bpy.data.objects["Figure"]
    scene.maskel.result.look.placement = "EMPTY"
    finish()
    assert SESSION.error is None
    assert {form["view"] for form in server.forms} == {b"front"}
    assert len(planes()) == 3


def test_an_undo_in_between_loses_no_background(window, cameras, scene, server, monkeypatch):
    monkeypatch.setattr(pump, "BUDGET_SECONDS", 0.0)
    scene.maskel.result.look.placement = "BACKGROUND"
    bpy.ops.ed.undo_push(message="before")
    bpy.data.objects["Figure"].location.x = 0.1
    bpy.ops.ed.undo_push(message="moved")
    press(chosen=True)
    pump_until(lambda: len(results.all_results()) == 1)
    bpy.ops.ed.undo()
    # Blender keeps the cameras it has in memory: one that showed an X-ray would point at what is no more, and crash
    assert all(len(bpy.data.objects[name].data.background_images) == 0 for name in cameras)
    assert results.all_results() == []
    finish()
    assert [results.placement_of(image) for image in results.all_results()] == ["BACKGROUND"] * 3


def test_an_undo_in_between_leaves_the_collection_whole(window, cameras, scene, server, monkeypatch):
    monkeypatch.setattr(pump, "BUDGET_SECONDS", 0.0)
    press()
    finish()
    collection = find_collection(scene)
    before = [item.name for item in collection.objects]
    bpy.ops.ed.undo_push(message="before")
    bpy.data.objects["Figure"].location.x = 0.1
    bpy.ops.ed.undo_push(message="moved")
    scene.camera = bpy.data.objects["Side"]
    press()
    pump_until(lambda: len(planes()) == 2)
    bpy.ops.ed.undo()
    collection = find_collection(bpy.context.scene)
    assert [item.name for item in collection.objects] == before
    press(chosen=True)
    finish()
    assert len(planes()) == 3


def test_an_undo_with_nothing_to_undo_takes_nothing(window, cameras, server, monkeypatch):
    monkeypatch.setattr(pump, "BUDGET_SECONDS", 0.0)
    press(chosen=True)
    pump_until(lambda: len(planes()) == 1)
    PUMP.undoing()
    assert planes() == []
    assert "MaSkel" not in bpy.data.collections
    PUMP.undone()
    finish()
    assert len(planes()) == 3


def test_a_camera_that_is_deleted_fails_alone(window, cameras, server):
    press(chosen=True)
    bpy.data.objects.remove(bpy.data.objects["Side"])
    finish()
    assert planes() == ["X-ray Figure Back", "X-ray Figure Camera"]
    assert SESSION.error.code == "no_camera"
    assert "1 failed" in SESSION.message


def test_a_character_that_is_deleted(window, cameras, server):
    press(chosen=True)
    bpy.data.objects.remove(bpy.data.objects["Figure"])
    finish()
    assert planes() == []
    assert {entry.error.code for entry in SESSION.queue.entries} == {"character_gone"}


def test_a_scene_that_is_deleted(window, scene, character, server):
    server.faults.delay = SECONDS
    press()
    pump_until(lambda: server.running == 1)
    other = bpy.data.scenes.new("Other")
    bpy.context.window.scene = other
    bpy.data.scenes.remove(scene)
    server.released.set()
    finish()
    assert SESSION.error.code == "scene_gone"
    assert planes() == []


def test_another_scene_is_worked_on_meanwhile(window, scene, cameras, server):
    press(chosen=True)
    bpy.context.window.scene = bpy.data.scenes.new("Other")
    finish()
    assert len(planes()) == 3
    assert [item.name for item in scene.collection.children] == ["MaSkel"]


def test_another_selection_meanwhile_does_not_matter(window, scene, cameras, server):
    press(chosen=True)
    bpy.context.view_layer.objects.active = None
    bpy.data.objects["Figure"].select_set(False)
    finish()
    assert len(planes()) == 3


def test_loading_another_file_drops_everything(window, cameras, server):
    server.faults.delay = SECONDS
    press(chosen=True)
    pump_until(lambda: server.running == 2)
    jobs = [entry.job for entry in SESSION.queue.entries if entry.job]
    SESSION.error, SESSION.message = MaskelError("x", "Of the file before.", "None."), "Placed"
    bpy.ops.wm.read_homefile(use_empty=True)
    assert (SESSION.error, SESSION.message) == (None, "")
    assert SESSION.queue.entries == []
    assert not bpy.app.timers.is_registered(PUMP.timer)
    PUMP.tick()
    pump_until(lambda: not any(job.running for job in jobs))
    assert planes() == []


def test_disabling_drops_everything(window, cameras, server):
    server.faults.delay = SECONDS
    press(chosen=True)
    pump_until(lambda: server.running == 2)
    jobs = [entry.job for entry in SESSION.queue.entries if entry.job]
    maskel_blender.unregister()
    try:
        assert not bpy.app.timers.is_registered(PUMP.timer)
        assert all(
            handler.__module__ != "maskel_blender.handlers"
            for handlers in (bpy.app.handlers.load_pre, bpy.app.handlers.undo_post)
            for handler in handlers
        )
        pump_until(lambda: not any(job.running for job in jobs))
    finally:
        maskel_blender.register()


def test_cancel(window, cameras, server):
    assert not bpy.ops.maskel.cancel.poll()
    server.faults.delay = SECONDS
    press(chosen=True)
    pump_until(lambda: server.running == 2)
    number = SESSION.queue.entries[-1].id
    bpy.ops.maskel.cancel(number=number)
    assert [entry.state is EntryState.CANCELLED for entry in SESSION.queue.entries] == [False, False, True]
    bpy.ops.maskel.cancel()
    finish()
    assert planes() == []
    assert SESSION.message == "Cancelled"
    assert SESSION.error is None


def test_retry(window, cameras, server):
    server.faults.error = (500, {"code": "internal", "message": "Broken.", "fix": "Mend it."})
    press(chosen=True)
    finish()
    assert SESSION.error.code == "internal"
    assert planes() == []
    server.faults.error = None
    bpy.ops.maskel.retry()
    assert SESSION.error is None
    finish()
    assert len(planes()) == 3
    assert not bpy.ops.maskel.retry.poll()


def test_the_same_again_comes_from_the_cache(window, cameras, server):
    press(chosen=True)
    finish()
    press(chosen=True)
    finish()
    assert server.runs == 3
    assert len(planes()) == 3
    assert all(entry.cached for entry in SESSION.queue.entries)


def test_scripts_wait(cameras, server):
    assert bpy.ops.maskel.generate(chosen=True) == {"FINISHED"}
    assert len(planes()) == 3


def test_what_goes_wrong_inside_becomes_a_message(window, character, server, monkeypatch):
    from maskel_blender import workflow

    def broken(*_arguments, **_options):
        raise ReferenceError("StructRNA of type Object has been removed")

    monkeypatch.setattr(workflow, "prepare", broken)
    press()
    finish()
    assert SESSION.error.code == "internal"


def test_the_timer_never_raises(window, character, server, monkeypatch):
    press()
    monkeypatch.setattr(PUMP, "tick", lambda: 1 / 0)
    assert PUMP.timer() is not None
    assert SESSION.error.code == "internal"
