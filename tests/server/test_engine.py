"""The engine: order, batches, states, and the end."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from maskel_core.errors import MaskelError
from maskel_server.engine import Engine, XrayJob
from maskel_server.engine.plan import GATHER_SECONDS, plan_for

from tests.server.doubles import SquarePipeline
from tests.server.machines import Accelerator, jobs_of, masks, small_pipeline, until, work_off


@pytest.fixture
def start():
    """Start an engine on a pipeline; keyword arguments are the engine's."""
    engines = []

    def make(pipeline, **more):
        engine = Engine(lambda: pipeline, **more)
        engine.start()
        assert engine.wait(30) and engine.status == "ready", engine.failure
        if hasattr(pipeline, "forget"):
            pipeline.forget()
        engines.append((engine, pipeline))
        return engine

    yield make
    for engine, pipeline in engines:
        if hasattr(pipeline, "gate"):
            pipeline.gate.set()
        engine.stop()


def assert_answers(results, jobs, pipeline):
    """Every answer is what the pipeline makes of that job's mask alone."""
    for (result, seconds), job in zip(results, jobs, strict=True):
        alone = pipeline(job.mask, job.style, job.size, job.joints, job.view, job.uncertainty)
        assert np.abs(result.image.astype(int) - alone.image).max() <= 1
        assert np.allclose(result.bone, alone.bone, atol=1e-3)
        assert result.joints.keys() == alone.joints.keys()
        assert seconds > 0


def test_priorities_decide_the_order(start):
    pipeline = SquarePipeline()
    engine = start(pipeline)
    pipeline.gate.clear()
    mask = masks(1)[0]
    order = [("bone", "batch"), ("radiograph", "normal"), ("inverted", "preview")]

    async def run():
        futures = [engine.submit(XrayJob(mask, "dxa", priority="batch"))]
        await asyncio.to_thread(pipeline.entered.acquire)
        futures += [engine.submit(XrayJob(mask, style, priority=priority)) for style, priority in order]
        states = [engine.state(future) for future in futures]
        pipeline.gate.set()
        await asyncio.gather(*futures)
        return states

    states = asyncio.run(asyncio.wait_for(run(), 30))
    assert [state.status for state in states] == ["running", "queued", "queued", "queued"]
    assert [state.position for state in states] == [None, 2, 1, 0]
    assert all(state.eta is not None and state.seconds >= 0 for state in states)
    assert states[1].eta > states[3].eta
    assert [call[1] for call in pipeline.calls] == ["dxa", "inverted", "radiograph", "bone"]


def test_an_unknown_priority_is_refused(start):
    engine = start(SquarePipeline())

    async def ask():
        engine.submit(XrayJob(masks(1)[0], priority="now"))

    with pytest.raises(MaskelError) as caught:
        asyncio.run(ask())
    assert caught.value.code == "bad_request" and "preview" in caught.value.fix


def test_the_real_pipeline_in_batches_answers_as_alone(start):
    engine = start(small_pipeline(), queue_size=40)
    jobs = jobs_of(6) + jobs_of(6, style="bone", joints=True, size=50, uncertainty=True, view="back")
    assert_answers(work_off(engine, jobs), jobs, small_pipeline())
    figures = engine.figures()
    assert figures.totals == {"done": 12, "failed": 0, "cancelled": 0, "refused": 0}
    assert figures.queue["waiting"] == figures.queue["running"] == 0


def test_what_waits_behind_an_accelerator_becomes_one_batch(start):
    pipeline = Accelerator(largest=8)
    engine = start(pipeline, queue_size=40)
    pipeline.gate.clear()
    jobs = jobs_of(8)

    def let_go(futures):
        # One is in the model, the next is taken by the other lane at once or with a few of those behind it.
        assert pipeline.entered.acquire(timeout=20)
        until(lambda: len(engine._running) > pipeline.sizes[0])
        pipeline.gate.set()

    assert_answers(work_off(engine, jobs, let_go), jobs, pipeline.inner)
    assert sum(pipeline.sizes) == 8 and len(pipeline.sizes) <= 4
    figures = engine.figures()
    assert figures.batch["largest"] == max(pipeline.sizes) > 1 and figures.batch["mean"] > 1
    assert figures.batch["limit"] == 8


def test_a_lone_job_never_waits_for_others(start, monkeypatch):
    pipeline = Accelerator()
    monkeypatch.setattr("maskel_server.engine.plan.GATHER_SECONDS", 3600.0)
    engine = start(pipeline)
    assert engine._owner.runner.plan.gather == 3600.0
    assert len(work_off(engine, jobs_of(1))) == 1 and pipeline.sizes == [1]


