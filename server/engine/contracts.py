"""What goes into the engine, what it needs of a pipeline, and what comes out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np

PRIORITIES = ("preview", "normal", "batch")
"""Classes of jobs, the most urgent first."""


class JointLike(Protocol):
    """A joint of an answer: pixels of the answer's image and a confidence 0..1."""

    x: float
    y: float
    confidence: float


class XrayLike(Protocol):
    """What a pipeline answers; see ``maskel_core.pipeline``."""

    image: np.ndarray
    bone: np.ndarray
    soft: np.ndarray
    joints: Mapping[str, Any]
    uncertainty: np.ndarray | None
    familiarity: float | None


class PipelineLike(Protocol):
    """What the engine needs of a pipeline; one that is no more than this is given one mask at a time."""

    model_id: str
    description: str
    device: Any

    @property
    def native_size(self) -> int:
        """Pixels per side at which the model works."""

    def __call__(
        self,
        mask: np.ndarray,
        *,
        style: str,
        size: int | None,
        joints: bool,
        view: str = "unknown",
        uncertainty: bool = False,
    ) -> Any:
        """Turn a mask into an X-ray."""


@runtime_checkable
class StagedPipeline(Protocol):
    """A pipeline in three steps, of which only the second needs the model; see `MaskelPipeline`."""

    device: Any

    @property
    def largest_batch(self) -> int:
        """Most masks that gain from being run together."""

    def prepare(self, request: Any) -> Any:
        """Check a request (an `XrayJob` has its fields) and make what the model sees."""

    def predict(self, prepared: Sequence[Any]) -> list[Any]:
        """Run the model on several at once."""

    def finish(self, prepared: Any, prediction: Any) -> XrayLike:
        """Make the answer of what the model said."""

    def to(self, device: str) -> Any:
        """Move the model to a device."""


@dataclass(frozen=True)
class XrayJob:
    """One mask and what to make of it."""

    mask: np.ndarray
    """uint8 (H, W), 255 = body."""
    style: str = "dxa"
    size: int | None = None
    joints: bool = False
    view: str = "unknown"
    uncertainty: bool = False
    priority: str = "normal"
    """One of `PRIORITIES`."""


@dataclass(frozen=True)
class JobState:
    """How far a job is.

    Attributes:
        status: ``queued``, ``running``, ``done``, ``failed`` or ``cancelled``.
        position: Jobs before it, 0 = next; None when it does not wait.
        progress: 0 to 1.
        seconds: Since it was submitted; until its end for one that has ended.
        eta: Seconds until it is done, by the pace so far; None when it has ended or nothing is known.
    """

    status: str
    position: int | None
    progress: float
    seconds: float
    eta: float | None


@dataclass(frozen=True)
class ModelInfo:
    """What a client may know of a model."""

    id: str
    device: str
    native_size: int
    styles: tuple[str, ...]
    description: str


def warm_up(pipeline: PipelineLike) -> None:
    """Run one small figure through the model, so that the first request pays for nothing."""
    mask = np.zeros((256, 256), np.uint8)
    mask[32:224, 104:152] = 255
    pipeline(mask, style="dxa", size=None, joints=True)


def describe(pipeline: PipelineLike) -> ModelInfo:
    """The public facts of a pipeline."""
    from maskel_core.pipeline import STYLES

    return ModelInfo(
        id=pipeline.model_id,
        device=str(pipeline.device),
        native_size=pipeline.native_size,
        styles=STYLES,
        description=pipeline.description,
    )
