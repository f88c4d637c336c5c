"""Samples of a shard folder, letterboxed and augmented into training batches."""

from __future__ import annotations

import hashlib
import json
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from maskel_core.anatomy.joints import MIRRORED
from maskel_core.data.cache import Metas, joints_of, map_cache, write_cache
from maskel_core.data.shards import check_shard, read_shard
from maskel_core.errors import MaskelError
from maskel_core.models.views import MIRRORED_VIEWS, view_number
from maskel_core.pipeline.letterbox import Letterbox
from numpy.typing import NDArray
from torch import Tensor


@dataclass
class Augmentation:
    """Random changes of a training sample.

    Attributes:
        flip: Probability of a left-right mirror image.
        shift: Largest shift of the crop, share of its side.
        zoom: Largest change of the crop's side, share of it.
        edge_noise: Probability that the mask's edge is disturbed.
        whole: Probability that a crop is not zoomed; above 0 letterboxes keep whole pixels where they can
            (`Letterbox.around`), so that such crops are not resampled, and a model is marked as one that expects it.
    """

    flip: float = 0.5
    shift: float = 0.02
    zoom: float = 0.05
    edge_noise: float = 0.3
    whole: float = 0.0


@dataclass
class Batch:
    """Letterboxed samples.

    Attributes:
        mask: float32 (B, 1, S, S) in [0, 1]: what the model sees.
        integrals: float32 (B, 2, S, S): bone and soft-tissue line integrals, 0 where the layer is not known.
        joints: float32 (B, J, 2): x, y as shares of the frame, pixel = share * S - 0.5.
        known: bool (B, J): the joint lies inside the frame.
        view: int64 (B,), numbers of `maskel_core.models.views.VIEWS`, 0 where unknown.
        known_layers: bool (B, 2): whether the layer is known; a DXA bone picture alone tells nothing of soft tissue.
    """

    mask: Tensor
    integrals: Tensor
    joints: Tensor
    known: Tensor
    view: Tensor
    known_layers: Tensor


LAYERS = ("bone", "soft")
"""Names of the layers in their order."""


def layers_known(meta: dict[str, Any]) -> list[bool]:
    """Whether each of `LAYERS` is known of a sample; all are, unless its JSON names those that are."""
    named = meta.get("known_layers", LAYERS)
    return [layer in named for layer in LAYERS]


def read_shards(folder: Path, split: str) -> Iterator[dict[str, Any]]:
    """Samples of one split, in shard order: keys ``mask``, ``bone``, ``soft`` (arrays), ``meta`` (dict), ``key``.

    Raises:
        MaskelError: ``data_missing`` when no shard of the split exists, ``data_damaged`` when a shard is
            not what the manifest says, or a sample lacks a part.
    """
    shards = sorted(Path(folder).glob(f"{split}-*.tar"))
    if not shards:
        raise MaskelError(
            "data_missing",
            f"No shard {split}-*.tar in {folder}.",
            "Make one with `maskel data build --out DIR`, or name another folder.",
        )
    sums = _checksums(Path(folder), split)
    for name in sums.keys() - {shard.name for shard in shards}:
        check_shard(Path(folder) / name, sums[name])
    for shard in shards:
        if shard.name in sums:
            check_shard(shard, sums[shard.name])
        try:
            for sample in read_shard(shard):
                yield _complete(sample, shard)
        except (tarfile.TarError, ValueError, OSError) as error:
            raise MaskelError(
                "data_damaged", f"{shard.name} cannot be read: {error}.", "Build the shards again."
            ) from error


def _checksums(folder: Path, split: str) -> dict[str, str]:
    """SHA-256 by shard name from the manifest; empty where there is none."""
    manifest = folder / "manifest.json"
    if not manifest.exists():
        return {}
    shards = json.loads(manifest.read_text("utf-8")).get("shards", {})
    return {name: shard["sha256"] for name, shard in shards.items() if shard["split"] == split}


