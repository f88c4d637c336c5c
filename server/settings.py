"""What an administrator may set, from arguments or ``MASKEL_SERVE_*`` variables."""

from __future__ import annotations

from pathlib import Path

from maskel_core.images import MAX_PIXELS
from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class ServerSettings(BaseSettings):
    """Limits and secrets of one server process; every limit has a safe default."""

    model_config = SettingsConfigDict(env_prefix="MASKEL_SERVE_", extra="ignore", protected_namespaces=())

    token: SecretStr = Field(min_length=16)
    """Bearer token of the calls that need one."""

    host: str = "127.0.0.1"
    """Address the server is bound to; decides which Host headers are believed."""

    allowed_hosts: tuple[str, ...] = ()
    """Extra host names a client may have used to get here, e.g. the name of a render node."""

    model: Path | None = None
    """Folder of a model; None is the model that ships."""

    device: str = "auto"
    """``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``."""

    threads: int | None = Field(default=None, ge=1)
    """CPU threads of the model; None leaves torch's choice."""

    looks: int | None = Field(default=None, ge=1, le=2)
    """How often a picture is looked at; None = as the model says."""

    max_body_bytes: int = Field(default=32 * 1024 * 1024, ge=1024)
    """Largest accepted request body, in bytes."""

    max_pixels: int = Field(default=MAX_PIXELS, ge=1)
    """Largest accepted mask and answer, in pixels."""

    queue_size: int = Field(default=8, ge=0)
    """Requests that may wait behind the one in work; more are refused with ``busy``."""

    batch: int | None = Field(default=None, ge=1)
    """Most masks in the model at once; None for what suits the device."""

    idle_seconds: float = Field(default=900.0, ge=0)
    """Seconds without a job after which the model is unloaded until the next one; 0 = never."""

    body_seconds: float = Field(default=30.0, gt=0)
    """Time a client has to send its request body, in seconds."""

    work_seconds: float = Field(default=300.0, gt=0)
    """Time a request may take from queue to answer, in seconds."""

    drain_seconds: float = Field(default=20.0, ge=0)
    """Time that work may still take once the server is told to end, in seconds."""

    results: Path | None = None
    """Folder where answers to named jobs are kept; None keeps them in memory."""

    results_seconds: float = Field(default=3600.0, gt=0)
    """How long an answer to a named job is kept, in seconds."""

    results_bytes: int = Field(default=512 * 1024 * 1024, ge=0)
    """Size of all kept answers together, in bytes; the oldest go first."""
