"""Set up this checkout: ``python3 tools/bootstrap.py demo`` or ``test``; only needs a plain Python.

Makes .venv (model, server, command line) and .venv-bpy-* (Blender as a Python module) from the locks in
requirements/. A second run finds stamps and does nothing; a run that was killed is taken up where it stopped.
System libraries that Blender needs are installed when this runs as root on Debian; otherwise the one command
that does it is printed. ``MASKEL_TORCH_INDEX`` names a package index to take torch from, for instance the one
with CPU builds.
"""

import ctypes
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

TORCH = "torch==2.13.0"

BPY = {"demo": ("4.5",), "test": ("4.2", "4.5", "5.0")}

LIBRARIES = {
    "libX11.so.6": "libx11-6",
    "libXrender.so.1": "libxrender1",
    "libXxf86vm.so.1": "libxxf86vm1",
    "libXfixes.so.3": "libxfixes3",
    "libXi.so.6": "libxi6",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libgomp.so.1": "libgomp1",
    "libSM.so.6": "libsm6",
    "libGL.so.1": "libgl1",
    "libEGL.so.1": "libegl1",
}
"""What Blender needs of a Linux system, and the Debian package that has it."""

STAMP = "maskel-stamp.json"


class SetupError(Exception):
    """Something the user has to do first; the message says what."""


def main():
    """Set up for what is asked; exit status 0, 1 (cannot go on) or 2 (wrong use)."""
    if len(sys.argv) != 2 or sys.argv[1] not in BPY:
        print("usage: bootstrap.py demo|test", file=sys.stderr)
        return 2
    purpose = sys.argv[1]
    started = time.monotonic()
    try:
        python = find_python()
        work = [(ROOT / ".venv", main_lock(purpose), install_main)]
        work += [
            (ROOT / f".venv-bpy-{series}", ROOT / f"requirements/bpy-{series}.lock", install_lock)
            for series in BPY[purpose]
        ]
        todo = [job for job in work if not is_done(*job[:2])]
        install_system_packages(python, bool(todo))
        for number, (venv, lock, install) in enumerate(todo, 1):
            say(f"[{number}/{len(todo)}] {venv.name} from {lock.name} ...")
            began = time.monotonic()
            prepare(python, venv)
            install(venv, lock)
            write_stamp(venv, lock)
            say(f"[{number}/{len(todo)}] {venv.name} ready after {time.monotonic() - began:.0f} s")
    except SetupError as error:
        print(f"Setup stopped: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Setup interrupted; run it again to go on.", file=sys.stderr)
        return 1
    if todo:
        say(f"Setup for {purpose} done after {time.monotonic() - started:.0f} s")
    return 0


def say(message):
    """Print a progress line at once."""
    print(message, flush=True)


def main_lock(purpose):
    """The lock of .venv: a test environment serves the demo too, so it is never taken back."""
    demo, test = (ROOT / f"requirements/{name}.lock" for name in ("demo", "test"))
    return test if purpose == "test" or is_done(ROOT / ".venv", test) else demo


def find_python():
    """A Python 3.11 with everything a virtual environment is made of, or as near as there is."""
    names = [sys.executable, shutil.which("python3.11"), shutil.which("python3"), shutil.which("python")]
    names += sorted(map(str, Path.home().glob(".pyenv/versions/3.11*/bin/python")), reverse=True)
    if os.name == "nt":
        found = run_quiet(["py", "-3.11", "-c", "import sys; print(sys.executable)"])
        names.append(found.strip() if found else None)
    for name in dict.fromkeys(filter(None, names)):
        version = run_quiet([name, "-c", "import sys; print(*sys.version_info[:2])"])
        if version and version.split() == ["3", "11"]:
            return name
    raise SetupError(
        "Python 3.11 is not here. Install it (Debian 12: apt-get install -y python3.11 python3.11-venv)."
    )


def run_quiet(command):
    """Standard output of a command, or None when it fails."""
    try:
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=60, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode(errors="replace") if done.returncode == 0 else None


