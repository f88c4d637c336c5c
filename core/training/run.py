"""Train the stages that a configuration names, one after the other."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from maskel_core.data.body_store import BodyStore
from maskel_core.data.dataset import Batch, SampleStore
from maskel_core.errors import MaskelError
from maskel_core.evaluation.metrics import crispness, high_pass, pearson
from maskel_core.models import CONFIGURATIONS, Augmenter, DiffusionXray, LayerScaling, MaskedAutoencoder
from maskel_core.models.store import load_model
from maskel_core.training.augmenter_stages import AugmenterStage, review_augmenter
from maskel_core.training.config import TrainingConfig, load_config
from maskel_core.training.loop import Stage, choose_device, run_stage, to_device
from maskel_core.training.sheets import contact_sheet, grey
from maskel_core.training.sources import MixedSource, ShardSource, Source, StreamSource, made_store
from maskel_core.training.stages import AutoencoderStage, DiffusionStage, GeneratorStage, cut, true_xray
from maskel_core.training.warm_start import take_weights
from torch import nn

SHEET_ROWS = 8
REVIEW_SAMPLES = 48


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
        out: Folder of the run: ``autoencoder/`` and ``generator/`` (models), ``checkpoints/``, ``sheets/``, ``log.jsonl``.
        resume: Go on where an earlier run in ``out`` stopped.
        stop_after: Stop a stage after so many steps of this call; for tests.
        **changes: Fields of `TrainingConfig` to override: ``data``, ``threads``, ``seed``, ``limit``; and
            ``autoencoder_seconds``, ``generator_seconds`` for the stages' time budgets, ``warm_start`` for the
            model that the main stage starts from.

    Returns:
        Folder of the trained model.

    Raises:
        MaskelError: ``bad_config``, ``data_missing``, ``data_damaged``, ``run_exists``.
    """
    config = apply_changes(load_config(config_path), changes)
    out = Path(out)
    if not resume and (out / "log.jsonl").exists():
        raise MaskelError("run_exists", f"{out} already holds a run.", "Resume it, or name another folder.")
    out.mkdir(parents=True, exist_ok=True)
    if config.threads:
        torch.set_num_threads(config.threads)
    named, device = CONFIGURATIONS[config.model], choose_device(config.device)
    store, review_store = open_stores(config)
    bone, soft = (store or review_store).scales()
    scaling = LayerScaling(bone, soft, config.gamma)
    size = int(named.generator.get("sample_size", 256))
    sizes = (int(named.generator.get("base_size", size)), size)
    # Many steps a picture: fewer pictures.
    shown = range(min(len(review_store), SHEET_ROWS if named.kind == "diffusion" else REVIEW_SAMPLES))
    batch = to_device(review_store.batch(shown, size, config.margin), device)  # type: ignore[arg-type]
    shared = {"bone_scale": bone, "soft_scale": soft, "gamma": config.gamma, "margin": config.margin}
    autoencoder: MaskedAutoencoder | None = None
    if config.autoencoder is not None:
        folder = out / "autoencoder"
        if resume and (folder / "config.json").exists():
            loaded = load_model(folder)
            assert isinstance(loaded, MaskedAutoencoder)
            autoencoder = loaded.to(device)
        else:
            torch.manual_seed(config.seed)
            model = _ready(named.make_autoencoder(), device)
            stage = AutoencoderStage(model, scaling, config.autoencoder)
            trained = run_stage(
                "autoencoder", stage, make_source(store, config, config.autoencoder.batch), config,
                config.autoencoder, out, resume,
                lambda m, step: _review_autoencoder(m, step, batch, scaling, out), (size, size), stop_after,
            )  # fmt: skip
            if trained is None:
                return out
            model.save_pretrained(folder)
            autoencoder = model
    folder = out / "generator"
    if config.generator is not None and not (resume and (folder / "config.json").exists()):
        torch.manual_seed(config.seed + 1)
        generator = _ready(named.make_generator(**shared), device)
        if config.generator.warm_start:
            taken, whole = take_weights(generator, config.generator.warm_start)
            print(f"{taken / 1e6:.1f} of {whole / 1e6:.1f} M weights from {config.generator.warm_start}")
        playing = config.losses.adversarial > 0 and bool(named.discriminator)
        discriminator = _ready(named.make_discriminator(), device) if playing else None
        second: Stage = (
            AugmenterStage(generator, config.generator)
            if isinstance(generator, Augmenter)
            else DiffusionStage(generator, config.generator)
            if isinstance(generator, DiffusionXray)
            else GeneratorStage(
                generator, autoencoder, discriminator, config.generator, config.losses, config.view_share
            )
        )
        trained = run_stage(
            "generator", second, make_source(store, config, config.generator.batch), config,
            config.generator, out, resume,
            lambda m, step: _review_generator(m, step, batch, out), sizes, stop_after,
        )  # fmt: skip
        if trained is None:
            return out
        generator.save_pretrained(folder)
    return folder


