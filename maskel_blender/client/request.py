"""What is asked and what is answered."""

from __future__ import annotations

import base64
import hashlib
import json
import uuid
from dataclasses import asdict, dataclass, field

from .answer import Joint, Layer, XrayAnswer

__all__ = [
    "PRIORITIES",
    "STYLES",
    "VIEWS",
    "Health",
    "Joint",
    "Layer",
    "ServerStatus",
    "XrayAnswer",
    "XrayRequest",
    "new_job",
]

STYLES = ("dxa", "radiograph", "bone", "inverted")
"""Display styles of the server, the default first."""

VIEWS = ("unknown", "front", "back", "left", "right")
"""From where the character is seen, as the server names it."""
PRIORITIES = ("preview", "normal", "batch")
"""What is made first when several wait."""


def new_job() -> str:
    """A name for a job that no other has."""
    return uuid.uuid4().hex


@dataclass(frozen=True)
class XrayRequest:
    """Everything inference needs.

    Args:
        mask_png: The silhouette as an 8-bit grey PNG, 255 = body.
        style: One of `STYLES`.
        size: Longer side of the answer in pixels; 0 = the mask's size.
        view: One of `VIEWS`.
        joints: Whether joints are wanted too.
        priority: One of `PRIORITIES`.
        job: Names the work, so that asking again joins it or gets its kept answer; says nothing about the picture.
        layers: Whether layers are wanted; without them and joints the answer is the picture alone, which is less work.
    """

    mask_png: bytes
    style: str = STYLES[0]
    size: int = 0
    view: str = VIEWS[0]
    joints: bool = False
    priority: str = "normal"
    job: str = field(default_factory=new_job, compare=False)
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
        if self.priority != "normal":
            # servers that do not know the field refuse it
            fields["priority"] = self.priority
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
            str(values["priority"]),
            str(values["job"]),
            bool(values["layers"]),
        )


@dataclass(frozen=True)
class Health:
    """Answer of the open health call.

    Args:
        status: ``starting``, ``ready``, ``idle`` (the next X-ray loads the model), ``draining`` or ``failed``.
        version: Version of the server.
        api: Newest contract it speaks.
        model: Model id; "" while it loads.
        device: Where the model computes; "" while it loads.
        api_min: Oldest contract it speaks.
        error: Why it failed: code, message, fix; None unless it says so.
    """

    status: str
    version: str
    api: int
    model: str
    device: str
    api_min: int
    error: tuple[str, str, str] | None = None


@dataclass(frozen=True)
class ServerStatus:
    """How a server fares; None is what it does not tell.

    Args:
        health: Who it is and how it is.
        memory_bytes: Main memory of its process.
        device_memory_bytes: Memory on its graphics card.
        waiting: X-rays that wait.
        running: X-rays in the making.
    """

    health: Health
    memory_bytes: int | None = None
    device_memory_bytes: int | None = None
    waiting: int | None = None
    running: int | None = None