def install_system_packages(python, venvs_needed):
    """Install or name the Debian packages that are missing."""
    if not sys.platform.startswith("linux"):
        return
    packages = [package for name, package in LIBRARIES.items() if not loads(name)]
    if venvs_needed and run_quiet([python, "-c", "import ensurepip, venv"]) is None:
        packages.append("python3.11-venv")
    if not packages:
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        sudo = "" if os.geteuid() == 0 else "sudo "
        command = f"{sudo}apt-get install -y --no-install-recommends {' '.join(packages)}"
        raise SetupError(
            f"system packages are missing. On Debian or Ubuntu this installs them:\n\n    {command}\n"
        )
    say(f"Installing system packages: {' '.join(packages)}")
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    apt = ["apt-get", "-qq", "-o", "Dpkg::Use-Pty=0"]
    run([*apt, "update"], "apt-get update failed", environment)
    install = [*apt, "install", "-y", "--no-install-recommends", *packages]
    run(install, "apt-get could not install them", environment)


def loads(library):
    """Whether the dynamic loader finds a library."""
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def prepare(python, venv):
    """Make a virtual environment, or mend one that a killed run left."""
    interpreter = python_of(venv)
    if run_quiet([str(interpreter), "-m", "pip", "--version"]) is None:
        if venv.is_symlink():
            raise SetupError(f"{venv} is a link to something that is no virtual environment; remove it.")
        if venv.exists():
            shutil.rmtree(venv)
        run([python, "-m", "venv", str(venv)], f"{venv.name} could not be made")
    # pip writes RECORD last, so a package without it was cut off half-way; pip would take it for installed.
    for folder in venv.glob("[Ll]ib/**/site-packages/*.dist-info"):
        if not (folder / "RECORD").exists():
            shutil.rmtree(folder)


def install_main(venv, lock):
    """Install torch alone first, then the lock, then this project itself."""
    index = os.environ.get("MASKEL_TORCH_INDEX", "").strip()
    pip(venv, ["--no-deps", *(["--index-url", index] if index else []), TORCH])
    install_lock(venv, lock)
    if run_quiet([str(python_of(venv)), "-c", "import torch"]) is None:
        # This build of torch wants its GPU libraries, which no lock names because no CPU needs them.
        say("This torch is a GPU build; fetching its libraries. MASKEL_TORCH_INDEX can name CPU builds.")
        pip(venv, [TORCH])
    pip(venv, ["--no-deps", "--no-build-isolation", "-e", str(ROOT)])


def install_lock(venv, lock):
    """Install exactly what a lock names."""
    pip(venv, ["--no-deps", "-r", str(lock)])


def pip(venv, arguments):
    """Run ``pip install`` in a virtual environment, quietly."""
    command = [str(python_of(venv)), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    command += ["--progress-bar", "off", "--no-input", "--no-warn-script-location"]
    environment = dict(os.environ, PIP_ROOT_USER_ACTION="ignore")
    run([*command, *arguments], "pip could not install everything; run this again to go on", environment)


def run(command, trouble, environment=None):
    """Run a command whose failure ends the setup; what it says is dropped, its errors are not."""
    try:
        subprocess.run(command, check=True, env=environment, cwd=str(ROOT), stdout=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError) as error:
        raise SetupError(f"{trouble} ({error}).") from error


def python_of(venv):
    """The interpreter of a virtual environment."""
    return venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def key_of(lock):
    """What an environment depends on, as one hash."""
    digest = hashlib.sha256(TORCH.encode() + str(ROOT).encode())
    for path in (lock, ROOT / "pyproject.toml"):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def is_done(venv, lock):
    """Whether an environment was finished from this very lock."""
    try:
        stamp = json.loads((venv / STAMP).read_text("utf-8"))
    except (OSError, ValueError):
        return False
    return stamp.get("key") == key_of(lock) and python_of(venv).exists()


def write_stamp(venv, lock):
    """Note that an environment is finished; in one step, so that a kill leaves no half stamp."""
    scratch = venv / (STAMP + ".new")
    scratch.write_text(json.dumps({"lock": lock.name, "key": key_of(lock)}) + "\n", "utf-8")
    scratch.replace(venv / STAMP)


if __name__ == "__main__":
    sys.exit(main())
