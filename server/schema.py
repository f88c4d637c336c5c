"""The JSON of every answer, as types; the OpenAPI page is made of them."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Shape(BaseModel):
    """An answer with exactly these keys."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())


class Problem(Shape):
    """Why a request was not answered."""

    code: str
    """Stable machine-readable name."""
    message: str
    """What went wrong, one sentence."""
    fix: str
    """What to do about it, one sentence."""


class Health(Shape):
    """How the server is; open to everyone on the machine."""

    status: Literal["starting", "ready", "idle", "draining", "failed"]
    name: Literal["maskel"]
    version: str
    api: int
    api_min: int
    model: str | None
    device: str | None
    error: Problem | None = None
    """Only when loading failed."""


class Model(Shape):
    """A model a client may use."""

    id: str
    default: bool
    native_size: int
    """Pixels per side at which it works."""
    styles: list[str]
    description: str


class Models(Shape):
    """All models."""

    models: list[Model]


class JobState(Shape):
    """Where a job stands."""

    id: str
    status: Literal["queued", "running", "done", "failed", "cancelled"]
    position: int | None = Field(ge=0)
    """Jobs before this one; None when it does not wait."""
    progress: float = Field(ge=0, le=1)
    seconds: float = Field(ge=0)
    """Since it was submitted; of an ended job, how long it took."""
    eta: float | None = Field(ge=0)
    """Seconds until it is done, estimated from the jobs before it; None when that is not known."""
    error: Problem | None = None
    """Only of a failed job."""


class TakenBack(Shape):
    """What became of a job that was taken back."""

    id: str
    status: Literal["cancelled", "deleted"]


class AllCancelled(Shape):
    """How many jobs were cancelled."""

    cancelled: int = Field(ge=0)


class Queue(Shape):
    """The engine's queue."""

    waiting: int = Field(ge=0)
    running: int = Field(ge=0)
    taken: int = Field(ge=0)
    """Places that are taken, by requests still being read too."""
    limit: int = Field(ge=0)
    """Places."""


class Batch(Shape):
    """How many jobs ran through the model at once."""

    largest: int = Field(ge=0)
    mean: float = Field(ge=0)
    limit: int = Field(ge=0)


class Totals(Shape):
    """Jobs since the start."""

    done: int = Field(ge=0)
    failed: int = Field(ge=0)
    cancelled: int = Field(ge=0)
    refused: int = Field(ge=0)


class Status(Shape):
    """The server's figures."""

    status: Literal["starting", "ready", "idle", "draining", "failed"]
    version: str
    api: int
    api_min: int
    model: str | None
    device: str | None
    precision: str | None
    threads: int | None
    memory_bytes: int
    """Resident memory of the process."""
    device_memory_bytes: int | None
    uptime: float = Field(ge=0)
    """Seconds since the start."""
    queue: Queue
    loaded: bool
    batch: Batch
    totals: Totals
    notice: str | None
    """What an administrator should know; None when all is well."""


class Freed(Shape):
    """The server after its model was unloaded."""

    status: Literal["starting", "ready", "idle", "draining", "failed"]
    memory_bytes: int


class Layer(Shape):
    """A physical layer: line integral = pixel * scale."""

    png: str = Field(json_schema_extra={"contentEncoding": "base64", "contentMediaType": "image/png"})
    """16-bit grey PNG, base64."""
    scale: float


class Joint(Shape):
    """A joint centre in pixels of the image."""

    x: float
    y: float
    confidence: float = Field(ge=0, le=1)


class XrayAnswer(Shape):
    """An X-ray with its layers and joints."""

    model: str
    version: str
    width: int
    height: int
    style: str
    seconds: float
    image: str = Field(json_schema_extra={"contentEncoding": "base64", "contentMediaType": "image/png"})
    """8-bit grey PNG, base64."""
    layers: dict[str, Layer]
    """``bone``, ``soft`` and, where asked for and known, ``uncertainty``."""
    joints: dict[str, Joint]
    familiarity: float | None
    """0..1, how like the training masks the mask is; below 0.5 the picture should be doubted; None: not known."""
