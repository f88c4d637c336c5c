"""Train the stages that a configuration names, one after the other."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import torch
from maskel_core.data.body_store import BodyStore
from maskel_core.data.dataset import Batch, SampleStore
from maskel_core.errors import MaskelError
from maskel_core.models import (
    CONFIGURATIONS,
    Augmenter,
    DiffusionXray,
    LayerScaling,
    MaskedAutoencoder,
    MaskTransformer,
    VQMaskedAutoencoder,
)
from maskel_core.models.store import load_model
from maskel_core.training import distributed
from maskel_core.training.augmenter_stages import AugmenterStage, review_augmenter
from maskel_core.training.checkpoint import save_model
from maskel_core.training.config import STAGES, StageConfig, TrainingConfig, load_config
from maskel_core.training.interrupt import EXIT_STATUS, TrainingInterrupted
from maskel_core.training.loop import Stage, StageRun, make_autocast, to_device
from maskel_core.training.overrides import apply_changes, check_config
from maskel_core.training.replay import ReplaySource
from maskel_core.training.review import (
    REVIEW_SAMPLES,
    SHEET_ROWS,
    Review,
    review_autoencoder,
    review_generator,
)
from maskel_core.training.sources import (
    Framing,
    MixedSource,
    ShardSource,
    Source,
    StreamSource,
    made_store,
)
from maskel_core.training.stages import AutoencoderStage, DiffusionStage, GeneratorStage
from maskel_core.training.tracking import LOG, say_without_board
from maskel_core.training.warm_start import start_scales, take_weights
from torch import nn


def train(
    config_path: Path | str,
    out: Path | str,
    resume: bool = False,
    stop_after: int | None = None,
    **changes: Any,
) -> Path:
    """Run a training configuration.

    Args:
        config_path: TOML file, or the name of one that ships, such as ``"maskel-small-256"``.
        out: Folder of the run: ``autoencoder/``, ``pretrain/`` and ``generator/`` (models), ``checkpoints/``, ``sheets/``,
            ``log.jsonl``, ``tensorboard/``.
        resume: Go on where an earlier run in ``out`` stopped.
        stop_after: Stop a stage after so many steps of this call; for tests.
        **changes: Overrides, see `apply_changes`.

    Returns:
        Folder of the last stage's model; ``out`` when ``stop_after`` ended the call early.

    Raises:
        TrainingInterrupted: On Ctrl-C, after saving.
        MaskelError: ``bad_config``, ``bad_device``, ``data_missing``, ``data_damaged``, ``run_exists``, ``cannot_write``,
            ``extra_missing``, ``checkpoint_damaged``, ``checkpoint_unfit``.
    """
    run = TrainingRun(apply_changes(load_config(config_path), changes), Path(out), resume, stop_after)
    names = [name for name in STAGES if getattr(run.config, name) is not None]
    for name in names:
        if not run.stage(name):
            return run.out
    return run.out / names[-1]


class TrainingRun:
    """What the stages of a run share: data, scales, device, and the model that each hands to the next.

    Args:
        config: The run.
        out: Its folder.
        resume: Go on where an earlier run in ``out`` stopped.
        stop_after: Stop a stage after so many steps of this call; for tests.
    """

    def __init__(self, config: TrainingConfig, out: Path, resume: bool, stop_after: int | None) -> None:
        self.config, self.out, self.resume, self.stop_after = config, out, resume, stop_after
        self.named, self.device = CONFIGURATIONS[config.model], distributed.join(config.device)
        check_config(config, distributed.count())
        make_autocast(config.precision, self.device)
        if not resume and (out / LOG).exists():
            raise MaskelError(
                "run_exists", f"{out} already holds a run.", "Resume it, or name another folder."
            )
        if config.threads:
            torch.set_num_threads(config.threads)
        if self.device.type == "cuda":
            # Shapes stay the same for thousands of steps; what is left in float32 needs no more than TF32.
            torch.backends.cudnn.benchmark = True
            torch.set_float32_matmul_precision("high")
        distributed.wait()
        if distributed.is_main():
            try:
                out.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise MaskelError(
                    "cannot_write",
                    f"{out} cannot be a folder: {error.strerror or error}.",
                    "Choose another --out.",
                ) from error
            say_without_board()
            # The first process writes the cache files that the others then read.
            self._open()
        distributed.wait()
        if not distributed.is_main():
            self._open()
        self.autoencoder: MaskedAutoencoder | None = None

    def _open(self) -> None:
        config = self.config
        self.store, held_out = open_stores(config)
        self.pretrain_store = (
            None if config.pretrain is None else open_training(config.pretrain.data, config.limit)
        )
        # Weights that are taken over go on meaning what they meant; and a few samples' scales would be chance.
        self.bone, self.soft = start_scales((self.store or held_out).scales(), self._start_of("pretrain"))
        self.size = int({**self.named.autoencoder, **self.named.generator}.get("sample_size", 256))
        # Many steps a picture: fewer pictures.
        many = ("diffusion", "xrays", "super-resolver")
        count = SHEET_ROWS if self.named.kind in many else REVIEW_SAMPLES
        shown = list(range(min(len(held_out), count)))
        self.held_out: Batch = to_device(
            held_out.batch(shown, self.size, config.margin, config.augmentation), self.device
        )

    def stage(self, name: str) -> bool:
        """Run a stage, or take its model where an earlier run left it; False when ``stop_after`` ended it."""
        folder = self.out / name
        settings: StageConfig = getattr(self.config, name)
        if self.resume and (folder / "config.json").exists():
            if name == "autoencoder":
                loaded = load_model(folder).to(self.device)
                assert isinstance(loaded, MaskedAutoencoder)
                self.autoencoder = loaded
            return True
        stage = self._autoencoder(settings) if name == "autoencoder" else self._generator(name, settings)
        base = int(self.named.generator.get("base_size", self.size))
        store = self.pretrain_store if name == "pretrain" else self.store
        trained = StageRun(
            name=name,
            stage=stage,
            source=make_source(store, self.config, settings.batch, name != "pretrain", self.device),
            config=self.config,
            stage_config=settings,
            out=self.out,
            review=self._review,
            sizes=(self.size, self.size) if name == "autoencoder" else (base, self.size),
            device=self.device,
        ).run(self.resume, self.stop_after)
        if trained is None:
            return False
        if isinstance(trained, MaskedAutoencoder):
            self.autoencoder = trained
        if distributed.is_main():
            save_model(trained, folder)
        distributed.wait()
        return True

    def _autoencoder(self, settings: StageConfig) -> Stage:
        torch.manual_seed(self.config.seed)
        scaling = LayerScaling(self.bone, self.soft, self.config.gamma)
        autoencoder = self._ready(self.named.make_autoencoder(**self._scales()))
        return AutoencoderStage(autoencoder, scaling, settings)

    def _scales(self) -> dict[str, float]:
        """What every model of a run keeps of its data."""
        config = self.config
        return {
            "bone_scale": self.bone,
            "soft_scale": self.soft,
            "gamma": config.gamma,
            "margin": config.margin,
        }

    def _generator(self, name: str, settings: StageConfig) -> Stage:
        config, named = self.config, self.named
        torch.manual_seed(config.seed + 1)
        generator = self._ready(named.make_generator(**self._scales()))
        if isinstance(generator, MaskTransformer):
            generator.register_to_config(whole_pixels=config.augmentation.whole > 0)
        start = self._start_of(name)
        if start:
            taken, whole = take_weights(generator, start)
            if distributed.is_main():
                print(f"{taken / 1e6:.1f} of {whole / 1e6:.1f} M weights from {start}", file=sys.stderr)
        if isinstance(generator, VQMaskedAutoencoder):
            generator.quantizer.gather = distributed.all_rows
        if isinstance(generator, Augmenter):
            return AugmenterStage(generator, settings)
        if isinstance(generator, DiffusionXray):
            return DiffusionStage(generator, settings)
        playing = config.losses.adversarial > 0 and bool(named.discriminator)
        discriminator = self._ready(named.make_discriminator()) if playing else None
        return GeneratorStage(
            generator, self.autoencoder, discriminator, settings, config.losses, config.view_share
        )

    def _start_of(self, name: str) -> str:
        """Model that a stage starts from: what was pretrained, else the warm start of either stage; empty = none."""
        pretrain, generator = self.config.pretrain, self.config.generator
        if name == "generator" and pretrain is not None:
            return str(self.out / "pretrain")
        own = "" if pretrain is None else pretrain.warm_start
        return own or ("" if generator is None else generator.warm_start)

    def _review(self, model: nn.Module) -> Review:
        if isinstance(model, MaskedAutoencoder):
            scaling = LayerScaling(self.bone, self.soft, self.config.gamma)
            return review_autoencoder(model, self.held_out, scaling)
        if isinstance(model, Augmenter):
            return review_augmenter(model, self.held_out)
        return review_generator(model, self.held_out)

    def _ready(self, model: Any) -> Any:
        return model.to(self.device).to(memory_format=torch.channels_last).train()


def open_stores(config: TrainingConfig) -> tuple[SampleStore | None, SampleStore]:
    """The training samples, None when all are made on the fly, and some of other persons to look at.

    Those are made here where the folder has none, as a folder of made-up X-rays. What makes X-rays sees bodies alone.
    """
    store = open_training(config.data, config.limit) if config.stream < 1 else None
    if any(Path(config.data).glob("val-*.tar")):
        held_out = SampleStore.open(config.data, "val", limit=REVIEW_SAMPLES, cache=False)
    else:
        if store is not None and distributed.is_main():
            print(f"{config.data} has no val split: reviews show simulated bodies.", file=sys.stderr)
        held_out = made_store(config.stream_seed, config.stream_size, "val", REVIEW_SAMPLES)
    if CONFIGURATIONS[config.model].kind in ("xrays", "super-resolver"):
        return BodyStore.of(store) if store is not None else None, BodyStore.of(held_out)
    return store, held_out


def open_training(data: str, limit: int) -> SampleStore:
    """The training samples of a folder of shards, the first ``limit`` if it is not 0."""
    store = SampleStore.open(data, "train")
    return store.take(limit) if limit else store


def make_source(
    store: SampleStore | None,
    config: TrainingConfig,
    batch: int,
    stream: bool = True,
    device: torch.device | None = None,
) -> Source:
    """Batches as the configuration mixes them, this process's part of each; without ``stream`` from the store alone."""
    if store is None and stream and config.replay_gib > 0:
        return ReplaySource(
            config.stream_seed, config.stream_size, batch, config.margin, config.augmentation,
            config.stream_workers, device or torch.device("cpu"), config.replay_gib,
            range(distributed.rank(), batch, distributed.count()),
        )  # fmt: skip
    made = batch if store is None else round(batch * config.stream) if stream else 0
    fixed, processes = batch - made, distributed.count()
    framing = Framing(config.margin, config.augmentation, config.frame_threads)
    sources: list[Source] = []
    if store is not None and fixed:
        places = range(distributed.rank(), fixed, processes)
        sources.append(ShardSource(store, config.seed, fixed, framing, places))
    if made:
        # Of the whole batch, shards' samples first, every process makes those that are its own by `own_rows`.
        places = range((distributed.rank() - fixed) % processes, made, processes)
        try:
            sources.append(
                StreamSource(
                    config.stream_seed, config.stream_size, made, framing,
                    config.stream_workers, places, config.stream_repeat, config.stream_gap,
                )
            )  # fmt: skip
        except ValueError as error:
            raise MaskelError(
                "bad_config",
                f"stream_repeat {config.stream_repeat} does not fit: {error}.",
                "Make the samples of a batch that are made a multiple of stream_repeat and of the processes.",
            ) from error
    return sources[0] if len(sources) == 1 else MixedSource(*sources)


