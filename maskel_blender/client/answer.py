"""What the server answers: the picture, the layers it was toned from, joints, and how far to trust it."""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ClientError
from .png import decode_png16

LAYERS = ("bone", "soft")
"""Layers that a picture can be toned from anew."""


@dataclass(frozen=True)
class Layer:
    """A layer of line integrals.

    Args:
        png: 16-bit grey PNG.
        scale: Line integral = pixel * scale.
    """

    png: bytes
    scale: float

    @cached_property
    def pixels(self) -> NDArray[np.uint16]:
        """(H, W) uint16; decoded once.

        Raises:
            ClientError: ``bad_picture``.

        """
        return decode_png16(self.png)


@dataclass(frozen=True)
class Joint:
    """A joint in pixels of the picture, with the model's confidence 0..1."""

    x: float
    y: float
    confidence: float


@dataclass(frozen=True)
class XrayAnswer:
    """The X-ray and where it comes from.

    Args:
        image_png: 8-bit grey PNG, bone bright, 0 outside the body.
        model: Model id.
        version: Server version.
        seconds: Time of inference; 0 if the server does not say.
        layers: ``bone`` and ``soft``, perhaps ``uncertainty``; empty if the server sent the picture alone.
        joints: By name; empty unless asked for.
        familiarity: 0..1, how like the training masks the mask is; None if the model does not say.
    """

    image_png: bytes
    model: str
    version: str
    seconds: float
    layers: dict[str, Layer] = field(default_factory=dict)
    joints: dict[str, Joint] = field(default_factory=dict)
    familiarity: float | None = None


def read_answer(headers: Mapping[str, str], body: bytes) -> XrayAnswer:
    """An answer with status 200.

    Args:
        headers: Names in lower case.
        body: JSON, or the PNG alone.

    Raises:
        ClientError: ``bad_answer`` if it is neither, ``bad_picture`` if a layer is damaged.

    """
    kind = headers.get("content-type", "").split(";")[0].strip()
    if kind == "image/png":
        return XrayAnswer(
            body,
            headers.get("x-maskel-model", ""),
            headers.get("x-maskel-version", ""),
            _number(headers.get("x-maskel-seconds")) or 0.0,
            familiarity=_share(headers.get("x-maskel-familiarity")),
        )
    try:
        if kind != "application/json":
            raise ValueError
        return _from_json(json.loads(body))
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error, RecursionError):
        raise ClientError(
            "bad_answer",
            "The server's answer is not a picture.",
            "Check what listens at the server's address.",
        ) from None


def _from_json(values: dict[str, Any]) -> XrayAnswer:
    layers = {
        str(name): Layer(_bytes(layer["png"]), float(layer["scale"]))
        for name, layer in (values.get("layers") or {}).items()
    }
    if any(not (math.isfinite(layer.scale) and layer.scale > 0) for layer in layers.values()):
        raise ValueError("scale")
    # decoded where the answer is read, which is not on the thread that draws the window
    if len({layers[name].pixels.shape for name in LAYERS if name in layers}) > 1:
        raise ValueError("layers of different sizes")
    joints = {
        str(name): Joint(float(joint["x"]), float(joint["y"]), float(joint["confidence"]))
        for name, joint in (values.get("joints") or {}).items()
    }
    return XrayAnswer(
        _bytes(values["image"]),
        str(values.get("model") or ""),
        str(values.get("version") or ""),
        _number(values.get("seconds")) or 0.0,
        layers,
        joints,
        _share(values.get("familiarity")),
    )


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _share(value: Any) -> float | None:
    number = _number(value)
    return None if number is None else min(max(number, 0.0), 1.0)
