"""Validation and the choice of engine for networks of spiking models."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

import numpy as np

from snnsim.compiler.spiking import CompiledSpiking, compile_spiking
from snnsim.engines.choices import candidates, check_choices
from snnsim.engines.limits import check_forms
from snnsim.engines.memory import check_memory
from snnsim.engines.takes import check_hears, check_record, check_samples, check_synapses, check_weights, split_record
from snnsim.engines.trials import check_trials
from snnsim.errors import ParameterError, unknown_name
from snnsim.models.drawn import distributions
from snnsim.models.spiking import NeuronModel
from snnsim.network import Network, Population, description_digest
from snnsim.plasticity.base import rules_of
from snnsim.results import Result
from snnsim.stream.layout import check_new
from snnsim.units import check_number


def run_spiking(
    network: Network,
    *,
    duration: float,
    engine: str = "auto",
    dt: float = 0.1,
    seed: int = 0,
    record: Mapping[str, Any] | None = None,
    start: Any = None,
    progress: Callable[[float], None] | None = None,
    threads: int = 1,
    precision: str | None = None,
    stream: Any = None,
    learning: bool | Iterable[str] = True,
    trials: Any = None,
) -> Result:
    """Run a network of spiking models.

    Parameters
    ----------
    duration : float     ms, > 0
    engine : str         'event': exact spike times; 'clock': steps of dt; 'auto': the one that should be faster (see `choose`)
    dt : float           ms, > 0; step of the clock engine and grid of recorded states in both
    seed : int           >= 0; connectivity and sources
    record : mapping of population to names and `Record`s   'spikes' or states; None: the spikes of all populations but sources
    start : RunState     `Result.state` of an earlier run of the same network, engine, dt and seed
    progress : callable  called with the fraction done, between chunks
    threads : int        of the clock engine; the event engine runs on one, and asked for by name it refuses more. No bit depends on it
    precision : str      'double' or 'single', of states and inputs on the clock; None: that of `start`, else double
    stream : path        a new file that takes what is recorded while the network runs; None: it is kept in memory
    learning : bool or names of projections   which rules change weights in this run; the others forget their traces
    trials : float or Trials     at whose ends the clock engine returns to the start; None: never

    Raises
    ------
    ParameterError    for values outside their domain, unknown names, delays and refractory periods off the clock engine's grid, what
                      the event engine does not have
    CompileError      for a model the engine cannot run
    SimulationError   for memory the run would not have, a state of another description (`description_digest`), or a run that gets stuck
    """
    duration = _one_number("simulate.duration", duration)
    dt = _one_number("simulate.dt", dt)
    check_choices("simulate", engine, threads, precision, getattr(start, "engine", None))
    precision = getattr(start, "precision", "double") if precision is None else precision
    if start is not None:
        # The engines, which know a state, import numba: that takes longer than reading a description.
        from snnsim.engines.tables import check_continues

        asked = getattr(start, "engine", None) if engine == "auto" else engine
        check_continues(start, description_digest(network), engine=asked, dt=dt, seed=seed, precision=precision)
    learns = check_learning(network, learning)
    trials = check_trials(network, trials, dt, engine, getattr(start, "engine", None), learns)
    why = f"engine={engine!r} was asked for"
    if trials is not None and engine == "auto":
        engine, why = "clock", "the event engine does not return to the start after trials"
    record, recorded = split_record(network, record)
    weights = check_weights(network, recorded, dt)
    takes = check_record(network.populations.values(), record, dt)
    check_hears(network)
    began = float(getattr(start, "time", 0.0))
    check_samples(takes, began, duration, dt, fresh=start is None)
    path = None if stream is None else check_new(stream)
    check_forms(network, learns)
    engines = candidates(engine, precision)
    check_memory(network, takes, weights, began, duration, dt, engines, learns=learns, streamed=path is not None)
    if engine == "clock":
        check_steps([population for population in network.populations.values() if not distributions(population.model)], dt)
    compiled = compile_spiking(network, seed=seed, dt=dt)
    check_synapses(compiled, weights)
    if engine == "auto":
        engine, why = choose(compiled, duration, getattr(start, "engine", None), precision)
        if engine == "event" and threads > 1:
            why += f"; it runs on one thread, not on the {threads} that were asked for"
    common: dict[str, Any] = {"duration": duration, "record": takes, "start": start, "progress": progress, "why": why}
    common |= {"stream": path, "learns": learns, "weights": weights}
    if engine == "event":
        from snnsim.engines.event import run as run_event

        return run_event(compiled, **common)
    from snnsim.engines.clock import run as run_clock

    check_steps(compiled.populations, dt)
    return run_clock(compiled, **common, threads=threads, precision=precision, spare=True, trials=trials)


def check_learning(network: Network, learning: Any) -> frozenset[int]:
    """Return the projections that learn in a run. Raises ParameterError for names that are not those of plastic projections."""
    rules = [rules_of(f"Projection({name})", projection.plasticity) for name, projection in network.projections.items()]
    plastic = {name: q for q, (name, rule) in enumerate(zip(network.projections, rules, strict=True)) if rule is not None and rule.learn}
    if isinstance(learning, (bool, np.bool_)):
        return frozenset(plastic.values() if learning else ())
    if isinstance(learning, str) or not isinstance(learning, Iterable):
        raise ParameterError(f"simulate.learning = {learning!r} must be True, False or a list of names of projections.")
    for name in learning:
        if name not in plastic:
            raise ParameterError(unknown_name("simulate.learning: plastic projection", name, plastic))
    return frozenset(plastic[name] for name in learning)


def _one_number(owner: str, value: Any) -> float:
    number = check_number(owner, value, unit="ms", gt=0.0)
    if isinstance(number, np.ndarray):
        raise ParameterError(f"{owner} = {value!r} must be one number in ms. Give a float.")
    return number


def check_steps(populations: Iterable[Population], dt: float) -> None:
    """Raise ParameterError, with the name of the population, where a model cannot take steps of `dt` ms."""
    for population in populations:
        try:
            cast(NeuronModel, population.model).check_step(dt)
        except ParameterError as error:
            raise ParameterError(f"Population({population.name!r}).model: {error}") from None


def expected_rates(compiled: CompiledSpiking, duration: float) -> list[float]:
    """Return a rough rate per neuron of each population, Hz: only for choosing an engine.

    A source knows its own. Any other neuron is taken for 10 Hz, or for the rate at which sources reach it if that is
    lower: without a drive of its own (`v_inf` below threshold, and no current) it hardly fires more often than its sources kick it.
    """
    rates = [model.expected_rate(duration) for model in compiled.models]
    driven = {current.population for current in compiled.currents}
    kicks = [0.0] * len(rates)
    for part in compiled.projections:
        if compiled.models[part.pre].is_source:
            kicks[part.post] += rates[part.pre] * len(part.target) / compiled.populations[part.post].size
    for p, model in enumerate(compiled.models):
        v_inf, v_th = getattr(model, "v_inf", np.inf), getattr(model, "v_th", 0.0)
        if not model.is_source and p not in driven and np.all(np.asarray(v_inf) < np.asarray(v_th)):
            rates[p] = min(rates[p], kicks[p])
    return rates


def choose(compiled: CompiledSpiking, duration: float, started: str | None = None, precision: str = "double") -> tuple[str, str]:
    """Return the engine for `engine="auto"`, and why.

    A continued run keeps its engine. Else the clock engine runs whatever has no closed form, and the event engine whatever
    does not fit the grid. Else the expected work decides: every expected spike and delivery at the `event_cost` of its
    model, against neurons x steps. See `expected_rates` for the rates.
    """
    from snnsim.engines.clock import duration_steps
    from snnsim.engines.clock_machine import delay_steps
    from snnsim.engines.currents import random_or_smooth
    from snnsim.engines.event import missing_forms
    from snnsim.engines.reward import clock_only
    from snnsim.engines.rewire import structural
    from snnsim.engines.upkeep import check_intervals

    if started is not None:
        return started, f"the run continues one of the {started} engine"
    if precision == "single":
        return "clock", "the event engine has no single precision"
    missing = missing_forms(compiled)
    if missing:
        return "clock", f"{', '.join(missing)} has no closed form between events"
    stepped = clock_only(compiled)
    if stepped:
        return "clock", f"the network learns by {'; '.join(stepped)}: the event engine has no steps"
    if structural(compiled):
        return "clock", "the event engine does not move synapses"
    restless = random_or_smooth(compiled)
    if restless:
        return "clock", f"{', '.join(restless)} changes at every moment or at random: the event engine cannot look ahead under it"
    try:
        delay_steps(compiled)
        check_intervals(compiled)
        steps = duration_steps(compiled, duration)
        check_steps(compiled.populations, compiled.dt)
    except ParameterError as error:
        return "event", str(error).split(" for the clock engine")[0]
    rates = expected_rates(compiled, duration)
    work = 0.0
    for rate, population, model in zip(rates, compiled.populations, compiled.models, strict=True):
        work += rate * population.size * model.event_cost
    for current in compiled.currents:
        # Every change touches every neuron of the population.
        neurons, cost = compiled.populations[current.population].size, compiled.models[current.population].event_cost
        work += current.signal.changes(duration) / (duration * 1e-3) * neurons * cost
    for part in compiled.projections:
        work += rates[part.pre] * len(part.target) * compiled.models[part.post].event_cost
    work *= duration * 1e-3
    updates = steps * sum(population.size for population in compiled.populations)
    engine = "event" if work < updates else "clock"
    return engine, f"expected events take as long as {work:.2g} neuron steps, and a clock would take {updates:.2g}"
