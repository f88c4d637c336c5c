"""Run by Blender with a window: plays one of `scenarios.py` by simulated events and timers, and takes pictures of the screen.

    blender ... --enable-event-simulate --python tests/window/driver.py -- SCENARIO FOLDER

Leaves result.json in the folder: {"error": null or text, "values": {...}}. Needs an X server and ImageMagick's `import`. The
add-on is an installed extension, so that its preferences are there.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import bpy

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY))

EXTENSION = "bl_ext.user_default.maskel_blender"
LIMIT_SECONDS = float(os.environ.get("MASKEL_WINDOW_SECONDS", "90"))
SCAN_STEP = 8

Steps = Iterator[float]
"""Each value yielded is how many seconds to let Blender run before the next step."""


def part(name: str):
    """A module of the installed extension."""
    return importlib.import_module(f"{EXTENSION}.{name}")


def planes() -> list[bpy.types.Object]:
    """X-ray planes in the file."""
    return [item for item in bpy.data.objects if item.get("maskel_role") == "xray_plane"]


class Screen:
    """What a user does: looks, points, clicks, waits."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.values: dict[str, object] = {}
        self._mouse = (0, 0)

    @property
    def window(self) -> bpy.types.Window:
        """The main window."""
        return bpy.context.window_manager.windows[0]

    def area(self, kind: str = "VIEW_3D") -> bpy.types.Area:
        """The largest area of a kind, in the newest window that has one."""
        for window in reversed(bpy.context.window_manager.windows):
            found = [area for area in window.screen.areas if area.type == kind]
            if found:
                return max(found, key=lambda area: area.width * area.height)
        raise AssertionError(f"no {kind} on the screen")

    def region(self, kind: str, area: str = "VIEW_3D") -> bpy.types.Region:
        """A region of an area."""
        return next(region for region in self.area(area).regions if region.type == kind)

    def context(self, region: str = "WINDOW") -> dict[str, object]:
        """For `temp_override`: the 3D viewport."""
        return {"window": self.window, "area": self.area(), "region": self.region(region)}

    def sidebar(self) -> Steps:
        """Open the sidebar of the 3D viewport at our tab."""
        self.area().spaces[0].show_region_ui = True
        yield 0.5
        self.region("UI").active_panel_category = "MaSkel"
        self.area().tag_redraw()
        yield 0.5

    def picture(self, name: str) -> None:
        """A picture of the whole screen, NAME.png in the folder."""
        subprocess.run(
            ["import", "-window", "root", str(self.folder / f"{name}.png")], check=True, timeout=60
        )

    def brightness(self, x: int, y: int) -> int:
        """Grey level 0..255 of a point of the screen, counted from the lower left."""
        crop = f"1x1+{x}+{self.window.height - 1 - y}"
        grey = subprocess.run(
            ["import", "-window", "root", "-crop", crop, "-depth", "8", "gray:-"],
            check=True,
            timeout=60,
            capture_output=True,
        )
        return grey.stdout[0]

    def move(self, x: int, y: int) -> None:
        """Move the mouse, in pixels from the window's lower left."""
        self._mouse = (x, y)
        self.window.event_simulate(type="MOUSEMOVE", value="NOTHING", x=x, y=y)

    def command_under_mouse(self) -> str:
        """Python command of the button under the mouse; "" if there is none."""
        manager = bpy.context.window_manager
        manager.clipboard = ""
        with bpy.context.temp_override(**self.context("UI")):
            if bpy.ops.ui.copy_python_command_button.poll():
                bpy.ops.ui.copy_python_command_button()
        return manager.clipboard

    def find(self, command: str, x_share: float = 0.5) -> Steps:
        """Move the mouse over the sidebar until it is on a button with this in its Python command."""
        region = self.region("UI")
        x = region.x + int((region.width - 20) * x_share)
        seen = []
        for y in range(region.y + region.height - 5, region.y + 5, -SCAN_STEP):
            self.move(x, y)
            yield 0.03
            found = self.command_under_mouse()
            seen.append(found)
            if command in found:
                return
        raise AssertionError(f"no button {command}; found {sorted(set(seen))}")

    def click(self, command: str, x_share: float = 0.5) -> Steps:
        """Press the button of the sidebar that has this in its Python command."""
        yield from self.find(command, x_share)
        yield from self.press()

    def wait(self, done: Callable[[], object], what: str) -> Steps:
        """Let Blender run until something is so."""
        end = time.monotonic() + LIMIT_SECONDS
        while not done():
            if time.monotonic() > end:
                raise AssertionError(f"waited {LIMIT_SECONDS:.0f} s in vain until {what}")
            yield 0.05

    def idle(self) -> Steps:
        """Wait until the queue is empty and everything is placed."""
        session, pump = part("session").SESSION, part("pump").PUMP
        yield from self.wait(lambda: not session.busy and not pump.orders, "the queue was empty")

    def undo(self, again: bool = False) -> Steps:
        """One undo, or redo, by its keys in the viewport."""
        region = self.region("WINDOW")
        self.move(region.x + region.width // 3, region.y + region.height // 2)
        yield 0.1
        x, y = self._mouse
        for value in ("PRESS", "RELEASE"):
            self.window.event_simulate(type="Z", value=value, ctrl=True, shift=again, x=x, y=y)
            yield 0.1
        yield 0.5

    def press_below(self, pixels: int) -> Steps:
        """Press this far below the mouse."""
        self.move(self._mouse[0], self._mouse[1] - pixels)
        yield 0.1
        yield from self.press()

    def unfold(self) -> None:
        """Show our panels unfolded from the first; before the tab is opened."""
        for name in dir(bpy.types):
            if name.startswith("MASKEL_PT_"):
                panel = getattr(bpy.types, name)
                if "DEFAULT_CLOSED" in getattr(panel, "bl_options", ()):
                    bpy.utils.unregister_class(panel)
                    panel.bl_options = set(panel.bl_options) - {"DEFAULT_CLOSED"}
                    bpy.utils.register_class(panel)

    def press(self, seconds: float = 0.1) -> Steps:
        """Press the left button where the mouse is.

        Args:
            seconds: How long, and how long to let Blender run afterwards.

        """
        x, y = self._mouse
        for value in ("PRESS", "RELEASE"):
            self.window.event_simulate(type="LEFTMOUSE", value=value, x=x, y=y)
            yield seconds


def build_scene(screen: Screen) -> Steps:
    """A figure with an armature before a camera, in camera view and solid shading."""
    from benchmarks import blender_scene as bench

    bpy.ops.wm.read_homefile(use_factory_startup=True)
    yield 0.5
    with bpy.context.temp_override(**screen.context()):
        for item in list(bpy.data.objects):
            bpy.data.objects.remove(item)
        scene = screen.window.scene
        bench.figure(scene)
        bench.add_camera(scene)
        bench.set_resolution(scene, 512, 512)
        screen.area().spaces[0].region_3d.view_perspective = "CAMERA"
        bpy.ops.view3d.view_center_camera()
        bpy.ops.ed.undo_push(message="Scene")
    yield 0.3


class Player:
    """Plays the steps by a timer; then writes the result and quits."""

    def __init__(self, steps: Callable[[Screen], Steps], screen: Screen) -> None:
        self.screen = screen
        self._steps = self._play(steps)

    def _play(self, steps: Callable[[Screen], Steps]) -> Steps:
        preferences = bpy.context.preferences
        preferences.view.show_splash = preferences.view.use_save_prompt = False
        preferences.use_preferences_save = False
        # an answer of another scenario would come at once
        cache = part("session").SESSION.cache
        cache.folder = None
        cache.clear()
        yield from build_scene(self.screen)
        yield from steps(self.screen)

    def __call__(self) -> float | None:
        """Next step."""
        error = None
        try:
            return next(self._steps)
        except StopIteration:
            pass
        except BaseException:
            error = traceback.format_exc()
            self.screen.picture("failed")
        self.write(error)
        bpy.ops.wm.quit_blender()
        return None

    def write(self, error: str | None = None) -> None:
        """Write result.json."""
        values = {"error": error, "values": self.screen.values}
        (self.screen.folder / "result.json").write_text(json.dumps(values, indent=1), encoding="utf-8")


def main() -> None:
    """Start playing."""
    from tests.window import scenarios

    name, folder = sys.argv[sys.argv.index("--") + 1 :][:2]
    bpy.app.timers.register(
        Player(getattr(scenarios, name), Screen(Path(folder))), first_interval=1.0, persistent=True
    )


if __name__ == "__main__":
    main()
