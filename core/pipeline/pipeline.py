"""Mask in, X-ray out: checks, letterbox, model, un-letterbox, tone curve; one mask or a batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from maskel_core.anatomy.joints import JOINT_NAMES, MIRRORED
from maskel_core.errors import MaskelError
from maskel_core.models import DiffusionXray, MaskTransformer, PlainUNet, VQMaskedAutoencoder
from maskel_core.models.areas import areas_of
from maskel_core.models.close_look import CloseLook
from maskel_core.models.configurations import Generator
from maskel_core.models.store import damaged, load_model
from maskel_core.models.views import MIRRORED_VIEWS, VIEWS
from maskel_core.pipeline.close_look import load_close_look, look_closer
from maskel_core.pipeline.contracts import Joint, Prediction, Prepared, XrayOutput, XrayRequest, looks_of
from maskel_core.pipeline.edges import extend_beyond, is_gain, lift_detail, reach_of, sharpen
from maskel_core.pipeline.execution import autocast, batch_limit, choose_precision, narrowed
from maskel_core.pipeline.familiarity import Familiarity, traits
from maskel_core.pipeline.joint_calibration import JointCalibration
from maskel_core.pipeline.letterbox import Letterbox
from maskel_core.pipeline.masks import check_mask, resize_mask
from maskel_core.pipeline.second_look import MEAN_GAIN, MOVE, settle_joints
from maskel_core.pipeline.styles import check_style, render_style
from maskel_core.pipeline.turning import leans_left, mirrored, mirrored_joints
from numpy.typing import NDArray
from torch import Tensor

_WEIGHTS = Path(__file__).parent.parent / "weights"

DEFAULT_MODEL = _WEIGHTS / "maskel-base"
"""Folder of the model that is used when none is named."""


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
        looks: How often a picture is looked at, 1 or 2 (see `maskel_core.pipeline.second_look`): two take twice the time. None =
            as the model's configuration says.
        calibration: What the model's joints are off by; None: they stay as the model says.
        close_look: What mends the head in pictures of more than the model's ``base_size``; None: it stays as the model says.

    Raises:
        MaskelError: ``bad_precision``, ``bad_looks``.
    """

    def __init__(
        self,
        model: Generator,
        model_id: str,
        description: str = "",
        device: torch.device | str = "cpu",
        precision: str = "auto",
        familiarity: Familiarity | None = None,
        looks: int | None = None,
        calibration: JointCalibration | None = None,
        close_look: CloseLook | None = None,
    ) -> None:
        if looks not in (None, 1, 2):
            raise MaskelError("bad_looks", f"A picture cannot be looked at {looks} times.", "Choose 1 or 2.")
        # Channels-last: measured faster on a CPU; no effect on the result.
        self.model = model.eval().to(memory_format=torch.channels_last)  # type: ignore[call-arg]
        self.model_id = model_id
        self.description = description
        self._asked = precision
        self._whole = bool(getattr(model.config, "whole_pixels", False))
        self._detail = float(getattr(model.config, "detail_gain", 0.0))
        self._familiarity = familiarity
        self._calibration = calibration
        self.close_look = None if close_look is None else close_look.eval()
        if close_look is not None:
            close_look.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.looks = looks or int(getattr(model.config, "looks", 1))
        self.to(device)

    @classmethod
    def from_pretrained(
        cls,
        path: Path | str | None = None,
        device: torch.device | str = "cpu",
        precision: str = "auto",
        looks: int | None = None,
    ) -> MaskelPipeline:
        """Load a model folder.

        Args:
            path: Folder with config.json and weights; None for the model that ships.
            device: Where it runs.
            precision: As for the class.
            looks: As for the class.

        Raises:
            MaskelError: ``model_missing``, ``model_damaged``, ``bad_precision``, ``bad_looks``.
        """
        folder = DEFAULT_MODEL if path is None else Path(path)
        model = load_model(folder)
        if not isinstance(model, (MaskTransformer, VQMaskedAutoencoder, PlainUNet, DiffusionXray)):
            raise damaged(folder, f"a {type(model).__name__} makes no X-rays")
        if not is_gain(gain := getattr(model.config, "detail_gain", 0.0)):
            raise damaged(folder, f"its detail_gain is {gain!r}")
        if (often := getattr(model.config, "looks", 1)) not in (1, 2):
            raise damaged(folder, f"its looks is {often!r}")
        name, described = folder.resolve().name, _description(folder)
        familiarity, calibration = Familiarity.load(folder), JointCalibration.load(folder, len(JOINT_NAMES))
        closer = load_close_look(folder)
        return cls(model, name, described, device, precision, familiarity, looks, calibration, closer)

    def to(self, device: torch.device | str) -> MaskelPipeline:
        """Move the model to a device, in the precision that suits it there; returns the pipeline."""
        self.device = torch.device(device)
        self.model.to(self.device)  # type: ignore[arg-type]
        self.precision = choose_precision(self._asked, self.model, self.device)
        self._running = narrowed(self.model, self.precision)
        if self.close_look is not None:
            self.close_look.to(self.device)
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
        # A small picture is wanted fast.
        large = max(mask.shape) > int(getattr(config, "base_size", 0))
        first = Prepared(request, mask, box, _framed(box, mask), turned, large)
        if self.looks < 2 or not large:
            return first
        box = box.moved(*MOVE)
        return replace(first, again=replace(first, box=box, frame=_framed(box, mask)))

    @torch.inference_mode()
    def predict(self, prepared: Sequence[Prepared]) -> list[Prediction]:
        """Run the model on all of them at once, and on the second frames of those that have one; the second step."""
        if len(prepared) > 1 and not isinstance(self.model, _SEPARABLE):
            return [self.predict([one])[0] for one in prepared]
        made = self._predict(prepared)
        seconds = [one.again for one in prepared if one.again is not None]
        if seconds:
            answers = iter(self._predict(seconds))
            pairs = zip(prepared, made, strict=True)
            made = [one if look.again is None else replace(one, again=next(answers)) for look, one in pairs]
        return made

    def _predict(self, prepared: Sequence[Prepared]) -> list[Prediction]:
        """What the model says of frames."""
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
            # The joints are part of what tells how familiar a mask is, and where its head lies.
            joints = self._familiarity is not None or self.close_look is not None
            joints = joints or any(request.joints for request in requests)
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
        closer = [index for index, one in enumerate(prepared) if one.large]
        if self.close_look is not None and closer and found is not None and made.spread is not None:
            framed = masks[closer], xray[closer], made.spread.float().cpu()[closer], found[closer]
            xray[closer] = look_closer(self.close_look, self.model.scaling, *framed)
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
        looks = looks_of(prepared, prediction)
        mask, cover = prepared.mask, torch.from_numpy(prepared.mask)
        total = self._layers(*looks[0], len(looks))
        for look in looks[1:]:
            # In place, one at a time: whole pictures may be large.
            total.add_(self._layers(*look, len(looks)))
        layers = total.mul_(cover.float().div_(255 * len(looks))).numpy()
        doubt: NDArray[np.float32] | None = None
        if prediction.spread is not None:
            doubts = torch.stack([self._doubt(*look) for look in looks])
            doubt = doubts.mean(dim=0).mul_(cover > 0).numpy()
        found: dict[str, Joint] = {}
        settled = self.settled_joints(prepared, prediction)
        if settled is not None:
            settled = settled if self._calibration is None else self._calibration.corrected(settled)
            places, sure = settled[:, :2], settled[:, 2]
            if prepared.turned:
                places = mirrored_joints(places, mask.shape[1])
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

    def settled_joints(self, prepared: Prepared, prediction: Prediction) -> NDArray[np.float64] | None:
        """Joints by all looks, not calibrated: (J, 3), x and y in pixels of ``prepared.mask``, confidence; None if unasked."""
        if prediction.joints is None:
            return None
        first = _in_picture(prepared.box, prediction.joints)
        second, answer = prepared.again, prediction.again
        if second is None or answer is None or answer.joints is None:
            return first
        return settle_joints(first, _in_picture(second.box, answer.joints), second.box.side)

    def _layers(self, prepared: Prepared, prediction: Prediction, looks: int) -> Tensor:
        """One look's line integrals (2, h, w) >= 0 of fully covered pixels; ``looks`` are added up."""
        box, frame, scaling = prepared.box, prepared.frame, self.model.scaling
        integrals = extend_beyond(scaling.restore(prediction.xray[None])[0], frame)
        gain = self._detail * (MEAN_GAIN if looks > 1 else 1.0)
        integrals = self._mended(integrals, frame, gain, resampled=not (self._whole and box.side == box.size))
        if box.side > box.size:
            # Measured: bones keep more of their edges when what is enlarged is what the model predicts, not the integrals.
            return scaling.restore_(box.backward(scaling.normalise(integrals[None])[0]))
        # A coarser pixel holds the mean of the integrals it covers.
        return box.backward(integrals).clamp_min_(0)

    def _doubt(self, prepared: Prepared, prediction: Prediction) -> Tensor:
        """One look's expected error of bone, (h, w) >= 0."""
        assert prediction.spread is not None
        xray = prediction.xray
        both = (self.model.scaling.restore(it[None])[0, :1] for it in (xray, xray + prediction.spread))
        plain, above = both
        return prepared.box.backward((above - plain) * (prepared.frame > 0)).clamp_min_(0)[0]

    def _mended(self, integrals: Tensor, frame: Tensor, gain: float, resampled: bool) -> Tensor:
        """The layers with what the way into a frame has blurred, or the detail of bone that the model leaves out."""
        bone, soft = integrals[:1], integrals[1:]
        # Frames of whole pixels have lost nothing that sharpening could give back.
        if resampled:
            soft = sharpen(soft)
        if gain:
            bone = lift_detail(bone, gain, reach_of(frame))
        elif resampled:
            bone = sharpen(bone)
        return torch.cat([bone, soft])


def _framed(box: Letterbox, mask: NDArray[np.uint8]) -> Tensor:
    """Float32 (1, S, S), 0 to 1: a mask uint8 (h, w) in a frame."""
    # Only the crop is widened to float: a mask of one 8K frame would need 130 MB.
    return box.forward(torch.from_numpy(mask)[None]).clamp(0, 1)


def _in_picture(box: Letterbox, joints: NDArray[np.float64]) -> NDArray[np.float64]:
    """Joints (J, 3) as `Prediction` has them, in pixels of the picture."""
    return np.column_stack([box.points_backward(joints[:, :2] * box.size - 0.5), joints[:, 2]])


def _description(folder: Path) -> str:
    card = folder / "README.md"
    if not card.is_file():
        return ""
    lines = card.read_text(encoding="utf-8").splitlines()
    if lines[:1] == ["---"] and "---" in lines[1:]:
        lines = lines[lines.index("---", 1) + 1 :]
    plain = [line.strip() for line in lines if line.strip() and not line.startswith(("#", "-", "|", ">"))]
    return plain[0] if plain else ""
