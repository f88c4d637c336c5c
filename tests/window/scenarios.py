"""What users do in a window, one function each; played by `driver.py` in Blender."""

from __future__ import annotations

import os
import time

import bpy

from benchmarks import blender_scene

from .driver import Screen, Steps, part, planes


def generate(screen: Screen) -> Steps:
    """Open the tab, press the button, look, undo once, redo."""
    yield from screen.sidebar()
    screen.picture("panel")
    yield from screen.click("maskel.generate")
    yield from screen.idle()
    screen.values["message"] = part("session").SESSION.message
    yield 1.0
    screen.values["planes"] = len(planes())
    screen.picture("generated")
    yield from screen.undo()
    screen.values["planes after undo"] = len(planes())
    screen.values["collection after undo"] = "MaSkel" in bpy.data.collections
    screen.picture("undone")
    yield from screen.undo(again=True)
    screen.values["planes after redo"] = len(planes())


def everything_open(screen: Screen) -> Steps:
    """All panels unfolded, before an X-ray and after."""
    screen.unfold()
    yield from screen.sidebar()
    yield 1.5
    screen.picture("before")
    yield from screen.click("maskel.generate")
    yield from screen.idle()
    yield 1.5
    yield from _open_log(screen)
    screen.picture("after")


def _open_log(screen: Screen) -> Steps:
    """Unfold the log; its header is below the buttons of the server."""
    for pixels in (26, 32):
        yield from screen.find("maskel.server_stop", 0.25)
        yield from screen.press_below(pixels)
        yield 1.0
        try:
            yield from screen.find("maskel.copy_diagnostics", 0.75)
        except AssertionError:
            continue
        return
    raise AssertionError("the log does not unfold")


def cancel(screen: Screen) -> Steps:
    """Cancel while an X-ray is in the making."""
    session = part("session").SESSION
    yield from screen.sidebar()
    yield from screen.click("maskel.generate")
    yield from screen.wait(lambda: session.busy, "the job began")
    yield 0.7
    screen.picture("busy")
    yield from screen.click("maskel.cancel")
    yield from screen.idle()
    screen.values["message"] = session.message
    screen.values["planes"] = len(planes())


def several_cameras(screen: Screen) -> Steps:
    """The rigging set: one press, one undo step."""
    settings = screen.window.scene.maskel
    settings.views.source = "RIGGING"
    yield from screen.sidebar()
    yield from screen.click("maskel.generate")
    yield 0.3
    screen.picture("queue")
    yield from screen.idle()
    yield 1.0
    screen.values["message"] = part("session").SESSION.message
    screen.values["planes"] = len(planes())
    screen.picture("all")
    yield from screen.undo()
    screen.values["planes after undo"] = len(planes())


def undo_meanwhile(screen: Screen) -> Steps:
    """Undo while a batch of camera backgrounds is in the making: Blender must not be left with pictures that are gone."""
    results = part("placement.results")
    for number, place in enumerate(((4.5, 0.0, 1.0), (0.0, 4.5, 1.0), (-4.5, 0.0, 1.0))):
        blender_scene.add_camera(screen.window.scene, f"Further {number}", place)
    settings = screen.window.scene.maskel
    settings.views.source, settings.result.look.placement = "ALL", "BACKGROUND"
    with bpy.context.temp_override(**screen.context()):
        bpy.ops.ed.undo_push(message="Cameras")
        bpy.data.objects["Rig"].location.x = 0.1
        bpy.ops.ed.undo_push(message="Moved")
    yield from screen.sidebar()
    yield from screen.click("maskel.generate")
    yield from screen.wait(lambda: len(results.all_results()) > 0, "the first one came")
    yield from screen.undo()
    screen.values["moved"] = bpy.data.objects["Rig"].location.x > 0.05
    yield from screen.idle()
    yield 1.0
    screen.values["backgrounds"] = sum(
        len(item.data.background_images) for item in bpy.data.objects if item.type == "CAMERA"
    )
    screen.values["results"] = len(results.all_results())
    yield from screen.undo()
    screen.values["results after undo"] = len(results.all_results())


