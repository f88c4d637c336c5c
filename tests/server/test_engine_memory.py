"""The model is let go and comes back; memory that runs out costs speed, not jobs."""

from __future__ import annotations

import gc
import logging
import sys
import weakref

import numpy as np
import pytest
import torch
from maskel_core.errors import MaskelError
from maskel_server.engine import Engine
from maskel_server.engine.faults import as_typed, is_out_of_memory
from maskel_server.engine.memory import give_back, resident_bytes

from tests.server.machines import Accelerator, jobs_of, small_pipeline, until, work_off


@pytest.fixture
def start():
    """Start an engine on what ``load`` makes; keyword arguments are the engine's."""
    engines = []

    def make(load, **more):
        engine = Engine(load, **{"queue_size": 40, **more})
        engine.start()
        assert engine.wait(30) and engine.status in ("ready", "idle"), engine.failure
        engines.append(engine)
        return engine

    yield make
    for engine in engines:
        engine.stop()


class Loads:
    """Makes pipelines and remembers which of them are still alive."""

    def __init__(self, make=small_pipeline):
        self.made = []
        self.make = make

    def __call__(self):
        pipeline = self.make()
        self.made.append(weakref.ref(pipeline))
        return pipeline

    @property
    def alive(self):
        gc.collect()
        return sum(reference() is not None for reference in self.made)


def assert_done(results):
    assert [type(one) for one in results] == [tuple] * len(results), results


def test_free_memory_drops_the_model_and_the_next_job_brings_it_back(start):
    load = Loads()
    engine = start(load)
    assert_done(work_off(engine, jobs_of(3)))
    before, after = engine.free_memory()
    assert before > 0 and after > 0
    assert engine.status == "idle" and load.alive == 0
    assert engine.info().id == "small", "clients may still ask what there is"
    assert engine.figures().loaded is False
    with engine.admit():
        assert_done(work_off(engine, jobs_of(3)))
    assert engine.status == "ready" and len(load.made) == 2 and load.alive == 1


def test_a_model_that_comes_back_has_as_many_threads_as_before(start):
    engine = start(Loads())
    plan = engine._owner.runner.plan
    for _ in range(2):
        assert_done(work_off(engine, jobs_of(4)))
        engine.free_memory()
        assert_done(work_off(engine, jobs_of(1)))
        assert engine._owner.runner.plan == plan and plan.threads == torch.get_num_threads()


def test_freeing_twice_and_freeing_nothing(start):
    load = Loads()
    engine = start(load)
    engine.free_memory()
    engine.free_memory()
    assert engine.status == "idle" and len(load.made) == 1


def test_no_job_is_lost_when_memory_is_freed_among_them(start):
    load = Loads()
    engine = start(load)
    for _ in range(3):
        assert_done(work_off(engine, jobs_of(8), lambda _: engine.free_memory()))
    assert engine.figures().totals["done"] == 24


def test_freeing_waits_for_the_job_in_work_and_gives_up_in_time(start):
    made = []

    def load():
        made.append(Accelerator())
        return made[-1]

    engine = start(load)
    made[0].gate.clear()

    def free(_):
        assert made[0].entered.acquire(timeout=20)
        with pytest.raises(MaskelError) as caught:
            engine.free_memory(0.02)
        assert caught.value.code == "busy"
        made[0].gate.set()

    assert_done(work_off(engine, jobs_of(2), free))
    assert engine.status == "ready" and len(made) == 1


def test_an_idle_engine_unloads_by_itself(start):
    load = Loads()
    engine = start(load, idle_seconds=0.05)
    until(lambda: engine.status == "idle")
    assert load.alive == 0
    assert_done(work_off(engine, jobs_of(2)))
    until(lambda: engine.status == "idle")
    assert len(load.made) >= 2


def test_zero_seconds_mean_never(start):
    engine = start(Loads(), idle_seconds=0)
    assert_done(work_off(engine, jobs_of(1)))
    assert engine.status == "ready" and engine._idle_seconds == 0


