"""Where a picture comes from, as text that travels in its file. No bpy."""

from __future__ import annotations

from collections.abc import Mapping

from . import __version__

NOTE = "Made by a model from a silhouette. Not for medical use"

KEYWORDS = {
    "maskel_note": "Disclaimer",
    "maskel_time": "Creation Time",
    "maskel_model": "MaSkel model",
    "maskel_version": "MaSkel server",
    "maskel_camera": "MaSkel camera",
    "maskel_target": "MaSkel character",
    "maskel_style": "MaSkel style",
    "maskel_frame": "MaSkel frame",
    "maskel_mask_sha256": "MaSkel mask SHA-256",
    "maskel_familiarity": "MaSkel familiarity",
}
"""Keyword in a PNG by custom property."""

DOUBTFUL = 0.5
"""Familiarity below which a picture should be doubted."""


def as_text(values: Mapping[str, object]) -> dict[str, str]:
    """Text chunks for a PNG.

    Args:
        values: Custom properties by name; others than those of `KEYWORDS` are left out.

    """
    text = {"Software": f"MaSkel for Blender {__version__}"}
    text.update(
        {word: str(values[key]) for key, word in KEYWORDS.items() if values.get(key) not in (None, "")}
    )
    return text


def is_doubtful(values: Mapping[str, object]) -> bool:
    """Whether the mask was unlike what the model knows."""
    value = values.get("maskel_familiarity")
    return isinstance(value, int | float) and value < DOUBTFUL
