"""Builds sets of sample shards, resumably and in parallel."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

import torch
from maskel_core.anatomy.asset import ASSET_PATH, default_anatomy
from maskel_core.data.sample import make_sample
from maskel_core.data.shards import checksum, write_shard
from maskel_core.errors import MaskelError
from maskel_core.version import __version__

CHUNK = 256
"""Samples made as one unit of work; each gives one shard per split."""

SPLITS = ("train", "val", "test")


def _done_marker(out: Path, chunk: int) -> Path:
    return out / f"chunk-{chunk:05d}.json"


def _build_chunk(chunk: int, count: int, size: int, seed: int, out: Path) -> int:
    """Make the samples of one chunk and write its shards and its marker; returns how many samples."""
    torch.set_num_threads(1)
    anatomy = default_anatomy()
    indices = range(chunk * CHUNK, min(count, (chunk + 1) * CHUNK))
    with torch.inference_mode():
        samples = [make_sample(anatomy, seed, index, size) for index in indices]
    shards = {}
    for split in SPLITS:
        chosen = [s for s in samples if s.split == split]
        if chosen:
            path = out / f"{split}-{chunk:05d}.tar"
            write_shard(path, chosen)
            shards[path.name] = {"split": split, "samples": len(chosen), "sha256": checksum(path)}
    _done_marker(out, chunk).write_text(json.dumps(shards, sort_keys=True))
    return len(samples)


def build_shards(
    count: int,
    size: int,
    seed: int,
    out: Path,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Build a set of samples; a killed build continues where it stopped.

    The result depends on count, size and seed alone, not on the number of workers or on interruptions.

    Args:
        count: Number of samples over all splits.
        size: Edge of the pictures, pixels.
        seed: Of the set.
        out: Folder for shards and ``manifest.json``.
        workers: Processes.
        progress: Called with samples done and samples in all.

    Returns:
        Path of the manifest.

    Raises:
        MaskelError: ``bad_count``, ``bad_size``, or ``data_mismatch`` when the folder holds another set.
    """
    if count < 1:
        raise MaskelError("bad_count", f"Cannot build {count} samples.", "Ask for at least one sample.")
    if not 32 <= size <= 2048:
        raise MaskelError(
            "bad_size", f"Pictures of {size} pixels are not supported.", "Choose 32 to 2048 pixels."
        )
    out.mkdir(parents=True, exist_ok=True)
    recipe = {
        "count": count,
        "size": size,
        "seed": seed,
        "version": __version__,
        "asset": checksum(ASSET_PATH),
    }
    recipe_file = out / "recipe.json"
    if recipe_file.exists() and json.loads(recipe_file.read_text()) != recipe:
        raise MaskelError(
            "data_mismatch",
            f"{out} holds another data set.",
            "Choose an empty folder, or delete this one first.",
        )
    recipe_file.write_text(json.dumps(recipe, sort_keys=True))

    chunks = range((count + CHUNK - 1) // CHUNK)
    open_chunks = [c for c in chunks if not _done_marker(out, c).exists()]
    done = count - sum(min(count, (c + 1) * CHUNK) - c * CHUNK for c in open_chunks)
    report = progress or (lambda _done, _all: None)
    report(done, count)
    if workers <= 1:
        for chunk in open_chunks:
            done += _build_chunk(chunk, count, size, seed, out)
            report(done, count)
    else:
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            futures = [pool.submit(_build_chunk, c, count, size, seed, out) for c in open_chunks]
            for future in as_completed(futures):
                done += future.result()
                report(done, count)

    shards: dict[str, object] = {}
    for chunk in chunks:
        shards |= json.loads(_done_marker(out, chunk).read_text())
    manifest = out / "manifest.json"
    manifest.write_text(json.dumps({**recipe, "shards": shards}, indent=1, sort_keys=True))
    return manifest
