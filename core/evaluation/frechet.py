"""MAE-FD: Fréchet distance between true and made X-rays in the features of our own masked autoencoder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from maskel_core.models import LayerScaling, MaskedAutoencoder
from maskel_core.models.store import damaged, load_model
from maskel_core.pipeline.letterbox import Letterbox
from numpy.typing import NDArray

DEFAULT_FEATURES = Path(__file__).parent.parent / "weights" / "xray-features"
"""Folder of the feature network that ships."""


class FeatureNetwork:
    """The encoder of a stage-1 masked autoencoder as a describer of X-rays.

    A feature is the mean over the picture's tokens after the encoder's last norm.

    Args:
        folder: Folder of a `MaskedAutoencoder`.

    Raises:
        MaskelError: ``model_missing``, ``model_damaged``.
    """

    def __init__(self, folder: Path | str) -> None:
        model = load_model(folder)
        if not isinstance(model, MaskedAutoencoder):
            raise damaged(Path(folder), f"a {type(model).__name__} has no X-ray features")
        config = model.config
        self.model, self.name, self.width = model, Path(folder).resolve().name, int(config.dim)
        self.size, self.margin = int(config.sample_size), float(config.margin)
        self.scaling = LayerScaling(config.bone_scale, config.soft_scale, config.gamma)

    @torch.inference_mode()
    def __call__(
        self, bone: NDArray[np.floating], soft: NDArray[np.floating], mask: NDArray[np.uint8]
    ) -> NDArray[np.float32]:
        """Feature (dim,) of layers (H, W), cut to the mask and to the square round it."""
        layers = np.stack([bone, soft]).astype(np.float32) * (mask > 0)
        frame = Letterbox.around(mask, self.size, self.margin).forward(torch.from_numpy(layers))
        tokens, _ = self.model.encoder(self.scaling.normalise(frame[None]))
        feature: NDArray[np.float32] = tokens.mean(dim=(2, 3))[0].numpy()
        return feature


def frechet_distance(
    mean: NDArray[np.floating],
    covariance: NDArray[np.floating],
    other_mean: NDArray[np.floating],
    other_covariance: NDArray[np.floating],
) -> float:
    """Squared Fréchet distance of two Gaussians: |m - n|^2 + tr(A + B - 2 (A B)^(1/2)).

    Source: Dowson and Landau 1982; Heusel et al. 2017, equation 6. The trace of the root is taken from the eigenvalues
    of A^(1/2) B A^(1/2), which are those of A B and stay real where covariances are singular.

    Args:
        mean: (D,).
        covariance: (D, D), symmetric.
        other_mean: (D,).
        other_covariance: (D, D), symmetric.
    """
    values, vectors = np.linalg.eigh(covariance)
    root = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    shared = np.sqrt(np.linalg.eigvalsh(root @ other_covariance @ root).clip(0)).sum()
    apart = float(np.square(mean - other_mean).sum())
    return max(0.0, apart + float(np.trace(covariance) + np.trace(other_covariance) - 2 * shared))


def feature_distance(features: NDArray[np.floating], others: NDArray[np.floating]) -> float:
    """`frechet_distance` of the Gaussians through two sets of features (N, D) and (M, D), at least two each.

    Biased upwards for few samples (Chong and Forsyth 2020), and less so for truth and answer of the same bodies than for
    two sets of different ones: compare distances of equally many samples only, and with `floor_distance`.
    """
    moments = [
        (f.mean(axis=0, dtype=np.float64), np.cov(f, rowvar=False, dtype=np.float64))
        for f in (features, others)
    ]
    return frechet_distance(*moments[0], *moments[1])


def floor_distance(features: NDArray[np.floating], seed: int = 0) -> float:
    """`feature_distance` of two random halves of one set (N, D): what different bodies alone make."""
    order = np.random.default_rng(seed).permutation(len(features))
    half = len(order) // 2
    return feature_distance(features[order[:half]], features[order[half : 2 * half]])
