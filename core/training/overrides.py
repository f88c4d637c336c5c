"""A configuration after the command line: overridden, and refused where it cannot run."""

from __future__ import annotations

from typing import Any

from maskel_core.errors import MaskelError
from maskel_core.training.config import STAGES, StageConfig, TrainingConfig


def apply_changes(config: TrainingConfig, changes: dict[str, Any]) -> TrainingConfig:
    """Override fields of a configuration; values that are None change nothing.

    Args:
        config: Changed in place.
        changes: Fields of `TrainingConfig`; ``STAGE_seconds`` and ``STAGE_steps`` for a stage's limits, ``warm_start`` for the
            model that the main stage starts from, ``pretrain_data``.

    Raises:
        MaskelError: ``bad_config`` for another name, and for a setting of a stage that the configuration does not have.
    """
    names = {f"{stage}_seconds": (stage, "max_seconds") for stage in STAGES}
    names |= {f"{stage}_steps": (stage, "max_steps") for stage in STAGES}
    names |= {"warm_start": ("generator", "warm_start"), "pretrain_data": ("pretrain", "data")}
    for key, value in changes.items():
        if value is None:
            continue
        if key in names:
            stage, name = names[key]
            if (part := getattr(config, stage)) is None:
                raise MaskelError(
                    "bad_config",
                    f"The configuration has no stage [{stage}] whose {name} could be set.",
                    f"Leave out the option, or add [{stage}] to the file.",
                )
            setattr(part, name, value)
        elif hasattr(config, key) and key not in STAGES:
            setattr(config, key, str(value) if key == "data" else value)
        else:
            raise MaskelError("bad_config", f"There is no setting {key}.", "See `TrainingConfig`.")
    return config


def check_config(config: TrainingConfig, processes: int) -> None:
    """Refuse what cannot run before anything is read. Raises MaskelError ``bad_config``."""
    if all(getattr(config, name) is None for name in STAGES):
        raise MaskelError("bad_config", "The configuration has no stage.", "Add [generator] to the file.")
    for name in STAGES:
        stage: StageConfig | None = getattr(config, name)
        if stage is None:
            continue
        if stage.batch < 1 or stage.max_steps < 1:
            raise MaskelError("bad_config", f"[{name}] has no sample or no step.", "Set batch and max_steps.")
        if stage.batch % processes:
            raise MaskelError(
                "bad_config",
                f"[{name}] batch {stage.batch} cannot be shared by {processes} processes.",
                f"Set it to a multiple of {processes}.",
            )
    if config.replay_gib > 0 and config.stream < 1:
        raise MaskelError(
            "bad_config", "replay_gib is for samples that are all made while training.", "Set stream to 1."
        )
    if config.pretrain is not None and not config.pretrain.data:
        raise MaskelError("bad_config", "[pretrain] names no data.", "Set its data, or pass --pretrain-data.")
