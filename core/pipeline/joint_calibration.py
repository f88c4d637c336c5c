"""What a model's joints are off by, time and again, taken off: a linear map learned from its own answers.

A joint that could be either side's pulls the mean of its heat map towards the other side, which training answers by a peak
too far out: shoulders, knees and ankles lay two to three pixels of 512 beside bones that were drawn right.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from maskel_core.models.manifest import damaged, read_optional_tensors
from numpy.typing import NDArray
from safetensors.torch import save_file

CALIBRATION = "joint_calibration.safetensors"
"""File of a model folder."""

LARGEST = 0.05
"""Most that a joint is moved, share of the spread of all joints; what the map was learned from needs a third of it."""

OUTLIER = 0.15
"""Error, share of the spread, from which a joint was not found at all: nothing to learn a correction from."""

RIDGE = 20.0
"""Penalty of squared weights over a sample's squared error."""

ROUNDS, LEAST = 6, 0.003
"""Rounds of reweighting that turn least squares into least distances, and the distance under which all count alike."""


@dataclass(frozen=True)
class JointCalibration:
    """Corrections of joints as a linear map of where all of them lie and how sure they are.

    Attributes:
        weights: float64 (3 J + 1, 2 J): positions about their mean over their spread, confidences, 1; to shifts over the spread.
    """

    weights: NDArray[np.float64]

    @classmethod
    def fit(cls, joints: NDArray[np.floating], truth: NDArray[np.floating]) -> JointCalibration:
        """Ridge regression for least distances, by iteratively reweighted least squares.

        Args:
            joints: (N, J, 3), x, y and confidence, by the model; masks turned as the pipeline turns them.
            truth: (N, J, 2), in the same pixels, sides named as by the model; NaN where unknown.
        """
        seen = [_described(one) for one in joints.astype(np.float64)]
        traits, spread = np.stack([one[0] for one in seen]), np.array([one[1] for one in seen])
        missing = (truth - joints[:, :, :2]) / spread[:, None, None]
        known = np.linalg.norm(missing, axis=2) < OUTLIER
        penalty = np.eye(traits.shape[1])
        penalty[-1, -1] = 1e-6
        weights = np.zeros((traits.shape[1], 2 * joints.shape[1]))
        for joint in range(joints.shape[1]):
            rows, wanted = traits[known[:, joint]], missing[known[:, joint], joint]
            found = np.zeros((traits.shape[1], 2))
            if len(rows):
                for _ in range(ROUNDS):
                    trust = 1 / np.maximum(np.linalg.norm(wanted - rows @ found, axis=1), LEAST)
                    matrix = (rows * trust[:, None]).T @ rows + RIDGE * trust.mean() * penalty
                    found = np.linalg.solve(matrix, (rows * trust[:, None]).T @ wanted)
            weights[:, 2 * joint : 2 * joint + 2] = found
        return cls(weights)

    def corrected(self, joints: NDArray[np.float64]) -> NDArray[np.float64]:
        """Joints (J, 3), x and y in pixels and confidence, each moved by at most `LARGEST`; the mask turned as for `fit`."""
        traits, spread = _described(joints)
        shift = (traits @ self.weights).reshape(-1, 2)
        length = np.linalg.norm(shift, axis=1, keepdims=True)
        shift *= np.minimum(1, LARGEST / np.maximum(length, 1e-9)) * spread
        return np.column_stack([joints[:, :2] + shift, joints[:, 2]])

    def save(self, folder: Path) -> None:
        """Write `CALIBRATION` into a model folder."""
        save_file({"weights": torch.from_numpy(self.weights).float()}, folder / CALIBRATION)

    @classmethod
    def load(cls, folder: Path, joints: int) -> JointCalibration | None:
        """Read it back; None where the folder has none.

        Args:
            folder: Of the model.
            joints: How many the model has.

        Raises:
            MaskelError: ``model_damaged``.
        """
        tensors = read_optional_tensors(folder, CALIBRATION)
        if tensors is None:
            return None
        if "weights" not in tensors:
            raise damaged(folder, f"{CALIBRATION} has no weights")
        weights = tensors["weights"].double().numpy()
        if weights.shape != (3 * joints + 1, 2 * joints) or not np.isfinite(weights).all():
            raise damaged(folder, f"{CALIBRATION} is not of {joints} joints")
        return cls(weights)


def _described(joints: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """What corrections are made of, (3 J + 1,), and the joints' spread: root mean square distance from their mean, > 0."""
    places = joints[:, :2] - joints[:, :2].mean(axis=0)
    spread = max(float(np.sqrt(np.square(places).sum(axis=1).mean())), 1e-6)
    return np.concatenate([(places / spread).ravel(), joints[:, 2], [1.0]]), spread