def test_a_model_that_is_gone_fails_the_job_and_is_tried_again(start):
    gone = []

    def load():
        if gone:
            raise MaskelError("model_missing", "There is no model.", "Put it back.")
        return small_pipeline()

    engine = start(load)
    engine.free_memory()
    gone.append(True)
    failed = work_off(engine, jobs_of(2))
    assert [error.code for error in failed] == ["not_ready"] * 2 and "Put it back." in failed[0].fix
    assert engine.status == "idle" and "There is no model." in engine.notice
    gone.clear()
    assert_done(work_off(engine, jobs_of(2)))
    assert engine.status == "ready" and engine.notice is None


def held_batch(engine, pipeline, count):
    """Answers to jobs that reach the model in as large batches as may be."""
    pipeline.gate.clear()
    return work_off(
        engine, jobs_of(count), lambda _: pipeline.entered.acquire(timeout=20) and pipeline.gate.set()
    )


def test_a_full_device_halves_the_batch_and_remembers_it(start, caplog):
    pipelines = []

    def load():
        pipelines.append(Accelerator(fits=2, largest=8))
        return pipelines[-1]

    engine = start(load)
    with caplog.at_level(logging.WARNING, "maskel_server"):
        assert_done(held_batch(engine, pipelines[0], 12))
    assert max(pipelines[0].sizes) > 2, "a larger batch was tried"
    assert engine.figures().batch["limit"] in (1, 2)
    assert engine.info().device == "cuda:0" and "cuda:0 ran out" in engine.notice
    assert "ran out" in caplog.text
    limit = engine.figures().batch["limit"]
    pipelines[0].sizes.clear()
    assert_done(held_batch(engine, pipelines[0], 12))
    assert max(pipelines[0].sizes) <= limit
    engine.free_memory()
    assert_done(work_off(engine, jobs_of(1)))
    assert engine.figures().batch["limit"] == limit and engine.notice is None


def test_a_device_with_room_for_none_is_left_for_the_cpu(start, caplog):
    pipeline = Accelerator(fits=0, largest=4)
    engine = start(lambda: pipeline)
    with caplog.at_level(logging.WARNING, "maskel_server"):
        results = held_batch(engine, pipeline, 6)
    assert_done(results)
    for (result, _), job in zip(results, jobs_of(6), strict=True):
        assert np.abs(result.image.astype(int) - pipeline.inner(job.mask).image).max() <= 1
    assert engine.info().device == engine.figures().device == "cpu"
    assert "CPU" in engine.figures().notice and "made on the CPU" in caplog.text
    assert not engine._owner.runner.plan.exclusive
    assert_done(work_off(engine, jobs_of(3)))


@pytest.mark.parametrize("error", [MemoryError, torch.OutOfMemoryError])
def test_a_full_machine_is_told_by_name(start, error):
    pipeline = Accelerator("cpu", fits=0, error=error)
    engine = start(lambda: pipeline)
    (failed,) = work_off(engine, jobs_of(1))
    assert failed.code == "out_of_memory" and failed.fix
    pipeline.fits["cpu"] = 99
    assert_done(work_off(engine, jobs_of(2)))


def test_torchs_own_words_for_a_full_machine_are_understood():
    with pytest.raises(RuntimeError) as caught:
        torch.empty(10**15)
    assert is_out_of_memory(caught.value) and as_typed(caught.value).code == "out_of_memory"
    assert not is_out_of_memory(RuntimeError("shapes do not fit"))


def test_resident_memory_is_what_the_system_says():
    import psutil

    if sys.platform == "darwin":
        assert resident_bytes() >= psutil.Process().memory_info().rss
    else:
        assert resident_bytes() == pytest.approx(psutil.Process().memory_info().rss, rel=0.1)


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc keeps free memory to itself")
def test_free_memory_goes_back_to_the_system():
    before = resident_bytes()
    # Blocks too small for a mapping of their own, so that the allocator keeps them.
    blocks = [np.ones(8_000) for _ in range(2000)]
    assert resident_bytes() > before + 100e6
    del blocks[:-1]
    give_back()
    assert resident_bytes() < before + 60e6