def open_stores(config: TrainingConfig) -> tuple[SampleStore | None, SampleStore]:
    """The training samples, None when all are made on the fly, and some of other persons to look at.

    Those are made here where the folder has none, as a folder of made-up X-rays. What makes X-rays sees bodies alone.
    """
    store = SampleStore.open(config.data, "train") if config.stream < 1 else None
    if store is not None and config.limit:
        store = store.take(config.limit)
    if any(Path(config.data).glob("val-*.tar")):
        held_out = SampleStore.open(config.data, "val", limit=REVIEW_SAMPLES, cache=False)
    else:
        held_out = made_store(config.stream_seed, config.stream_size, "val", REVIEW_SAMPLES)
    if CONFIGURATIONS[config.model].kind in ("xrays", "super-resolver"):
        return BodyStore.of(store) if store is not None else None, BodyStore.of(held_out)
    return store, held_out


def make_source(store: SampleStore | None, config: TrainingConfig, batch: int) -> Source:
    """Batches as the configuration mixes them."""
    made = batch if store is None else round(batch * config.stream)
    sources: list[Source] = []
    if store is not None and made < batch:
        sources.append(ShardSource(store, config.seed, batch - made, config.margin, config.augmentation))
    if made:
        sources.append(
            StreamSource(
                config.stream_seed, config.stream_size, made, config.margin, config.augmentation,
                config.stream_workers,
            )
        )  # fmt: skip
    return sources[0] if len(sources) == 1 else MixedSource(*sources)


def apply_changes(config: TrainingConfig, changes: dict[str, Any]) -> TrainingConfig:
    """Override fields of a configuration; values that are None change nothing."""
    for key, value in changes.items():
        if value is None:
            continue
        if key == "warm_start":
            if config.generator is not None:
                config.generator.warm_start = str(value)
            continue
        name, _, rest = key.partition("_")
        part = getattr(config, name, None) if rest == "seconds" else None
        if rest == "seconds":
            if part is not None:
                part.max_seconds = float(value)
        elif hasattr(config, key):
            setattr(config, key, str(value) if key == "data" else value)
        else:
            raise MaskelError("bad_config", f"There is no setting {key}.", "See `TrainingConfig`.")
    return config


def _ready(model: Any, device: torch.device) -> Any:
    return model.to(device).to(memory_format=torch.channels_last).train()


def _review_autoencoder(
    model: nn.Module, step: int, batch: Batch, scaling: LayerScaling, out: Path
) -> dict[str, float]:
    xray = true_xray(batch, scaling)
    assert isinstance(model, MaskedAutoencoder)
    hidden = model.random_hidden(len(xray), torch.Generator().manual_seed(0)).to(xray.device)
    rebuilt = torch.cat([model(x, h) for x, h in zip(xray.split(8), hidden.split(8), strict=True)])
    rows = [
        [_tile(xray[i, 0]), _tile(rebuilt[i, 0]), _tile(xray[i, 1]), _tile(rebuilt[i, 1])]
        for i in range(min(SHEET_ROWS, len(xray)))
    ]
    _save_sheet(rows, out, f"autoencoder-{step:06d}.png")
    return {"l1": float((rebuilt - xray).abs().mean() / batch.mask.mean())}


