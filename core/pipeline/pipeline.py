"""Mask in, X-ray out: checks, letterbox, model, un-letterbox, tone curve; one mask or a batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from maskel_core.anatomy.joints import JOINT_NAMES, MIRRORED
from maskel_core.errors import MaskelError
from maskel_core.models import DiffusionXray, MaskTransformer, PlainUNet, VQMaskedAutoencoder
from maskel_core.models.areas import areas_of
from maskel_core.models.configurations import Generator
from maskel_core.models.store import damaged, load_model
from maskel_core.models.views import MIRRORED_VIEWS, VIEWS
from maskel_core.pipeline.edges import extend_beyond, lift_detail, reach_of, sharpen
from maskel_core.pipeline.execution import autocast, batch_limit, choose_precision, narrowed
from maskel_core.pipeline.familiarity import Familiarity, traits
from maskel_core.pipeline.letterbox import Letterbox
from maskel_core.pipeline.masks import check_mask, resize_mask
from maskel_core.pipeline.styles import check_style, render_style
from maskel_core.pipeline.turning import leans_left, mirrored
from numpy.typing import NDArray
from torch import Tensor

_WEIGHTS = Path(__file__).parent.parent / "weights"

DEFAULT_MODEL = _WEIGHTS / "maskel-base"
"""Folder of the model that is used when none is named."""


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
    """

    request: XrayRequest
    mask: NDArray[np.uint8]
    box: Letterbox
    frame: Tensor
    turned: bool = False


@dataclass(frozen=True)
class Prediction:
    """What the model says of one frame, on the CPU.

    Attributes:
        xray: float32 (2, S, S), bone and soft tissue in the normalised domain.
        spread: float32 (2, S, S), expected error of ``xray``; None where it is not wanted or not known.
        joints: float64 (J, 3), x and y as shares of the frame, confidence; None where they are not wanted.
        familiarity: 0 to 1; None where the model does not say.
    """

    xray: Tensor
    spread: Tensor | None
    joints: NDArray[np.float64] | None
    familiarity: float | None = None


