r"""Drives the extension in a Blender window and takes a picture of its panel. Needs an X server and ImageMagick's `import`.

    xvfb-run -a -s "-screen 0 1440x900x24 +extension GLX" env LIBGL_ALWAYS_SOFTWARE=1 MASKEL_COMMAND=... \
        blender --factory-startup --gpu-backend opengl --window-geometry 0 0 1440 900 --no-window-focus FILE.blend \\
        --python-exit-code 3 --python tools/panel_picture.py -- OUT.png [solid] [cancel]

Presses the button, waits for the plane, takes the picture, and checks that one undo takes the plane away
again. `solid` takes it in solid shading. With `cancel`, cancels while the X-ray is in the making and checks that nothing came.
Status 0 if all went as said.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import maskel_blender
from maskel_blender.pump import PUMP
from maskel_blender.session import SESSION

OUT, CANCEL = sys.argv[sys.argv.index("--") + 1], "cancel" in sys.argv
SOLID = "solid" in sys.argv
LIMIT_SECONDS = 120.0


def view() -> dict[str, object]:
    """Context of the 3D viewport."""
    window = bpy.context.window_manager.windows[0]
    area = next(area for area in window.screen.areas if area.type == "VIEW_3D")
    return {
        "window": window,
        "area": area,
        "region": next(region for region in area.regions if region.type == "WINDOW"),
    }


def planes() -> list[bpy.types.Object]:
    """X-ray planes in the file."""
    return [item for item in bpy.data.objects if item.get("maskel_role") == "xray_plane"]


def picture(path: str) -> None:
    """Picture of the screen."""
    subprocess.run(["import", "-window", "root", path], check=True, timeout=30)


def steps():
    """Each yield waits that many seconds."""
    yield 1.0
    context = view()
    space = context["area"].spaces[0]
    space.show_region_ui = True
    space.shading.type = "SOLID" if SOLID else "MATERIAL"
    space.region_3d.view_perspective = "CAMERA"
    yield 0.5
    next(region for region in context["area"].regions if region.type == "UI").active_panel_category = "MaSkel"
    if "MaSkel" in bpy.data.collections:
        bpy.data.batch_remove([*bpy.data.collections["MaSkel"].objects, bpy.data.collections["MaSkel"]])
    body = next(item for item in bpy.context.scene.objects if item.type == "MESH" and item.find_armature())
    bpy.context.view_layer.objects.active = body
    with bpy.context.temp_override(**context):
        bpy.ops.view3d.view_center_camera()
        bpy.ops.ed.undo_push(message="Before the X-ray")
    yield 0.5
    with bpy.context.temp_override(**context):
        result = bpy.ops.maskel.generate("INVOKE_DEFAULT", style="dxa")
    assert result == {"FINISHED"}, result
    yield 0.3
    if CANCEL:
        assert SESSION.busy
        picture(OUT)
        assert SESSION.busy, SESSION.error
        bpy.ops.maskel.cancel()
        yield 1.0
        assert not SESSION.busy and not planes() and SESSION.message == "Cancelled", (
            SESSION.message,
            planes(),
        )
        return
    end = time.monotonic() + LIMIT_SECONDS
    while (SESSION.busy or PUMP.orders) and time.monotonic() < end:
        yield 0.3
    assert SESSION.error is None, SESSION.error
    assert len(planes()) == 1
    # material preview compiles its shaders first
    yield 6.0
    picture(OUT)
    with bpy.context.temp_override(**view()):
        bpy.ops.ed.undo()
    yield 0.5
    assert not planes(), "one undo must take the plane away"
    assert "MaSkel" not in bpy.data.collections


def drive() -> float | None:
    """Timer: next step; ends Blender at the end."""
    try:
        return next(RUN)
    except StopIteration:
        print("panel: all as it should be", flush=True)
        status = 0
    except Exception as error:
        print(f"panel: {type(error).__name__}: {error}", flush=True)
        status = 1
    SESSION.close()
    # quitting by operator asks whether to save
    os._exit(status)


# before the first window is drawn: the splash would cover the picture
bpy.context.preferences.view.show_splash = False
maskel_blender.register()
RUN = steps()
bpy.app.timers.register(drive, first_interval=1.0, persistent=True)
