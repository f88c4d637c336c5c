"""Write requirements/*.lock from pyproject.toml with uv; run it after a change there.

torch is left out of the locks: which build of it fits depends on the machine, and tools/bootstrap.py chooses.
What torch needs in every build is locked here, so that installing it brings nothing else along.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "requirements"

TORCH_NEEDS = ["filelock", "fsspec", "jinja2", "networkx", "setuptools>=77", "sympy", "typing-extensions"]

BPY_VERSIONS = {"4.2": "4.2.23", "4.5": "4.5.15", "5.0": "5.0.1"}

HEADER = "# Written by tools/lock.py; do not edit.\n"


def main() -> int:
    """Write every lock; keeps the pinned versions that still fit unless ``--upgrade`` is given."""
    upgrade = "--upgrade" in sys.argv[1:]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    needed = [line for line in project["dependencies"] if name_of(line) != "torch"] + TORCH_NEEDS
    FOLDER.mkdir(exist_ok=True)
    compile_lock("demo", needed, upgrade)
    compile_lock("test", needed + project["optional-dependencies"]["dev"], upgrade)
    for series, version in BPY_VERSIONS.items():
        compile_lock(f"bpy-{series}", [f"bpy=={version}", "numpy<2", "pytest"], upgrade)
    return 0


def name_of(requirement: str) -> str:
    """The normalised project name at the start of a requirement line."""
    match = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert match, requirement
    return re.sub(r"[-_.]+", "-", match.group()).lower()


def compile_lock(name: str, requirements: list[str], upgrade: bool) -> None:
    """Resolve ``requirements`` for Python 3.11 on every platform into requirements/NAME.lock."""
    target = FOLDER / f"{name}.lock"
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "in"
        source.write_text("\n".join(requirements) + "\n", "utf-8")
        result = Path(folder) / "out"
        if target.exists() and not upgrade:
            result.write_text(target.read_text("utf-8"), "utf-8")
        command = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", str(source), "-o", str(result)]
        command += ["--python-version", "3.11", "--no-header", "--no-annotate", "--no-emit-index-url"]
        command += ["--no-emit-find-links"]
        # What needs torch (accelerate) must not bring a build of it in: the marker holds nowhere.
        without = Path(folder) / "without"
        without.write_text("torch; sys_platform == 'nowhere'\n", "utf-8")
        command += ["--override", str(without), "--no-emit-package", "torch"]
        # Blender's wheels exist for few platforms, so only the other locks can be made for all.
        command += [] if name.startswith("bpy") else ["--universal"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        target.write_text(HEADER + result.read_text("utf-8"), "utf-8")
    print(f"{target.relative_to(ROOT)}: {len(target.read_text('utf-8').splitlines()) - 1} packages")


if __name__ == "__main__":
    sys.exit(main())
