"""Where units of work run: in this process, in several, or on Ray workers. The work itself decides what comes out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any

from maskel_core.errors import MaskelError

ENGINES = ("local", "ray")


def run_units(
    work: Callable[[int], int],
    units: Sequence[int],
    engine: str = "local",
    workers: int = 1,
    address: str | None = None,
) -> Iterator[int]:
    """Results of ``work`` over the units, in the order in which they end.

    Args:
        work: A picklable function of a unit's number.
        units: The numbers.
        engine: ``local`` (this process, or a pool of processes), or ``ray`` (Ray Data).
        workers: Units that run at the same time.
        address: Of a running Ray cluster; default: one is started on this machine.

    Raises:
        MaskelError: ``bad_engine``, ``ray_missing``.
    """
    if engine not in ENGINES:
        raise MaskelError(
            "bad_engine", f"There is no engine {engine!r}.", f"Choose one of {', '.join(ENGINES)}."
        )
    if engine == "ray":
        yield from _on_ray(work, units, workers, address)
    elif workers <= 1:
        yield from map(work, units)
    else:
        with (
            _single_threaded(),
            ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool,
        ):
            for future in as_completed([pool.submit(work, unit) for unit in units]):
                yield future.result()


@contextmanager
def _single_threaded() -> Iterator[None]:
    """Processes that start within compute on one thread each: numpy's library reads how many it may use when it is loaded."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _on_ray(
    work: Callable[[int], int], units: Sequence[int], workers: int, address: str | None
) -> Iterator[int]:
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise MaskelError(
            "ray_missing", "Ray is not installed.", 'Install it with `pip install "maskel[scale]"`.'
        ) from error
    if not units:
        return

    def run(row: dict[str, Any]) -> dict[str, Any]:
        return {"result": work(int(row["item"]))}

    ours = not ray.is_initialized()
    if ours:
        # A cluster brings its own processors; a new one has as many as there are workers.
        own = {"num_cpus": workers, "include_dashboard": False} if address is None else {"address": address}
        ray.init(log_to_driver=False, configure_logging=False, **own)
    try:
        ray.data.DataContext.get_current().enable_progress_bars = False
        # One block a unit, so that a lost worker repeats one unit.
        rows = ray.data.from_items(list(units), override_num_blocks=len(units))
        for row in rows.map(run, num_cpus=1, concurrency=workers).iter_rows():
            yield row["result"]
    finally:
        if ours:
            ray.shutdown()
