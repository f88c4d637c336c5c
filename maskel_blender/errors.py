"""Errors of the add-on: each carries a stable code, what went wrong, what to do about it, and the button that does it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True)
class Action:
    """A button that does what an error's fix says.

    Args:
        operator: Identifier of the operator, e.g. ``"maskel.server_start"``.
        label: Text on the button.
        properties: Properties the operator is given.
    """

    operator: str
    label: str
    properties: Mapping[str, str | int | float | bool] = field(default_factory=dict)


_SET_UP = Action("maskel.setup_open", "Open Set-up")
_RESTART = Action("maskel.server_restart", "Restart Server")
_LOG = Action("maskel.server_log", "Show Log")

ACTIONS: Mapping[str, Action] = MappingProxyType(
    {
        "maskel_not_found": _SET_UP,
        "cannot_start": _SET_UP,
        "version_mismatch": _SET_UP,
        "no_token_file": _SET_UP,
        "unauthorized": _SET_UP,
        "bad_address": _SET_UP,
        "not_maskel": _SET_UP,
        "no_server": Action("maskel.server_start", "Start Server"),
        "server_failed": _RESTART,
        "server_ended": _RESTART,
        "server_stopped": Action("maskel.server_start", "Start Server"),
        "start_timeout": _LOG,
        "timeout": _LOG,
        "connection_lost": _LOG,
        "out_of_memory": Action("maskel.server_free_memory", "Free Memory"),
        "offline": Action("maskel.online_access", "Open System Preferences"),
    }
)
"""Buttons by the code of the error; an error may bring its own instead."""


class MaskelError(Exception):
    """A failure the user can act on.

    Args:
        code: Stable machine-readable name in snake_case, e.g. ``"no_camera"``; codes of the server come through unchanged.
        message: What went wrong, one sentence.
        fix: What to do about it, one sentence.
        action: The button that does it; None takes the one that `ACTIONS` names for the code, if any.
    """

    def __init__(self, code: str, message: str, fix: str, action: Action | None = None) -> None:
        super().__init__(f"{message} {fix}")
        self.code = code
        self.message = message
        self.fix = fix
        self.action = action or ACTIONS.get(code)


class TargetError(MaskelError):
    """Nothing usable to take a silhouette of."""


class CameraError(MaskelError):
    """No camera, or one that has no planar projection."""


class SilhouetteError(MaskelError):
    """The silhouette could not be made, or shows nothing."""


class BackendError(MaskelError):
    """The local server could not be found, started or kept."""


class ClientError(MaskelError):
    """The server could not be reached or answered with an error."""


class InstallError(MaskelError):
    """The back end could not be installed."""


class PlanError(MaskelError):
    """What is asked of a batch cannot be done as it is; nothing was begun."""


class Cancelled(MaskelError):
    """The user cancelled."""

    def __init__(self) -> None:
        super().__init__("cancelled", "Cancelled.", "Press Generate X-ray to start again.")


def unforeseen(error: Exception) -> MaskelError:
    """What nobody foresaw as a typed error, ``internal``: a traceback helps no user."""
    return MaskelError("internal", f"{type(error).__name__}: {error}.", "Please report this.")
