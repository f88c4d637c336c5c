"""Import diffusers without torch's compiler: it asks for it at once, and a fresh process waited a second for what it never uses.

Who compiles afterwards gets the compiler as ever; diffusers itself has a way to do without.
"""

from __future__ import annotations

import importlib
import sys

COMPILER = "torch._dynamo"

if COMPILER not in sys.modules:
    # None makes an import fail as if the module were not there.
    sys.modules[COMPILER] = None  # type: ignore[assignment]
    try:
        importlib.import_module("diffusers.models.modeling_utils")
    finally:
        del sys.modules[COMPILER]
