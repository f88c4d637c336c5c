"""One file that says everything about a training run."""

from __future__ import annotations

import dataclasses
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from maskel_core.data.dataset import Augmentation
from maskel_core.errors import MaskelError
from maskel_core.models.configurations import CONFIGURATIONS

T = TypeVar("T")

STAGES = ("autoencoder", "pretrain", "generator")
"""Fields of `TrainingConfig` that are stages, in the order in which they run."""


@dataclass
class StageConfig:
    """How long and how fast a stage learns.

    Attributes:
        batch: Samples a step, of all processes together.
        optimizer: ``"adamw"`` or ``"muon"`` (see `maskel_core.training.muon`).
        learning_rate: Peak of the learning rate.
        weight_decay: Decoupled weight decay of matrices and kernels.
        warmup_steps: Steps of linear rise.
        final_share: Learning rate at the end over the peak.
        max_steps: Steps.
        max_seconds: Time budget of the stage's steps; 0 = none. With one, a run is not repeatable bit by bit.
        clip: Largest norm of the gradient.
        ema: Decay of the averaged weights.
        fine_start: Share of the stage after which a model of two sizes trains at the finer one.
        warm_start: Model to start from: a folder, or the name of one that ships; weights of the same name and shape
            are taken over. Empty = fresh weights.
        trains: What the names of the parameters that learn begin with; the others stay as they are. Empty = all learn.
    """

    batch: int = 8
    optimizer: str = "adamw"
    learning_rate: float = 4e-4
    weight_decay: float = 0.02
    warmup_steps: int = 200
    final_share: float = 0.02
    max_steps: int = 100_000
    max_seconds: float = 0.0
    clip: float = 1.0
    ema: float = 0.998
    fine_start: float = 0.6
    warm_start: str = ""
    trains: tuple[str, ...] = ()


@dataclass
class PretrainConfig(StageConfig):
    """Stage 2 on other data first, such as what ``maskel augment`` makes; its weights are what stage 2 starts from.

    Attributes:
        data: Folder of shards.
    """

    data: str = ""


@dataclass
class LossConfig:
    """Weights of stage 2's terms.

    Attributes:
        l1: Pixel L1.
        l2: Pixel L2.
        edge: L1 of differences.
        high_pass: L1 of the maps less their blur.
        integral_high_pass: Squared difference of the integrals less their blur.
        integral_slope: Squared difference of the integrals' slopes.
        contrast: Lack or excess of gradients in small windows; on from ``contrast_start``.
        contrast_start: Share of the stage after which the contrast term counts: before, it would sharpen bones in wrong places.
        spread: Expected absolute error, for models that predict it.
        feature: Distance of stage-1 features.
        feature_layers: Stage-1 blocks whose outputs are compared.
        vq: Commitment.
        alignment: Distance to the stage-1 embedding.
        joint: Joint coordinates.
        heat: Heat maps.
        bone_weight: Weight of the bone layer over the soft layer.
        adversarial: Share of the adaptive weight of the adversarial term; 0 = no discriminator.
        adversarial_start: Share of the stage after which the adversarial term begins.
        discriminator_rate: Learning rate of the discriminator over the generator's.
    """

    l1: float = 1.0
    l2: float = 1.0
    edge: float = 1.0
    high_pass: float = 0.0
    integral_high_pass: float = 0.0
    integral_slope: float = 0.0
    contrast: float = 0.0
    contrast_start: float = 0.5
    spread: float = 1.0
    feature: float = 0.2
    feature_layers: tuple[int, ...] = (1, 3)
    vq: float = 0.5
    alignment: float = 0.2
    joint: float = 1.0
    heat: float = 0.02
    bone_weight: float = 2.0
    adversarial: float = 0.1
    adversarial_start: float = 0.5
    discriminator_rate: float = 0.5


