"""What is asked and what is answered."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import asdict, dataclass

STYLES = ("dxa", "radiograph", "bone", "inverted")
"""Display styles of the server, the default first."""


@dataclass(frozen=True)
class XrayRequest:
    """Everything inference needs.

    Args:
        mask_png: The silhouette as an 8-bit grey PNG, 255 = body.
        style: One of `STYLES`.
        size: Longer side of the answer in pixels; 0 = the mask's size.
    """

    mask_png: bytes
    style: str = STYLES[0]
    size: int = 0

    @property
    def mask_sha256(self) -> str:
        """Hex digest of the mask PNG."""
        return hashlib.sha256(self.mask_png).hexdigest()

    def fields(self) -> dict[str, str]:
        """Form fields of the HTTP call, without the mask."""
        fields = {"style": self.style, "format": "png"}
        if self.size:
            fields["size"] = str(self.size)
        return fields

    def to_json(self) -> str:
        """The request as text, mask in base64."""
        return json.dumps(asdict(self) | {"mask_png": base64.b64encode(self.mask_png).decode("ascii")})

    @classmethod
    def from_json(cls, text: str) -> XrayRequest:
        """Inverse of `to_json`."""
        values = json.loads(text)
        return cls(base64.b64decode(values["mask_png"]), str(values["style"]), int(values["size"]))


@dataclass(frozen=True)
class XrayAnswer:
    """The X-ray and where it comes from.

    Args:
        image_png: 8-bit grey PNG, bone bright, 0 outside the body.
        model: Model id.
        version: Server version.
        seconds: Time of inference; 0 if the server does not say.
    """

    image_png: bytes
    model: str
    version: str
    seconds: float


@dataclass(frozen=True)
class Health:
    """Answer of the open health call."""

    status: str
    version: str
    api: int
    model: str
    device: str
