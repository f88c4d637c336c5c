"""What a fresh process waits for."""

from __future__ import annotations

import subprocess
import sys

FRESH = """
import sys
import numpy as np
from maskel_core.pipeline import MaskelPipeline
mask = np.zeros((96, 64), np.uint8)
mask[8:88, 20:44] = 255
assert MaskelPipeline.from_pretrained()(mask).bone.any()
assert "torch._dynamo" not in sys.modules, "the compiler was imported"
import torch
from diffusers.models.modeling_utils import ModelMixin
from maskel_core.models.base import ConfiguredModel
assert issubclass(ConfiguredModel, ModelMixin)
doubled = torch.compile(lambda x: 2 * x, backend="eager")
assert doubled(torch.ones(1)).item() == 2 and "torch._dynamo" in sys.modules
"""


def test_the_first_picture_needs_no_compiler_and_who_compiles_still_can():
    done = subprocess.run([sys.executable, "-c", FRESH], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