def _review_generator(model: nn.Module, step: int, batch: Batch, out: Path) -> dict[str, float]:
    if isinstance(model, Augmenter):
        found, sheet = review_augmenter(model, batch)
        (out / "sheets").mkdir(exist_ok=True)
        sheet.save(out / "sheets" / f"generator-{step:06d}.png")
        return found
    scaling: LayerScaling = model.scaling  # type: ignore[assignment]
    truth = true_xray(batch, scaling)
    made = [model(part) for part in batch.mask.split(8)]
    xray = cut(torch.cat([m.xray for m in made]), batch.mask, scaling.gamma)
    rows = [
        [
            _tile(batch.mask[i, 0]),
            _tile(truth[i, 0]),
            _tile(xray[i, 0]),
            _tile(truth[i, 1]),
            _tile(xray[i, 1]),
        ]
        for i in range(min(SHEET_ROWS, len(xray)))
    ]
    _save_sheet(rows, out, f"generator-{step:06d}.png")
    inside = batch.mask[:, 0] > 0.5
    pairs = [(xray[i, 0][inside[i]], truth[i, 0][inside[i]]) for i in range(len(xray)) if inside[i].any()]
    correlation = [float(torch.corrcoef(torch.stack(pair))[0, 1]) for pair in pairs]
    figures = {
        "l1": float((xray - truth).abs().mean() / batch.mask.mean()),
        "bone_correlation": float(np.nanmean(correlation)),
        **_sharpness(scaling.restore(xray)[:, 0], scaling.restore(truth)[:, 0], inside),
    }
    if made[0].joints is not None:
        position = torch.cat([m.joints.position for m in made])
        distance = (position - batch.joints).norm(dim=2)[batch.known]
        figures["joint_median"] = float(distance.median()) if len(distance) else float("nan")
    return figures


def _sharpness(bone: torch.Tensor, truth: torch.Tensor, inside: torch.Tensor) -> dict[str, float]:
    """Means over samples (B, S, S) of what the report calls high-pass correlation and crispness."""
    found = [
        (pearson(high_pass(a)[i], high_pass(b)[i]), crispness(a, i) / max(crispness(b, i), 1e-9))
        for a, b, i in zip(bone.cpu().numpy(), truth.cpu().numpy(), inside.cpu().numpy(), strict=True)
        if i.any()
    ]
    figures = np.mean(found, axis=0) if found else np.full(2, np.nan)
    return {"high_pass_correlation": float(figures[0]), "crispness": float(figures[1])}


def _tile(values: torch.Tensor) -> np.ndarray:
    return grey(values.float().cpu().numpy())


def _save_sheet(rows: list[list[np.ndarray]], out: Path, name: str) -> None:
    (out / "sheets").mkdir(exist_ok=True)
    contact_sheet(rows).save(out / "sheets" / name)


def main(arguments: list[str] | None = None) -> None:
    """Command line of this module."""
    parser = argparse.ArgumentParser(description="Train a model.")
    parser.add_argument("config")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--data")
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--autoencoder-seconds", type=float)
    parser.add_argument("--generator-seconds", type=float)
    parser.add_argument("--warm-start")
    parser.add_argument("--stream", type=float)
    parser.add_argument("--stream-workers", type=int)
    given = vars(parser.parse_args(arguments))
    folder = train(given.pop("config"), given.pop("out"), given.pop("resume"), **given)
    print(json.dumps({"model": str(folder)}))


if __name__ == "__main__":
    main()