def retry(screen: Screen) -> Steps:
    """One of several fails; its button in the queue makes it again."""
    queue = part("session").SESSION.queue
    blender_scene.add_camera(screen.window.scene, "Side", (4.5, 0.0, 1.0))
    screen.window.scene.maskel.views.source = "ALL"
    screen.unfold()
    yield from screen.sidebar()
    yield from screen.click("maskel.generate")
    yield from screen.idle()
    yield 1.0
    screen.values["first"] = (len(planes()), queue.summary().failed)
    screen.picture("failed_one")
    (failed,) = (entry.id for entry in queue.entries if entry.error is not None)
    yield from screen.click(f"maskel.retry(number={failed})", 0.93)
    yield from screen.idle()
    yield 1.0
    screen.values["second"] = (len(planes()), queue.summary().failed)
    screen.values["error"] = str(part("session").SESSION.error or "")


def frames(screen: Screen) -> Steps:
    """A range of frames becomes a sequence that follows the timeline."""
    scene = screen.window.scene
    rig = bpy.data.objects["Rig"]
    rig.rotation_euler[2] = 0.0
    rig.keyframe_insert("rotation_euler", frame=1)
    rig.rotation_euler[2] = 1.5
    rig.keyframe_insert("rotation_euler", frame=4)
    scene.frame_set(2)
    scene.maskel.frames.use_range, scene.maskel.frames.start, scene.maskel.frames.end = True, 1, 4
    yield from screen.sidebar()
    yield from screen.click("maskel.generate")
    yield from screen.idle()
    yield 1.0
    screen.values["frame"] = scene.frame_current
    screen.values["sequences"] = sum(item.get("maskel_role") == "xray_sequence" for item in bpy.data.objects)
    screen.values["message"] = part("session").SESSION.message
    for number in (1, 4):
        scene.frame_set(number)
        yield 1.0
        screen.picture(f"frame_{number}")
    for placement in ("EMPTY", "BACKGROUND"):
        scene.maskel.result.look.placement = placement
        bpy.ops.maskel.generate("INVOKE_DEFAULT")
        yield from screen.idle()
        yield 1.0
        screen.picture(f"as_{placement.lower()}")


def looks(screen: Screen) -> Steps:
    """Placements and styles of one X-ray, without the server."""
    yield from screen.sidebar()
    yield from screen.click("maskel.generate")
    yield from screen.idle()
    image = next(item for item in bpy.data.images if "maskel_model" in item)
    for name, placement, style in (
        ("empty", "EMPTY", "inverted"),
        ("background", "BACKGROUND", "radiograph"),
        ("plane", "PLANE", "bone"),
    ):
        image.maskel.look.placement, image.maskel.style = placement, style
        yield 1.0
        screen.values[name] = [len(planes()), image.maskel.look.placement, image.maskel.style]
        screen.picture(name)


def material_preview(screen: Screen) -> Steps:
    """The plane in Material Preview."""
    yield from screen.sidebar()
    yield from screen.click("maskel.generate")
    yield from screen.idle()
    screen.area().spaces[0].shading.type = "MATERIAL"
    # until its shader is compiled, a material is drawn solid
    region = screen.region("WINDOW")
    x, y = region.x + 230, region.y + 150
    yield from screen.wait(lambda: screen.brightness(x, y) < 110, "the plane was transparent")
    yield 1.0
    screen.picture("material")


def live_preview(screen: Screen) -> Steps:
    """Orbit with the preview of the viewport on, pose with that of the camera."""
    screen.unfold()
    preview = part("preview").PREVIEW
    view = screen.area().spaces[0].region_3d
    yield from screen.sidebar()
    yield from screen.click("maskel.preview(source='VIEW')", 0.75)
    yield from screen.wait(lambda: _preview() is not None, "the preview was there")
    view.view_perspective = "PERSP"
    places = set()
    region = screen.region("WINDOW")
    x, y = region.x + 300, region.y + 300
    screen.move(x, y)
    screen.window.event_simulate(type="MIDDLEMOUSE", value="PRESS", x=x, y=y)
    for _ in range(30):
        x += 6
        screen.move(x, y)
        yield 0.1
        places.add(tuple(round(value, 3) for row in _preview().matrix_world for value in row))
    screen.window.event_simulate(type="MIDDLEMOUSE", value="RELEASE", x=x, y=y)
    yield 1.0
    screen.values["places while orbiting"] = len(places)
    screen.values["error"] = str(preview.error)
    screen.picture("viewport")
    yield from screen.click("maskel.preview(source='CAMERA')", 0.25)
    view.view_perspective = "CAMERA"
    yield 1.0
    bpy.data.objects["Rig"].pose.bones["upper"].rotation_euler[1] = -0.6
    yield 0.5
    yield from screen.wait(lambda: not preview.dirty and not preview._newest.busy, "the preview had followed")
    yield 1.0
    screen.picture("camera")
    with bpy.context.temp_override(**screen.context("UI")):
        bpy.ops.maskel.preview(source="CAMERA")
    yield 0.5
    screen.values["on"] = preview.on
    screen.values["left behind"] = _preview() is not None
    screen.values["X-rays"] = len(planes())


