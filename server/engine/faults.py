"""What can go wrong inside the model, as typed errors."""

from __future__ import annotations

import sys

from maskel_core.errors import MaskelError

_FULL = ("out of memory", "can't allocate memory", "not enough memory")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory of the device or of the machine ran out."""
    torch = sys.modules.get("torch")
    if isinstance(error, MemoryError) or (torch is not None and isinstance(error, torch.OutOfMemoryError)):
        return True
    # torch has no type of its own for the CPU's memory, nor for that of MPS.
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _FULL)


def as_typed(error: BaseException) -> MaskelError:
    """An exception of the model as a typed error, without its inside."""
    if isinstance(error, MaskelError):
        return error
    if is_out_of_memory(error):
        return MaskelError(
            "out_of_memory",
            "There was not enough memory for this X-ray.",
            "Close other programs, ask for a smaller size, or start the server with --device cpu.",
        )
    return MaskelError(
        "internal", "The model met an unexpected error.", "Look at the server's log and report what it says."
    )


def draining() -> MaskelError:
    """The refusal of a server that is told to end."""
    return MaskelError(
        "draining", "The server is about to end.", "Send it again in a moment, to the server that follows."
    )


def loading() -> MaskelError:
    """The refusal of a server that has no model yet."""
    return MaskelError(
        "not_ready", "The model is still loading.", "Wait until /v1/health says ready, then ask again."
    )


def not_loaded(failure: MaskelError) -> MaskelError:
    """The refusal of a server that could not load its model."""
    return MaskelError("not_ready", f"The model could not be loaded: {failure.message}", failure.fix)


def full() -> MaskelError:
    """The refusal of a server that has no place left."""
    return MaskelError(
        "busy",
        "The server has as many requests as it accepts.",
        "Wait a moment and send it again.",
    )
