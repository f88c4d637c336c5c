"""Server section and set-up in Blender: what is drawn in every state, what the buttons do, an installation that works."""

import contextlib
import sys
from pathlib import Path
from types import SimpleNamespace

import bpy
import pytest

from maskel_blender import compat, preferences, support
from maskel_blender.backend import words
from maskel_blender.backend.monitor import Snapshot
from maskel_blender.backend.process import ServerState
from maskel_blender.client.request import Health, ServerStatus
from maskel_blender.errors import ACTIONS, BackendError
from maskel_blender.install.installation import Installation
from maskel_blender.install.layout import Layout
from maskel_blender.install.options import InstallOptions
from maskel_blender.operators import server as server_operators
from maskel_blender.panels import messages, server, setup
from maskel_blender.session import SESSION
from tests.fakes.tiny_wheels import make_folder

FAKE = f'"{sys.executable}" "{Path(__file__).parents[1] / "fakes" / "xray_server.py"}"'
ICONS = {
    item.identifier for item in bpy.types.UILayout.bl_rna.functions["label"].parameters["icon"].enum_items
}


class Drawn:
    """A layout that notes what is drawn, and refuses icons and operators that Blender does not have."""

    def __init__(self):
        self.texts, self.operators = [], []

    def label(self, text="", icon="NONE"):
        assert icon in ICONS, icon
        self.texts.append(text)

    def operator(self, name, text=None, icon="NONE"):
        assert icon in ICONS, icon
        group, _, verb = name.partition(".")
        getattr(getattr(bpy.ops, group), verb).get_rna_type()
        self.operators.append(name)
        return SimpleNamespace()

    def prop(self, owner, name, **_options):
        getattr(owner, name)
        self.texts.append(name)

    def progress(self, factor, text):
        assert 0 <= factor <= 1
        self.texts.append(text)

    def panel(self, _name, default_closed):
        return self, self

    def box(self, **_options):
        return self

    row = column = box


def drawn_server():
    layout = Drawn()
    server.MASKEL_PT_server.draw(SimpleNamespace(layout=layout), bpy.context)
    return layout


def values(**changes):
    kept = {"source": "FOLDER", "wheel_folder": "", "package": "", "torch": "CPU", "torch_index": ""}
    return SimpleNamespace(**(kept | changes))


def drawn_setup(**changes):
    layout = Drawn()
    setup.draw_setup(layout, bpy.context, values(**changes))
    return layout


