"""What is asked and what is answered."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import asdict, dataclass, field

STYLES = ("dxa", "radiograph", "bone", "inverted")
"""Display styles of the server, the default first."""


@dataclass(frozen=True)
class XrayRequest:
    """Everything inference needs.

    Args:
        mask_png: The silhouette as an 8-bit grey PNG, 255 = body.
        style: One of `STYLES`.
        size: Longer side of the answer in pixels; 0 = the mask's size.
        view: Side of the character that the camera sees: unknown, front, back, left or right.
        joints: Whether to answer with joints.
        layers: Whether to answer with layers.
    """

    mask_png: bytes
    style: str = STYLES[0]
    size: int = 0
    view: str = "unknown"
    joints: bool = False
    layers: bool = False

    @property
    def mask_sha256(self) -> str:
        """Hex digest of the mask PNG."""
        return hashlib.sha256(self.mask_png).hexdigest()

    def fields(self) -> dict[str, str]:
        """Form fields of the HTTP call, without the mask."""
        # pictures alone are half the work of JSON, for the server and for us
        fields = {"style": self.style, "format": "json" if self.joints or self.layers else "png"}
        if self.size:
            fields["size"] = str(self.size)
        if self.view != "unknown":
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
        return cls(**values | {"mask_png": base64.b64decode(values["mask_png"])})


@dataclass(frozen=True)
class Layer:
    """One predicted layer: line integral = pixel * scale.

    Args:
        png: 16-bit grey PNG.
        scale: Line integral of one grey level, dimensionless.
    """

    png: bytes
    scale: float


@dataclass(frozen=True)
class Joint:
    """Where a joint is seen: column and row in pixels of the picture, centres at integers; confidence 0..1."""

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
        layers: By name (``bone``, ``soft``); empty unless asked for.
        joints: By name; empty unless asked for.
        familiarity: How like the training masks the mask is, 0..1; None if the server does not say.
    """

    image_png: bytes
    model: str
    version: str
    seconds: float
    layers: dict[str, Layer] = field(default_factory=dict)
    joints: dict[str, Joint] = field(default_factory=dict)
    familiarity: float | None = None


@dataclass(frozen=True)
class Health:
    """Answer of the open health call."""

    status: str
    version: str
    api: int
    model: str
    device: str
