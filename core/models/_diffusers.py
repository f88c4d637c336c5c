"""Import diffusers without torch's compiler: it asks for it at once, and a fresh process waited a second for what it never uses.

Who compiles afterwards gets the compiler as ever; diffusers itself has a way to do without.
"""

from __future__ import annotations

import importlib
import sys
import threading
from importlib.abc import MetaPathFinder

COMPILER = "torch._dynamo"


class _Absent(MetaPathFinder):
    """The compiler is not there for the thread that made this; others may want it meanwhile."""

    def __init__(self) -> None:
        self.thread = threading.get_ident()

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name == COMPILER and threading.get_ident() == self.thread:
            raise ModuleNotFoundError(f"{name} is left out", name=name)


if COMPILER not in sys.modules:
    finder = _Absent()
    sys.meta_path.insert(0, finder)
    try:
        importlib.import_module("diffusers.models.modeling_utils")
    finally:
        sys.meta_path.remove(finder)
