"""The single checks of ``maskel doctor``."""

from __future__ import annotations

import base64
import ctypes
import hashlib
import importlib.metadata
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from maskel_core.errors import MaskelError
from maskel_core.state import state_folder
from maskel_core.version import __version__

PACKAGE = Path(__file__).resolve().parent.parent

SYSTEM_LIBRARIES = {
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
"""What Blender's Python module needs on Linux, and the Debian package that has it."""

MIN_MEMORY = 2 * 1024**3
"""Bytes of memory below which the server will struggle."""


@dataclass(frozen=True)
class Finding:
    """One checked thing; ``missing`` is essential, ``note`` is not."""

    name: str
    level: Literal["ok", "note", "missing"]
    message: str
    fix: str = ""

    def as_dict(self) -> dict[str, str]:
        """The finding as JSON."""
        return asdict(self)


def all_findings() -> list[Finding]:
    """Run every check; a check that itself fails is a finding too."""
    checks = (python, torch, model, anatomy, threads, memory, state, blender_libraries, blender)
    return [_guarded(check) for check in checks]


def python() -> Finding:
    """Python's version."""
    text = f"{sys.version_info.major}.{sys.version_info.minor}.{sys.version_info.micro}, maskel {__version__}"
    return Finding("Python", "ok", text)


def torch() -> Finding:
    """PyTorch and what it can compute on."""
    try:
        import torch as package
    except (ImportError, OSError) as error:
        return Finding("PyTorch", "missing", str(error), "pip install torch")
    devices = ["cpu"]
    if package.cuda.is_available():
        devices.insert(0, f"cuda ({package.cuda.get_device_name(0)})")
    if package.backends.mps.is_available():
        devices.insert(0, "mps")
    return Finding("PyTorch", "ok", f"{package.__version__}, devices: {', '.join(devices)}")


def model() -> Finding:
    """The model that ships: there, whole, loadable."""
    found = sorted((PACKAGE / "weights").glob("*/**/*.safetensors"))
    if not found:
        return Finding(
            "Model",
            "missing",
            f"no weights in {PACKAGE / 'weights'}",
            "Install maskel again from a full copy.",
        )
    for path in found:
        _check_file(path)
    from maskel_core.runtime import open_pipeline

    pipeline = open_pipeline(None, "cpu")
    megabytes = sum(path.stat().st_size for path in found) / 1024**2
    return Finding("Model", "ok", f"{pipeline.model_id}, {megabytes:.1f} MiB")


def anatomy() -> Finding:
    """The asset file that samples and the example character are made from."""
    path = PACKAGE / "assets" / "anatomy.safetensors"
    if not path.is_file():
        return Finding("Anatomy", "missing", f"{path} is not there", "Install maskel again from a full copy.")
    _check_file(path)
    return Finding("Anatomy", "ok", f"{path.stat().st_size / 1024**2:.1f} MiB")


def threads() -> Finding:
    """Processor cores."""
    count = os.cpu_count() or 1
    if count < 2:
        return Finding(
            "Processor", "note", "1 core", "X-rays will take longer; two cores or more are better."
        )
    return Finding("Processor", "ok", f"{count} cores")


def memory() -> Finding:
    """Main memory, where the system tells it."""
    total = _total_memory()
    if total is None:
        return Finding("Memory", "note", "this system does not tell", "")
    text = f"{total / 1024**3:.1f} GiB"
    if total < MIN_MEMORY:
        return Finding("Memory", "note", text, "The server needs up to 1.5 GiB; close other programs.")
    return Finding("Memory", "ok", text)


def state() -> Finding:
    """Whether token and address can be kept."""
    folder = state_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        return Finding(
            "State folder",
            "missing",
            f"{folder} cannot be written: {error.strerror}",
            "Set MASKEL_STATE to a folder that can.",
        )
    return Finding("State folder", "ok", str(folder))


def blender_libraries() -> Finding:
    """System libraries of Blender's Python module; only Linux has to be asked."""
    if not sys.platform.startswith("linux"):
        return Finding("Blender libraries", "ok", "come with Blender on this system")
    packages = [package for name, package in SYSTEM_LIBRARIES.items() if not _loads(name)]
    if packages:
        return Finding(
            "Blender libraries",
            "note",
            f"missing: {', '.join(packages)}",
            f"sudo apt-get install -y {' '.join(packages)}",
        )
    return Finding("Blender libraries", "ok", f"all {len(SYSTEM_LIBRARIES)} there")


def blender() -> Finding:
    """A Blender to be started from the command line; the extension does not need it on PATH."""
    path = shutil.which("blender")
    if path is None:
        return Finding(
            "Blender",
            "note",
            "not on PATH",
            "Only needed for 'blender --command maskel'; get it from blender.org.",
        )
    return Finding("Blender", "ok", path)


def _guarded(check: Callable[[], Finding]) -> Finding:
    try:
        return check()
    except MaskelError as error:
        return Finding(check.__name__, "missing", error.message, error.fix)
    except Exception as error:  # a broken part must not hide the state of the others
        return Finding(
            check.__name__,
            "missing",
            f"{type(error).__name__}: {error}",
            "Install maskel again from a full copy.",
        )


def _check_file(path: Path) -> None:
    from safetensors import SafetensorError, safe_open

    recorded = _recorded_hash(path)
    if recorded is not None and _hash(path) != recorded:
        raise MaskelError(
            "damaged_file", f"{path.name} is not the file that was installed.", "Install maskel again."
        )
    try:
        # Opening compares header and length, so a cut-off copy is found in a checkout too.
        with safe_open(path, framework="numpy") as tensors:
            tensors.keys()
    except (SafetensorError, OSError) as error:
        raise MaskelError(
            "damaged_file", f"{path.name} is damaged: {error}", "Install maskel again from a full copy."
        ) from error


def _recorded_hash(path: Path) -> str | None:
    """SHA-256 that the installer noted for a file; None in a checkout, where nothing is noted."""
    try:
        files = importlib.metadata.files("maskel") or []
    except importlib.metadata.PackageNotFoundError:
        return None
    for file in files:
        if file.name == path.name and file.hash is not None and Path(str(file.locate())).resolve() == path:
            return file.hash.value if file.hash.mode == "sha256" else None
    return None


def _hash(path: Path) -> str:
    """SHA-256 in the form of an installer's record: URL-safe base64 without padding."""
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _loads(name: str) -> bool:
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True


def _total_memory() -> int | None:
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if sys.platform == "win32":

        class Status(ctypes.Structure):
            _fields_ = [
                ("length", ctypes.c_ulong),
                ("load", ctypes.c_ulong),
                *((name, ctypes.c_ulonglong) for name in ("total", "free", "a", "b", "c", "d", "e")),
            ]

        status = Status(length=ctypes.sizeof(Status))
        if ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status)):
            return int(status.total)
    return None
