"""`sweep`: one function at many points, on this machine or on many."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from snnsim.errors import ParameterError, SimulationError, unknown_name
from snnsim.sweeps.fingerprint import fingerprint, name_of
from snnsim.sweeps.outcome import Job, Outcome, names_differ
from snnsim.sweeps.plan import Plan, make_plan
from snnsim.sweeps.store import Store, check_store
from snnsim.sweeps.table import SweepTable
from snnsim.sweeps.workers import check_scheduler, outcomes
from snnsim.units import one_of


def sweep(
    function: Callable,
    points: Mapping[str, Any] | Sequence[Mapping[str, Any]],
    *,
    seeds: int | Sequence[int] | None = None,
    seed: int = 0,
    paired: bool = True,
    draws: int | None = None,
    shared: Mapping[str, Any] | None = None,
    scheduler: Any = None,
    workers: int | None = None,
    threads: int | None = None,
    store: str | Path | None = None,
    progress: Callable[[float], None] | bool = False,
    on_error: str = "raise",
) -> SweepTable:
    """Call a function at every point of a grid, with every seed, and return one table.

    ::

        table = sim.sweep(rate, {"g": [3.0, 4.0, 5.0], "eta": [0.9, 2.0]}, seeds=10, store="rate.jsonl", progress=True)
        print(table.mean(over="seed"))

    Parameters
    ----------
    function : callable        ``function(**point, seed=..., **shared)`` returns a number, a text or an array, or a mapping of names to
        these. It must depend on its arguments alone: then the table does not depend on who runs it, in what order, or how often it
        was resumed
    points : mapping of name to list of values     a grid: every combination, the last name fastest. A value may be a `Distribution` such
        as ``Uniform(low=3.0, high=8.0)``, drawn `draws` times, the same numbers at every point of the rest
        or list of mappings                        the points themselves
    seeds : int or list of int     how many runs of each point, each with a seed of its own, derived from `seed` by a counter (numpy's
        SeedSequence), so that more seeds begin with the same ones; or the seeds. None: the function takes no seed
    seed : int >= 0                what seeds and draws are derived from
    paired : bool                  True: the same seeds at every point, so that differences between points are not those of seeds. False:
        points are independent
    draws : int                    of distributions in a grid
    shared : mapping               further arguments, sent to each worker once: models, data. The function must not change them
    scheduler : None or 'processes', 'threads', 'sync', address or dask.distributed.Client     processes on this machine; threads or a
        plain loop in this process; or the workers of a Dask cluster, such as 'tcp://host:8786', which need snnsim as well
    workers, threads : int         on this machine: how many points at once, default cores / threads; threads that each may use, default 1
    store : path                   a .jsonl that takes every finished point at once. The same call again goes on where it stopped
    progress : bool or callable    show a bar, or call with the fraction done
    on_error : 'raise' or 'record' a point that fails ends the sweep, what is in `store` stays; or becomes a row with a problem and
        without values

    A value that is NaN, infinite or None is missing in the table, and its row says why. Ctrl-C ends a sweep early: the table holds what was
    finished and is marked `cut`.

    Raises
    ------
    ParameterError    before any work: for points, seeds or a store that do not fit, and for a function that does not take the parameters
    SimulationError   for a point that failed, naming its parameters, and for a cluster that does not answer
    FormatError       for a damaged store
    """
    plan = make_plan(points, seeds=seeds, seed=seed, draws=draws, paired=paired)
    job = _checked_job(function, plan, shared)
    scheduler, workers, threads = check_scheduler(scheduler, workers, threads)
    one_of("sweep.on_error", on_error, ("raise", "record"))
    if not isinstance(progress, bool) and not callable(progress):
        raise ParameterError(f"sweep.progress = {progress!r} must be True, False or a function of the fraction done.")
    path = check_store(store)
    with ExitStack() as open_things:
        opened = open_things.enter_context(Store(path, _header(job, plan), len(plan.rows))) if path else None
        found = {row: each for row, each in opened.done.items() if on_error == "record" or not each.failed} if opened else {}
        report = _report(open_things, progress, len(plan.rows))
        report(found)
        todo = [row for row in range(len(plan.rows)) if row not in found]
        cut = False
        running = open_things.enter_context(closing(outcomes(job, plan, todo, scheduler, workers, threads if threads else 1)))
        try:
            for row, outcome in running if todo else ():
                _check(outcome, found, plan, row, on_error)
                if opened:
                    opened.write(row, outcome)
                found[row] = outcome
                report(found)
        except KeyboardInterrupt:
            cut = True
    return _table(plan, found, cut)


def _checked_job(function: Any, plan: Plan, shared: Any) -> Job:
    """Return the job, once it is known that the function takes what it will be given."""
    if not callable(function):
        raise ParameterError(f"sweep.function = {function!r} must be callable: it is called at every point. Give a function.")
    if shared is not None and not isinstance(shared, Mapping):
        raise ParameterError(f"sweep.shared = {type(shared).__name__} must be a mapping of names to objects, such as {{'model': model}}.")
    shared = dict(shared or {})
    given = plan.arguments(0)
    for name in shared:
        if name in given:
            raise ParameterError(f"sweep.shared[{name!r}] is a parameter of the points, too. Rename one of them.")
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # some functions written in C do not tell
        return Job(function, shared)
    takes = [each.name for each in parameters if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)]
    own = name_of(function)
    if not any(each.kind is each.VAR_KEYWORD for each in parameters):
        for name in (*given, *shared):
            if name not in takes:
                raise ParameterError(unknown_name(f"sweep.function {own}: parameter", name, takes))
    for each in parameters:
        needed = each.default is each.empty and each.kind not in (each.VAR_KEYWORD, each.VAR_POSITIONAL)
        if needed and each.name not in given and each.name not in shared:
            remedy = "Give seeds=10" if each.name == "seed" else "Add it to the points, or to shared"
            raise ParameterError(f"sweep.function {own} needs {each.name!r}, which no point has. {remedy}.")
    return Job(function, shared)


def _header(job: Job, plan: Plan) -> dict[str, Any]:
    """Return what tells this sweep from any other."""
    shared = {name: fingerprint(f"sweep.shared[{name!r}]", value) for name, value in job.shared.items()}
    code = {"name": name_of(job.function), "code": fingerprint("sweep.function", job.function)}
    return {"function": code, **plan.asked, "shared": shared}


def _report(open_things: ExitStack, progress: Callable[[float], None] | bool, n: int) -> Callable[[Mapping[int, Outcome]], None]:
    """Return what tells of progress."""
    if callable(progress):
        return lambda found: progress(len(found) / n)  # type: ignore[operator]
    if not progress:
        return lambda found: None
    from snnsim.progress import bar

    shown = open_things.enter_context(bar("sweep"))

    def report(found: Mapping[int, Outcome]) -> None:
        failed = sum(each.failed for each in found.values())
        shown.describe(f"sweep: {len(found) - failed} done, {failed} failed, {n - len(found)} left", len(found) / n)

    return report


def _check(outcome: Outcome, found: Mapping[int, Outcome], plan: Plan, row: int, on_error: str) -> None:
    """Raise SimulationError for a point that failed, or that returned other names than those before it."""
    if on_error == "record":
        return
    problem = outcome.problem if outcome.failed else ""
    first = next((each.values for each in found.values() if each.values is not None), None)
    if first is not None and outcome.values is not None:
        problem = names_differ(first, outcome.values)
    if not problem:
        return
    error = SimulationError(
        f"sweep: the point {plan.named(row)} failed: {problem}. Correct it, or pass on_error='record' to go on without such points."
    )
    if outcome.trace:
        error.add_note(f"Where the function raised it:\n{outcome.trace}")
    raise error


def _table(plan: Plan, found: Mapping[int, Outcome], cut: bool) -> SweepTable:
    """Return the rows that were finished, in the order of the plan. The first of them with values names the columns."""
    rows = sorted(found)
    first = next((values for row in rows if (values := found[row].values) is not None), {})
    cells, problems = [], []
    for row in rows:
        values, problem = found[row].values, found[row].problem
        if values is not None and (differ := names_differ(first, values)):
            values, problem = None, differ
        cells.append((*plan.rows[row], *((values or {}).get(name) for name in first)))
        problems.append(problem)
    return SweepTable(plan.names, tuple(first), tuple(cells), tuple(problems), cut)
