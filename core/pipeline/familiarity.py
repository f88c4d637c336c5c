"""How like its training masks a mask is, told by the answer itself, so that a horse does not pass for a person unsaid."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from maskel_core.models.manifest import damaged, read_optional_tensors
from maskel_core.models.vq_masked_autoencoder import XrayPrediction
from safetensors.torch import save_file
from torch import Tensor

FAMILIARITY = "familiarity.safetensors"
"""File of a model folder."""

DIRECTIONS = 64
"""Principal directions that have a variance of their own; the others share one."""

QUANTILE = 0.99
"""Share of held-out masks that are at least 0.5 familiar."""


def traits(made: XrayPrediction, mask: Tensor) -> Tensor | None:
    """What tells a person's answer from others: where the joints lie, how sure they are, how dense and how doubtful bone is.

    Args:
        made: Answer of a model with joints and spread.
        mask: (B, 1, S, S), what the model saw.

    Returns:
        float32 (B, D); None of a model that says neither.
    """
    if made.joints is None or made.spread is None:
        return None
    sure = torch.logit(made.joints.confidence.float().clamp(1e-3, 1 - 1e-3))
    inside = mask[:, 0].float() / mask.float().sum(dim=(2, 3)).clamp_min(1)[..., None]
    # As products of matrices: those of frames would be written to memory to be summed.
    doubt, dense = (torch.einsum("bchw,bhw->bc", maps.float(), inside) for maps in (made.spread, made.xray))
    logs = torch.cat([doubt, dense], dim=1).clamp_min(1e-6).log()
    return torch.cat([made.joints.position.float().flatten(1), sure, logs], dim=1)


@dataclass(frozen=True)
class Familiarity:
    """Distance of an answer's `traits` from those of people.

    Source: Mahalanobis distance (Lee et al. 2018), under probabilistic principal components (Tipping and Bishop 1999).

    Attributes:
        mean: (D,) float32.
        scale: (D,) float32 > 0, standard deviations.
        basis: (D, k) float32, orthonormal columns, of traits over their deviations.
        variance: (k + 1,) float32 > 0: of the directions, then of each of the others.
        half: (1,) float32, distance at which the familiarity is 0.5.
    """

    mean: Tensor
    scale: Tensor
    basis: Tensor
    variance: Tensor
    half: Tensor

    @classmethod
    def fit(cls, known: Tensor, held_out: Tensor) -> Familiarity:
        """From traits of answers.

        Args:
            known: (N, D) of training masks, N > D.
            held_out: (M, D) of masks of other bodies, which set the scale.
        """
        known = known.double()
        mean, scale = known.mean(dim=0), known.std(dim=0).clamp_min(1e-6)
        values, vectors = torch.linalg.eigh(((known - mean) / scale).T.cov())
        count = min(DIRECTIONS, len(values) - 1)
        rest = values[:-count].mean().clamp_min(1e-6)
        variance = torch.cat([values[-count:].clamp_min(rest.item()), rest[None]])
        parts = (mean.float(), scale.float(), vectors[:, -count:].float(), variance.float())
        half = cls(*parts, torch.ones(1)).distance(held_out).quantile(QUANTILE)[None]
        return cls(*parts, half)

    def distance(self, traits: Tensor) -> Tensor:
        """Mahalanobis distance over the root of D: (B, D) to (B,), about 1 for what is known."""
        away = (traits.float() - self.mean) / self.scale
        along = away @ self.basis
        others = (away.square().sum(dim=1) - along.square().sum(dim=1)).clamp_min(0)
        squared = (along.square() / self.variance[:-1]).sum(dim=1) + others / self.variance[-1]
        return (squared / traits.shape[1]).sqrt()

    def score(self, traits: Tensor) -> Tensor:
        """Familiarity: (B, D) to (B,), in [0, 1]; 0.5 at the distance that one in a hundred held-out masks exceeds."""
        return torch.exp2(-(self.distance(traits) / self.half).square())

    def save(self, folder: Path) -> None:
        """Write `FAMILIARITY` into a model folder."""
        names = ("mean", "scale", "basis", "variance", "half")
        save_file({name: getattr(self, name).contiguous() for name in names}, folder / FAMILIARITY)

    @classmethod
    def load(cls, folder: Path) -> Familiarity | None:
        """Read it back; None where the folder has none.

        Raises:
            MaskelError: ``model_damaged``.
        """
        tensors = read_optional_tensors(folder, FAMILIARITY)
        try:
            return None if tensors is None else cls(**tensors)
        except TypeError as error:
            raise damaged(folder, f"{FAMILIARITY}: {error}") from error
