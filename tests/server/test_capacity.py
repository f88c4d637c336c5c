"""The simulation behind docs/capacity.md against queues that have a formula."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))
from capacity import Artists, arrivals, day, poisson, simulate


@pytest.mark.parametrize("load", [0.5, 0.8])
def test_one_replica_is_the_queue_of_the_textbook(load):
    """M/M/1: the mean wait is load / (1 - load) services."""
    rng = np.random.default_rng(1)
    jobs = [(time, 0) for time in poisson(load, 400_000, rng)]
    waits, used = simulate(jobs, 1, 1.0, -1, rng)
    assert waits[0].mean() == pytest.approx(load / (1 - load), rel=0.06)
    assert used == pytest.approx(load, rel=0.02)


def test_two_replicas_share_one_line():
    """M/M/2 at load 0.8: the mean wait is 0.64 / 0.36 services."""
    rng = np.random.default_rng(2)
    jobs = [(time, 0) for time in poisson(1.6, 200_000, rng)]
    waits, _ = simulate(jobs, 2, 1.0, -1, rng)
    assert waits[0].mean() == pytest.approx(0.64 / 0.36, rel=0.06)


def test_batches_let_pictures_past():
    rng = np.random.default_rng(3)
    jobs = [(0.0, 1)] * 50 + [(0.5, 0)]
    waits, _ = simulate(jobs, 1, 1.0, 0.0, rng)
    assert waits[0][0] == pytest.approx(0.5) and waits[1].max() == pytest.approx(50)


def test_arrivals_are_as_many_as_stated():
    artists = Artists(count=200)
    jobs = arrivals(artists, 8 * 3600, np.random.default_rng(4))
    assert jobs == sorted(jobs)
    assert len(jobs) == pytest.approx(artists.jobs_a_second * 8 * 3600, rel=0.06)


def test_too_few_replicas_are_told():
    rows = day(Artists(count=100), 1.0, 0.5)["cores"]
    assert rows["1"] == {"keeps_up": True, **rows["1"]} and rows["1"]["waited_for"]["p99_s"] >= 0
    assert day(Artists(), 1.0, 0.1)["cores"]["1"] == {"keeps_up": False}
