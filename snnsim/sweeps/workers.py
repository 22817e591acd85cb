"""Who runs the points: this process, or the workers of a Dask cluster. Either way point by point, as they come."""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
import warnings
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from functools import lru_cache
from itertools import islice
from typing import Any

import snnsim
from snnsim.errors import ParameterError, SimulationError, unknown_name
from snnsim.sweeps.outcome import Job, Outcome
from snnsim.sweeps.plan import Plan
from snnsim.units import check_integer

SCHEDULERS = ("processes", "threads", "sync")
_PATIENCE = 4.0  # s that an address is tried for

#: Libraries that start a thread per core in every process, unless told not to.
_POOLS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def distributed() -> Any:
    """Return the module, loaded only when a sweep needs it. Raises ParameterError when it is missing."""
    try:
        import distributed as module
    except ImportError:
        raise ParameterError(
            "sweep needs the package distributed of Dask, which is not installed. Run: pip install 'snnsim[sweep]', "
            "or pass scheduler='sync' to stay in this process."
        ) from None
    return module


def check_scheduler(scheduler: Any, workers: Any, threads: Any) -> tuple[Any, int | None, int]:
    """Return the scheduler (a name, an address or a client), workers and threads per point. Raises ParameterError."""
    scheduler = "processes" if scheduler is None else scheduler
    local = scheduler in SCHEDULERS if isinstance(scheduler, str) else False
    if isinstance(scheduler, str) and not local and ":" not in scheduler:
        raise ParameterError(unknown_name("sweep.scheduler", scheduler, (*SCHEDULERS, "an address such as tcp://host:8786")))
    if not isinstance(scheduler, str):
        dask = sys.modules.get("distributed")  # whoever has a client has loaded it
        if dask is None or not isinstance(scheduler, dask.Client):
            raise ParameterError(f"sweep.scheduler = {scheduler!r} must be a name, an address or a dask.distributed.Client.")
        if scheduler.asynchronous:
            raise ParameterError(f"sweep.scheduler = {scheduler!r} is asynchronous. Give a Client made with asynchronous=False.")
    for name, value in (("workers", workers), ("threads", threads)):
        if value is not None and (not local or scheduler == "sync"):
            raise ParameterError(f"sweep.{name} = {value!r} applies to workers that the sweep starts on this machine. Leave it out.")
    if workers is not None:
        workers = check_integer("sweep.workers", workers, low=1, high=4096)
    return scheduler, workers, 1 if threads is None else check_integer("sweep.threads", threads, low=1, high=4096)


def outcomes(job: Job, plan: Plan, todo: list[int], scheduler: Any, workers: int | None, threads: int) -> Generator[tuple[int, Outcome]]:
    """Yield row and outcome of every point to do, in the order in which they finish."""
    if scheduler == "sync":
        yield from _here(job, plan, todo)
    else:
        with _client(scheduler, workers, threads, len(todo)) as client:
            yield from _over_dask(client, job, plan, todo)


class _Stopped(BaseException):
    """Ctrl-C within a point. `simulate` would take a KeyboardInterrupt for its own and return a run cut short: no result of the point."""


def _here(job: Job, plan: Plan, todo: Iterable[int]) -> Iterator[tuple[int, Outcome]]:
    pressed = within = False

    def press(number: int, frame: Any) -> None:
        nonlocal pressed
        pressed = True
        if within:
            raise _Stopped

    held = threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    old = signal.signal(signal.SIGINT, press) if held else None
    try:
        for row in todo:
            if pressed:
                raise KeyboardInterrupt
            within = True
            outcome = job(plan.arguments(row))
            within = False
            yield row, outcome
    except _Stopped:
        raise KeyboardInterrupt from None
    finally:
        within = False
        if held:
            signal.signal(signal.SIGINT, old)


@contextmanager
def _client(scheduler: Any, workers: int | None, threads: int, points: int) -> Iterator[Any]:
    dask = distributed()
    if isinstance(scheduler, dask.Client):
        yield _with_workers(scheduler, scheduler.scheduler.address)
    elif scheduler in SCHEDULERS:
        with _cluster(scheduler, workers, threads, points) as cluster, dask.Client(cluster, set_as_default=False) as client:
            yield client
    else:
        try:
            client = dask.Client(scheduler, timeout=_PATIENCE, set_as_default=False)
        except (OSError, ValueError) as error:
            raise SimulationError(
                f"sweep.scheduler = {scheduler!r} did not answer within {_PATIENCE:g} s ({error}). "
                "Start one there with 'dask scheduler', or correct the address."
            ) from None
        with client:
            yield _with_workers(client, scheduler)


