"""MaSkel: the model, the anatomy that makes its training data, training and evaluation."""

from maskel_core.version import __version__

__all__ = ["__version__"]
