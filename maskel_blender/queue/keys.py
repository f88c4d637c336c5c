"""What makes two X-rays the same."""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields

from ..client.answer import LAYERS
from ..client.request import XrayAnswer, XrayRequest

_NO_PART = frozenset({"mask_png", "priority", "job"})
"""Fields that do not change the picture, and the mask, whose digest counts instead."""


def request_key(request: XrayRequest, styled: bool = True) -> str:
    """Hex digest of mask and options.

    Args:
        request: What is asked.
        styled: Whether the style is one of them.

    """
    left_out = _NO_PART if styled else _NO_PART | {"style"}
    values = {item.name: getattr(request, item.name) for item in fields(request) if item.name not in left_out}
    return _digest([request.mask_sha256, values])


def answer_keys(request: XrayRequest, model: str, version: str) -> tuple[str, str]:
    """Hex digests of mask, options, and who answers: of an answer with layers, which serves every style, and of one without."""
    of_layers, of_picture = (
        _digest([request_key(request, styled), model, version]) for styled in (False, True)
    )
    return of_layers, of_picture


def answer_key(request: XrayRequest, answer: XrayAnswer) -> str:
    """The one of `answer_keys` that an answer is kept under."""
    return answer_keys(request, answer.model, answer.version)[0 if has_layers(answer) else 1]


def has_layers(answer: XrayAnswer) -> bool:
    """Whether every style can be toned from the answer."""
    return all(name in answer.layers for name in LAYERS)


def _digest(values: list[object]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
