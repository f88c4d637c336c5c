"""What helps somebody else to help: log and diagnostics, without names, paths of the user's or secrets."""

from __future__ import annotations

import platform

import bpy

from . import __version__, compat
from .backend.diagnostics import report, scrub
from .backend.monitor import tail
from .client.base import API_VERSION
from .errors import MaskelError
from .install.sizes import human
from .preferences import backend_layout, job_options, preferences
from .session import SESSION

_LOG_BYTES = 512 * 1024
_LINES = 40


def secrets() -> list[str]:
    """Words that must not leave this computer."""
    endpoint = SESSION.backend.endpoint
    return [endpoint[1]] if endpoint is not None else []


def whole_log() -> str:
    """The installation's log, then the server's; each from its end if it is long. Scrubbed."""
    parts = []
    for title, path in (("Installation", backend_layout().log), ("Server", SESSION.backend.log_file)):
        try:
            text = path.read_bytes()[-_LOG_BYTES:].decode("utf-8", "replace") if path is not None else ""
        except OSError:
            continue
        if text.strip():
            parts.append(f"{title}\n\n{text.strip()}\n")
    return scrub("\n".join(parts), secrets())


def diagnostics(context: bpy.types.Context) -> str:
    """The report for a bug tracker."""
    values = preferences(context)
    layout = backend_layout()
    active = layout.active()
    snapshot = SESSION.monitor.snapshot
    status = snapshot.status
    backend = SESSION.backend
    error = SESSION.error or backend.failure or snapshot.error
    try:
        server = type(job_options(context).server).__name__
    except MaskelError as problem:
        server = problem.code
    return report(
        {
            "MaSkel": {
                "add-on": __version__,
                "API": API_VERSION,
                "Blender": bpy.app.version_string,
                "built": bpy.app.build_platform.decode("ascii", "replace"),
                "system": f"{platform.system()} {platform.release()} {platform.machine()}",
                "Python": platform.python_version(),
                "online access": compat.online_access(),
            },
            "Back end": {
                "installed": active.version if active else "no",
                "from": active.options.source if active else None,
                "PyTorch for": active.options.torch if active else None,
                "damaged": layout.damaged(),
                "program named": bool(values and values.command),
                "uses": server,
            },
            "Server": {
                "process": backend.state.value,
                "adopted": backend.adopted,
                "status": status.health.status if status else None,
                "version": status.health.version if status else None,
                "API": f"{status.health.api_min} to {status.health.api}" if status else None,
                "model": status.health.model if status else None,
                "device": status.health.device if status else None,
                "memory": human(status.memory_bytes) if status and status.memory_bytes else None,
            },
            "Last error": {"code": error.code, "message": error.message} if error else {},
            "Server log": tail(backend.log_file, _LINES),
            "Installation log": tail(layout.log, _LINES),
        },
        secrets(),
    )
