"""Train the two models: X-rays of 64 x 64 out of noise, and four times as large."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from maskel_core.errors import MaskelError
from maskel_core.models import XrayGenerator, XraySuperResolver
from maskel_core.models.store import load_model
from maskel_core.training.run import train

SMALL, LARGE = "64", "256"
"""Folders of the two runs in a fit, named by the pixels per side of the configurations that ship."""


def fit(
    data: Path | str,
    out: Path | str,
    resume: bool = False,
    small: Path | str = "augment-64",
    large: Path | str = "augment-256",
    minutes: float | None = None,
    **changes: Any,
) -> Path:
    """Train both models on the bodies of a shard folder, masks aside; each half is an ordinary training run.

    Args:
        data: Folder of shards.
        out: Folder of the fit: ``64/`` and ``256/``, one run each.
        resume: Go on where an earlier fit in ``out`` stopped.
        small: Configuration of the generator.
        large: Configuration of the super-resolver.
        minutes: Time of both together, half for each; None leaves it to the configurations.
        **changes: Further changes of both configurations, see `maskel_core.training.run.train`.

    Returns:
        ``out``.

    Raises:
        MaskelError: ``bad_config``, ``data_missing``, ``data_damaged``, ``run_exists``.
    """
    out = Path(out)
    if not resume and any((out / name / "log.jsonl").exists() for name in (SMALL, LARGE)):
        raise MaskelError("run_exists", f"{out} already holds a fit.", "Resume it, or name another folder.")
    seconds = None if minutes is None else 30 * minutes
    for name, config in ((SMALL, small), (LARGE, large)):
        # A fit that stopped in its first half has no second one yet.
        going_on = resume and (out / name / "log.jsonl").exists()
        train(config, out / name, going_on, data=str(data), generator_seconds=seconds, **changes)
    return out


def load_fit(run: Path | str) -> tuple[XrayGenerator, XraySuperResolver]:
    """The two models of a fit, on the CPU, in eval mode.

    Raises:
        MaskelError: ``model_missing``, ``model_damaged``; ``bad_fit`` when they do not belong together.
    """
    run = Path(run)
    small, large = (load_model(run / name / "generator") for name in (SMALL, LARGE))
    if not isinstance(small, XrayGenerator) or not isinstance(large, XraySuperResolver):
        raise _mismatch(run, "they are of another kind")
    if small.config.sample_size * large.config.factor != large.config.sample_size:
        raise _mismatch(run, "their sizes do not fit")
    if any(
        abs(small.config[key] / large.config[key] - 1) > 1e-3
        for key in ("bone_scale", "soft_scale", "gamma", "margin")
    ):
        raise _mismatch(run, "they learned from different sets")
    return small, large


def _mismatch(run: Path, why: str) -> MaskelError:
    return MaskelError(
        "bad_fit",
        f"The models in {run} do not belong together: {why}.",
        "Train both with one `maskel augment fit`.",
    )
