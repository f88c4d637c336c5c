"""What a pipeline is asked and what it says, and what lies between its steps."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from maskel_core.pipeline.letterbox import Letterbox
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True)
class Joint:
    """A joint in pixels (column, row) of the image, with a confidence in [0, 1]."""

    x: float
    y: float
    confidence: float


@dataclass(frozen=True)
class XrayOutput:
    """What the pipeline answers.

    Attributes:
        image: uint8 (h, w), styled X-ray, 0 outside the body.
        bone: float32 (h, w), bone line integral, 0 outside.
        soft: float32 (h, w), soft-tissue line integral, 0 outside.
        joints: Joints by name; empty unless asked for.
        uncertainty: float32 (h, w), how far the network's bone line integral is expected to be off, before its detail is
            lifted, 0 outside; None where the
            model does not say or when it was not asked for.
        familiarity: How like the training masks this one is, 0 to 1; under 0.5 the answer is to be doubted; None where the
            model does not say.
    """

    image: NDArray[np.uint8]
    bone: NDArray[np.float32]
    soft: NDArray[np.float32]
    joints: dict[str, Joint] = field(default_factory=dict)
    uncertainty: NDArray[np.float32] | None = None
    familiarity: float | None = None


@dataclass(frozen=True)
class XrayRequest:
    """One mask of a batch and what to make of it; the fields are the arguments of `MaskelPipeline`."""

    mask: NDArray[np.uint8]
    style: str = "dxa"
    size: int | None = None
    joints: bool = False
    view: str = "unknown"
    uncertainty: bool = False


@dataclass(frozen=True)
class Prepared:
    """A checked request, ready for the model.

    Attributes:
        request: As asked for.
        mask: uint8 (h, w), the mask at the size of the answer, mirrored where ``turned``.
        box: Where the model's square lies in it.
        frame: float32 (1, S, S), 0 to 1, on the CPU.
        turned: Whether the model sees the mirror image, so that a mask and its mirror image have mirrored answers.
        large: Whether the answer is large enough for more than one look (`maskel_core.pipeline.close_look`, `.second_look`).
        again: The same in the frame of a second look, see `maskel_core.pipeline.second_look`; None: it is looked at once.
    """

    request: XrayRequest
    mask: NDArray[np.uint8]
    box: Letterbox
    frame: Tensor
    turned: bool = False
    large: bool = False
    again: Prepared | None = None


@dataclass(frozen=True)
class Prediction:
    """What the model says of one frame, on the CPU.

    Attributes:
        xray: float32 (2, S, S), bone and soft tissue in the normalised domain.
        spread: float32 (2, S, S), expected error of ``xray``; None where it is not wanted or not known.
        joints: float64 (J, 3), x and y as shares of the frame, confidence; None where they are not wanted.
        familiarity: 0 to 1; None where the model does not say.
        again: What it says of the second frame; None where there is none.
    """

    xray: Tensor
    spread: Tensor | None
    joints: NDArray[np.float64] | None
    familiarity: float | None = None
    again: Prediction | None = None


def looks_of(prepared: Prepared, prediction: Prediction) -> list[tuple[Prepared, Prediction]]:
    """The first look, and the second where there is one, each with what the model says of it."""
    looks = [(prepared, prediction)]
    if prepared.again is not None and prediction.again is not None:
        looks.append((prepared.again, prediction.again))
    return looks