@pytest.fixture
def fresh(scene, monkeypatch, tmp_path):
    """Nothing installed and no program on the PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))
    SESSION.setup_error = SESSION.installation = None
    SESSION.monitor._snapshot = Snapshot()
    yield Layout(preferences.backend_layout().folder)
    SESSION.setup_error = SESSION.installation = None
    SESSION.monitor._snapshot = Snapshot()


def told(status, running=0):
    health = Health(status, "9.9.9", 1, "a-model", "cuda (A Card)", 1)
    return Snapshot(ServerStatus(health, 400 * 1024**2, 2 * 1024**3, 3, running), log=("a line", "another"))


@pytest.mark.parametrize(
    ("state", "status", "running", "word", "buttons"),
    [
        ("NOT_FOUND", None, 0, words.NOT_INSTALLED, ["maskel.setup_open"]),
        ("STOPPED", None, 0, words.STOPPED, ["maskel.server_start"]),
        ("STARTING", None, 0, words.STARTING, ["maskel.server_stop"]),
        ("FAILED", None, 0, words.FAILED, ["maskel.server_start", "maskel.server_restart"]),
        ("READY", "ready", 0, words.READY, ["maskel.server_free_memory", "maskel.server_stop"]),
        ("READY", "idle", 0, words.IDLE, ["maskel.server_stop", "maskel.server_restart"]),
        ("READY", "ready", 1, words.ELSEWHERE, ["maskel.server_free_memory"]),
    ],
)
def test_the_server_section_in_every_state(fresh, monkeypatch, state, status, running, word, buttons):
    monkeypatch.setattr(SESSION.backend, "_state", ServerState[state])
    monkeypatch.setattr(SESSION.monitor, "_snapshot", told(status, running) if status else Snapshot())
    layout = drawn_server()
    assert layout.texts[0] == f"Server: {word}"
    assert set(buttons) <= set(layout.operators)
    assert layout.operators[-2:] == ["maskel.server_log", "maskel.copy_diagnostics"]
    if status:
        assert {"Device: cuda (A Card)", "Memory: 400 MiB", "Graphics memory: 2.0 GiB", "a line"} <= set(
            layout.texts
        )


def test_a_named_server_is_not_ours_to_stop(fresh, server_named):
    SESSION.monitor._snapshot = told("ready")
    layout = drawn_server()
    assert layout.texts[0] == "Server: ready"
    assert not {"maskel.server_stop", "maskel.server_start", "maskel.server_restart"} & set(layout.operators)
    assert any(server_named.url in text for text in layout.texts)


@pytest.fixture
def server_named(server):
    return server


def test_every_action_has_an_operator(fresh):
    for code, action in ACTIONS.items():
        layout = Drawn()
        messages.error_box(layout, bpy.context, BackendError(code, "What.", "Do that."))
        assert layout.operators == [action.operator]
        assert layout.texts == ["What.", "Do that."]


def test_set_up_says_what_is_missing_and_how_large_it_is(fresh, tmp_path):
    layout = drawn_setup()
    assert "Back end: not installed" in layout.texts
    assert any("Choose the folder" in text for text in layout.texts)
    layout = drawn_setup(wheel_folder=str(make_folder(tmp_path / "wheels")))
    assert any("fetches nothing" in text for text in layout.texts)
    layout = drawn_setup(source="INDEX", torch="GPU")
    assert any("GiB" in text for text in layout.texts)
    assert "maskel.setup_install" in layout.operators


def test_the_network_is_asked_for(fresh, monkeypatch):
    monkeypatch.setattr(compat, "online_access", lambda: False)
    assert "maskel.online_access" in drawn_setup(source="INDEX").operators
    monkeypatch.setattr("maskel_blender.operators.setup.preferences", lambda _context: values(source="INDEX"))
    with pytest.raises(RuntimeError, match="wheel folder"):
        bpy.ops.maskel.setup_install(mode="NEW")
    assert SESSION.setup_error.code == "offline"
    assert SESSION.installation is None
    assert "maskel.online_access" in drawn_setup(source="INDEX").operators


def test_nothing_to_go_on_with(fresh):
    for mode in ("CONTINUE", "REPAIR", "NEW"):
        with pytest.raises(RuntimeError, match="preferences"):
            bpy.ops.maskel.setup_install(mode=mode)
    assert not fresh.folder.exists()


@pytest.mark.slow
def test_installed_with_blenders_own_python_and_used(fresh, tmp_path, monkeypatch):
    """From nothing to an answering server and back, with a Python found only in Blender."""
    wheels = make_folder(tmp_path / "wheels")
    monkeypatch.setattr(
        "maskel_blender.operators.setup.preferences", lambda _context: values(wheel_folder=str(wheels))
    )
    before = set(map(str, Path(sys.prefix).rglob("*.dist-info")))
    assert bpy.ops.maskel.setup_install(mode="NEW") == {"FINISHED"}
    assert set(map(str, Path(sys.prefix).rglob("*.dist-info"))) == before, "Blender's Python stays as it is"
    assert fresh.active().options == InstallOptions("FOLDER", str(wheels))
    layout = drawn_setup()
    assert any(text.startswith("Back end: installed") for text in layout.texts)
    assert bpy.ops.maskel.server_start() == {"FINISHED"}
    SESSION.backend.wait_ready(60.0)
    assert str(fresh.folder) in SESSION.backend._process.args[0]
    assert bpy.ops.maskel.setup_remove() == {"FINISHED"}
    assert SESSION.backend.state is ServerState.STOPPED
    assert fresh.active() is None


def test_begun_and_damaged_are_shown(fresh, tmp_path):
    options = InstallOptions("FOLDER", str(make_folder(tmp_path / "wheels")))
    slot = fresh.begin(options)
    assert any("begun" in text for text in drawn_setup().texts)
    assert bpy.ops.maskel.setup_discard() == {"FINISHED"}
    assert fresh.partial() is None
    fresh.begin(options)
    fresh.activate(slot, options, "1")
    assert "Back end: damaged" in drawn_setup().texts


def test_progress_is_drawn(fresh, tmp_path):
    SESSION.installation = Installation(
        fresh.folder, InstallOptions("FOLDER", str(make_folder(tmp_path / "w")))
    )
    layout = drawn_setup()
    assert layout.operators == ["maskel.setup_cancel"]
    assert bpy.ops.maskel.setup_cancel() == {"FINISHED"}
    assert SESSION.installation.wait(60.0)
    SESSION.installation = None


def test_free_memory_restart_and_log(fresh, monkeypatch):
    monkeypatch.setenv("MASKEL_COMMAND", FAKE)
    with pytest.raises(RuntimeError, match="No server runs"):
        bpy.ops.maskel.server_free_memory()
    assert bpy.ops.maskel.server_restart() == {"FINISHED"}
    SESSION.backend.wait_ready(60.0)
    first = SESSION.backend._process
    assert bpy.ops.maskel.server_free_memory() == {"FINISHED"}
    assert bpy.ops.maskel.server_restart() == {"FINISHED"}
    assert first.poll() is not None
    SESSION.backend.wait_ready(60.0)
    assert bpy.ops.maskel.server_log() == {"FINISHED"}
    assert bpy.ops.maskel.server_log() == {"FINISHED"}
    (text,) = bpy.data.texts
    assert "loading weights" in text.as_string()


def test_diagnostics_tell_what_helps_and_nothing_else(fresh, monkeypatch, tmp_path):
    monkeypatch.setenv("MASKEL_COMMAND", FAKE)
    bpy.ops.maskel.server_start()
    _, token = SESSION.backend.wait_ready(60.0)
    SESSION.backend.log_file.write_text(f"token {token} in {Path.home()}/file and /home/anna/x\n")
    SESSION.monitor._snapshot = told("ready")
    text = support.diagnostics(bpy.context)
    for secret in (token, "anna", f"{Path.home()}/"):
        assert secret not in text
    for fact in (bpy.app.version_string, "cuda (A Card)", "API: 1 to 1", "process: ready", "400 MiB"):
        assert fact in text
    with contextlib.suppress(AttributeError):
        assert bpy.ops.maskel.copy_diagnostics() == {"FINISHED"}


def test_no_window_is_said(fresh):
    for operator in (bpy.ops.maskel.setup_open, bpy.ops.maskel.online_access):
        with pytest.raises(RuntimeError, match="no window"):
            operator()


def test_closing_ends_an_installation(fresh, tmp_path):
    installation = SESSION.installation = Installation(
        fresh.folder, InstallOptions("FOLDER", str(make_folder(tmp_path / "w")))
    )
    SESSION.close()
    assert SESSION.installation is None
    assert installation.wait(60.0)


def test_what_follows_the_server_outlives_another_file(fresh, monkeypatch):
    monkeypatch.setattr(compat, "waits_for_results", lambda: False)
    server_operators._follow()
    bpy.ops.wm.read_homefile(use_empty=True)
    assert bpy.app.timers.is_registered(server_operators.follow_start)
