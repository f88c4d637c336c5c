"""The setup script: what it decides, and how it takes up what a killed run left."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import venv
from pathlib import Path

import pytest
from maskel_core.cli.checks import SYSTEM_LIBRARIES

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "tools" / "bootstrap.py"


@pytest.fixture
def bootstrap(tmp_path, monkeypatch):
    """The script as a module that works on an empty checkout."""
    spec = importlib.util.spec_from_file_location("bootstrap", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / "requirements").mkdir()
    for name in ("demo", "test", "bpy-4.2", "bpy-4.5", "bpy-5.0"):
        (tmp_path / f"requirements/{name}.lock").write_text(f"# {name}\n")
    (tmp_path / "pyproject.toml").write_text("")
    monkeypatch.setattr(module, "ROOT", tmp_path)
    return module


@pytest.fixture
def pips(bootstrap, monkeypatch):
    """Every pip call, recorded instead of run."""
    calls = []
    monkeypatch.setattr(bootstrap, "pip", lambda folder, arguments: calls.append((folder.name, arguments)))
    monkeypatch.setattr(bootstrap, "install_system_packages", lambda *arguments: None)
    monkeypatch.setattr(bootstrap, "prepare", lambda python, folder: venv.create(folder, with_pip=False))
    monkeypatch.delenv("MASKEL_TORCH_INDEX", raising=False)
    return calls


def run(bootstrap, monkeypatch, purpose):
    monkeypatch.setattr(sys, "argv", ["bootstrap.py", purpose])
    return bootstrap.main()


def test_wrong_use_is_status_2():
    for arguments in ([], ["everything"], ["demo", "test"]):
        done = subprocess.run(
            [sys.executable, SCRIPT, *arguments], capture_output=True, check=False, timeout=60
        )
        assert done.returncode == 2 and b"usage" in done.stderr


def test_doctor_and_setup_ask_for_the_same_libraries(bootstrap):
    assert bootstrap.LIBRARIES == SYSTEM_LIBRARIES


def test_a_second_run_does_nothing(bootstrap, pips, monkeypatch):
    assert run(bootstrap, monkeypatch, "demo") == 0
    assert [name for name, _ in pips].count(".venv-bpy-4.5") == 1
    first = [arguments for name, arguments in pips if name == ".venv"]
    assert first[0] == ["--no-deps", bootstrap.TORCH], "torch comes first and brings nothing along"
    assert first[1][-1].endswith("demo.lock") and first[-1][-2] == "-e"
    assert first[2] == [bootstrap.TORCH], (
        "a torch that cannot be imported gets the libraries of its GPU build"
    )
    pips.clear()
    assert run(bootstrap, monkeypatch, "demo") == 0
    assert not pips
    (bootstrap.ROOT / "requirements/bpy-4.5.lock").write_text("# another\n")
    assert run(bootstrap, monkeypatch, "demo") == 0
    assert {name for name, _ in pips} == {".venv-bpy-4.5"}, "only what changed is done again"


def test_a_killed_run_is_taken_up(bootstrap, pips, monkeypatch):
    def killed(folder, arguments):
        raise KeyboardInterrupt

    recorder = bootstrap.pip
    monkeypatch.setattr(bootstrap, "pip", killed)
    assert run(bootstrap, monkeypatch, "demo") == 1
    venv_folder = bootstrap.ROOT / ".venv"
    assert venv_folder.exists() and not bootstrap.is_done(venv_folder, bootstrap.main_lock("demo"))
    monkeypatch.setattr(bootstrap, "pip", recorder)
    assert run(bootstrap, monkeypatch, "demo") == 0
    assert bootstrap.is_done(venv_folder, bootstrap.main_lock("demo"))


@pytest.mark.slow
def test_packages_cut_off_half_way_are_forgotten(bootstrap, tmp_path):
    folder = tmp_path / "v"
    venv.create(folder, with_pip=True)
    (site,) = folder.glob("[Ll]ib/**/site-packages")
    half, whole = site / "half-1.0.dist-info", site / "whole-1.0.dist-info"
    for path in (half, whole):
        path.mkdir()
        (path / "METADATA").write_text("Metadata-Version: 2.1\nName: x\nVersion: 1.0\n")
    (whole / "RECORD").write_text("")
    bootstrap.prepare(sys.executable, folder)
    assert not half.exists() and whole.exists()


@pytest.mark.slow
def test_a_broken_environment_is_made_again(bootstrap, tmp_path):
    folder = tmp_path / "v"
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").write_text("cut off")
    bootstrap.prepare(sys.executable, folder)
    assert (
        subprocess.run([bootstrap.python_of(folder), "-m", "pip", "--version"], check=False).returncode == 0
    )


def test_a_test_environment_is_not_taken_back_by_the_demo(bootstrap):
    folder = bootstrap.ROOT / ".venv"
    python = bootstrap.python_of(folder)
    python.parent.mkdir(parents=True)
    python.write_text("")
    lock = bootstrap.ROOT / "requirements/test.lock"
    assert bootstrap.main_lock("demo").name == "demo.lock"
    bootstrap.write_stamp(folder, lock)
    assert bootstrap.main_lock("demo").name == "test.lock"
    stamp = json.loads((folder / bootstrap.STAMP).read_text())
    assert stamp["lock"] == "test.lock"
    lock.write_text("changed\n")
    assert not bootstrap.is_done(folder, lock)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="system packages are Linux's")
@pytest.mark.parametrize(("user", "sudo"), [(1000, True), (0, False)])
def test_without_apt_or_root_the_one_command_is_named(bootstrap, monkeypatch, user, sudo):
    monkeypatch.setattr(bootstrap, "LIBRARIES", {"libno-such.so.1": "libno-such1", "libc.so.6": "libc6"})
    monkeypatch.setattr(bootstrap.os, "geteuid", lambda: user)
    monkeypatch.setattr(bootstrap.shutil, "which", lambda name: None)
    with pytest.raises(bootstrap.SetupError) as caught:
        bootstrap.install_system_packages(sys.executable, False)
    message = str(caught.value)
    assert "apt-get install -y --no-install-recommends libno-such1\n" in message
    assert ("sudo apt-get" in message) is sudo


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="system packages are Linux's")
def test_as_root_on_debian_they_are_installed(bootstrap, monkeypatch):
    commands = []
    monkeypatch.setattr(bootstrap, "LIBRARIES", {"libno-such.so.1": "libno-such1"})
    monkeypatch.setattr(bootstrap.os, "geteuid", lambda: 0)
    monkeypatch.setattr(bootstrap.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(bootstrap, "run", lambda command, *rest: commands.append(command))
    bootstrap.install_system_packages(sys.executable, False)
    assert commands[0][-1] == "update" and commands[1][-1] == "libno-such1"


def test_a_machine_without_python_311_is_told(bootstrap, monkeypatch):
    monkeypatch.setattr(bootstrap, "run_quiet", lambda command: "3 12\n")
    with pytest.raises(bootstrap.SetupError, match=r"3\.11"):
        bootstrap.find_python()
