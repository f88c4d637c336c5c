"""One process or several that share each step's batch: who they are, what is averaged over them, an optimiser's step.

Several processes are started by ``accelerate launch`` or ``torchrun``; `join` then brings them together by accelerate. A lone
process needs no accelerate, and every function here is then the plain thing. Gradients are averaged by hand after the backward
pass, not by DistributedDataParallel: the game freezes the discriminator and measures gradients on the same graph, which its hooks
do not allow. Whatever depends on the whole batch (random draws, means the losses divide by, the codebook) is made the same in
every process, so that a run does not depend on their number.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING

import torch
from maskel_core.errors import MaskelError
from maskel_core.runtime import choose_device
from torch import Tensor, nn

if TYPE_CHECKING:
    from accelerate import Accelerator

PATIENCE = timedelta(hours=2)
"""How long a process waits for the others: the first one may be reading a large set of shards."""

_accelerator: Accelerator | None = None


def join(device: str) -> torch.device:
    """Join the processes that were launched together, if any, and choose this one's device.

    Args:
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` (in several processes each takes its own) or ``"mps"``.

    Raises:
        MaskelError: ``bad_device``; ``extra_missing`` when several processes were launched without accelerate.
    """
    global _accelerator
    chosen = torch.device(choose_device(device))
    if int(os.environ.get("WORLD_SIZE", "1")) <= 1:
        return chosen
    if _accelerator is None:
        try:
            from accelerate import Accelerator, InitProcessGroupKwargs
        except ImportError as error:
            raise MaskelError(
                "extra_missing",
                "Training in several processes needs accelerate.",
                'Install it with `pip install "maskel[train]"`, or start one process.',
            ) from error
        # Precision is chosen by `make_autocast`, which also knows the CPUs that multiply bfloat16 fast.
        _accelerator = Accelerator(
            cpu=chosen.type == "cpu",
            mixed_precision="no",
            kwargs_handlers=[InitProcessGroupKwargs(timeout=PATIENCE)],
        )
    return _accelerator.device


def count() -> int:
    """How many processes share a batch."""
    return 1 if _accelerator is None else _accelerator.num_processes


def rank() -> int:
    """Number of this process among them, from 0."""
    return 0 if _accelerator is None else _accelerator.process_index


def is_main() -> bool:
    """Whether this process writes files and speaks."""
    return rank() == 0


def wait() -> None:
    """Until every process is here."""
    if _accelerator is not None:
        _accelerator.wait_for_everyone()


def mean(value: Tensor) -> Tensor:
    """Mean of a tensor over the processes; several processes get one without gradient."""
    if _accelerator is None:
        return value
    return _accelerator.reduce(value.detach(), "mean")  # type: ignore[return-value]


def agree(*values: float) -> list[float]:
    """The main process's values, in every process."""
    if _accelerator is None:
        return list(values)
    mine = torch.tensor(values, dtype=torch.float64, device=_accelerator.device)
    shared: Tensor = _accelerator.reduce(mine if is_main() else torch.zeros_like(mine), "sum")  # type: ignore[assignment]
    return shared.tolist()


def own_rows(rows: Tensor) -> Tensor:
    """Of the whole batch's rows those of this process's samples: every `count`-th from its `rank`."""
    return rows[rank() :: count()]


def all_rows(rows: Tensor) -> Tensor:
    """Inverse of `own_rows`, without gradient: every process's rows in the order of the whole batch."""
    if _accelerator is None:
        return rows
    gathered: Tensor = _accelerator.gather(rows.detach().contiguous())  # type: ignore[assignment]
    return gathered.unflatten(0, (count(), len(rows))).transpose(0, 1).flatten(0, 1)


def own_generator(generator: torch.Generator) -> torch.Generator:
    """A generator whose draws differ from process to process; in a lone process the given one."""
    if _accelerator is None:
        return generator
    return torch.Generator().manual_seed((generator.initial_seed() + 7_919 * rank()) % 2**63)


def average_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Replace gradients by their means over the processes, in one message per type of number."""
    if _accelerator is None:
        return
    groups: dict[torch.dtype, list[Tensor]] = {}
    for parameter in parameters:
        if parameter.grad is not None:
            groups.setdefault(parameter.grad.dtype, []).append(parameter.grad)
    for gradients in groups.values():
        flat = mean(torch.cat([gradient.reshape(-1) for gradient in gradients]))
        parts = flat.split([gradient.numel() for gradient in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view(gradient.shape))


def descend(loss: Tensor, model: nn.Module, optimizer: torch.optim.Optimizer, clip: float) -> Tensor:
    """One step of an optimiser down a loss.

    Args:
        loss: Scalar.
        model: What learns.
        optimizer: Over its parameters.
        clip: Largest norm of the gradient.

    Returns:
        The gradient's norm before clipping, a scalar. Where it is not finite, since one overflow in half precision must not
        end a run, nothing has changed on a CPU, and on a GPU, which is not waited for, the step was that of gradients of 0.
    """
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    average_gradients(model.parameters())
    norm = nn.utils.clip_grad_norm_(model.parameters(), clip)
    if norm.device.type == "cuda":
        spoilt = ~torch.isfinite(norm)
        for parameter in model.parameters():
            if parameter.grad is not None:
                parameter.grad.masked_fill_(spoilt, 0)
        optimizer.step()
    elif torch.isfinite(norm):
        optimizer.step()
    return norm