def main(arguments: list[str] | None = None) -> None:
    """Command line of this module, for launchers; `maskel train` is the same in one process."""
    parser = argparse.ArgumentParser(
        description="Train a model; start it by `accelerate launch` or `torchrun` for several processes."
    )
    parser.add_argument("config", help="TOML file, or the name of one that ships")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run")
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint")
    for name in ("data", "pretrain-data", "device", "precision", "warm-start"):
        parser.add_argument(f"--{name}")
    for name in (
        "threads",
        "seed",
        "limit",
        "stream-workers",
        "stream-repeat",
        "stream-gap",
        "frame-threads",
        "checkpoint-steps",
    ):
        parser.add_argument(f"--{name}", type=int)
    for stage in STAGES:
        parser.add_argument(f"--{stage}-seconds", type=float)
        parser.add_argument(f"--{stage}-steps", type=int)
    for name in ("stream", "replay-gib"):
        parser.add_argument(f"--{name}", type=float)
    given = vars(parser.parse_args(arguments))
    try:
        folder = train(given.pop("config"), given.pop("out"), given.pop("resume"), **given)
    except MaskelError as error:
        if distributed.is_main():
            print(f"{error.message}\n  {error.fix}", file=sys.stderr)
        sys.exit(EXIT_STATUS if isinstance(error, TrainingInterrupted) else 1)
    if distributed.is_main():
        print(json.dumps({"model": str(folder)}))


if __name__ == "__main__":
    main()
