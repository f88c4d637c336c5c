"""The pipeline: letterbox, model, un-letterbox, style."""

from maskel_core.pipeline.contracts import Joint, XrayOutput, XrayRequest
from maskel_core.pipeline.letterbox import Letterbox
from maskel_core.pipeline.pipeline import DEFAULT_MODEL, MaskelPipeline
from maskel_core.pipeline.styles import STYLES, render_style

__all__ = [
    "DEFAULT_MODEL",
    "STYLES",
    "Joint",
    "Letterbox",
    "MaskelPipeline",
    "XrayOutput",
    "XrayRequest",
    "render_style",
]
