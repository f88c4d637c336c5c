"""Muon for matrices and kernels, AdamW for the rest, as one optimiser."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import torch
from maskel_core.devices import has_fast_bfloat16
from torch import Tensor, nn

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of the quintic iteration; chosen for a steep slope at zero. Source: Jordan et al. 2024 (Muon)."""

STEPS = 5
"""Iterations: singular values then lie within about 0.7 and 1.2."""


def orthogonalise(matrices: Tensor) -> Tensor:
    """About the nearest semi-orthogonal matrix of each of (N, rows, columns), by Newton-Schulz iteration.

    In bfloat16, but for CPUs that only emulate it: there float32 takes a fourteenth of the time.

    Source: Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks".
    """
    a, b, c = COEFFICIENTS
    emulated = matrices.device.type == "cpu" and not has_fast_bfloat16()
    x = matrices.float() if emulated else matrices.bfloat16()
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

    def _step_matrices(self, parameters: list[Tensor], group: dict[str, Any]) -> None:
        gradients = _gradients(parameters)
        for parameter in parameters:
            if not self.state[parameter]:
                self.state[parameter]["momentum"] = torch.zeros_like(parameter)
        momenta = [self.state[parameter]["momentum"] for parameter in parameters]
        torch._foreach_lerp_(momenta, gradients, 1 - group["momentum"])
        ahead = torch._foreach_lerp(gradients, momenta, group["momentum"])
        same: dict[tuple[int, int], list[tuple[Tensor, Tensor]]] = defaultdict(list)
        for parameter, step in zip(parameters, ahead, strict=True):
            flat = step.flatten(1)
            same[(flat.shape[0], flat.shape[1])].append((parameter, flat))
        for (rows, columns), members in same.items():
            moves = orthogonalise(torch.stack([flat for _, flat in members]))
            scale = 0.2 * max(rows, columns) ** 0.5
            own = [parameter for parameter, _ in members]
            shaped = [move.view(p.shape) for p, move in zip(own, moves, strict=True)]
            torch._foreach_mul_(own, 1 - group["lr"] * group["weight_decay"])
            torch._foreach_add_(own, shaped, alpha=-group["lr"] * scale)

    def _step_others(self, parameters: list[Tensor], group: dict[str, Any]) -> None:
        first, second = group["betas"]
        gradients = _gradients(parameters)
        counts = []
        for parameter in parameters:
            state = self.state[parameter]
            if not state:
                state |= {
                    "step": torch.zeros(()),
                    "mean": torch.zeros_like(parameter),
                    "square": torch.zeros_like(parameter),
                }
            state["step"] += 1
            counts.append(float(state["step"]))
        means, squares = ([self.state[p][name] for p in parameters] for name in ("mean", "square"))
        torch._foreach_lerp_(means, gradients, 1 - first)
        torch._foreach_lerp_(squares, torch._foreach_mul(gradients, gradients), 1 - second)
        sizes = torch._foreach_div(squares, [1 - second**count for count in counts])
        torch._foreach_sqrt_(sizes)
        torch._foreach_add_(sizes, group["eps"])
        rates = [-group["lr"] / (1 - first**count) for count in counts]
        torch._foreach_addcdiv_(parameters, means, sizes, rates)


def _gradients(parameters: list[Tensor]) -> list[Tensor]:
    """Of parameters that all have one: an accelerator then updates them in a few calls instead of thousands."""
    return [parameter.grad for parameter in parameters if parameter.grad is not None]
