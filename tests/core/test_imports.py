"""What a fresh process waits for."""

from __future__ import annotations

import subprocess
import sys

FRESH = """
import sys
import maskel_core.pipeline
assert "torch._dynamo" not in sys.modules, "the compiler was imported"
import torch
from diffusers.models.modeling_utils import ModelMixin
from maskel_core.models.base import ConfiguredModel
assert issubclass(ConfiguredModel, ModelMixin)
doubled = torch.compile(lambda x: 2 * x, backend="eager")
assert doubled(torch.ones(1)).item() == 2 and "torch._dynamo" in sys.modules
"""


def test_a_pipeline_opens_without_the_compiler_and_who_compiles_still_can():
    done = subprocess.run([sys.executable, "-c", FRESH], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