_SEPARABLE = (MaskTransformer, PlainUNet, VQMaskedAutoencoder)
"""Models whose answer to a mask does not depend on what else is in the batch; a diffusion's noise does."""


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
        self._whole = bool(getattr(model.config, "whole_pixels", False))
        self._detail = float(getattr(model.config, "detail_gain", 0.0))
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
        gain = getattr(model.config, "detail_gain", 0.0)
        if not isinstance(gain, (int, float)) or not 0 <= gain < float("inf"):
            raise damaged(folder, f"its detail_gain is {gain!r}")
        familiarity = Familiarity.load(folder)
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

    @property
    def largest_batch(self) -> int:
        """Most masks that gain from being run together on this device."""
        return batch_limit(self.device) if isinstance(self.model, _SEPARABLE) else 1

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
        return self.batch([XrayRequest(mask, style, size, joints, view, uncertainty)])[0]

    def batch(self, requests: Sequence[XrayRequest], together: int | None = None) -> list[XrayOutput]:
        """X-rays of several masks, the same as one by one but for rounding.

        Args:
            requests: Masks of any sizes, each with its own options.
            together: Most masks in the model at once, >= 1; None for `largest_batch`.

        Raises:
            MaskelError: As for one mask, of the first that cannot be done.
        """
        together = together or self.largest_batch
        waiting = (self.prepare(request) for request in requests)
        made: list[XrayOutput] = []
        while part := list(islice(waiting, together)):
            made += map(self.finish, part, self.predict(part))
        return made

    @torch.inference_mode()
    def prepare(self, request: XrayRequest) -> Prepared:
        """Check a request and letterbox its mask; the first of the three steps of `batch`, any thread may do it.

        Raises:
            MaskelError: As for one mask.
        """
        check_style(request.style)
        if request.view not in VIEWS:
            known = ", ".join(VIEWS)
            raise MaskelError("bad_view", f"There is no view {request.view!r}.", f"Choose one of {known}.")
        check_mask(request.mask)
        config = self.model.config
        turned = bool(getattr(config, "canonical", False)) and leans_left(request.mask)
        mask = resize_mask(mirrored(request.mask) if turned else request.mask, request.size)
        box = Letterbox.around(mask, config.sample_size, config.margin, self._whole)
        # Only the crop is widened to float: a mask of one 8K frame would need 130 MB.
        frame = box.forward(torch.from_numpy(mask)[None]).clamp(0, 1)
        return Prepared(request, mask, box, frame, turned)

    @torch.inference_mode()
    def predict(self, prepared: Sequence[Prepared]) -> list[Prediction]:
        """Run the model on all of them at once; the second step."""
        if len(prepared) > 1 and not isinstance(self.model, _SEPARABLE):
            return [self.predict([one])[0] for one in prepared]
        requests = [one.request for one in prepared]
        masks = torch.stack([one.frame for one in prepared])
        frames = masks.to(self.device)
        told: dict[str, Any] = {}
        if isinstance(self.model, MaskTransformer):
            views = [VIEWS.index(request.view) for request in requests]
            views = [MIRRORED_VIEWS[v] if p.turned else v for v, p in zip(views, prepared, strict=True)]
            told["view"] = torch.tensor(views, device=self.device)
            # Where no body is, detail is wasted time: a standing body fills a third of its frame.
            told["areas"] = areas_of(masks)
        with autocast(self.device, self.precision):
            # The joints are part of what tells how familiar a mask is.
            joints = self._familiarity is not None or any(request.joints for request in requests)
            made = self._running(frames, joints=joints, **told)
        xray = made.xray.float().cpu()
        spread = None
        if made.spread is not None and any(request.uncertainty for request in requests):
            spread = made.spread.float().cpu()
        familiarity: list[float] | None = None
        if self._familiarity is not None and (seen := traits(made, frames)) is not None:
            familiarity = self._familiarity.score(seen.cpu()).tolist()
        found = None
        if made.joints is not None:
            place, sure = made.joints.position.cpu().double(), made.joints.confidence.cpu().double()
            found = torch.cat([place, sure[..., None]], dim=2).numpy()
        return [
            Prediction(
                xray[index],
                spread[index] if spread is not None and request.uncertainty else None,
                found[index] if found is not None and request.joints else None,
                None if familiarity is None else familiarity[index],
            )
            for index, request in enumerate(requests)
        ]

    @torch.inference_mode()
    def finish(self, prepared: Prepared, prediction: Prediction) -> XrayOutput:
        """Back to the mask's pixels, and the tone curve; the third step, any thread may do it."""
        mask, box, frame = prepared.mask, prepared.box, prepared.frame
        xray, scaling = prediction.xray, self.model.scaling
        doubt: NDArray[np.float32] | None = None
        if prediction.spread is not None:
            plain, above = (scaling.restore(it[None])[0, :1] for it in (xray, xray + prediction.spread))
            spread = box.backward((above - plain) * (frame > 0))
            doubt = spread.clamp_min_(0)[0].mul_(torch.from_numpy(mask) > 0).numpy()
        cover = torch.from_numpy(mask).float().div_(255)
        integrals = extend_beyond(scaling.restore(xray[None])[0], frame)
        integrals = self._mended(integrals, frame, resampled=not (self._whole and box.side == box.size))
        if box.side > box.size:
            # Measured: bones keep more of their edges when what is enlarged is what the model predicts, not the integrals.
            enlarged = box.backward(scaling.normalise(integrals[None])[0])
            layers = scaling.restore_(enlarged).mul_(cover).numpy()
        else:
            # A coarser pixel holds the mean of the integrals it covers.
            layers = box.backward(integrals).clamp_min_(0).mul_(cover).numpy()
        found: dict[str, Joint] = {}
        if prediction.joints is not None:
            places = box.points_backward(prediction.joints[:, :2] * box.size - 0.5)
            sure = prediction.joints[:, 2]
            if prepared.turned:
                places = places[list(MIRRORED)] * [-1, 1] + [mask.shape[1] - 1, 0]
                sure = sure[list(MIRRORED)]
            found = {
                name: Joint(float(x), float(y), float(share))
                for name, (x, y), share in zip(JOINT_NAMES, places, sure, strict=True)
            }
        if prepared.turned:
            mask, layers = mirrored(mask), mirrored(layers)
            doubt = None if doubt is None else mirrored(doubt)
        image = render_style(prepared.request.style, layers[0], layers[1], mask)
        return XrayOutput(image, layers[0], layers[1], found, doubt, prediction.familiarity)

    def _mended(self, integrals: Tensor, frame: Tensor, resampled: bool) -> Tensor:
        """The layers with what the way into a frame has blurred, or the detail of bone that the model leaves out."""
        bone, soft = integrals[:1], integrals[1:]
        # Frames of whole pixels have lost nothing that sharpening could give back.
        if resampled:
            soft = sharpen(soft)
        if self._detail:
            bone = lift_detail(bone, self._detail, reach_of(frame))
        elif resampled:
            bone = sharpen(bone)
        return torch.cat([bone, soft])


def _description(folder: Path) -> str:
    card = folder / "README.md"
    if not card.is_file():
        return ""
    lines = card.read_text(encoding="utf-8").splitlines()
    if lines[:1] == ["---"] and "---" in lines[1:]:
        lines = lines[lines.index("---", 1) + 1 :]
    plain = [line.strip() for line in lines if line.strip() and not line.startswith(("#", "-", "|", ">"))]
    return plain[0] if plain else ""
