"""Shards of several splits that fill side by side, and the manifest that names them."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from maskel_core.data.sample import Sample
from maskel_core.data.shards import ShardWriter, checksum

SHARD = 256
"""Samples in a shard at most."""


class ShardSet:
    """Shards of all splits as they fill.

    Attributes:
        count: Samples so far.
        samples: The same by split.
        people: Persons of the samples.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.count = folder, 0
        self.samples: Counter[str] = Counter()
        self.people: set[str] = set()
        self._open: dict[str, ShardWriter] = {}
        self._done: dict[str, dict[str, Any]] = {}

    def add(self, sample: Sample) -> None:
        """Append a sample to the shard of its split."""
        split = sample.split
        if split not in self._open:
            self._open[split] = ShardWriter(self.folder / f"{split}-{self.samples[split] // SHARD:05d}.tar")
        self._open[split].add(sample)
        self.samples[split] += 1
        self.count += 1
        self.people.add(sample.meta["body"]["person"])
        if self._open[split].samples == SHARD:
            self._finish(split)

    def close(self) -> dict[str, dict[str, Any]]:
        """Finish all; the manifest's entries."""
        for split in list(self._open):
            self._finish(split)
        return self._done

    def _finish(self, split: str) -> None:
        writer = self._open.pop(split)
        writer.close()
        self._done[writer.path.name] = {
            "split": split,
            "samples": writer.samples,
            "sha256": checksum(writer.path),
        }


def write_manifest(folder: Path, recipe: dict[str, Any], shards: dict[str, dict[str, Any]]) -> None:
    """Write ``manifest.json`` beside the shards; ``recipe.json`` too, which keeps `build_shards` out of the folder."""
    (folder / "recipe.json").write_text(json.dumps(recipe, sort_keys=True), encoding="utf-8")
    manifest = json.dumps({**recipe, "shards": shards}, indent=1, sort_keys=True)
    (folder / "manifest.json").write_text(manifest, encoding="utf-8")