def _complete(sample: dict[str, Any], shard: Path) -> dict[str, Any]:
    missing = {"mask", "bone", "soft", "meta"} - sample.keys()
    if missing:
        raise MaskelError(
            "data_damaged",
            f"Sample {sample['key']} in {shard.name} lacks {', '.join(sorted(missing))}.",
            "Build the shards again.",
        )
    return sample


class SampleStore:
    """One split of a shard folder; mapped from the disk when it comes from the cache file, else in memory.

    Attributes:
        masks: uint8 (N, H, W).
        layers: float16 (N, 2, H, W): bone and soft-tissue line integrals, NaN throughout where a layer is not known.
        joints: float32 (N, J, 2), x, y in pixels, NaN where unknown.
        metas: N dicts, the samples' JSON.
    """

    def __init__(
        self,
        masks: NDArray[np.uint8],
        layers: NDArray[np.float16],
        joints: NDArray[np.float32],
        metas: Sequence[dict[str, Any]],
    ) -> None:
        self.masks, self.layers, self.joints, self.metas = masks, layers, joints, metas

    def __len__(self) -> int:
        return len(self.masks)

    @classmethod
    def open(
        cls, folder: Path | str, split: str, limit: int | None = None, cache: bool = True
    ) -> SampleStore:
        """Open a split by the cache file beside the shards, made first when it is not current.

        Arrays of the cache are read from the disk as they are used, so that memory does not grow with the set.

        Args:
            folder: Folder of the shards.
            split: ``"train"``, ``"val"`` or ``"test"``.
            limit: Read at most so many samples.
            cache: Use ``SPLIT.cache.safetensors``; written for whole splits only.

        Raises:
            MaskelError: ``data_missing``, ``data_damaged``.
        """
        folder = Path(folder)
        path = folder / f"{split}.cache.safetensors"
        if not cache or (limit is not None and not path.exists()):
            return cls._read(folder, split, limit)
        stamp = _stamp(folder, split)
        arrays = _current(path, stamp)
        if arrays is None:
            if limit is not None:
                return cls._read(folder, split, limit)
            try:
                write_cache(path, read_shards(folder, split), _count(folder, split), stamp)
            except (ValueError, tarfile.TarError) as error:
                raise MaskelError(
                    "data_damaged", f"The {split} split of {folder}: {error}.", "Build the shards again."
                ) from error
            arrays = map_cache(path)
        store = cls(arrays["masks"], arrays["layers"], arrays["joints"], Metas(arrays["metas"]))
        return store if limit is None else store.take(limit)

    @classmethod
    def _read(cls, folder: Path, split: str, limit: int | None) -> SampleStore:
        masks, layers, joints, metas = [], [], [], []
        for sample in read_shards(folder, split):
            masks.append(sample["mask"])
            layers.append(np.stack([sample["bone"], sample["soft"]]).astype(np.float16))
            joints.append(joints_of(sample["meta"]))
            metas.append(sample["meta"])
            if limit is not None and len(masks) >= limit:
                break
        return cls(np.stack(masks), np.stack(layers), np.asarray(joints, dtype=np.float32), metas)

    def take(self, limit: int) -> SampleStore:
        """The first ``limit`` samples."""
        metas = self.metas[:limit]
        return SampleStore(self.masks[:limit], self.layers[:limit], self.joints[:limit], metas)

    def spaced(self, count: int) -> list[int]:
        """Numbers of at most ``count`` samples, evenly spaced over all."""
        ends = np.linspace(0, len(self) - 1, min(count, len(self)))
        return [int(row) for row in np.unique(ends.round().astype(int))]

    def pick(self, indices: NDArray[np.integer]) -> SampleStore:
        """The samples with these numbers, in this order."""
        metas = [self.metas[int(i)] for i in indices]
        return SampleStore(self.masks[indices], self.layers[indices], self.joints[indices], metas)

    def scales(self, percentile: float = 99.5, samples: int = 200) -> tuple[float, float]:
        """Line integrals of bone and soft tissue at a percentile of the pixels that have any, over evenly spaced samples.

        NaN for a layer that is not known of any of them.
        """
        picks = np.linspace(0, len(self) - 1, min(samples, len(self))).astype(int)
        values = []
        for layer in range(2):
            pixels = self.layers[picks, layer].astype(np.float32)
            if np.isnan(pixels).all():
                values.append(float("nan"))
                continue
            pixels = pixels[pixels > 1e-3]
            values.append(float(np.percentile(pixels, percentile)) if len(pixels) else 1.0)
        return values[0], values[1]

    def batch(
        self,
        indices: NDArray[np.integer] | list[int],
        size: int,
        margin: float,
        augmentation: Augmentation | None = None,
        random: np.random.Generator | None = None,
    ) -> Batch:
        """Letterboxed samples, augmented when ``augmentation`` and ``random`` are given.

        Args:
            indices: Which samples.
            size: Pixels per side of the frame.
            margin: Free border round the body's box, share of its longer side.
            augmentation: Ranges of the random changes.
            random: Their source.
        """
        masks, integrals, joints, views, told = [], [], [], [], []
        for index in indices:
            raw = self.masks[index]
            whole = augmentation is not None and augmentation.whole > 0
            box = Letterbox.around(raw, size, margin, whole)
            flip = False
            if augmentation is not None and random is not None:
                right, down = random.uniform(-augmentation.shift, augmentation.shift, 2)
                zoom = 1 + random.uniform(-augmentation.zoom, augmentation.zoom)
                if augmentation.whole > 0 and random.random() < augmentation.whole:
                    zoom = 1.0
                box = box.moved(right, down, zoom)
                flip = bool(random.random() < augmentation.flip)
            meta = self.metas[index]
            told.append(layers_known(meta))
            layers = self.layers[index].astype(np.float32)
            layers[~np.array(told[-1])] = 0
            stack = np.concatenate([raw[None].astype(np.float32) / 255, layers])
            frame = box.forward(torch.from_numpy(stack))
            points = (box.points_forward(self.joints[index]) + 0.5) / size
            yaw = meta.get("camera", {}).get("yaw")
            view = 0 if yaw is None else view_number(float(yaw))
            if flip:
                frame = frame.flip(2)
                points = points[list(MIRRORED)]
                points[:, 0] = 1 - points[:, 0]
                view = MIRRORED_VIEWS[view]
            masks.append(frame[:1])
            integrals.append(frame[1:])
            joints.append(points)
            views.append(view)
        mask = torch.stack(masks).clamp(0, 1)
        if augmentation is not None and random is not None and augmentation.edge_noise > 0:
            from maskel_core.data.augment import disturb_edge

            mask = disturb_edge(mask, augmentation.edge_noise, random)
        share = torch.from_numpy(np.stack(joints).astype(np.float32))
        known = ((share > 0) & (share < 1)).all(dim=2)
        return Batch(
            mask,
            torch.stack(integrals),
            share.nan_to_num(0.5),
            known,
            torch.tensor(views),
            torch.tensor(told),
        )


def _stamp(folder: Path, split: str) -> str:
    digest = hashlib.sha256(b"cache 2\n")
    for shard in sorted(folder.glob(f"{split}-*.tar")):
        stat = shard.stat()
        digest.update(f"{shard.name} {stat.st_size} {stat.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _current(path: Path, stamp: str) -> dict[str, NDArray[Any]] | None:
    """The arrays of a cache file that was made of these shards."""
    if not path.exists():
        return None
    try:
        arrays = map_cache(path)
    except (ValueError, KeyError, OSError):
        return None
    return arrays if arrays["stamp"].tobytes().decode() == stamp else None


def _count(folder: Path, split: str) -> int:
    """Number of samples, by the names in the shards."""
    count = 0
    for shard in sorted(folder.glob(f"{split}-*.tar")):
        with tarfile.open(shard) as tar:
            count += sum(member.name.endswith(".mask.png") for member in tar)
    return count
