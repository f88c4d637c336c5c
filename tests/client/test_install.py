"""First-time set-up, with real environments and real wheels that are tiny; killed, resumed, damaged, repaired, removed."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from maskel_blender import __version__
from maskel_blender.backend.process import Backend
from maskel_blender.errors import InstallError
from maskel_blender.install import options as options_module
from maskel_blender.install import run, steps
from maskel_blender.install.installation import Installation, InstallState
from maskel_blender.install.layout import Layout
from maskel_blender.install.options import TORCH, InstallOptions
from maskel_blender.install.pythons import Tools, find_tools, fits
from maskel_blender.install.running import clean_environment
from maskel_blender.install.sizes import MEBIBYTE, estimate, human
from tests.fakes.tiny_wheels import make_folder

LIMIT = 120.0


@pytest.fixture
def wheels(tmp_path, monkeypatch):
    elsewhere = make_folder(tmp_path / "elsewhere", "missing", version=f"{__version__}+other")
    monkeypatch.setenv("PIP_FIND_LINKS", str(elsewhere))
    return make_folder(tmp_path / "whéels here")


def ended(installation):
    assert installation.wait(LIMIT), installation.step
    return installation


def until(condition):
    end = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.02)


def start(folder, wheels):
    """Begin, waiting for what a killed one may have left running."""
    end = time.monotonic() + LIMIT
    while True:
        made = ended(Installation(folder, InstallOptions("FOLDER", str(wheels))))
        if made.error is None or made.error.code != "install_running" or time.monotonic() > end:
            return made


def works(layout):
    backend = Backend()
    backend.start(layout.active_command())
    try:
        return bool(backend.wait_ready(30.0))
    finally:
        backend.stop()


@pytest.mark.slow
def test_the_life_of_an_installation(tmp_path, wheels):
    layout = Layout(tmp_path / "ünser back end")
    options = InstallOptions("FOLDER", str(wheels))

    # killed in the middle, then gone on with
    first = Installation(layout.folder, options)
    until(lambda: layout.partial() and layout.done("1"))
    first._process.kill()
    ended(first)
    assert first.state is InstallState.FAILED and first.error.fix
    assert layout.active() is None and not layout.active_command()
    assert layout.partial() == ("1", options)
    made = (layout.environment("1") / "pyvenv.cfg").stat().st_mtime_ns
    second = start(layout.folder, wheels)
    assert second.state is InstallState.DONE, second.error
    assert second.progress == 1.0
    assert (layout.environment("1") / "pyvenv.cfg").stat().st_mtime_ns == made, "the environment is made once"
    assert layout.active().slot == "1" and layout.active().options == options
    assert "elsewhere" not in layout.log.read_text("utf-8"), "only the named folder counts"
    assert works(layout)
    assert not layout.cache.exists()

    # damaged, then repaired beside the old one
    package = next(layout.environment("1").rglob("maskel_core/cli.py"))
    package.unlink()
    with pytest.raises(Exception, match=r"maskel_core"):
        works(layout)
    assert start(layout.folder, wheels).state is InstallState.DONE
    assert layout.active().slot == "2"
    assert not layout.environment("1").exists()
    assert works(layout)

    # a new one that does not work is rolled back, and the old one stays
    broken = ended(
        Installation(layout.folder, InstallOptions("FOLDER", str(make_folder(tmp_path / "b", "missing"))))
    )
    assert broken.error.code == "not_working"
    assert "PyTorch" in broken.error.message and "Get another" in broken.error.fix
    assert layout.active().slot == "2" and layout.partial() is None
    assert works(layout)

    # its Python gone: seen without starting it
    layout.python("2").unlink()
    assert layout.damaged() and not layout.active_command()
    layout.remove_all()
    assert layout.active() is None and not layout.damaged()
    assert {path.name for path in layout.folder.iterdir()} == {"lock"}


@pytest.mark.slow
def test_cancel_and_go_on(tmp_path, wheels):
    layout = Layout(tmp_path / "back")
    installation = Installation(layout.folder, InstallOptions("FOLDER", str(wheels)))
    until(lambda: layout.partial() and layout.done("1"))
    began = time.monotonic()
    installation.cancel()
    assert ended(installation).state is InstallState.CANCELLED
    assert time.monotonic() - began < 15.0
    assert layout.active() is None
    with layout.locked():
        pass  # nothing that was started lives on
    assert start(layout.folder, wheels).state is InstallState.DONE
    assert works(layout)


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is POSIX's")
def test_the_installer_ends_with_blender(tmp_path, wheels):
    layout = Layout(tmp_path / "back")
    code = (
        "import sys, time; from pathlib import Path\n"
        "from maskel_blender.install.installation import Installation\n"
        "from maskel_blender.install.options import InstallOptions\n"
        "made = Installation(Path(sys.argv[1]), InstallOptions('FOLDER', sys.argv[2]))\n"
        "print(made._process.pid, flush=True); time.sleep(600)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code, str(layout.folder), str(wheels)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
    )
    installer = int(parent.stdout.readline())
    until(lambda: layout.partial() and layout.done("1"))
    parent.kill()
    parent.wait()
    parent.stdout.close()
    until(lambda: not alive(installer))
    with layout.locked():
        assert layout.active() is None


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1][0] not in "ZX"
    except OSError:
        return False


def test_two_at_once_are_refused(tmp_path, wheels):
    layout = Layout(tmp_path / "back")
    with layout.locked():
        other = ended(Installation(layout.folder, InstallOptions("FOLDER", str(wheels))))
    assert other.error.code == "install_running"


@pytest.mark.parametrize(
    "options",
    [
        InstallOptions("BUNDLED"),
        InstallOptions("FOLDER"),
        InstallOptions("FILE"),
        InstallOptions("FILE", "x.whl"),
    ],
)
def test_nothing_is_made_from_nothing(tmp_path, options):
    made = ended(Installation(tmp_path / "back", options))
    assert made.state is InstallState.FAILED
    assert made.error.code in ("no_wheels", "no_package")
    assert not (tmp_path / "back").exists()


def test_too_little_disk_is_said_before(tmp_path, wheels, monkeypatch):
    monkeypatch.setattr(
        run.shutil, "disk_usage", lambda _path: shutil._ntuple_diskusage(10, 9, 100 * MEBIBYTE)
    )
    told = []
    with pytest.raises(InstallError) as caught:
        run.install(
            tmp_path / "back",
            InstallOptions("FOLDER", str(wheels)),
            sys.executable,
            lambda **values: told.append(values),
            run.threading.Event(),
        )
    assert caught.value.code == "disk_full"
    assert "100 MiB" in caught.value.message


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "back").write_text("a file is in the way")
    with pytest.raises(InstallError) as caught, Layout(tmp_path / "back").locked():
        pass
    assert caught.value.code == "cannot_write"


def test_other_options_begin_anew(tmp_path):
    layout = Layout(tmp_path)
    assert layout.begin(InstallOptions("FOLDER", "a")) == "1"
    layout.environment("1").mkdir()
    layout.mark("1", "environment")
    assert layout.begin(InstallOptions("FOLDER", "a")) == "1"
    assert layout.done("1") == ["environment"]
    assert layout.begin(InstallOptions("FOLDER", "b")) == "1"
    assert layout.done("1") == [] and not layout.environment("1").exists()


def test_damaged_records_are_nothing(tmp_path):
    layout = Layout(tmp_path)
    for text in ("", "[]", '{"slot": "1"}', '{"slot": "1", "version": "1", "options": {"colour": 1}}', "\0"):
        (tmp_path / "active.json").write_text(text)
        assert layout.active() is None
        (tmp_path / "1.json").write_text(text)
        assert layout.partial() is None
    layout.remove_all()
    assert not list(tmp_path.iterdir())


def commands(options, tools, tmp_path, monkeypatch):
    monkeypatch.setattr(steps, "_knows_builds", lambda _uv: True)
    return {step.name: step for step in steps.steps_of(options, Layout(tmp_path), "1", tools)}


def test_a_wheel_folder_never_asks_the_network(tmp_path, monkeypatch):
    for tools in (Tools("", "python3"), Tools("uv", "python3")):
        made = commands(InstallOptions("FOLDER", "/wheels"), tools, tmp_path, monkeypatch)
        for name in ("torch", "maskel"):
            assert "--no-index" in made[name].command
            assert made[name].extra["PIP_NO_INDEX"] == made[name].extra["UV_OFFLINE"] == "1"
        assert made["maskel"].command[-1].startswith("maskel==")


def test_the_build_of_pytorch(tmp_path, monkeypatch):
    def torch(tools, **options):
        made = commands(InstallOptions("INDEX", **options), tools, tmp_path, monkeypatch)["torch"].command
        assert made[-1] == TORCH
        return made[-3:-1]

    assert torch(Tools("uv", "")) == ("--torch-backend", "cpu")
    assert torch(Tools("uv", ""), torch="GPU") == ("--torch-backend", "auto")
    for tools in (Tools("uv", ""), Tools("", "python3")):
        assert torch(tools, torch_index="https://example.org/cpu") == (
            "--index-url",
            "https://example.org/cpu",
        )
    assert "--torch-backend" not in torch(Tools("", "python3"))


def test_packages_are_those_that_were_tested(tmp_path, monkeypatch):
    root = Path(__file__).parents[2]
    made = commands(InstallOptions("FILE", str(root)), Tools("", "python3"), tmp_path, monkeypatch)["maskel"]
    lock = Path(made.command[made.command.index("--constraint") + 1])
    assert "fastapi==" in lock.read_text()
    assert f'TORCH = "{TORCH}"' in (root / "tools" / "bootstrap.py").read_text(), "one version of PyTorch"


def test_the_wheel_in_the_extension(tmp_path, monkeypatch):
    wheel = tmp_path / "maskel-0.1.0-py3-none-any.whl"
    wheel.write_bytes(b"")
    for module in (steps, options_module):
        monkeypatch.setattr(module, "bundled_wheel", lambda: wheel)
    options = InstallOptions("BUNDLED")
    options.check()
    assert options.needs_network
    made = commands(options, Tools("", "python3"), tmp_path, monkeypatch)["maskel"].command
    assert made[-1] == str(wheel) and "--constraint" in made


def test_which_python(tmp_path, monkeypatch):
    monkeypatch.setattr("maskel_blender.install.pythons.find_uv", lambda _environment: "")
    nothing = {"PATH": str(tmp_path)}
    assert find_tools(nothing, sys.executable, network=False) == Tools("", sys.executable)
    with pytest.raises(InstallError) as caught:
        find_tools(nothing, "", network=True)
    assert caught.value.code == "no_python"
    # one on the PATH is taken before Blender's own, one that is no Python is not taken
    for name, body in (("python3.12", "exit 1"), ("python3", f'exec "{sys.executable}" "$@"')):
        (tmp_path / name).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / name).chmod(0o755)
    if os.name == "posix":
        assert find_tools(nothing, sys.executable, network=False).python == str(tmp_path / "python3")
    assert not fits((str(tmp_path / "python3.12"),))
    assert not fits((sys.executable,), ", no_such_module")


def test_tools_are_not_led_astray(monkeypatch):
    for name in ("PYTHONHOME", "PYTHONPATH", "PIP_TARGET", "VIRTUAL_ENV"):
        monkeypatch.setenv(name, "elsewhere")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy")
    environment = clean_environment({"A": "b"})
    assert "elsewhere" not in environment.values()
    assert (environment["HTTPS_PROXY"], environment["A"]) == ("http://proxy", "b")


def test_sizes(wheels):
    assert estimate(InstallOptions("FOLDER", str(wheels))).download == 0
    small, large = (estimate(InstallOptions("INDEX", torch=kind), "linux") for kind in ("CPU", "GPU"))
    assert 500 * MEBIBYTE < small.disk < large.disk
    assert small.peak == small.download + small.disk
    assert "GiB" in str(large) and "MiB" in str(small)
    assert (human(0), human(1), human(3 * 1024 * MEBIBYTE)) == ("0 MiB", "1 MiB", "3.0 GiB")


def test_options_survive_text():
    options = InstallOptions("FILE", "a b", "GPU", "https://example.org")
    assert InstallOptions.from_json(options.to_json()) == options
    for text in ("", "[]", json.dumps({"nothing": 1})):
        with pytest.raises(InstallError):
            InstallOptions.from_json(text)
