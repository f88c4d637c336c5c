"""Runs tests/blender in every Blender that is set up here; and checks what can be checked of the extension without one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import maskel_blender
from maskel_blender.client.base import API_VERSION
from maskel_blender.client.png import decode_png

REPOSITORY = Path(__file__).resolve().parents[1]
VERSIONS = {"4.2": "bpy==4.2.*", "4.5": "bpy==4.5.*", "5.0": "bpy==5.0.*"}
SUITE_SECONDS = 900
PROGRAM = shutil.which("blender")
PURE_BATCH = ("flight", "frames", "joints", "manifest", "naming", "outputs", "plan", "progress")


def python_of(version: str) -> Path | None:
    """Python of the environment with that version's bpy module."""
    for program in ("bin/python", "Scripts/python.exe"):
        path = REPOSITORY / f".venv-bpy-{version}" / program
        if path.exists():
            return path
    return None


@pytest.mark.slow
@pytest.mark.blender
@pytest.mark.parametrize("version", VERSIONS)
def test_suite(version, tmp_path):
    python = python_of(version)
    if python is None:
        pytest.skip(
            f'python3.11 -m venv .venv-bpy-{version}; .venv-bpy-{version}/bin/pip install "{VERSIONS[version]}" "numpy<2" pytest'
        )
    result = subprocess.run(
        [
            str(python),
            "-m",
            "pytest",
            "tests/blender",
            "-q",
            "-p",
            "no:cacheprovider",
            f"--basetemp={tmp_path / 'suite'}",
        ],
        cwd=REPOSITORY,
        env={name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        timeout=SUITE_SECONDS,
        check=False,
    )
    assert result.returncode == 0, result.stdout[-6000:]


@pytest.mark.slow
@pytest.mark.blender
@pytest.mark.skipif(PROGRAM is None or os.name == "nt", reason="no program blender on the PATH, or no sh")
def test_program():
    """The zip in a Blender program: built, installed, the command line with its exit statuses."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MASKEL_")}
    result = subprocess.run(
        ["sh", str(REPOSITORY / "tools" / "blender_check.sh"), str(PROGRAM)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        timeout=SUITE_SECONDS,
        check=False,
    )
    assert result.returncode == 0, result.stdout[-6000:]


@pytest.mark.blender
def test_at_least_one_blender():
    assert any(python_of(version) for version in VERSIONS), (
        "no environment .venv-bpy-VERSION: run `make setup`"
    )


@pytest.mark.slow
@pytest.mark.blender
def test_extension_builds(tmp_path):
    result = subprocess.run(
        [sys.executable, str(REPOSITORY / "tools" / "extension.py"), "--output", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stdout
    (archive,) = tmp_path.glob("maskel_blender-*.zip")
    assert archive.stem.endswith(maskel_blender.__version__)
    with zipfile.ZipFile(archive) as content:
        assert "install/backend.lock" in content.namelist()


@pytest.mark.slow
@pytest.mark.blender
def test_demo_with_the_real_server(tmp_path):
    """The whole way with the model that ships: bone inside the silhouette, nothing outside."""
    pytest.importorskip("maskel_core")
    if not any((REPOSITORY / "core" / "weights").glob("*/*.safetensors")):
        pytest.skip("no model ships yet: core/weights is empty")
    result = subprocess.run(
        [sys.executable, str(REPOSITORY / "examples" / "demo" / "run.py"), "--out", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=600,
        check=False,
    )
    assert result.returncode == 0, result.stdout
    mask, xray = (decode_png((tmp_path / name).read_bytes()) for name in ("mask.png", "xray.png"))
    assert mask.shape == xray.shape == (1024, 768)
    assert not xray[mask == 0].any()
    inside = xray[mask == 255]
    assert inside.max() > 150
    assert inside.std() > 20, "bone and soft tissue differ"
    assert (tmp_path / "demo.blend").stat().st_size > 100_000
    assert (tmp_path / "overlay.png").stat().st_size > 10_000


def test_one_version():
    version = pytest.importorskip("maskel_core.version")
    with (REPOSITORY / "blender_manifest.toml").open("rb") as file:
        manifest = tomllib.load(file)
    assert manifest["version"] == maskel_blender.__version__ == version.__version__
    assert manifest["id"] == "maskel_blender"
    assert version.API_VERSION == API_VERSION


def test_pure_parts_never_import_bpy():
    for folder in ("client", "backend", "install", "style", "queue"):
        for file in (REPOSITORY / "maskel_blender" / folder).glob("*.py"):
            assert "import bpy" not in file.read_text(encoding="utf-8"), file
    for file in (
        "errors.py",
        "jobs.py",
        "session.py",
        "files.py",
        "marks.py",
        "provenance.py",
        "placement/frame.py",
        "placement/look.py",
        "placement/painting.py",
        "sequence/files.py",
        "sequence/pose.py",
        *(f"batch/{name}.py" for name in PURE_BATCH),
        "cli/options.py",
        "cli/printer.py",
        "cli/stop.py",
        "placement/picture.py",
        "silhouette/outline.py",
        "silhouette/raster.py",
        "silhouette/view.py",
    ):
        assert "import bpy" not in (REPOSITORY / "maskel_blender" / file).read_text(encoding="utf-8"), file
