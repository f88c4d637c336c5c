"""What is installed, what is locked, and how large it all is."""

from __future__ import annotations

import importlib.metadata
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
FOLDERS = {"core": "maskel_core", "server": "maskel_server"}
MEBIBYTE = 1024**2


@pytest.fixture(scope="module")
def tracked():
    """Every file of the repository that is in this checkout."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    paths = [ROOT / name for name in listed.decode().split("\0") if name]
    return [path for path in paths if path.is_file()]


def name_of(requirement):
    return re.sub(r"[-_.]+", "-", re.match(r"[A-Za-z0-9._-]+", requirement).group()).lower()


def locked(name):
    """Project names and versions in a lock."""
    lines = (ROOT / f"requirements/{name}.lock").read_text("utf-8").splitlines()
    return dict(line.split(" ;")[0].split("==") for line in lines if not line.startswith("#"))


def test_every_package_folder_is_listed():
    found = {
        ".".join([name, *path.parent.relative_to(ROOT / folder).parts])
        for folder, name in FOLDERS.items()
        for path in (ROOT / folder).rglob("__init__.py")
    }
    assert found == set(PROJECT["tool"]["setuptools"]["packages"])


def test_the_checkout_stays_small(tracked):
    sizes = {path: path.stat().st_size for path in tracked}
    assert sum(sizes.values()) < 60 * MEBIBYTE
    weights = sum(size for path, size in sizes.items() if path.is_relative_to(ROOT / "core/weights"))
    assets = sum(size for path, size in sizes.items() if path.is_relative_to(ROOT / "core/assets"))
    assert weights <= 36 * MEBIBYTE and assets <= 16 * MEBIBYTE


@pytest.mark.parametrize("name", ["README.md", "THIRD_PARTY_NOTICES.md", "docs/architecture.md"])
def test_links_lead_somewhere(name):
    page = ROOT / name
    links = re.findall(r"\]\(([^)#]+)\)", page.read_text("utf-8"))
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert not missing


def test_no_pickles_travel(tracked):
    assert not [
        path for path in tracked if path.suffix in (".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".npy")
    ]


@pytest.mark.slow
def test_the_wheel_holds_everything_and_nothing_named_core(tracked, tmp_path):
    source = tmp_path / "source"
    for path in tracked:
        target = source / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--no-deps",
        "--no-build-isolation",
        "-q",
        "-w",
        str(tmp_path),
    ]
    subprocess.run([*command, str(source)], check=True, timeout=300)
    (wheel,) = tmp_path.glob("maskel-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        entry_points = archive.read(
            next(name for name in names if name.endswith("entry_points.txt"))
        ).decode()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"maskel_core", "maskel_server"}
    assert "maskel = maskel_core.cli:main" in entry_points
    for folder, package in FOLDERS.items():
        wanted = {
            f"{package}/{path.relative_to(ROOT / folder).as_posix()}"
            for path in tracked
            if path.is_relative_to(ROOT / folder)
        }
        assert wanted <= set(names), sorted(wanted - set(names))[:5]
    assert any(re.fullmatch(r"maskel_core/weights/.+\.safetensors", name) for name in names)
    assert "maskel_core/assets/anatomy.safetensors" in names
    assert not [name for name in names if "/tests/" in name or name.endswith(".pyc")]


@pytest.mark.parametrize("name", ["demo", "test"])
def test_locks_cover_what_the_project_asks_for(name):
    from packaging.requirements import Requirement

    pins = locked(name)
    wanted = [line for line in PROJECT["project"]["dependencies"] if name_of(line) != "torch"]
    if name == "test":
        wanted += PROJECT["project"]["optional-dependencies"]["dev"]
    for line in map(Requirement, wanted):
        assert line.specifier.contains(pins[name_of(line.name)]), f"{line} is not met; run tools/lock.py"


def test_locks_cover_what_torch_needs_without_a_gpu():
    pins = locked("demo")
    for line in importlib.metadata.requires("torch") or []:
        name = name_of(line)
        if "extra ==" not in line and not name.startswith(("nvidia", "triton", "cuda", "pytorch")):
            assert name in pins, f"torch needs {name}; add it to TORCH_NEEDS in tools/lock.py"


def test_locks_are_pins_only_and_agree():
    together = {}
    for path in sorted((ROOT / "requirements").glob("*.lock")):
        text = path.read_text("utf-8")
        assert "://" not in text and "--" not in text, path.name
        pins = locked(path.stem)
        assert not [name for name in pins if name.startswith(("nvidia", "triton", "torch"))]
        if not path.stem.startswith("bpy"):
            for name, version in pins.items():
                assert together.setdefault(name, version) == version, name


def test_the_environment_is_the_locked_one():
    """What these tests run on is what users get."""
    pins = locked("demo")
    for name in ("fastapi", "uvicorn", "pillow", "diffusers", "numpy", "typer"):
        assert importlib.metadata.version(name) == pins[name]