def test_plans():
    assert plan_for(SquarePipeline()).largest == 1 and plan_for(SquarePipeline()).lanes == 1
    plan = plan_for(Accelerator(largest=8))
    assert plan.exclusive and plan.largest == 8 and plan.gather == GATHER_SECONDS
    assert plan_for(Accelerator(), largest=3).largest == 3
    plan = plan_for(Accelerator("cpu", largest=4), threads=4)
    assert not plan.exclusive and plan.lanes * plan.largest == plan.lanes * plan.shared_threads == 4
    assert plan_for(Accelerator("cpu"), threads=1).lanes == plan_for(Accelerator("cpu")).lanes == 1


def test_one_bad_mask_does_not_spoil_its_batch(start):
    pipeline = Accelerator()
    pipeline.poison = "inverted"
    engine = start(pipeline, queue_size=40)
    pipeline.gate.clear()
    good, empty, poisoned = jobs_of(4), XrayJob(np.zeros((9, 9), np.uint8)), jobs_of(1, style="inverted")[0]
    results = work_off(
        engine,
        [*good, empty, poisoned],
        lambda _: pipeline.entered.acquire(timeout=20) and pipeline.gate.set(),
    )
    assert_answers(results[:4], good, pipeline.inner)
    assert [error.code for error in results[4:]] == ["empty_mask", "internal"]
    assert "breaks" not in str(results[5]), "the inside stays inside"
    assert engine.figures().totals["failed"] == 2


def test_progress_and_the_end_of_a_job(start):
    pipeline = Accelerator()
    engine = start(pipeline)
    pipeline.gate.clear()
    seen = []

    async def run():
        first, *others = jobs_of(3)
        # Alone, or another lane may be in the model with the others while this one is still being prepared.
        futures = [engine.submit(first)]
        await asyncio.to_thread(pipeline.entered.acquire)
        futures += [engine.submit(job) for job in others]
        seen.append(engine.state(futures[0]))
        futures[2].cancel()
        pipeline.gate.set()
        await asyncio.gather(*futures[:2])
        return [engine.state(future) for future in futures]

    done, second, cancelled = asyncio.run(asyncio.wait_for(run(), 30))
    (running,) = seen
    assert running.status == "running" and 0 < running.progress < 1 and running.position is None
    assert done.status == second.status == "done" and done.progress == 1 and done.eta is None
    assert cancelled.status == "cancelled" and cancelled.position is None


def test_a_job_cancelled_while_it_waits_moves_the_others_up(start):
    pipeline = SquarePipeline()
    engine = start(pipeline)
    pipeline.gate.clear()

    async def run():
        futures = [engine.submit(job) for job in jobs_of(4)]
        await asyncio.to_thread(pipeline.entered.acquire)
        futures[1].cancel()
        await asyncio.sleep(0)  # the loop tells the engine
        states = [engine.state(future) for future in futures]
        pipeline.gate.set()
        await asyncio.gather(futures[0], *futures[2:])
        return states

    states = asyncio.run(asyncio.wait_for(run(), 30))
    assert [state.status for state in states] == ["running", "cancelled", "queued", "queued"]
    assert [state.position for state in states] == [None, None, 0, 1]
    assert len(pipeline.calls) == 3


def test_places_are_counted(start):
    engine = start(SquarePipeline(), queue_size=1)
    assert engine.retry_seconds() >= 1
    with engine.admit(), engine.admit():
        assert engine.figures().queue["taken"] == engine.figures().queue["limit"] == 2
        with pytest.raises(MaskelError) as caught:
            engine.admit()
    assert caught.value.code == "busy" and engine.figures().totals["refused"] == 1


def test_draining_finishes_what_is_in_and_admits_no_more(start):
    pipeline = SquarePipeline()
    engine = start(pipeline)
    pipeline.gate.clear()

    def drain(_):
        engine.drain()
        assert engine.status == "draining" and not engine.wait_until_empty(0.01)
        with pytest.raises(MaskelError) as caught:
            engine.admit()
        assert caught.value.code == "draining"
        pipeline.gate.set()

    assert len(work_off(engine, jobs_of(3), drain)) == 3
    assert engine.wait_until_empty(20)


def test_what_waits_at_the_end_is_refused_and_not_forgotten(start):
    pipeline = SquarePipeline()
    engine = start(pipeline)
    pipeline.gate.clear()

    def stop(_):
        assert pipeline.entered.acquire(timeout=20)
        engine.stop()
        pipeline.gate.set()

    first, *rest = work_off(engine, jobs_of(3), stop)
    assert first[0].image.any()
    assert [error.code for error in rest] == ["draining", "draining"]
    (late,) = work_off(engine, jobs_of(1))
    assert late.code == "draining"


def test_figures_are_plain_numbers(start):
    engine = start(small_pipeline())
    work_off(engine, jobs_of(2))
    values = engine.figures().as_dict()
    assert values["status"] == "ready" and values["loaded"] is True and values["notice"] is None
    assert values["model"] == "small" and values["device"] == "cpu" and values["precision"] == "float32"
    assert values["device_memory_bytes"] is None and values["uptime"] >= 0
    assert values["memory_bytes"] > 50e6
