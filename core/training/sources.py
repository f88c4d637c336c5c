"""Where a stage's batches come from: shards, samples made while training, or both mixed."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
import torch
from maskel_core.anatomy.asset import default_anatomy
from maskel_core.data.cache import joints_of
from maskel_core.data.dataset import Augmentation, Batch, SampleStore
from maskel_core.data.sample import VIEWS_PER_BODY, Sample, make_sample, split_of
from maskel_core.training.interrupt import ignore_interrupts
from torch.utils.data import DataLoader, IterableDataset

BODY_STRIDE = 1_000_003
"""Body seeds of a set begin at its seed times this, as in `make_sample`."""


class Source(Protocol):
    """Anything that makes the batch of a step, the same one for the same step and random state.

    Attributes:
        places: Which of the batch's samples it makes; in a lone process all of them. Every sample has its own random state, so
            that it is the same in whichever process it is made.
    """

    places: range

    def batch(self, step: int, size: int, random: np.random.Generator) -> Batch:
        """The batch of a step at ``size`` pixels per side."""
        ...

    def close(self) -> None:
        """End worker processes."""
        ...


def sample_order(seed: int, epoch: int, count: int) -> np.ndarray:
    """Order of the samples in an epoch, a permutation of ``range(count)``."""
    return np.random.default_rng([seed, 1, epoch]).permutation(count)


def batch_indices(seed: int, step: int, batch: int, count: int) -> list[int]:
    """Samples of a step: the epochs' orders one after the other, cut into batches."""
    first = step * batch
    return [int(sample_order(seed, i // count, count)[i % count]) for i in range(first, first + batch)]


def numbers_of_split(seed: int, split: str) -> Iterator[int]:
    """Numbers of a set's samples whose persons belong to a split, rising, without end."""
    for index in itertools.count():
        if split_of(seed * BODY_STRIDE + index // VIEWS_PER_BODY) == split:
            yield index


class SampleStream(IterableDataset[Sample]):
    """Samples of one split, made one after the other without end; workers share them out in order.

    Args:
        seed: Of the set.
        size: Pixels per side.
        split: ``"train"``, ``"val"`` or ``"test"``.
        first: How many samples of the split to leave out, for a run that goes on.
        batch: After ``first``, of every ``batch`` samples
        places: make these only; None makes all.
    """

    def __init__(
        self,
        seed: int,
        size: int,
        split: str = "train",
        first: int = 0,
        batch: int = 1,
        places: range | None = None,
    ) -> None:
        super().__init__()
        self.seed, self.size, self.split, self.first = seed, size, split, first
        self.batch, self.places = batch, range(batch) if places is None else places

    def __iter__(self) -> Iterator[Sample]:
        """Samples number ``first`` and on; in worker w of W every W-th, so that their round gives the whole in order."""
        worker = torch.utils.data.get_worker_info()
        begin, stride = (0, 1) if worker is None else (worker.id, worker.num_workers)
        numbers = itertools.islice(numbers_of_split(self.seed, self.split), self.first, None)
        own = (number for i, number in enumerate(numbers) if i % self.batch in self.places)
        numbers = itertools.islice(own, begin, None, stride)
        anatomy = default_anatomy()
        for number in numbers:
            # Not around the yield: the mode would stay on in the caller.
            with torch.inference_mode():
                sample = make_sample(anatomy, self.seed, number, self.size)
            yield sample


def collect(samples: list[Sample]) -> SampleStore:
    """Samples of one size as a store."""
    return SampleStore(
        np.stack([sample.mask for sample in samples]),
        np.stack([np.stack([sample.bone, sample.soft]) for sample in samples]),
        np.asarray([joints_of(sample.meta) for sample in samples], dtype=np.float32),
        [sample.meta for sample in samples],
    )


def made_store(seed: int, size: int, split: str, count: int) -> SampleStore:
    """A store of the first ``count`` samples of a split, made here and now."""
    return collect(list(itertools.islice(SampleStream(seed, size, split), count)))


def join_batches(parts: list[Batch]) -> Batch:
    """Batches one after the other."""
    names = ("mask", "integrals", "joints", "known", "view", "known_layers")
    return Batch(*(torch.cat([getattr(part, name) for part in parts]) for name in names))


class ShardSource:
    """Batches of a fixed set, epoch by epoch in changing order.

    Args:
        store: The set.
        seed: Of the order.
        batch: Samples a batch.
        margin: Of the letterbox.
        augmentation: Ranges of the random changes.
        places: Which of the batch to make; None makes all.
    """

    def __init__(
        self,
        store: SampleStore,
        seed: int,
        batch: int,
        margin: float,
        augmentation: Augmentation,
        places: range | None = None,
    ) -> None:
        self.store, self.seed, self.count = store, seed, batch
        self.margin, self.augmentation = margin, augmentation
        self.places = range(batch) if places is None else places

    def batch(self, step: int, size: int, random: np.random.Generator) -> Batch:
        """The batch of a step."""
        indices = batch_indices(self.seed, step, self.count, len(self.store))
        randoms = random.spawn(self.count)
        return join_batches(
            [
                self.store.batch([indices[i]], size, self.margin, self.augmentation, randoms[i])
                for i in self.places
            ]
        )

    def close(self) -> None:
        """Nothing to end."""


class StreamSource:
    """Batches of samples made by worker processes.

    Args:
        seed: Of the samples.
        size: Pixels per side of the samples.
        batch: Samples a batch.
        margin: Of the letterbox.
        augmentation: Ranges of the random changes.
        workers: Processes; 0 makes them in this one.
        places: Which of the batch to make; None makes all.
    """

    def __init__(
        self,
        seed: int,
        size: int,
        batch: int,
        margin: float,
        augmentation: Augmentation,
        workers: int,
        places: range | None = None,
    ) -> None:
        self.seed, self.size, self.count, self.workers = seed, size, batch, workers
        self.margin, self.augmentation = margin, augmentation
        self.places = range(batch) if places is None else places
        self._samples: Iterator[Sample] | None = None
        self._step = -1

    def batch(self, step: int, size: int, random: np.random.Generator) -> Batch:
        """The batch of a step; steps out of order begin the stream anew."""
        if self._samples is None or step != self._step:
            self.close()
            first = step * self.count
            stream = SampleStream(self.seed, self.size, first=first, batch=self.count, places=self.places)
            several: dict[str, Any] = {
                "multiprocessing_context": "spawn",
                "prefetch_factor": 2 * self.count,
                "worker_init_fn": ignore_interrupts,
            }
            loader = DataLoader(
                stream, batch_size=None, num_workers=self.workers, **(several if self.workers else {})
            )
            self._samples = iter(loader)
        self._step = step + 1
        randoms = random.spawn(self.count)
        samples = list(itertools.islice(self._samples, len(self.places)))
        return join_batches(
            [
                collect([sample]).batch([0], size, self.margin, self.augmentation, randoms[i])
                for i, sample in zip(self.places, samples, strict=True)
            ]
        )

    def close(self) -> None:
        """End the workers."""
        self._samples = None


class MixedSource:
    """Batches whose parts come from several sources."""

    def __init__(self, *sources: Source) -> None:
        self.sources = sources
        self.places = range(sum(len(source.places) for source in sources))

    def batch(self, step: int, size: int, random: np.random.Generator) -> Batch:
        """The sources' batches of this step, one after the other."""
        drawn = zip(self.sources, random.spawn(len(self.sources)), strict=True)
        return join_batches(
            [source.batch(step, size, state) for source, state in drawn if len(source.places)]
        )

    def close(self) -> None:
        """End the sources' workers."""
        for source in self.sources:
            source.close()
