"""Where a stage's batches come from: shards, samples made while training, or both mixed."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
from maskel_core.anatomy.asset import default_anatomy
from maskel_core.data.cache import joints_of
from maskel_core.data.dataset import Augmentation, Batch, SampleStore
from maskel_core.data.sample import VIEWS_PER_BODY, Sample, make_sample, split_of
from maskel_core.training.interrupt import ignore_interrupts
from torch.utils.data import DataLoader, IterableDataset

T = TypeVar("T")

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

    def figures(self) -> dict[str, float]:
        """What to log of the source."""
        return {}

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


def stream_loader(stream: IterableDataset[T], workers: int, prefetch: int) -> DataLoader[T]:
    """What a stream makes, one by one, made in worker processes.

    Args:
        stream: Shares its samples out by the worker's number.
        workers: Processes; 0 makes them in this one.
        prefetch: Samples that each makes ahead.
    """
    several: dict[str, Any] = {
        "multiprocessing_context": "spawn",
        "prefetch_factor": prefetch,
        "worker_init_fn": ignore_interrupts,
    }
    return DataLoader(stream, batch_size=None, num_workers=workers, **(several if workers else {}))


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


class Framing:
    """How samples become a batch.

    Args:
        margin: Of the letterbox.
        augmentation: Ranges of the random changes.
        threads: Samples letterboxed at once; the batch is the same whatever it is.
    """

    def __init__(self, margin: float, augmentation: Augmentation, threads: int = 1) -> None:
        self.margin, self.augmentation = margin, augmentation
        self._pool = ThreadPoolExecutor(threads, "maskel-frames") if threads > 1 else None

    def batch(
        self, samples: Sequence[tuple[SampleStore, int]], size: int, randoms: Sequence[np.random.Generator]
    ) -> Batch:
        """Samples (a store, a number in it), each changed by its own random state, at ``size`` pixels per side."""

        def one(entry: tuple[tuple[SampleStore, int], np.random.Generator]) -> Batch:
            (store, number), random = entry
            return store.batch([number], size, self.margin, self.augmentation, random)

        run: Callable[..., Any] = map if self._pool is None else self._pool.map
        return join_batches(list(run(one, zip(samples, randoms, strict=True))))

    def close(self) -> None:
        """End the threads."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)


class ShardSource(Source):
    """Batches of a fixed set, epoch by epoch in changing order.

    Args:
        store: The set.
        seed: Of the order.
        batch: Samples a batch.
        framing: How they become one.
        places: Which of the batch to make; None makes all.
    """

    def __init__(
        self, store: SampleStore, seed: int, batch: int, framing: Framing, places: range | None = None
    ) -> None:
        self.store, self.seed, self.count, self.framing = store, seed, batch, framing
        self.places = range(batch) if places is None else places

    def batch(self, step: int, size: int, random: np.random.Generator) -> Batch:
        """The batch of a step."""
        indices = batch_indices(self.seed, step, self.count, len(self.store))
        randoms = random.spawn(self.count)
        return self.framing.batch(
            [(self.store, indices[i]) for i in self.places], size, [randoms[i] for i in self.places]
        )

    def close(self) -> None:
        """End the threads."""
        self.framing.close()


class StreamSource(Source):
    """Batches of samples made by worker processes, each sample once or again some steps later.

    With ``repeat`` R a batch of B holds B / R samples made for it; the others are those made ``gap``, 2 ``gap``, ... steps
    before, changed anew. So a device that learns faster than samples are made sees each R times, far apart, and none ever after.

    Args:
        seed: Of the samples.
        size: Pixels per side of the samples.
        batch: Samples a batch, a multiple of ``repeat``.
        framing: How they become one.
        workers: Processes; 0 makes them in this one.
        places: Which of the batch to make; None makes all.
        repeat: How often a sample is used.
        gap: Steps between two uses; ``(repeat - 1) * gap * batch / repeat`` samples stay in memory.

    Raises:
        ValueError: ``batch`` is no multiple, or a place's samples would come to other processes when they are used again.
    """

    def __init__(
        self,
        seed: int,
        size: int,
        batch: int,
        framing: Framing,
        workers: int,
        places: range | None = None,
        repeat: int = 1,
        gap: int = 64,
    ) -> None:
        self.places = range(batch) if places is None else places
        self.made = batch // repeat
        if batch % repeat or (repeat > 1 and self.made % self.places.step):
            raise ValueError(f"{batch} samples a batch cannot be {repeat} uses of each")
        self.seed, self.size, self.count, self.framing, self.workers = seed, size, batch, framing, workers
        self.repeat, self.gap = repeat, gap
        self._samples: Iterator[Sample] | None = None
        self._kept: dict[int, dict[int, SampleStore]] = {}
        self._next = 0

    def batch(self, step: int, size: int, random: np.random.Generator) -> Batch:
        """The batch of a step; steps out of order begin the stream anew, as early as samples are used again."""
        own = [place for place in self.places if place < self.made]
        back = (self.repeat - 1) * self.gap
        if self._samples is None or step != self._next:
            self._begin(max(0, step - back))
        assert self._samples is not None
        while self._next <= step:
            stores = [collect([next(self._samples)]) for _ in own]
            self._kept[self._next] = dict(zip(own, stores, strict=True))
            self._next += 1
        for old in [made for made in self._kept if made < step - back]:
            del self._kept[old]
        randoms = random.spawn(self.count)
        # Before there are samples so old, some of those there are.
        chosen = [
            (self._kept[(step - place // self.made * self.gap) % (step + 1)][place % self.made], 0)
            for place in self.places
        ]
        return self.framing.batch(chosen, size, [randoms[place] for place in self.places])

    def _begin(self, step: int) -> None:
        self._samples, self._next = None, step
        self._kept.clear()
        first = range(self.places.start, self.made, self.places.step)
        stream = SampleStream(self.seed, self.size, first=step * self.made, batch=self.made, places=first)
        prefetch = max(2, 2 * self.made // max(self.workers, 1))
        self._samples = iter(stream_loader(stream, self.workers, prefetch))

    def close(self) -> None:
        """End the workers and threads."""
        self._samples = None
        self._kept.clear()
        self.framing.close()


class MixedSource(Source):
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
