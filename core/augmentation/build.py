"""Sets of made-up X-rays: sampled, enlarged, given masks, sorted out, written as shards."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from maskel_core.augmentation.fit import LARGE, SMALL, load_fit
from maskel_core.augmentation.screen import REASONS, mask_of, screen
from maskel_core.data.sample import Sample
from maskel_core.data.shards import ShardWriter, checksum
from maskel_core.errors import MaskelError
from maskel_core.models import XrayGenerator, XraySuperResolver
from maskel_core.models.store import WEIGHTS
from maskel_core.runtime import choose_device
from maskel_core.training.loop import make_autocast
from maskel_core.version import __version__
from torch import Tensor

CHUNK = 256
"""Pictures made as one unit of work, what a killed run makes again at most; each gives one shard of each size."""

BATCH = 32
"""Pictures made at once."""

LEAST_KEPT = 0.02
"""Share of the first chunks' pictures that must be usable, else the models are not ready."""

SMALL_FOLDER = "small"
"""Where the pictures lie as they were before they were enlarged: a set of its own."""


@dataclass
class Made:
    """A made-up pair.

    Attributes:
        number: Of the picture, among all that were made.
        mask: uint8 (S, S).
        integrals: float32 (2, S, S), 0 where the mask is.
        small_mask: uint8 (s, s).
        small: float32 (2, s, s), before it was enlarged, 0 where its mask is.
    """

    number: int
    mask: np.ndarray
    integrals: np.ndarray
    small_mask: np.ndarray
    small: np.ndarray


class Sampler:
    """Both models on a device, a chunk of pictures at a time.

    Args:
        small: Makes the pictures.
        large: Enlarges them.
        seed: Of the noise.
        steps: Steps from noise to a small picture; None = as many as its model says.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.
        precision: As in a training configuration.
    """

    def __init__(
        self,
        small: XrayGenerator,
        large: XraySuperResolver,
        seed: int,
        steps: int | None = None,
        device: str = "auto",
        precision: str = "auto",
    ) -> None:
        self.device = torch.device(choose_device(device))
        for model in (small, large):
            model.to(self.device).to(memory_format=torch.channels_last).eval()  # type: ignore[arg-type]
        self.small, self.large = small, large
        self.autocast = make_autocast(precision, self.device)
        self.seed, self.steps = seed, steps

    def pictures(self, chunk: int, count: int) -> Iterator[tuple[Tensor, Tensor | str]]:
        """Small and large normalised X-rays (2, s, s) and (2, S, S), float32 on the CPU; the same for the same chunk.

        A small one that shows no body, or several, is not enlarged: the reason stands in the large one's place.
        """
        noise = torch.Generator().manual_seed(
            int(np.random.default_rng([self.seed, 4, chunk]).integers(2**62))
        )
        side = self.small.config.sample_size
        for first in range(0, count, BATCH):
            start = torch.randn((min(BATCH, count - first), 2, side, side), generator=noise)
            with torch.inference_mode(), self.autocast():
                made = self.small(start.to(self.device), self.steps).float()
            reasons = [screen(xray.cpu().numpy()) for xray in made]
            good = [index for index, why in enumerate(reasons) if why not in ("empty", "pieces")]
            with torch.inference_mode(), self.autocast():
                enlarged = iter(self.large(made[good], noise).float().cpu() if good else ())
            for index, xray in enumerate(made.cpu()):
                yield xray, next(enlarged) if index in good else reasons[index]

    def chunk(self, number: int, count: int) -> tuple[list[Made], Counter[str]]:
        """The usable pairs of a chunk, and how many others there were by `REASONS`."""
        found, rejected = [], Counter[str]()
        for index, (small, large) in enumerate(self.pictures(number, count)):
            why = large if isinstance(large, str) else screen(large.numpy())
            if isinstance(large, str) or why:
                rejected[str(why)] += 1
                continue
            mask, small_mask = mask_of(large[1].numpy()), mask_of(small[1].numpy())
            layers = [
                (self.small.scaling.restore(xray[None])[0] * torch.from_numpy(cover > 0)).numpy()
                for xray, cover in ((large, mask), (small, small_mask))
            ]
            found.append(Made(number * count + index, mask, layers[0], small_mask, layers[1]))
        return found, rejected


