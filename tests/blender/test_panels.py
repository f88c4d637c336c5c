"""What the panels say. Blender draws none without a window, so a layout writes down what it is told."""

import bpy
import pytest

from maskel_blender.orders import make_order
from maskel_blender.panels.frames import MASKEL_PT_frames
from maskel_blender.panels.main import MASKEL_PT_main, duration
from maskel_blender.panels.preview import MASKEL_PT_preview
from maskel_blender.panels.queue import ROWS, MASKEL_PT_queue
from maskel_blender.pump import PUMP
from maskel_blender.session import SESSION
from tests.blender.test_pump import finish, pump_until


class Button:
    """Takes only properties that the operator has."""

    def __init__(self, operator):
        module, name = operator.split(".")
        object.__setattr__(self, "known", getattr(getattr(bpy.ops, module), name).get_rna_type().properties)

    def __setattr__(self, name, value):
        assert name in self.known
        object.__setattr__(self, name, value)


class Layout:
    """Writes down texts and buttons."""

    def __init__(self, said=None):
        self.said = [] if said is None else said

    def part(self, *_arguments, **_options):
        return Layout(self.said)

    box = row = column = part

    def label(self, text="", icon="NONE"):
        assert icon in bpy.types.UILayout.bl_rna.functions["label"].parameters["icon"].enum_items
        self.said.append(text)

    def prop(self, data, name, text=None, **_options):
        assert name in data.bl_rna.properties
        self.said.append(f"<{name}>")

    def operator(self, name, text=None, icon="NONE", **_options):
        assert icon in bpy.types.UILayout.bl_rna.functions["label"].parameters["icon"].enum_items
        button = Button(name)
        self.said.append(f"[{name}]" if not text else f"[{text}]")
        return button

    def progress(self, factor, text):
        assert 0.0 <= factor <= 1.0
        self.said.append(text)


def said(panel):
    layout = Layout()
    shown = type("Shown", (), {"layout": layout})()
    if hasattr(panel, "draw_header"):
        panel.draw_header(shown, bpy.context)
    panel.draw(shown, bpy.context)
    return layout.said


@pytest.fixture
def six(scene, character):
    from benchmarks import blender_scene as bench

    for number in range(12):
        bench.add_camera(scene, f"Camera {number:02d}", location=(0.1 * number, -4.5, 1.0))
    scene.maskel.views.source = "ALL"


def press():
    order = make_order(bpy.context, camera=None)
    PUMP.submit(order)


def test_at_rest(scene, character):
    assert "[Generate X-ray]" in said(MASKEL_PT_main)
    assert not MASKEL_PT_queue.poll(bpy.context)
    scene.maskel.views.source = "ALL"
    assert "[Generate X-rays]" in said(MASKEL_PT_main)
    scene.maskel.frames.use_range = True
    assert "[Generate Frames]" in said(MASKEL_PT_main)


def test_while_a_batch_is_made(scene, six, server):
    server.faults.delay = 15.0
    press()
    pump_until(lambda: server.running == 2)
    texts = said(MASKEL_PT_main)
    assert any(text.startswith("0 of 13") for text in texts)
    assert "[Cancel All]" in texts
    rows = said(MASKEL_PT_queue)
    assert sum(text.endswith("Making the X-ray") for text in rows) == 2
    assert f"and {13 - ROWS} more" in rows
    assert rows.count("[maskel.cancel]") == ROWS


def test_failures_say_their_fix_and_can_be_retried(scene, six, server):
    server.faults.error = (500, {"code": "internal", "message": "Broken.", "fix": "Mend it."})
    press()
    finish()
    texts = said(MASKEL_PT_main)
    assert {"Broken.", "Mend it.", "[Retry 13 Failed]"} <= set(texts)
    assert "[Retry 13 Failed]" not in said(MASKEL_PT_queue)
    SESSION.error = None
    assert "Mend it." in said(MASKEL_PT_queue)


def test_done(scene, six, server):
    press()
    finish()
    assert any(text.startswith("13 X-rays: ") for text in said(MASKEL_PT_main))


def test_frames(scene):
    frames = scene.maskel.frames
    assert said(MASKEL_PT_frames)[0] == "<use_range>"
    frames.use_range, frames.start, frames.end, frames.step, frames.folder = True, 1, 10, 3, "/tmp"
    assert "4 pictures" in said(MASKEL_PT_frames)
    frames.end = 0
    assert "not a range of frames" in " ".join(said(MASKEL_PT_frames))
    frames.end, frames.folder = 5, "//maskel/"
    assert "Save the file" in " ".join(said(MASKEL_PT_frames))


def test_preview(scene):
    assert said(MASKEL_PT_preview) == ["[Camera]", "[Viewport]"]


def test_durations():
    assert [duration(value) for value in (0.2, 8.4, 89, 100, 3600 * 2 + 300)] == [
        "1 s",
        "8 s",
        "89 s",
        "2 min",
        "2 h 5 min",
    ]
