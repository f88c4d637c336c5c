"""A make-believe device: tensors say they are elsewhere, compute on the CPU, and refuse to meet tensors that are not there.

It calls itself ``meta``, the one device that every build of torch knows. What a real accelerator would refuse, tensors of two
devices in one operation, raises ``MixedDevicesError`` here; all values are real, so that code which branches on them runs too.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

ELSEWHERE = torch.device("meta")


class MixedDevicesError(Exception):
    """Tensors here and elsewhere met in one operation."""


class TensorElsewhere(torch.Tensor):
    """A tensor that says it is elsewhere; ``inner`` holds its values."""

    inner: torch.Tensor

    @staticmethod
    def __new__(cls, inner: torch.Tensor) -> TensorElsewhere:
        out = torch.Tensor._make_wrapper_subclass(
            cls,
            inner.shape,
            strides=inner.stride(),
            storage_offset=inner.storage_offset(),
            dtype=inner.dtype,
            device=ELSEWHERE,
        )
        out.inner = inner
        return out

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        return _run(func, args, kwargs or {})

    def tolist(self) -> Any:
        return self.inner.tolist()


def _run(func, args, kwargs):
    flat, _ = tree_flatten((args, kwargs))
    there = [t for t in flat if isinstance(t, TensorElsewhere)]
    # Numbers travel by themselves, as they do to a real accelerator.
    here = [t for t in flat if isinstance(t, torch.Tensor) and not isinstance(t, TensorElsewhere) and t.dim()]
    name = func._schema.name
    if there and here and name not in ("aten::_to_copy", "aten::copy_"):
        shapes = [[tuple(t.shape) for t in group] for group in (there, here)]
        raise MixedDevicesError(f"{name} of {shapes[0]} elsewhere and {shapes[1]} here")
    goes_there, plain = bool(there), dict(kwargs)
    if kwargs.get("device") is not None:
        goes_there = torch.device(kwargs["device"]) == ELSEWHERE
        plain["device"] = torch.device("cpu")

    def unwrap(value):
        return value.inner if isinstance(value, TensorElsewhere) else value

    out = func(*tree_map(unwrap, args), **tree_map(unwrap, plain))
    known = {id(t.inner): t for t in there}

    def wrap(value):
        if not isinstance(value, torch.Tensor):
            return value
        if id(value) in known:
            return known[id(value)]
        return TensorElsewhere(value) if goes_there else value

    return tree_map(wrap, out)


class _Dispatch(TorchDispatchMode):
    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        return _run(func, args, kwargs or {})


class Elsewhere(TorchFunctionMode):
    """Within this context ``ELSEWHERE`` is a device that computes."""

    def __enter__(self):
        self._dispatch = _Dispatch()
        self._dispatch.__enter__()
        return super().__enter__()

    def __exit__(self, *error) -> None:
        super().__exit__(*error)
        self._dispatch.__exit__(*error)

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        # Made from numbers, a tensor on ``meta`` would lose them.
        if func is torch.tensor and kwargs.get("device") is not None:
            there = torch.device(kwargs.pop("device")) == ELSEWHERE
            made = torch.tensor(*args, **kwargs)
            return TensorElsewhere(made) if there else made
        if func is torch.Tensor.new_tensor and isinstance(args[0], TensorElsewhere):
            return TensorElsewhere(args[0].inner.new_tensor(*args[1:], **kwargs))
        return func(*args, **kwargs)
