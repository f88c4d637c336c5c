"""Mask in, X-ray out: checks, letterbox, model, un-letterbox, tone curve."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from maskel_core.anatomy.joints import JOINT_NAMES
from maskel_core.errors import MaskelError
from maskel_core.models import DiffusionXray, MaskTransformer, PlainUNet, VQMaskedAutoencoder
from maskel_core.models.configurations import Generator
from maskel_core.models.store import damaged, load_model
from maskel_core.models.views import VIEWS
from maskel_core.pipeline.execution import autocast, choose_precision, narrowed
from maskel_core.pipeline.familiarity import Familiarity, traits
from maskel_core.pipeline.letterbox import Letterbox, shrink
from maskel_core.pipeline.styles import check_style, render_style
from numpy.typing import NDArray
from torch import Tensor

_WEIGHTS = Path(__file__).parent.parent / "weights"

DEFAULT_MODEL = _WEIGHTS / "maskel-base"
"""Folder of the model that is used when none is named."""

MAX_PIXELS = 7680 * 4320
"""Most pixels of a mask and of an image: one 8K frame."""

MAX_SIDE = 16384
"""Most pixels along a side of a mask: the letterbox is as high as it is wide."""


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
        uncertainty: float32 (h, w), how far the bone line integral is expected to be off, 0 outside; None where the
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


class MaskelPipeline:
    """From a silhouette to an X-ray of the same pixels.

    Args:
        model: A trained `MaskTransformer`, `VQMaskedAutoencoder` or `PlainUNet`.
        model_id: Its name.
        description: One sentence for people.
        device: Where it runs.
        precision: ``"auto"``, the fastest on the device without visible loss, or ``"float32"``, ``"bfloat16"``, ``"float16"``.
        familiarity: What the model's answers for people are like; None: the pipeline does not say how familiar a mask is.

    Raises:
        MaskelError: ``bad_precision``.
    """

    def __init__(
        self,
        model: Generator,
        model_id: str,
        description: str = "",
        device: torch.device | str = "cpu",
        precision: str = "auto",
        familiarity: Familiarity | None = None,
    ) -> None:
        # Channels-last: measured faster on a CPU; no effect on the result.
        self.model = model.eval().to(memory_format=torch.channels_last)  # type: ignore[call-arg]
        self.model_id = model_id
        self.description = description
        self._asked = precision
        self._familiarity = familiarity
        self.to(device)

    @classmethod
    def from_pretrained(
        cls, path: Path | str | None = None, device: torch.device | str = "cpu", precision: str = "auto"
    ) -> MaskelPipeline:
        """Load a model folder.

        Args:
            path: Folder with config.json and weights; None for the model that ships.
            device: Where it runs.
            precision: As for the class.

        Raises:
            MaskelError: ``model_missing``, ``model_damaged``, ``bad_precision``.
        """
        folder = DEFAULT_MODEL if path is None else Path(path)
        model = load_model(folder)
        if not isinstance(model, (MaskTransformer, VQMaskedAutoencoder, PlainUNet, DiffusionXray)):
            raise damaged(folder, f"a {type(model).__name__} makes no X-rays")
        try:
            familiarity = Familiarity.load(folder)
        except ValueError as error:
            raise damaged(folder, str(error)) from error
        return cls(model, folder.resolve().name, _description(folder), device, precision, familiarity)

    def to(self, device: torch.device | str) -> MaskelPipeline:
        """Move the model to a device, in the precision that suits it there; returns the pipeline."""
        self.device = torch.device(device)
        self.model.to(self.device)  # type: ignore[arg-type]
        self.precision = choose_precision(self._asked, self.model, self.device)
        self._running = narrowed(self.model, self.precision)
        return self

    @property
    def native_size(self) -> int:
        """Pixels per side at which the model works."""
        return int(self.model.config.sample_size)

    @property
    def bone_scale(self) -> float:
        """Line integral of dense bone, about the brightest a whole-body X-ray holds."""
        return float(self.model.config.bone_scale)

    @torch.inference_mode()
    def __call__(
        self,
        mask: NDArray[np.uint8],
        style: str = "dxa",
        size: int | None = None,
        joints: bool = False,
        view: str = "unknown",
        uncertainty: bool = False,
    ) -> XrayOutput:
        """X-ray of a mask.

        Args:
            mask: uint8 (H, W), 255 = body.
            style: ``"dxa"``, ``"radiograph"``, ``"bone"`` or ``"inverted"``.
            size: Longer side of the answer in pixels; None for the mask's own size.
            joints: Also find the joints.
            view: Side of the character that the camera sees, one of `VIEWS`; settles left and right, which a silhouette
                leaves open. Models that take none ignore it.
            uncertainty: Also say how far the bone layer may be off.

        Raises:
            MaskelError: ``empty_mask``, ``full_mask``, ``bad_mask``, ``too_many_pixels``, ``bad_style``, ``bad_size``,
                ``bad_view``.
        """
        check_style(style)
        if view not in VIEWS:
            raise MaskelError("bad_view", f"There is no view {view!r}.", f"Choose one of {', '.join(VIEWS)}.")
        check_mask(mask)
        mask = resize_mask(mask, size)
        config = self.model.config
        box = Letterbox.around(mask, config.sample_size, config.margin)
        # Only the crop is widened to float: a mask of one 8K frame would need 130 MB.
        frame = box.forward(torch.from_numpy(mask)[None]).clamp(0, 1)
        told = {"view": torch.tensor([VIEWS.index(view)], device=self.device)}
        with autocast(self.device, self.precision):
            made = self._running(
                frame[None].to(self.device),
                joints=joints or self._familiarity is not None,
                **(told if isinstance(self.model, MaskTransformer) else {}),
            )
        scaling = self.model.scaling
        integrals = scaling.restore(made.xray)[0].cpu()
        doubt: NDArray[np.float32] | None = None
        if uncertainty and made.spread is not None:
            above = scaling.restore(made.xray + made.spread)[0, :1].cpu()
            spread = box.backward((above - integrals[:1]) * (frame > 0))
            doubt = spread.clamp_min_(0)[0].mul_(torch.from_numpy(mask) > 0).numpy()
        cover = torch.from_numpy(mask).float().div_(255)
        if box.side > box.size:
            # Measured: bones keep more of their edges when what is enlarged is what the model predicts, not the integrals.
            filled = extend_beyond(made.xray[0].float().cpu(), frame)
            layers = scaling.restore_(box.backward(filled)).mul_(cover).numpy()
        else:
            # A coarser pixel holds the mean of the integrals it covers.
            layers = box.backward(extend_beyond(integrals, frame)).clamp_min_(0).mul_(cover).numpy()
        image = render_style(style, layers[0], layers[1], mask)
        found: dict[str, Joint] = {}
        if joints and made.joints is not None:
            share = made.joints.position[0].cpu().double().numpy()
            places = box.points_backward(share * config.sample_size - 0.5)
            confidence = made.joints.confidence[0].cpu().tolist()
            found = {
                name: Joint(float(x), float(y), float(c))
                for name, (x, y), c in zip(JOINT_NAMES, places, confidence, strict=True)
            }
        familiarity: float | None = None
        if self._familiarity is not None:
            seen = traits(made, frame[None].to(self.device))
            familiarity = None if seen is None else float(self._familiarity.score(seen.cpu()))
        return XrayOutput(image, layers[0], layers[1], found, doubt, familiarity)


def check_mask(mask: Any) -> None:
    """Raise MaskelError for a mask that is none, too large, empty or full."""
    if not isinstance(mask, np.ndarray) or mask.ndim != 2 or mask.dtype != np.uint8 or 0 in mask.shape:
        shape = f"{mask.dtype} {mask.shape}" if isinstance(mask, np.ndarray) else type(mask).__name__
        raise MaskelError(
            "bad_mask", f"The mask is {shape}, not uint8 (height, width).", "Send a grey picture, 255 = body."
        )
    if mask.size > MAX_PIXELS:
        raise MaskelError(
            "too_many_pixels",
            f"The mask has {mask.size:,} pixels; at most {MAX_PIXELS:,} are accepted.",
            "Render the mask at a lower resolution.",
        )
    if max(mask.shape) > MAX_SIDE:
        raise MaskelError(
            "too_many_pixels",
            f"The mask has a side of {max(mask.shape):,} pixels; at most {MAX_SIDE:,} are accepted.",
            "Cut away the background, or render the mask at a lower resolution.",
        )
    body = int(np.count_nonzero(mask >= 128))
    if body == 0:
        raise MaskelError(
            "empty_mask",
            "The mask holds no body.",
            "Aim the camera at the character and check that it is visible.",
        )
    if body == mask.size:
        raise MaskelError(
            "full_mask", "The mask is body from edge to edge.", "Leave some background round the character."
        )


def resize_mask(mask: NDArray[np.uint8], size: int | None) -> NDArray[np.uint8]:
    """The mask with its longer side at ``size`` pixels.

    Raises:
        MaskelError: ``bad_size``, ``too_many_pixels``.
    """
    if size is None:
        # A copy of a read-only one: torch warns of those.
        return np.require(mask, requirements=("C", "W"))
    if isinstance(size, bool) or not isinstance(size, (int, np.integer)) or not 16 <= size <= MAX_SIDE:
        raise MaskelError(
            "bad_size", f"The size {size!r} is not possible.", f"Choose 16 to {MAX_SIDE} pixels."
        )
    height, width = mask.shape
    factor = size / max(height, width)
    height, width = max(1, round(height * factor)), max(1, round(width * factor))
    if height * width > MAX_PIXELS:
        raise MaskelError(
            "too_many_pixels",
            f"An answer of {width} x {height} pixels is too large.",
            "Choose a smaller size.",
        )
    resized = shrink(
        torch.from_numpy(np.require(mask, requirements=("C", "W"))).float()[None], height, width
    )[0]
    return resized.round().clamp(0, 255).to(torch.uint8).numpy()


def extend_beyond(integrals: Tensor, frame: Tensor, pixels: int = 3) -> Tensor:
    """Carry the layers a few pixels past the body's edge.

    The model's values mean something only inside the mask; enlarging them must not mix in what lies outside.

    Args:
        integrals: float (2, S, S), values of fully covered pixels.
        frame: float (1, S, S), mask at the model's size, 0 to 1.
        pixels: How far.

    Returns:
        float (2, S, S), changed only where the mask is under one half.
    """
    solid = frame[0] >= 0.5
    # Parts thinner than a pixel of the frame have no solid pixel near: there the model's value is all there is.
    known = solid | ((frame[0] > 0.02) & ~widened(solid))
    width = frame.shape[2] + 2
    around = torch.tensor([dy * width + dx for dy in (-1, 0, 1) for dx in (-1, 0, 1)])[:, None]
    values = F.pad(integrals * known, (1, 1, 1, 1)).flatten(1)
    filled = F.pad(known, (1, 1, 1, 1)).flatten()
    # Only the pixels next to known ones are touched: averages of whole frames would take half as long as the model.
    for _ in range(pixels):
        wider = widened(known)
        rows, columns = (wider & ~known).nonzero(as_tuple=True)
        ring = (rows + 1) * width + columns + 1
        near = ring + around
        values[:, ring] = values[:, near].sum(dim=1) / filled[near].sum(dim=0)
        filled[ring] = True
        known = wider
    return values.view(len(integrals), -1, width)[:, 1:-1, 1:-1]


def widened(area: Tensor) -> Tensor:
    """Bool (H, W), True where a pixel or one of its eight neighbours is."""
    tall = area.clone()
    tall[1:] |= area[:-1]
    tall[:-1] |= area[1:]
    wide = tall.clone()
    wide[:, 1:] |= tall[:, :-1]
    wide[:, :-1] |= tall[:, 1:]
    return wide


def _description(folder: Path) -> str:
    card = folder / "README.md"
    if not card.is_file():
        return ""
    lines = card.read_text(encoding="utf-8").splitlines()
    if lines[:1] == ["---"] and "---" in lines[1:]:
        lines = lines[lines.index("---", 1) + 1 :]
    plain = [line.strip() for line in lines if line.strip() and not line.startswith(("#", "-", "|", ">"))]
    return plain[0] if plain else ""
