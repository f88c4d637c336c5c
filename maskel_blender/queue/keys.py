"""What makes two X-rays the same."""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields

from ..client.request import XrayRequest

_NO_PART = frozenset({"mask_png", "priority", "job"})
"""Fields that do not change the picture, and the mask, whose digest counts instead."""


def request_key(request: XrayRequest) -> str:
    """Hex digest of mask and options."""
    values = {item.name: getattr(request, item.name) for item in fields(request) if item.name not in _NO_PART}
    return _digest([request.mask_sha256, values])


def answer_key(request: XrayRequest, model: str, version: str) -> str:
    """Hex digest of mask, options, and who answers."""
    return _digest([request_key(request), model, version])


def _digest(values: list[object]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
