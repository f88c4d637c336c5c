"""Who is next."""

from __future__ import annotations

import pytest
from maskel_server.engine.pace import Pace
from maskel_server.engine.waiting import HEAD_START, WaitingLine


@pytest.fixture
def line():
    return WaitingLine()


def test_first_come_first_served_within_a_priority(line):
    for number in range(5):
        line.add(number, "normal", now=10.0)
    assert line.take(2) == [0, 1] and line.take(9) == [2, 3, 4] and line.take(1) == []


def test_the_more_urgent_goes_first(line):
    line.add("film", "batch", 0.0)
    line.add("plain", "normal", 1.0)
    line.add("look", "preview", 2.0)
    line.add("second look", "preview", 3.0)
    assert [line.position(name) for name in ("look", "second look", "plain", "film")] == [0, 1, 2, 3]
    assert line.take(1) == ["look"]


def test_a_preview_is_not_put_into_a_batch_with_what_nobody_looks_at(line):
    for name, priority in (("film", "batch"), ("plain", "normal"), ("a", "preview"), ("b", "preview")):
        line.add(name, priority, 0.0)
    assert line.take(4) == ["a", "b"] and line.take(4) == ["plain", "film"] and line.take(4) == []


def test_a_batch_never_starves_among_endless_previews(line):
    line.add("film", "batch", 0.0)
    overtaken = 0
    now = 0.0
    while line.position("film") is not None:
        line.add(now, "preview", now)
        overtaken += line.take(1) != ["film"]
        now += 1.0
        assert now < 2 * HEAD_START["batch"]
    assert HEAD_START["batch"] - 2 <= overtaken <= HEAD_START["batch"] + 1


def test_discard_takes_out_the_very_one(line):
    twins = [[], []]
    for twin in twins:
        line.add(twin, "normal", 0.0)
    assert line.discard(twins[1]) and not line.discard(twins[1])
    assert len(line) == 1 and line.take(1)[0] is twins[0]
    assert line.position(twins[0]) is None


def test_the_pace_tells_how_long_a_waiting_job_will_take():
    pace = Pace()
    assert pace.until_done(3, 1) is None
    pace.took(0.5)
    pace.passed(0.4, jobs=4, lanes=1)
    assert pace.until_done(0, 0) == pytest.approx(0.5)
    assert pace.until_done(10, 2) == pytest.approx(0.5 + 11 * 0.1)
    for _ in range(60):
        pace.took(1.0)
        pace.passed(2.0, jobs=2, lanes=2)
    assert pace.until_done(1, 0) == pytest.approx(1.5, rel=1e-3)