def build_augmentation(
    run: Path | str,
    count: int,
    out: Path,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
    *,
    steps: int | None = None,
    chunk: int = CHUNK,
    device: str = "auto",
    precision: str = "auto",
) -> dict[str, Any]:
    """Make pairs of masks and X-rays out of noise; a killed run goes on where it stopped.

    ``out`` becomes a shard folder of split ``train``, which `maskel train --data` takes; ``out/small`` another one with the
    same pictures before they were enlarged. Joints, view and person are unknown.

    Args:
        run: Folder of a fit.
        count: Usable pairs.
        out: Folder to write.
        seed: Same seed, same pairs, on the same kind of machine.
        progress: Called with pairs done and pairs in all.
        steps: Steps from noise to a small picture; None = as many as its model says.
        chunk: Pictures made as one unit of work.
        device: Where to work.
        precision: ``"auto"``, ``"float32"`` or ``"bfloat16"``.

    Returns:
        The manifest: among others ``candidates`` and, by reason, ``rejected``.

    Raises:
        MaskelError: ``bad_count``, ``model_missing``, ``model_damaged``, ``bad_fit``, ``cannot_write``, ``data_mismatch`` when
            the folder holds another set, ``samples_broken`` when hardly any picture is usable.
    """
    if count < 1:
        raise MaskelError("bad_count", f"Cannot make {count} pairs.", "Ask for at least one.")
    models = load_fit(run)
    weights = [checksum(Path(run) / name / "generator" / WEIGHTS) for name in (SMALL, LARGE)]
    recipe = {"count": count, "seed": seed, "chunk": chunk, "batch": BATCH, "version": __version__}
    recipe |= {"steps": steps or models[0].config.steps}
    recipe |= {"provenance": "diffusion", "generator": weights[0], "super_resolver": weights[1]}
    _claim(out, recipe)
    sampler = Sampler(*models, seed, steps, device, precision)
    report = progress or (lambda _done, _all: None)
    chunks: list[dict[str, Any]] = []
    done = 0
    report(done, count)
    while done < count:
        marker = out / f"chunk-{len(chunks):05d}.json"
        if not marker.exists():
            _write_chunk(sampler, len(chunks), chunk, count - done, out, recipe, marker)
        chunks.append(json.loads(marker.read_text("utf-8")))
        done += chunks[-1]["kept"]
        candidates = len(chunks) * chunk
        if candidates >= 4 * chunk and done < LEAST_KEPT * candidates:
            raise MaskelError(
                "samples_broken",
                f"Only {done} of {candidates} pictures are usable.",
                "Train the models for longer with `maskel augment fit`.",
            )
        report(done, count)
    rejected = sum((Counter(found["rejected"]) for found in chunks), Counter[str]())
    manifest: dict[str, Any] = {}
    for folder, key in ((out / SMALL_FOLDER, "small"), (out, "shards")):
        shards = {name: shard for found in chunks for name, shard in found[key].items()}
        manifest = {
            **recipe,
            "candidates": len(chunks) * chunk,
            "rejected": {why: rejected[why] for why in REASONS},
            "shards": shards,
        }
        _write_whole(folder / "manifest.json", json.dumps(manifest, indent=1, sort_keys=True))
    return manifest


def _write_chunk(
    sampler: Sampler, number: int, chunk: int, wanted: int, out: Path, recipe: dict[str, Any], marker: Path
) -> None:
    """Make one chunk and write its shards and then its marker."""
    found, rejected = sampler.chunk(number, chunk)
    found = found[:wanted]
    shards: dict[str, Any] = {"shards": {}, "small": {}}
    for key, folder in (("shards", out), ("small", out / SMALL_FOLDER)):
        if not found:
            continue
        writer = ShardWriter(folder / f"train-{number:05d}.tar")
        for made in found:
            writer.add(_sample(made, recipe, key == "small"))
        writer.close()
        shards[key][writer.path.name] = {
            "split": "train",
            "samples": writer.samples,
            "sha256": checksum(writer.path),
        }
    text = json.dumps({"kept": len(found), "rejected": rejected, **shards}, sort_keys=True)
    _write_whole(marker, text)


def _sample(made: Made, recipe: dict[str, Any], small: bool) -> Sample:
    key = f"diffusion-{recipe['seed']:04d}-{made.number:08d}"
    meta = {
        "key": key,
        "seed": [recipe["seed"], made.number],
        "split": "train",
        "provenance": "diffusion",
        "generator": recipe["generator"],
        "super_resolver": None if small else recipe["super_resolver"],
        "outfit": "none",
        "clothing": [],
    }
    mask, layers = (made.small_mask, made.small) if small else (made.mask, made.integrals)
    return Sample(key, "train", mask, layers[0].astype(np.float16), layers[1].astype(np.float16), meta)


def _claim(out: Path, recipe: dict[str, Any]) -> None:
    """Make the folders, and note in them what they are to hold; refuse folders that hold something else."""
    try:
        (out / SMALL_FOLDER).mkdir(parents=True, exist_ok=True)
        noted = out / "recipe.json"
        if noted.exists() and json.loads(noted.read_text("utf-8")) != recipe:
            raise MaskelError(
                "data_mismatch",
                f"{out} holds another data set.",
                "Choose an empty folder, or delete this one first.",
            )
        _write_whole(noted, json.dumps(recipe, sort_keys=True))
    except OSError as error:
        raise MaskelError(
            "cannot_write", f"{out} cannot be written: {error.strerror or error}.", "Choose another folder."
        ) from error


def _write_whole(path: Path, text: str) -> None:
    """Write a file that is there in full or not at all, even when the process is killed."""
    part = path.with_suffix(".part")
    part.write_text(text, "utf-8")
    part.replace(path)
