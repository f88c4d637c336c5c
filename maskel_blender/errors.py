"""Errors of the add-on: each carries a stable code, what went wrong, and what to do about it."""

from __future__ import annotations


class MaskelError(Exception):
    """A failure the user can act on.

    Args:
        code: Stable machine-readable name in snake_case, e.g. ``"no_camera"``; codes of the server come through unchanged.
        message: What went wrong, one sentence.
        fix: What to do about it, one sentence.
    """

    def __init__(self, code: str, message: str, fix: str) -> None:
        super().__init__(f"{message} {fix}")
        self.code = code
        self.message = message
        self.fix = fix


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


class PlanError(MaskelError):
    """What is asked of a batch cannot be done as it is; nothing was begun."""


class Cancelled(MaskelError):
    """The user cancelled."""

    def __init__(self) -> None:
        super().__init__("cancelled", "Cancelled.", "Press Generate X-ray to start again.")
