"""`simulate`: the one front door for every network."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from snnsim.errors import ParameterError
from snnsim.network import Network
from snnsim.results import Result
from snnsim.trials import Trials
from snnsim.units import check_integer


def simulate(
    network: Network,
    duration: float | None = None,
    *,
    inputs: Any = None,
    record: Mapping[str, Any] | None = None,
    engine: str | None = None,
    dt: float | None = None,
    schedule: str | None = None,
    code: str | None = None,
    steps: int | None = None,
    seed: int | None = None,
    threads: int | None = None,
    precision: str | None = None,
    start: Any = None,
    stream: str | Path | None = None,
    learning: bool | Iterable[str] | None = None,
    trials: float | Trials | None = None,
    progress: Callable[[float], None] | bool = False,
) -> Result:
    """Run a network and return what it did.

    Parameters
    ----------
    network : Network
    duration : float              ms > 0; spiking networks only
    inputs : int[trials, *shape]  integer networks only: what the input population shall have emitted
    record : mapping of population name to list of 'spikes' and, for spiking models, state names or `Record`, which chooses neurons
        and times; or of the name of a plastic projection to ``Record("weight", every=...)``. None records the spikes of every
        population that is not a source (spiking), nothing (integer: settled values and accumulators are always returned)
    engine : 'auto', 'event' or 'clock'            spiking networks only; default 'auto', which says its choice in `Result.why`
    dt : float                    ms, default that of `start`, else 0.1; step of the clock engine and of recordings; spiking networks only
    schedule : 'settled', 'eager', 'timed' or 'shuffled'   integer networks only; default 'settled'
    code : 'unary', 'binary', 'signed_digit', 'graded' or 'time_to_first_spike'   integer networks only; default 'signed_digit'
    steps : int >= 1              of schedule 'timed': where it stops; the answer is exact for trials that are `Result.silent` by then
    seed : int >= 0               same seed, same bits; default that of `start`, else 0
    threads : int >= 1            integer networks: trials run side by side, default one per core, or NUMBA_NUM_THREADS where that is set;
        the clock engine divides the neurons, default 1; the event engine takes 1 alone. No result depends on it
    precision : 'double' or 'single'   of the clock engine's states and inputs; default that of `start`, else double
    start : object                `Result.state` of an earlier run, to continue it
    stream : path                 a new HDF5 file that takes spikes and recordings while the network runs, so that memory does not
        grow with the duration; the result reads from it, and `load_recordings` does. Spiking networks only; needs h5py
    learning : bool or list of str     which plastic projections change their weights in this run, by name; default all. The others
        keep theirs and forget their traces; short-term plasticity goes on. Spiking networks only
    trials : float or Trials      ms, the length of trials: at its multiples the network returns to its start, but for weights and slow
        states; see `Trials`. Spiking networks on the clock only
    progress : bool or callable   show a bar, or call with the fraction done

    Raises
    ------
    ParameterError    for a value out of its domain, or an argument that this kind of network does not take
    CompileError      when no engine can run the network as described
    SimulationError   for a start state of another network, and for a run that would not fit into memory (see `forecast`)

    Ctrl-C ends a run early: the result holds what was simulated, is marked `cut`, and can be continued.
    """
    if not isinstance(network, Network):
        raise ParameterError(f"simulate.network = {network!r} must be a Network. Build one from Projections.")
    seed = getattr(start, "seed", 0) if seed is None else check_integer("simulate.seed", seed, low=0, high=2**63 - 1)
    if threads is not None:
        threads = check_integer("simulate.threads", threads, low=1, high=1024)
    if progress is not None and not isinstance(progress, bool) and not callable(progress):
        raise ParameterError(f"simulate.progress = {progress!r} must be True, False or a function of the fraction done.")
    given = {"duration": duration, "engine": engine, "dt": dt, "inputs": inputs, "schedule": schedule, "code": code, "steps": steps}
    given |= {"precision": precision, "stream": stream, "learning": learning, "trials": trials}
    takes_not: dict[str, tuple[str, ...]] = {
        "spiking": ("inputs", "schedule", "code", "steps"),
        "integer": ("duration", "engine", "dt", "precision", "stream", "learning", "trials"),
    }
    for name in takes_not[network.domain]:
        if given[name] is not None:
            raise ParameterError(f"simulate.{name} = {given[name]!r} does not apply to a network of {network.domain} models. Leave it out.")
    if callable(progress) or not progress:
        return _run(network, given, record, seed, threads, start, progress or None)
    from snnsim.progress import bar

    with bar("simulating") as report:
        return _run(network, given, record, seed, threads, start, report)


def _run(
    network: Network,
    given: Mapping[str, Any],
    record: Any,
    seed: int,
    threads: int | None,
    start: Any,
    report: Callable[[float], None] | None,
) -> Result:
    if network.domain == "integer":
        from snnsim.compiler.integer import compile_integer
        from snnsim.engines.settle import run_integer

        if given["inputs"] is None:
            raise ParameterError(
                "simulate.inputs is missing: a network of integer units needs one input per trial. Give int[trials, *shape]."
            )
        arguments = {"schedule": "settled", "code": "signed_digit"} | _given(given, "schedule", "code", "inputs", "steps")
        return run_integer(compile_integer(network), **arguments, seed=seed, threads=threads, record=record, start=start, progress=report)
    from snnsim.engines.spiking import run_spiking

    if given["duration"] is None:
        raise ParameterError("simulate.duration is missing: a spiking network runs for a given time in ms. Give a number > 0.")
    arguments = {"engine": "auto", "dt": getattr(start, "dt", 0.1)} | _given(
        given, "engine", "dt", "duration", "precision", "stream", "learning", "trials"
    )
    return run_spiking(network, **arguments, seed=seed, record=record, start=start, progress=report, threads=threads or 1)


def _given(arguments: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Return the named arguments that were given."""
    return {name: arguments[name] for name in names if arguments[name] is not None}
