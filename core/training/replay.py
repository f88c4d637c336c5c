"""Samples made while training that stay where the model learns, and are drawn again: it learns faster than they are made."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator

import numpy as np
import torch
from maskel_core.data.cache import joints_of
from maskel_core.data.dataset import Augmentation, Batch
from maskel_core.data.frames import RawBatch, frame_batch, pick
from maskel_core.data.sample import Sample
from maskel_core.devices import send
from maskel_core.errors import MaskelError
from maskel_core.models.views import view_number
from maskel_core.pipeline.letterbox import Letterbox
from maskel_core.training.sources import SampleStream, Source, stream_loader
from torch import Tensor
from torch.utils.data import IterableDataset

WAIT_SECONDS = 300.0
"""How long a step waits for its first samples before the run is given up."""

MOST_WAITING = 256
"""Samples that have arrived and wait for a step to take them."""

Packed = tuple[Tensor, Tensor, Tensor, int, Tensor]
"""Mask, layers, joints, view and box of one sample, as in `RawBatch`."""


def pack(sample: Sample, margin: float, whole: bool = False) -> Packed:
    """A sample as tensors, with the letterbox of its mask as by `Letterbox.around`."""
    box = Letterbox.around(sample.mask, sample.mask.shape[0], margin, whole)
    return (
        torch.from_numpy(sample.mask),
        torch.from_numpy(np.stack([sample.bone, sample.soft])),
        torch.tensor(joints_of(sample.meta), dtype=torch.float32),
        view_number(float(sample.meta["camera"]["yaw"])),
        torch.tensor([box.left, box.top, box.side], dtype=torch.float32),
    )


class PackedStream(IterableDataset[Packed]):
    """A stream of samples, packed in the process that makes them."""

    def __init__(self, stream: SampleStream, margin: float, whole: bool = False) -> None:
        super().__init__()
        self.stream, self.margin, self.whole = stream, margin, whole

    def __iter__(self) -> Iterator[Packed]:
        """The stream's samples."""
        for sample in self.stream:
            yield pack(sample, self.margin, self.whole)


class ReplaySource(Source):
    """Batches drawn from all samples made so far, those that were used least before the others.

    Worker processes make samples as fast as they can and a thread brings them to the device; a step never waits for them,
    but for the first. So a run of this source does not repeat bit by bit; one that goes on makes persons not seen before.

    Args:
        seed: Of the samples.
        size: Pixels per side of the samples.
        batch: Samples a batch.
        margin: Of the letterbox.
        augmentation: Ranges of the random changes.
        workers: Processes; 0 makes them in the thread.
        device: Where the samples stay.
        gib: How much of its memory they take; the oldest make room.
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
        device: torch.device,
        gib: float,
        places: range | None = None,
    ) -> None:
        self.places = range(batch) if places is None else places
        self.seed, self.size, self.count, self.margin = seed, size, batch, margin
        self.augmentation, self.workers, self.device = augmentation, workers, device
        self.capacity = max(len(self.places), int(gib * 2**30 / (5 * size**2)))
        self.made = 0
        self._kept: RawBatch | None = None
        self._uses = np.zeros(self.capacity)
        self._arrived: list[list[Tensor]] = []
        self._change = threading.Condition()
        self._error: BaseException | None = None
        self._told = False
        self._thread: threading.Thread | None = None
        self._closed = False

    def batch(self, step: int, size: int, random: np.random.Generator) -> Batch:
        """The batch of a step, on the device.

        Raises:
            MaskelError: ``samples_missing`` when none come.
        """
        if self._thread is None:
            self._thread = threading.Thread(target=self._fill, args=(step,), daemon=True)
            self._thread.start()
        needed = min(2 * len(self.places), self.capacity)
        with self._change:
            self._change.wait_for(
                lambda: self._error is not None or self.made + len(self._arrived) >= needed, WAIT_SECONDS
            )
            error, arrived, self._arrived = self._error, self._arrived, []
            self._change.notify_all()
        for packed in arrived:
            self._keep(packed)
        if error is not None and not self._told and self.made >= needed:
            self._told = True
            print(
                f"No samples are made any more ({error}): the run goes on with those it has.", file=sys.stderr
            )
        if self.made < needed:
            raise MaskelError(
                "samples_missing",
                f"No samples are made any more: {error or 'nothing came'}.",
                "Look at the messages above, then resume the run.",
            ) from error
        assert self._kept is not None
        present = min(self.made, self.capacity)
        # Least keys of exponential draws over weights: a weighted choice without return (Efraimidis and Spirakis 2006).
        keys = random.exponential(size=present) * (1 + self._uses[:present]) ** 2
        rows = np.argpartition(keys, len(self.places) - 1)[: len(self.places)]
        self._uses[rows] += 1
        chosen = pick(self._kept, send(torch.from_numpy(rows), self.device))
        return frame_batch(chosen, size, self.augmentation, random)

    def figures(self) -> dict[str, float]:
        """How many samples were made and how often each was used on average."""
        present = max(1, min(self.made, self.capacity))
        return {"made": self.made, "uses": float(self._uses[:present].mean())}

    def close(self) -> None:
        """End the workers."""
        with self._change:
            self._closed = True
            self._change.notify_all()
        if self._thread is not None:
            self._thread.join(30)
            self._thread = None

    def _keep(self, packed: list[Tensor]) -> None:
        """Copy an arrived sample to its place among those kept."""
        if self._kept is None:
            empty = [
                torch.empty((self.capacity, *t.shape), dtype=t.dtype, device=self.device) for t in packed
            ]
            self._kept = RawBatch(*empty)
        kept, slot = self._kept, self.made % self.capacity
        for store, value in zip(
            (kept.mask, kept.layers, kept.joints, kept.view, kept.box), packed, strict=True
        ):
            store[slot].copy_(value)
        self._uses[slot] = 0
        self.made += 1

    def _fill(self, step: int) -> None:
        """Bring samples to the device until closed; runs in the thread."""
        try:
            # Copies of their own stream do not queue behind the step that the device is at.
            own = torch.cuda.Stream(self.device) if self.device.type == "cuda" else None
            first = step * self.count
            stream = SampleStream(self.seed, self.size, first=first, batch=self.count, places=self.places)
            packing = PackedStream(stream, self.margin, self.augmentation.whole > 0)
            for packed in stream_loader(packing, self.workers, prefetch=4):
                if self._closed:
                    return
                self._bring(packed, own)
        except BaseException as error:
            with self._change:
                self._error = error
                self._change.notify_all()

    def _bring(self, packed: Packed, own: torch.cuda.Stream | None) -> None:
        tensors = [torch.as_tensor(part) for part in packed]
        if own is not None:
            with torch.cuda.stream(own):
                tensors = [tensor.to(self.device) for tensor in tensors]
            own.synchronize()
            for tensor in tensors:
                tensor.record_stream(torch.cuda.default_stream(self.device))
        else:
            tensors = [tensor.to(self.device) for tensor in tensors]
        most = max(MOST_WAITING, 2 * len(self.places))
        with self._change:
            # A long look at held-out samples must not fill the device.
            self._change.wait_for(lambda: self._closed or len(self._arrived) < most)
            self._arrived.append(tensors)
            self._change.notify_all()