def _preview() -> bpy.types.Object | None:
    return next((item for item in bpy.data.objects if item.get("maskel_role") == "xray_preview"), None)


def server(screen: Screen) -> Steps:
    """Start, restart, stop, log and diagnostics by their buttons."""
    session = part("session").SESSION
    screen.unfold()
    yield from screen.sidebar()
    yield from screen.click("maskel.server_start")
    yield from screen.wait(lambda: session.backend.endpoint, "the server was up")
    first = session.backend.endpoint
    yield 2.5
    screen.picture("ready")
    yield from screen.click("maskel.server_restart", 0.75)
    yield from screen.wait(lambda: session.backend.endpoint not in (None, first), "another server was up")
    # the state, as the monitor sees it, moves what is below
    yield 4.0
    yield from _open_log(screen)
    yield from screen.click("maskel.copy_diagnostics", 0.75)
    screen.values["diagnostics"] = bpy.context.window_manager.clipboard
    yield from screen.click("maskel.server_log", 0.25)
    yield 1.5
    screen.values["windows"] = len(bpy.context.window_manager.windows)
    screen.values["log"] = screen.area("TEXT_EDITOR").spaces[0].text.as_string()
    screen.picture("log")
    with bpy.context.temp_override(window=bpy.context.window_manager.windows[-1]):
        bpy.ops.wm.window_close()
    yield 0.5
    yield from screen.click("maskel.server_stop", 0.25)
    yield from screen.wait(lambda: session.backend.endpoint is None, "the server was down")
    yield 1.5
    screen.picture("stopped")
    screen.values["error"] = str(session.error)


def nothing_installed(screen: Screen) -> Steps:
    """Without a back end the error's button opens the set-up."""
    session = part("session").SESSION
    yield from screen.sidebar()
    yield from screen.click("maskel.generate")
    yield from screen.wait(lambda: session.error, "there was an error")
    yield 1.0
    screen.values["code"] = session.error.code
    screen.picture("error")
    # Blender's own message lies over the panel and takes the mouse
    for value in ("PRESS", "RELEASE"):
        screen.window.event_simulate(type="ESC", value=value, x=600, y=300)
        yield 0.3
    yield from screen.click("maskel.setup_open")
    yield 2.0
    screen.values["windows"] = len(bpy.context.window_manager.windows)
    screen.values["section"] = bpy.context.preferences.active_section
    screen.picture("preferences")


def other_file(screen: Screen) -> Steps:
    """Open another file while a job runs."""
    session = part("session").SESSION
    other = screen.folder / "other.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(other), copy=True)
    yield from screen.sidebar()
    yield from screen.click("maskel.generate")
    yield from screen.wait(lambda: session.busy, "the job began")
    bpy.ops.wm.open_mainfile(filepath=str(other))
    yield 1.0
    screen.values["busy after load"] = session.busy
    yield 3.0
    screen.values["planes"] = len(planes())
    screen.values["error"] = str(session.error)


def disable(screen: Screen) -> Steps:
    """Disable the add-on while a job runs, then enable it again."""
    import addon_utils

    session = part("session").SESSION
    yield from screen.sidebar()
    yield from screen.click("maskel.generate")
    yield from screen.wait(lambda: session.backend.endpoint and session.busy, "the job ran")
    with bpy.context.temp_override(**screen.context()):
        bpy.ops.preferences.addon_disable(module=part("session").__package__)
    yield 2.0
    screen.values["panel"] = hasattr(bpy.types, "MASKEL_PT_main")
    screen.values["planes"] = len(planes())
    screen.values["enabled"] = addon_utils.check(part("session").__package__)[1]
    with bpy.context.temp_override(**screen.context()):
        bpy.ops.preferences.addon_enable(module="bl_ext.user_default.maskel_blender")
    yield from screen.sidebar()
    yield from screen.click("maskel.generate")
    yield from screen.idle()
    screen.values["planes at last"] = len(planes())


