"""A close look at the head: a small network mends the X-ray in a window that lies upright round it, whatever the pose.

A third of what bones' edges hold lies in the skull, on few of a body's pixels, and most of what a silhouette with hair hides.
In a window turned and scaled by the joints all heads look alike, which a small network learns fast (docs/model.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from maskel_core.anatomy.joints import JOINT_NAMES, MIRRORED
from maskel_core.models.close_look import CloseLook
from maskel_core.models.manifest import damaged, read_optional_tensors
from maskel_core.models.vq_masked_autoencoder import LayerScaling
from maskel_core.pipeline.edges import extend_beyond, is_gain, lift_detail, reach_of
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor

CLOSE_LOOK = "close_look.safetensors"
"""File of a model folder."""

WINDOW = 128
"""Pixels per side of a window; a standing body's head and neck are 90 of them tall."""

_LENGTHS = (
    ("c7", "pelvis", 150.0),
    ("head", "c7", 26.0),
    ("shoulder_l", "shoulder_r", 115.0),
    ("c7", "t6", 31.0),
)
"""Pixels of a window between joints of a standing adult."""

_SURE = 0.25
"""Confidence from which a joint tells how large the body is."""

_ABOVE = 20.0
"""Pixels of a window from the joint under the skull to the window's middle."""

REACH = 72.0
"""Pixels of a window that count as 1 in what is told of the joints."""

_RIM = 0.15
"""Share of half a window over which what is added fades out."""

_CHIN = 0.7
"""Share of half a window below its middle where nothing is added any more: vertebrae of the neck are better without."""

_INDEX = {name: index for index, name in enumerate(JOINT_NAMES)}
_LEFT = [index for name, index in _INDEX.items() if name.endswith("_l")]
_RIGHT = [MIRRORED[index] for index in _LEFT]


@dataclass(frozen=True)
class HeadWindow:
    """A square round a head, in pixels of a picture.

    Attributes:
        centre: float64 (2,), x and y.
        up: float64 (2,), from the neck to the crown, length 1.
        unit: Pixels of the picture that a pixel of the window is wide, > 0.
    """

    centre: NDArray[np.float64]
    up: NDArray[np.float64]
    unit: float

    @classmethod
    def around(cls, joints: NDArray[np.float64]) -> HeadWindow:
        """By joints (J, 3): x and y in pixels, confidence. Foreshortening only shortens, so the longest length counts."""
        head, neck, chest = (joints[_INDEX[name], :2] for name in ("head", "c7", "t6"))
        lengths = [
            float(np.linalg.norm(joints[_INDEX[a], :2] - joints[_INDEX[b], :2])) / length
            for a, b, length in _LENGTHS
            if min(joints[_INDEX[a], 2], joints[_INDEX[b], 2]) > _SURE
        ]
        unit = float(np.clip(max(lengths or [float(np.linalg.norm(head - neck)) / 26.0]), 0.3, 6.0))
        # A head bent towards the camera is short; the spine under it then says which way is up.
        up = (head - neck) / 26.0 + 0.5 * (neck - chest) / 31.0
        length = float(np.linalg.norm(up))
        up = up / length if length > 1e-3 else np.array([0.0, -1.0])
        return cls(head + up * _ABOVE * unit, up, unit)

    def scaled(self, centre: NDArray[np.float64], factor: float) -> HeadWindow:
        """The same in another picture's pixels, ``factor`` of them for one here, where its middle is ``centre``."""
        return HeadWindow(centre, self.up, self.unit * factor)

    def told(self, joints: NDArray[np.float64]) -> NDArray[np.float32]:
        """What the network is told of joints (J, 3): float32 (3 J + 3,), places in the window, confidences, size, upwards.

        Sides are named as from the front: what a view that is told names otherwise must not matter.
        """
        places = self._axes() @ (joints[:, :2] - self.centre).T / (self.unit * REACH)
        rows = np.vstack([places, joints[:, 2]])
        if (rows[0, _LEFT] - rows[0, _RIGHT]).sum() < 0:
            rows = rows[:, list(MIRRORED)]
        return np.concatenate([rows.ravel(), [np.log(self.unit), *self.up]]).astype(np.float32)

    def cut(self, maps: Tensor, size: int = WINDOW) -> Tensor:
        """(C, H, W) of the picture to (C, ``size``, ``size``) upright, pixels of the same width; 0 outside the picture."""
        height, width = maps.shape[1:]
        corner = np.column_stack([self._axes().T * (self.unit * size / 2), self.centre + 0.5])
        affine = corner * np.array([[2 / width], [2 / height]]) - np.array([[0, 0, 1], [0, 0, 1]])
        where = F.affine_grid(
            torch.from_numpy(affine).float()[None], [1, len(maps), size, size], align_corners=False
        )
        return F.grid_sample(maps[None].float(), where, mode="bicubic", align_corners=False)[0]

    def add(self, found: Tensor, maps: Tensor) -> None:
        """Add a window's maps (C, size, size) to the picture's, (C, H, W), in place, fading out towards the window's rim."""
        size = found.shape[1]
        half = self.unit * size / 2
        reach = half * np.abs(self._axes()).sum(axis=0)
        low = np.maximum(np.floor(self.centre - reach), 0).astype(int)
        high = np.minimum(np.ceil(self.centre + reach) + 1, [maps.shape[2], maps.shape[1]]).astype(int)
        if (high <= low).any():
            return
        x, y = np.meshgrid(
            np.arange(low[0], high[0]) - self.centre[0], np.arange(low[1], high[1]) - self.centre[1]
        )
        where = torch.from_numpy(np.stack([x, y], axis=-1) @ self._axes().T / half).float()
        share = ((1 - where.abs().amax(dim=-1)) / _RIM).clamp(0, 1)
        share *= ((_CHIN - where[..., 1]) / _RIM).clamp(0, 1)
        spread = F.grid_sample(found[None].float(), where[None], mode="bicubic", align_corners=False)[0]
        maps[:, low[1] : high[1], low[0] : high[0]] += spread * share

    def _axes(self) -> NDArray[np.float64]:
        """(2, 2): rightwards and downwards of the window, in the picture."""
        return np.array([[-self.up[1], self.up[0]], [-self.up[0], -self.up[1]]])


