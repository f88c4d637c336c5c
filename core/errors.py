"""Errors that carry their own fix, from the model up to the panel."""

from __future__ import annotations


class MaskelError(Exception):
    """A failure the user can act on.

    Args:
        code: Stable machine-readable name in snake_case, e.g. ``"empty_mask"``.
        message: What went wrong, one sentence, for people.
        fix: What to do about it, one sentence, for people.
    """

    def __init__(self, code: str, message: str, fix: str) -> None:
        super().__init__(f"{message} {fix}")
        self.code = code
        self.message = message
        self.fix = fix

    def as_dict(self) -> dict[str, str]:
        """The error as the HTTP body ``{code, message, fix}``."""
        return {"code": self.code, "message": self.message, "fix": self.fix}