@dataclass
class TrainingConfig:
    """A training run.

    Attributes:
        name: Name of the run.
        model: Key of `maskel_core.models.CONFIGURATIONS`.
        data: Folder of shards.
        seed: Seed of weights, order and augmentation.
        threads: CPU threads; 0 = torch's choice.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.
        precision: ``"auto"``, ``"float32"`` or ``"bfloat16"``, see `make_autocast`.
        gamma: Exponent of the normalised domain.
        margin: Free border round the body's box, share of its longer side.
        limit: Use at most so many training samples; 0 = all.
        stream: Share of each batch that is made on the fly by worker processes, 0 to 1; 1 needs no training shards.
        stream_workers: Processes that make samples.
        stream_size: Pixels per side of the samples made.
        stream_seed: Seed of the samples made.
        stream_repeat: How often a sample that is made is used, each time changed anew, see `StreamSource`.
        stream_gap: Steps between two uses.
        replay_gib: Memory of the device in which samples made while training stay, to be drawn again and letterboxed there (see
            `maskel_core.training.replay.ReplaySource`); needs ``stream`` 1. 0 = the order of ``stream_repeat``.
        frame_threads: Samples letterboxed at once; a GPU waits for one thread.
        view_share: Share of the samples whose view is told to a model that takes it.
        checkpoint_seconds: Time between checkpoints.
        checkpoint_steps: Steps between checkpoints, beside the time; 0 = by time only.
        sheet_seconds: Time between validation sheets.
        autoencoder: Stage 1; None leaves it out.
        pretrain: Stage 2 on other data; None leaves it out.
        generator: Stage 2 or the reference.
        losses: Weights of stage 2.
        augmentation: Ranges of the augmentation.
    """

    name: str = "maskel"
    model: str = "maskel-small-256"
    data: str = "data"
    seed: int = 0
    threads: int = 0
    device: str = "auto"
    precision: str = "auto"
    gamma: float = 0.5
    margin: float = 0.04
    limit: int = 0
    stream: float = 0.0
    stream_workers: int = 1
    stream_size: int = 512
    stream_seed: int = 1_000
    stream_repeat: int = 1
    stream_gap: int = 64
    replay_gib: float = 0.0
    frame_threads: int = 1
    view_share: float = 0.5
    checkpoint_seconds: float = 120.0
    checkpoint_steps: int = 0
    sheet_seconds: float = 300.0
    autoencoder: StageConfig | None = None
    pretrain: PretrainConfig | None = None
    generator: StageConfig | None = None
    losses: LossConfig = field(default_factory=LossConfig)
    augmentation: Augmentation = field(default_factory=Augmentation)


def load_config(path: Path | str) -> TrainingConfig:
    """Read a TOML file; a bare name without a suffix means one of the files beside this module.

    Raises:
        MaskelError: ``bad_config`` for a missing file, TOML errors, unknown keys, wrong types, unknown model.
    """
    path = Path(path)
    if not path.suffix:
        path = Path(__file__).parent / "configs" / f"{path.name}.toml"
    try:
        with path.open("rb") as file:
            raw = tomllib.load(file)
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise _bad(path, str(error)) from error
    config = parse_config(raw, path)
    if config.model not in CONFIGURATIONS:
        raise _bad(path, f"unknown model {config.model!r}, known: {', '.join(CONFIGURATIONS)}")
    return config


def parse_config(raw: dict[str, Any], path: Path | None = None) -> TrainingConfig:
    """A `TrainingConfig` from nested dicts. Raises MaskelError ``bad_config``."""
    path = path or Path("config")
    nested: dict[str, type] = {
        "autoencoder": StageConfig,
        "pretrain": PretrainConfig,
        "generator": StageConfig,
        "losses": LossConfig,
        "augmentation": Augmentation,
    }
    top = {key: value for key, value in raw.items() if key not in nested}
    for key, kind in nested.items():
        if key in raw:
            top[key] = _fill(kind, raw[key], path, f"[{key}] ")
    return _fill(TrainingConfig, top, path, "")


def _fill(kind: type[T], values: dict[str, Any], path: Path, where: str) -> T:
    if not isinstance(values, dict):
        raise _bad(path, f"{where.strip()} must be a table")
    known = {f.name: f for f in dataclasses.fields(kind)}  # type: ignore[arg-type]
    for key, value in values.items():
        if key not in known:
            raise _bad(path, f"unknown key {where}{key}")
        default = known[key].default
        if isinstance(default, (int, float)) and not isinstance(value, (int, float)):
            raise _bad(path, f"{where}{key} must be a number")
        if isinstance(default, str) and not isinstance(value, str):
            raise _bad(path, f"{where}{key} must be text")
        if isinstance(value, list):
            values = {**values, key: tuple(value)}
    return kind(**values)


def _bad(path: Path, why: str) -> MaskelError:
    return MaskelError(
        "bad_config", f"The training configuration {path.name} is wrong: {why}.", "Correct the file."
    )
