"""What is asked and what is answered."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import asdict, dataclass

from .answer import Joint, Layer, XrayAnswer

__all__ = ["STYLES", "VIEWS", "Health", "Joint", "Layer", "XrayAnswer", "XrayRequest"]

STYLES = ("dxa", "radiograph", "bone", "inverted")
"""Display styles of the server, the default first."""

VIEWS = ("unknown", "front", "back", "left", "right")
"""From where the character is seen, as the server names it."""


@dataclass(frozen=True)
class XrayRequest:
    """Everything inference needs.

    Args:
        mask_png: The silhouette as an 8-bit grey PNG, 255 = body.
        style: One of `STYLES`.
        size: Longer side of the answer in pixels; 0 = the mask's size.
        view: One of `VIEWS`.
        joints: Whether joints are wanted too.
        layers: Whether layers are wanted; without them and joints the answer is the picture alone, which is less work.
    """

    mask_png: bytes
    style: str = STYLES[0]
    size: int = 0
    view: str = VIEWS[0]
    joints: bool = False
    layers: bool = True

    @property
    def mask_sha256(self) -> str:
        """Hex digest of the mask PNG."""
        return hashlib.sha256(self.mask_png).hexdigest()

    def fields(self) -> dict[str, str]:
        """Form fields of the HTTP call, without the mask."""
        # JSON brings the layers, from which every style is toned without the server
        fields = {"style": self.style, "format": "json" if self.layers or self.joints else "png"}
        if self.size:
            fields["size"] = str(self.size)
        if self.view != VIEWS[0]:
            fields["view"] = self.view
        if self.joints:
            fields["joints"] = "true"
        return fields

    def to_json(self) -> str:
        """The request as text, mask in base64."""
        return json.dumps(asdict(self) | {"mask_png": base64.b64encode(self.mask_png).decode("ascii")})

    @classmethod
    def from_json(cls, text: str) -> XrayRequest:
        """Inverse of `to_json`."""
        values = json.loads(text)
        return cls(
            base64.b64decode(values["mask_png"]),
            str(values["style"]),
            int(values["size"]),
            str(values["view"]),
            bool(values["joints"]),
            bool(values["layers"]),
        )


@dataclass(frozen=True)
class Health:
    """Answer of the open health call."""

    status: str
    version: str
    api: int
    model: str
    device: str
