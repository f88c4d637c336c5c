"""The server's answer to an X-ray request: a picture, or JSON with layers and joints beside it."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping
from typing import Any

from ..errors import ClientError
from .request import Joint, Layer, XrayAnswer


def read_answer(headers: Mapping[str, str], body: bytes) -> XrayAnswer:
    """Read the body of a good answer.

    Args:
        headers: Names in small letters.
        body: PNG or JSON, as the header ``content-type`` says.

    Raises:
        ClientError: ``bad_answer``.

    """
    kind = headers.get("content-type", "").split(";")[0].strip()
    try:
        if kind == "image/png":
            return XrayAnswer(
                body,
                headers.get("x-maskel-model", ""),
                headers.get("x-maskel-version", ""),
                _number(headers.get("x-maskel-seconds")) or 0.0,
                familiarity=_number(headers.get("x-maskel-familiarity")),
            )
        if kind == "application/json":
            return _from_json(json.loads(body))
    except (ValueError, KeyError, TypeError, AttributeError):
        pass
    raise ClientError(
        "bad_answer",
        "The server's answer is not a picture.",
        "Check what listens at the server's address.",
    )


def _from_json(values: Mapping[str, Any]) -> XrayAnswer:
    return XrayAnswer(
        base64.b64decode(values["image"], validate=True),
        str(values.get("model") or ""),
        str(values.get("version") or ""),
        _number(values.get("seconds")) or 0.0,
        {
            str(name): Layer(base64.b64decode(layer["png"], validate=True), float(layer["scale"]))
            for name, layer in (values.get("layers") or {}).items()
        },
        {
            str(name): Joint(float(joint["x"]), float(joint["y"]), float(joint["confidence"]))
            for name, joint in (values.get("joints") or {}).items()
        },
        _number(values.get("familiarity")),
    )


def _number(value: Any) -> float | None:
    """A finite number, or None for what is none: it is told, not needed."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None
