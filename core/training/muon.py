"""Muon for matrices and kernels, AdamW for the rest, as one optimiser."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of the quintic iteration; chosen for a steep slope at zero. Source: Jordan et al. 2024 (Muon)."""

STEPS = 5
"""Iterations: singular values then lie within about 0.7 and 1.2."""


def orthogonalise(matrices: Tensor) -> Tensor:
    """About the nearest semi-orthogonal matrix of each of (N, rows, columns), by Newton-Schulz iteration in bfloat16.

    Source: Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks".
    """
    a, b, c = COEFFICIENTS
    x = matrices.bfloat16()
    tall = x.shape[1] > x.shape[2]
    x = x.mT.contiguous() if tall else x
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(STEPS):
        square = x @ x.mT
        x = a * x + (b * square + c * square @ square) @ x
    return (x.mT if tall else x).to(matrices.dtype)


class Muon(torch.optim.Optimizer):
    """Momentum whose steps are orthogonalised for matrices and kernels; AdamW for everything else.

    A kernel counts as a matrix of its output channels by the rest. Steps of matrices are scaled to the root mean square of
    AdamW's (Liu et al. 2025, "Muon is scalable for LLM training", equation 4), so that both share one learning rate.

    Args:
        matrices: Hidden weights of two or more dimensions.
        others: Embeddings, norms, biases, first and last layers.
        lr: Learning rate.
        weight_decay: Decoupled, of the matrices; the others have none.
        momentum: Of the matrices, in Nesterov's form.
        betas: Of AdamW.
    """

    def __init__(
        self,
        matrices: Iterable[nn.Parameter],
        others: Iterable[nn.Parameter],
        lr: float = 1e-3,
        weight_decay: float = 0.0,
        momentum: float = 0.95,
        betas: tuple[float, float] = (0.9, 0.95),
    ) -> None:
        groups = [
            {"params": list(matrices), "orthogonal": True, "weight_decay": weight_decay},
            {"params": list(others), "orthogonal": False, "weight_decay": 0.0},
        ]
        super().__init__(groups, {"lr": lr, "momentum": momentum, "betas": tuple(betas), "eps": 1e-8})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """One step from the gradients."""
        for group in self.param_groups:
            parameters = [p for p in group["params"] if p.grad is not None]
            if parameters:
                (self._step_matrices if group["orthogonal"] else self._step_others)(parameters, group)

    def _step_matrices(self, parameters: list[nn.Parameter], group: dict[str, Any]) -> None:
        same: dict[tuple[int, int], list[tuple[nn.Parameter, Tensor]]] = defaultdict(list)
        for parameter in parameters:
            assert parameter.grad is not None
            state = self.state[parameter]
            if not state:
                state["momentum"] = torch.zeros_like(parameter)
            state["momentum"].lerp_(parameter.grad, 1 - group["momentum"])
            ahead = parameter.grad.lerp(state["momentum"], group["momentum"])
            flat = ahead.flatten(1)
            same[(flat.shape[0], flat.shape[1])].append((parameter, flat))
        for (rows, columns), members in same.items():
            moves = orthogonalise(torch.stack([flat for _, flat in members]))
            scale = 0.2 * max(rows, columns) ** 0.5
            for (parameter, _), move in zip(members, moves, strict=True):
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                parameter.add_(move.view(parameter.shape), alpha=-group["lr"] * scale)

    def _step_others(self, parameters: list[nn.Parameter], group: dict[str, Any]) -> None:
        first, second = group["betas"]
        for parameter in parameters:
            assert parameter.grad is not None
            state = self.state[parameter]
            if not state:
                state |= {
                    "step": torch.zeros(()),
                    "mean": torch.zeros_like(parameter),
                    "square": torch.zeros_like(parameter),
                }
            state["step"] += 1
            count = float(state["step"])
            state["mean"].lerp_(parameter.grad, 1 - first)
            state["square"].lerp_(parameter.grad.square(), 1 - second)
            size = (state["square"] / (1 - second**count)).sqrt_().add_(group["eps"])
            parameter.addcdiv_(state["mean"], size, value=-group["lr"] / (1 - first**count))
