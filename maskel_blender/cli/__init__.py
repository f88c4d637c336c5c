"""`blender -b FILE --command maskel`: options in, a batch run, an exit status out."""

from __future__ import annotations

from .command import DONE, INTERRUPTED, SOME_FAILED, WRONG_USE, run

__all__ = ["DONE", "INTERRUPTED", "SOME_FAILED", "WRONG_USE", "run"]