def in_frame(joints: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """Joints (..., 3), x and y as shares of a frame and confidence, with x and y in pixels of one of ``size`` pixels."""
    return joints * [size, size, 1] - [0.5, 0.5, 0]


def head_maps(frame: Tensor, xray: Tensor, spread: Tensor, window: HeadWindow, size: int = WINDOW) -> Tensor:
    """What the network sees: float32 (5, ``size``, ``size``), of a mask (1, S, S), layers and errors (2, S, S)."""
    maps = window.cut(torch.cat([frame, xray, spread]), size)
    maps[0].clamp_(0, 1)
    return maps


@torch.inference_mode()
def look_closer(
    network: CloseLook,
    scaling: LayerScaling,
    frames: Tensor,
    xrays: Tensor,
    spreads: Tensor,
    joints: NDArray[np.float64],
) -> Tensor:
    """X-rays with their heads mended.

    Args:
        network: On any device; the rest is on the CPU.
        scaling: Of the model that made the X-rays.
        frames: float32 (B, 1, S, S), masks, 0 to 1.
        xrays: float32 (B, 2, S, S), normalised domain.
        spreads: float32 (B, 2, S, S), expected errors.
        joints: (B, J, 3), x and y as shares of the frame, confidence.

    Returns:
        float32 (B, 2, S, S) >= 0, a new tensor.
    """
    places = in_frame(joints, frames.shape[-1])
    windows = [HeadWindow.around(one) for one in places]
    maps = torch.stack([head_maps(*parts) for parts in zip(frames, xrays, spreads, windows, strict=True)])
    told = torch.from_numpy(np.stack([w.told(one) for w, one in zip(windows, places, strict=True)]))
    device = next(network.parameters()).device
    found = network(maps.to(device), told.to(device)).float().cpu()
    mended, gain = xrays.clone(), float(network.gain)
    for window, seen, lacking, xray in zip(windows, maps, found, mended, strict=True):
        window.add(_lifted(seen, lacking, gain, scaling) if gain else lacking, xray)
    return mended.clamp_min_(0)


def _lifted(seen: Tensor, lacking: Tensor, gain: float, scaling: LayerScaling) -> Tensor:
    """What is lacking, (2, W, W), with more of what is fine in bone: a network that is least wrong draws edges too faint."""
    mask, answer = seen[:1], seen[1:3]
    known = reach_of(mask)
    integrals = extend_beyond(scaling.restore((answer + lacking).clamp_min(0)[None])[0], mask)
    bone = lift_detail(integrals[:1], gain, known)
    lifted = scaling.normalise(torch.cat([bone, integrals[1:]])[None])[0]
    return torch.where(known, lifted - answer, lacking)


def save_close_look(network: CloseLook, folder: Path) -> None:
    """Write `CLOSE_LOOK` into a model folder, matrices in float16."""
    state = {
        name: (value.half() if value.ndim > 1 else value).detach().cpu().contiguous()
        for name, value in network.state_dict().items()
    }
    save_file(state, folder / CLOSE_LOOK)


def load_close_look(folder: Path) -> CloseLook | None:
    """Read it back, in float32 and eval mode; None where the folder has none.

    Raises:
        MaskelError: ``model_damaged``.
    """
    state = read_optional_tensors(folder, CLOSE_LOOK)
    if state is None:
        return None
    try:
        network = CloseLook(len(state["enter.weight"]), state["place.0.weight"].shape[1])
        network.load_state_dict(state, strict=True)
    except (KeyError, RuntimeError, ValueError, IndexError) as error:
        raise damaged(folder, f"{CLOSE_LOOK}: {str(error).splitlines()[0]}") from error
    if state["place.0.weight"].shape[1] != 3 * len(JOINT_NAMES) + 3:
        raise damaged(folder, f"{CLOSE_LOOK} is not of {len(JOINT_NAMES)} joints")
    if not is_gain(gain := float(network.gain)):
        raise damaged(folder, f"the gain of {CLOSE_LOOK} is {gain}")
    return network.eval()
