"""A pipeline without a model, for tests of what surrounds it."""

from __future__ import annotations

import io
import threading
from dataclasses import dataclass, field

import numpy as np
from maskel_core.errors import MaskelError
from PIL import Image

TOKEN = "test-token-0123456789abcdef"


@dataclass
class Point:
    x: float
    y: float
    confidence: float


@dataclass
class Result:
    image: np.ndarray
    bone: np.ndarray
    soft: np.ndarray
    joints: dict = field(default_factory=dict)
    uncertainty: np.ndarray | None = None
    familiarity: float | None = None


class SquarePipeline:
    """Answers the mask itself, halved, as bone; can be held, to fill the queue."""

    model_id = "double"
    device = "cpu"
    native_size = 64
    bone_scale = 1.25
    description = "a test double"

    def __init__(self):
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Semaphore(0)
        self.calls = []
        self.error = None
        self.familiarity = 0.625

    def __call__(self, mask, *, style="dxa", size=None, joints=False, view="unknown", uncertainty=False):
        self.calls.append((mask.shape, style, size, joints))
        self.entered.release()
        assert self.gate.wait(20)
        if self.error is not None:
            raise self.error
        if not mask.any():
            raise MaskelError("empty_mask", "The mask is empty.", "Render the body.")
        if style not in ("dxa", "radiograph", "bone", "inverted"):
            raise MaskelError("bad_style", "Unknown style.", "Use dxa.")
        height, width = mask.shape
        if size is not None:
            scale = size / max(height, width)
            height, width = max(1, round(height * scale)), max(1, round(width * scale))
            rows = np.arange(height) * mask.shape[0] // height
            columns = np.arange(width) * mask.shape[1] // width
            mask = mask[rows][:, columns]
        bone = mask.astype(np.float32) / 255 * 1.25
        found = {"head": Point(width / 2, 3.5, 0.75)} if joints else {}
        if view not in ("unknown", "front", "back", "left", "right"):
            raise MaskelError("bad_view", "Unknown view.", "Use front.")
        return Result(mask // 2, bone, bone * 2, found, bone / 8 if uncertainty else None, self.familiarity)

    def forget(self):
        """Drop what the warm-up left."""
        while self.entered.acquire(blocking=False):
            pass
        self.calls.clear()


def png_of(pixels, kind="PNG", **options):
    """The bytes of an image file."""
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def pixels_of(data):
    """Mode and pixels of an image file."""
    image = Image.open(io.BytesIO(data))
    return image.mode, np.asarray(image)


def assert_typed(response, status, code):
    """The answer is a typed error and nothing else."""
    assert response.status_code == status, response.text
    body = response.json()
    assert set(body) == {"code", "message", "fix"}
    assert body["code"] == code
    assert body["message"] and body["fix"]
    assert "Traceback" not in response.text and ".py" not in response.text
