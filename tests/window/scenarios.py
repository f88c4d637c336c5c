"""What users do in a window, one function each; played by `driver.py` in Blender."""

from __future__ import annotations

import bpy

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
    yield from screen.find("maskel.server_stop", 0.25)
    yield from screen.press_below(26)
    yield 1.0
    yield from screen.find("maskel.copy_diagnostics", 0.75)
    screen.picture("after")


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
    screen.values["planes"] = len(planes())
    screen.values["message"] = part("session").SESSION.message
    for number in (1, 4):
        scene.frame_set(number)
        yield 1.0
        screen.picture(f"frame_{number}")


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
    yield 12.0
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
    yield 2.0
    screen.picture("camera")
    yield from screen.click("maskel.preview(source='CAMERA')", 0.25)
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
    yield from screen.find("maskel.server_stop", 0.25)
    yield from screen.press_below(26)
    yield 1.0
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
    # and the file that is open now can be worked with
    yield from screen.sidebar()
    yield from screen.click("maskel.generate")
    yield from screen.idle()
    screen.values["planes of the other"] = len(planes())
    yield 0.5
    screen.picture("other")


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
