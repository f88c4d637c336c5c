"""The base of all models: diffusers' saving, loading and configuration, with types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from diffusers.configuration_utils import ConfigMixin
from diffusers.models.modeling_utils import ModelMixin
from torch import nn


class ConfiguredModel(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """A torch module whose constructor arguments are its ``config``; saved as config.json and safetensors."""

    if TYPE_CHECKING:
        config: Any

    def to(self, *args: Any, **kwargs: Any) -> Self:  # type: ignore[override]
        """As of any torch module: diffusers looks for quantised and offloaded weights first, and imports the compiler for it."""
        return nn.Module.to(self, *args, **kwargs)