def _with_workers(client: Any, address: str) -> Any:
    if not client.nthreads():
        raise SimulationError(
            f"sweep.scheduler: the cluster at {address} has no workers. Start some with 'dask worker {address}', or wait for them: "
            "client.wait_for_workers(1)."
        )
    try:
        # Asked in Python's own words: a worker without snnsim could read none of ours, and would not say so.
        versions = set(client.run(eval, "__import__('snnsim').__version__").values())
    except Exception as error:
        raise SimulationError(f"sweep.scheduler: the workers at {address} have no snnsim ({error}). Install it there.") from None
    if versions != {snnsim.__version__}:
        raise SimulationError(
            f"sweep.scheduler: the workers at {address} have snnsim {', '.join(sorted(versions))}, here it is {snnsim.__version__}. "
            "Install the same there."
        )
    return client


@contextmanager
def _cluster(scheduler: str, workers: int | None, threads: int, points: int) -> Iterator[Any]:
    import dask.system

    if _is_importing():
        raise SimulationError("sweep was called while a worker reads the script. Put the call under: if __name__ == '__main__'.")
    n = min(workers or max(1, dask.system.CPU_COUNT // threads), points)
    shape: dict[str, Any] = {"processes": False, "n_workers": 1, "threads_per_worker": n}
    if scheduler == "processes":
        shape = {"processes": True, "n_workers": n, "threads_per_worker": 1, "preload": ["snnsim.sweeps.preload"]}
    # Pools are set before the first import of numpy in a worker: later it is too late. One point at a time is given to a worker: when it
    # dies, it is known of which.
    settings: dict[str, Any] = {f"distributed.nanny.pre-spawn-environ.{name}": threads for name in _POOLS}
    with _own_environment(), dask.config.set({**settings, "distributed.scheduler.worker-saturation": 1.0}):
        try:
            # No limit of memory: at its own, Dask pauses workers or ends them. `simulate` refuses what does not fit.
            cluster = distributed().LocalCluster(dashboard_address="127.0.0.1:0", memory_limit=0, **shape)
        except RuntimeError as error:
            raise SimulationError(
                f"sweep: the workers did not start ({error}). In a script, put the call under: if __name__ == '__main__'. "
                "Each worker reads the script, and must not begin a sweep of its own."
            ) from None
        with cluster:
            yield cluster


@contextmanager
def _own_environment() -> Iterator[None]:
    """Leave the environment of this process as it was.

    Dask prefers variables of the environment to what it is told, so they are taken out; and it leaves those of its workers behind.
    """
    names = (*_POOLS, "PYTHONHASHSEED", "MALLOC_TRIM_THRESHOLD_")
    there = {name: os.environ[name] for name in names if name in os.environ}
    for name in _POOLS:
        os.environ.pop(name, None)
    try:
        yield
    finally:
        for name in names:
            os.environ.pop(name, None)
        os.environ.update(there)


def _is_importing() -> bool:
    """Whether this process is a child that multiprocessing has not finished to start."""
    import multiprocessing

    return bool(getattr(multiprocessing.current_process(), "_inheriting", False))


def _over_dask(client: Any, job: Job, plan: Plan, todo: Iterable[int]) -> Iterator[tuple[int, Outcome]]:
    import cloudpickle

    # As bytes, which reach a worker whatever they hold: what it cannot read is then an error of a point, not one that Dask tries for ever.
    # By a task, not as scattered data: when every worker that held it dies, Dask can make a task again.
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sending large graph", category=UserWarning)  # once for all points, as it advises
        shared = client.submit(bytes, cloudpickle.dumps(job), pure=False)
    waiting = iter(todo)
    rows: dict[str, int] = {}

    def submit(row: int) -> Any:
        future = client.submit(_run, shared, plan.arguments(row), pure=False)
        rows[future.key] = row
        return future

    # A few for every worker, so that none waits for the next; all at once would fill the scheduler.
    ahead = 4 * sum(client.nthreads().values()) + 16
    running = distributed().as_completed([submit(row) for row in islice(waiting, ahead)], loop=client.loop)
    try:
        for future in running:
            row = rows.pop(future.key)
            yield row, _outcome(future, plan, row)
            for row in islice(waiting, 1):
                running.add(submit(row))
    finally:
        client.cancel(list(running.futures))


def _outcome(future: Any, plan: Plan, row: int) -> Outcome:
    """Return the outcome of a point. What the function raised is one; what Dask raises is none, unless the point ended its worker."""
    try:
        return future.result()
    except distributed().KilledWorker as error:
        return Outcome(None, f"its worker died {error.allowed_failures + 1} times. It may have run out of memory")
    except (Exception, CancelledError) as error:
        said = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise SimulationError(
            f"sweep: the workers could not run the point {plan.named(row)} ({said}). Look whether the cluster is still there and its "
            "workers have the packages and modules of the function. With a store, the same call goes on where it stopped."
        ) from None


@lru_cache(maxsize=1)
def _opened(job: bytes) -> Job:
    """Return what the points share: made once in each worker, and kept until the next sweep."""
    return pickle.loads(job)


def _run(job: bytes, arguments: dict[str, Any]) -> Outcome:
    return _opened(job)(arguments)