def leave(screen: Screen) -> Steps:
    """Quit while a job runs; the driver quits when this ends."""
    session = part("session").SESSION
    yield from screen.sidebar()
    yield from screen.click("maskel.generate")
    yield from screen.wait(lambda: session.backend.endpoint and session.busy, "the job ran")


def speed(screen: Screen) -> Steps:
    """Seconds from click to plane with a warm server, and how long a batch of ten cameras holds up the window."""
    from benchmarks import blender_scene as bench

    session, pump, workflow = part("session").SESSION, part("pump").PUMP, part("workflow")
    scene = screen.window.scene
    scene.maskel.size = 512
    yield from screen.sidebar()
    seconds = []
    for number in range(6):
        session.cache.clear()
        scene.camera.location.x = 0.05 * number
        session.message = ""
        began = time.perf_counter()
        _press_generate(screen)
        while not session.message:
            assert session.error is None, session.error
            assert time.perf_counter() - began < 60.0
            yield 0.001
        seconds.append(time.perf_counter() - began)
        yield 0.5
    screen.values["click to plane, s"] = seconds[1:]
    for number in range(9):
        bench.add_camera(scene, f"Camera {number}", (0.3 * number - 1.2, -4.5, 1.1))
    scene.maskel.views.source = "ALL"
    session.cache.clear()
    ticks, silhouettes, idle, gaps = [], [], [], []
    tick, capture = pump.tick, workflow.capture

    def timed_capture(*arguments, **options):
        began = time.perf_counter()
        try:
            return capture(*arguments, **options)
        finally:
            silhouettes.append(time.perf_counter() - began)

    def timed_tick():
        taken, began = len(silhouettes), time.perf_counter()
        try:
            return tick()
        finally:
            ticks.append(time.perf_counter() - began - sum(silhouettes[taken:]))

    workflow.capture, pump.tick = timed_capture, timed_tick
    try:
        last = time.perf_counter()
        for _ in range(200):
            yield 0.005
            idle.append(time.perf_counter() - last)
            last = time.perf_counter()
        _press_generate(screen, chosen=True)
        last = time.perf_counter()
        while not pump.orders:
            yield 0.001
        while pump.orders:
            yield 0.005
            gaps.append(time.perf_counter() - last)
            last = time.perf_counter()
    finally:
        workflow.capture, pump.tick = capture, tick
    screen.values |= {"ticks, s": ticks, "silhouettes, s": silhouettes, "idle gaps, s": idle, "gaps, s": gaps}
    entries = [entry.words for entry in session.queue.entries]
    assert len(planes()) == 10, (entries, str(session.error))


def _press_generate(screen: Screen, chosen: bool = False) -> None:
    """What the button does when it is pressed."""
    with bpy.context.temp_override(**screen.context()):
        bpy.ops.maskel.generate("INVOKE_DEFAULT", size=512, chosen=chosen)


def portrait(screen: Screen) -> Steps:
    """Pictures for the documentation: the demo's character, a real server."""
    path = os.environ.get("MASKEL_DEMO", "")
    bpy.ops.wm.open_mainfile(filepath=path)
    yield 1.0
    screen.unfold()
    space = screen.area().spaces[0]
    space.shading.type, space.region_3d.view_perspective = "SOLID", "CAMERA"
    space.overlay.show_floor = space.overlay.show_axis_x = space.overlay.show_axis_y = False
    space.overlay.show_cursor = False
    yield from screen.sidebar()
    with bpy.context.temp_override(**screen.context()):
        bpy.ops.view3d.view_center_camera()
    yield 1.0
    yield from screen.click("maskel.generate")
    yield from screen.idle()
    yield 2.0
    screen.picture("solid")
    image = next(item for item in bpy.data.images if "maskel_model" in item)
    image.maskel.look.opacity = 0.75
    yield 1.0
    screen.picture("through")
    image.maskel.look.opacity = 1.0
    space.shading.type = "MATERIAL"
    yield 60.0
    screen.picture("material")
