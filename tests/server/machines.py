"""The real pipeline with a small random model, and the same on devices that can be held or run full."""

from __future__ import annotations

import asyncio
import threading
import time

import numpy as np
import torch
from maskel_core.models import CONFIGURATIONS
from maskel_core.pipeline import MaskelPipeline
from maskel_server.engine import XrayJob


def small_pipeline():
    """A `MaskelPipeline` whose answers are exact enough to compare."""
    torch.manual_seed(0)
    model = CONFIGURATIONS["tiny-base"].make_generator(bone_scale=3.0, soft_scale=15.0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.02)
    return MaskelPipeline(model, "small", precision="float32")


class Accelerator:
    """The real pipeline behind the name of a device; can be held, and raises above so many masks as its memory would.

    A double of the device only: what it answers is the pipeline's.
    """

    model_id, description, native_size = "small", "a small model", 128

    def __init__(self, device="cuda:0", fits=99, largest=8, error=torch.OutOfMemoryError):
        self.inner = small_pipeline()
        self.device = device
        self.fits = {device: fits}
        self.error = error
        self.largest = largest
        self.sizes = []
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Semaphore(0)
        self.poison = None

    @property
    def largest_batch(self):
        return self.largest

    def __call__(self, mask, **options):
        return self.inner(mask, **options)

    def prepare(self, request):
        return self.inner.prepare(request)

    def predict(self, prepared):
        self.sizes.append(len(prepared))
        self.entered.release()
        assert self.gate.wait(20)
        if len(prepared) > self.fits.get(self.device, 99):
            raise self.error("the device is full")
        if any(one.request.style == self.poison for one in prepared):
            raise RuntimeError("this mask breaks the model")
        return self.inner.predict(prepared)

    def finish(self, prepared, prediction):
        return self.inner.finish(prepared, prediction)

    def to(self, device):
        self.device = device
        return self


def masks(count):
    """Bodies no two of which are alike: uint8 (80, 64)."""
    made = []
    for number in range(count):
        mask = np.zeros((80, 64), np.uint8)
        mask[8 : 70 - number, 20 : 36 + number] = 255
        mask[20:30, 12:50] = 255
        made.append(mask)
    return made


def work_off(engine, jobs, meanwhile=None):
    """Submit jobs on a loop of their own; answers or exceptions, in order. ``meanwhile`` gets the futures."""

    async def run():
        futures = [engine.submit(job) for job in jobs]
        if meanwhile is not None:
            await asyncio.to_thread(meanwhile, futures)
        return await asyncio.gather(*futures, return_exceptions=True)

    return asyncio.run(asyncio.wait_for(run(), 60))


def jobs_of(count, **options):
    """Jobs with different masks."""
    return [XrayJob(mask, **options) for mask in masks(count)]


def until(condition, seconds=20):
    """Poll until it holds."""
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.002)
    assert condition()
