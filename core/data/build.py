"""Builds sets of sample shards, resumably and in parallel."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from maskel_core.anatomy.asset import ASSET_PATH, default_anatomy
from maskel_core.data.engines import run_units
from maskel_core.data.sample import CLOTHED, Shares, check_outfits, check_share, make_sample
from maskel_core.data.shards import ShardWriter, checksum
from maskel_core.errors import MaskelError
from maskel_core.projection.attenuation import attenuation
from maskel_core.version import __version__

CHUNK = 256
"""Samples made as one unit of work; each gives one shard per split."""


def _done_marker(out: Path, chunk: int) -> Path:
    return out / f"chunk-{chunk:05d}.json"


def _write_whole(path: Path, text: str) -> None:
    """Write a file that is there in full or not at all, even when the process is killed."""
    part = path.with_suffix(".part")
    part.write_text(text)
    part.replace(path)


def _build_chunk(
    number: int,
    count: int,
    size: int,
    seed: int,
    out: Path,
    chunk: int,
    energies: tuple[float, ...],
    clothed: float,
    outfits: Shares,
) -> int:
    """Make the samples of one chunk and write its shards and then its marker; returns how many samples."""
    torch.set_num_threads(1)
    anatomy = default_anatomy()
    writers: dict[str, ShardWriter] = {}
    indices = range(number * chunk, min(count, (number + 1) * chunk))
    with torch.inference_mode():
        for index in indices:
            sample = make_sample(anatomy, seed, index, size, energies, clothed, outfits)
            if sample.split not in writers:
                writers[sample.split] = ShardWriter(out / f"{sample.split}-{number:05d}.tar")
            writers[sample.split].add(sample)
    shards = {}
    for split in sorted(writers):
        writer = writers[split]
        writer.close()
        shards[writer.path.name] = {
            "split": split,
            "samples": writer.samples,
            "sha256": checksum(writer.path),
        }
    _write_whole(_done_marker(out, number), json.dumps(shards, sort_keys=True))
    return len(indices)


def build_shards(
    count: int,
    size: int,
    seed: int,
    out: Path,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
    *,
    chunk: int = CHUNK,
    energies: tuple[float, ...] = (),
    clothed: float = CLOTHED,
    outfits: Shares = (),
    engine: str = "local",
    address: str | None = None,
) -> Path:
    """Build a set of samples; a killed build continues where it stopped.

    The result depends on count, size, seed, chunk, energies, the share of clothed samples and those of outfits alone, not on
    engine, number of workers or interruptions.

    Args:
        count: Number of samples over all splits.
        size: Edge of the pictures, pixels.
        seed: Of the set.
        out: Folder for shards and ``manifest.json``; on a cluster, one that all its machines share.
        workers: Processes.
        progress: Called with samples done and samples in all.
        chunk: Samples made as one unit of work; what a killed build makes again at most, by worker.
        energies: Further photon energies to store layers at, keV.
        clothed: Share of samples whose mask is a dressed character's.
        outfits: Shares of some outfits among these that hold instead of their own.
        engine: ``local`` or ``ray``.
        address: Of a running Ray cluster.

    Returns:
        Path of the manifest.

    Raises:
        MaskelError: ``bad_count``, ``bad_size``, ``bad_energy``, ``bad_share``, ``bad_outfit``, ``bad_engine``,
            ``ray_missing``, ``cannot_write``, or ``data_mismatch`` when the folder holds another set.
    """
    if count < 1:
        raise MaskelError("bad_count", f"Cannot build {count} samples.", "Ask for at least one sample.")
    if not 32 <= size <= 2048:
        raise MaskelError(
            "bad_size", f"Pictures of {size} pixels are not supported.", "Choose 32 to 2048 pixels."
        )
    check_share(clothed)
    check_outfits(outfits)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MaskelError(
            "cannot_write", f"{out} cannot be a folder: {error.strerror or error}.", "Choose another folder."
        ) from error
    recipe = {
        "count": count,
        "size": size,
        "seed": seed,
        "version": __version__,
        "asset": checksum(ASSET_PATH),
        "chunk": chunk,
        "energies": list(energies),
        "clothed": clothed,
    }
    if outfits:
        recipe["outfits"] = dict(outfits)
    recipe_file = out / "recipe.json"
    if recipe_file.exists() and json.loads(recipe_file.read_text()) != recipe:
        raise MaskelError(
            "data_mismatch",
            f"{out} holds another data set.",
            "Choose an empty folder, or delete this one first.",
        )
    for energy in energies:
        attenuation(default_anatomy(), energy)
    _write_whole(recipe_file, json.dumps(recipe, sort_keys=True))

    numbers = range((count + chunk - 1) // chunk)
    open_chunks = [n for n in numbers if not _done_marker(out, n).exists()]
    done = count - sum(min(count, (n + 1) * chunk) - n * chunk for n in open_chunks)
    report = progress or (lambda _done, _all: None)
    report(done, count)
    work = partial(
        _build_chunk,
        count=count,
        size=size,
        seed=seed,
        out=out.resolve(),
        chunk=chunk,
        energies=energies,
        clothed=clothed,
        outfits=outfits,
    )
    for made in run_units(work, open_chunks, engine, workers, address):
        done += made
        report(done, count)

    shards: dict[str, object] = {}
    for number in numbers:
        shards |= json.loads(_done_marker(out, number).read_text())
    manifest = out / "manifest.json"
    _write_whole(manifest, json.dumps({**recipe, "shards": shards}, indent=1, sort_keys=True))
    return manifest
