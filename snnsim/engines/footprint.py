"""How many bytes the synapses and the neurons of a network take in an engine, from its description alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from snnsim.connect import View
from snnsim.connect.base import narrow
from snnsim.connect.views import expected
from snnsim.currents import Current
from snnsim.distributions import Distribution, sample
from snnsim.models.drawn import drawn
from snnsim.network import Network, Population, Projection
from snnsim.plasticity.base import SynapseForm, rules_of

#: Synaptic operations that wait for their step in lists at most; more are added up early (kernels/mail.py).
MOST_LISTED = 1 << 24
_HISTORY, _MOST_BANKS = 33, 64  # postsynaptic spikes kept for a neuron, delays from which on they are (engines/lessons.py)
_PER_CURRENT = 88.0  # bytes: a value, a memory, a number, up to seven parameters, and a target
_LEAST_RUN, _LONGEST = 8, 1024  # synapses of a source and delay, and steps, for rows by delay (engines/fabric.py)
_LEAST_DENSE = 1 / 16  # part of the pairs from which on synapses may also be kept as bits (engines/fabric.py)


def synapse_bytes(
    network: Network, engine: str, dt: float, threads: int = 1, learns: frozenset[int] | None = None
) -> tuple[dict[str, float], tuple[str, ...]]:
    """Return the expected bytes of the synapses by projection, as compiled and as the engine keeps them, and who cannot tell.

    learns : projections that learn; None: all that are plastic
    """
    needs, unknown, posted = {}, [], {}
    timed = _timed(network, dt) if engine == "clock" else {}
    for q, (name, projection) in enumerate(network.projections.items()):
        pre, post, connector, n = projection.pre, projection.post, projection.connector, expected(projection)
        if n is None:
            unknown.append(name)
            continue
        needs[name] = n * _bytes_each(projection, engine) + 8.0 * pre.population.size
        if name in timed:
            # A column and a weight, and per thread where every run of a row begins; what was compiled is let go.
            needs[name] = n * (4 + _timed_weight(network, timed)) + 8.0 * pre.population.size + threads * timed[name]
            continue
        plastic = projection.plasticity is not None
        if engine == "event" or plastic:
            # Synapses of one source and one delay are a run, which has a place of its own, and traces where it learns.
            n_delays = len(_delays(projection.delay))
            runs = min(n, float(pre.population.size) * n_delays)
            needs[name] += 16 * pre.population.size + ((33 if engine == "event" else 16) + 40 * plastic) * runs
            form = _form(projection) if learns is None or q in learns else None
            if form is not None:
                needs[name] += n * 8 * (form.own is not None) + _bytes_of_a_target(form, engine, n_delays) * post.population.size
        plain = not _many(projection.weight) and connector.weighted and not _many(projection.delay) and not plastic
        if engine == "clock" and plain and n >= _LEAST_DENSE * pre.population.size * post.population.size:
            needs[name] += pre.population.size * post.population.size / 8
        if engine == "clock" and _many(projection.delay) and not plastic:
            posted[name] = n
    # Input that arrives later waits in lists, of two places per synapse up to a bound.
    waiting = min(MOST_LISTED, 2 * sum(posted.values())) * 12.0
    for name, n in posted.items():
        needs[name] += waiting * n / max(sum(posted.values()), 1.0)
    return needs, tuple(unknown)


def _form(projection: Projection) -> SynapseForm | None:
    """Return how the rule of spikes is run, None where there is none. Its kernels are then loaded."""
    rules = rules_of("", projection.plasticity)
    return None if rules is None or rules.spikes is None else rules.spikes.form()


def _bytes_of_a_target(form: SynapseForm, engine: str, n_delays: int) -> float:
    """Return what is kept of a target for learning: a bank and a degree per delay and what it hears, or its recent spikes."""
    width = 1 + len(form.tau_post) + (form.reward is not None)
    if engine == "clock" and form.learn is not None and n_delays <= _MOST_BANKS:
        return 8.0 * (width + 1) * n_delays + 24.0 * (form.voltage is not None)
    return 8.0 * width * _HISTORY + 8.0


def _timed(network: Network, dt: float) -> dict[str, float]:
    """Return the projections the clock engine keeps in rows by delay, and the bytes of their share of the row pointers of a thread."""
    groups: dict[Any, list[Projection]] = {}
    for projection in network.projections.values():
        if _many(projection.delay) and projection.plasticity is None:
            groups.setdefault(projection.pre.population, []).append(projection)
    found: dict[int, float] = {}
    for pre, group in groups.items():
        steps = np.unique(np.concatenate([np.round(_delays(projection.delay) / dt) for projection in group]))
        each = [expected(projection) for projection in group]
        n = sum(one or 0.0 for one in each)
        if n >= _LEAST_RUN * pre.size * len(steps) and n and steps[-1] <= _LONGEST:
            rows = pre.size * (4.0 * (len(steps) + 1) + 8.0)
            found |= {id(projection): rows * (one or 0.0) / n for projection, one in zip(group, each, strict=True)}
    return {name: found[id(projection)] for name, projection in network.projections.items() if id(projection) in found}


def _timed_weight(network: Network, timed: Mapping[str, float]) -> int:
    """Return the bytes of a weight in rows by delay: four where single precision loses nothing for any of them."""
    return max(8 if _needs_double(network.projections[name]) else 4 for name in timed)


def _needs_double(projection: Projection) -> bool:
    if isinstance(projection.weight, Distribution):
        return False
    weight = np.asarray(1.0 if projection.weight is None else projection.weight, dtype=np.float64)
    return not projection.connector.weighted or not np.array_equal(weight.astype(np.float32), weight)


def _many(value: Any) -> bool:
    return isinstance(value, (np.ndarray, Distribution))


def _bytes_each(projection: Projection, engine: str) -> float:
    """Return the bytes of one synapse: target, weight and delay as compiled, and the copies sorted by delay, or for learning."""
    target = np.dtype(narrow(projection.post.population.size)).itemsize
    drawn_weight = isinstance(projection.weight, Distribution)
    weight = 4 if drawn_weight else 8 if _many(projection.weight) or not projection.connector.weighted else 0
    which = 1 if _many(projection.delay) else 0
    learns = projection.plasticity is not None
    compiled = target + weight + which
    if learns:
        # The weights that change, and beside several delays the order of the synapses.
        return compiled + 8 + (target + 8 if which or engine == "event" else 0) - (8 if engine == "event" and not which else 0)
    if engine == "clock":
        return compiled
    copies = 2 if which else 1
    return compiled + copies * target + (16 if weight else 0) + (8 if which else 0)


def state_bytes(network: Network, engine: str, dt: float, threads: int, number: int) -> dict[str, float]:
    """Return the bytes of the neurons, by population, without what a kernel keeps for all neurons together."""
    delays = {name: float(_delays(projection.delay).max(initial=0.0)) for name, projection in network.projections.items()}
    timed = _timed(network, dt)
    late = [delays[name] for name, projection in network.projections.items() if not _many(projection.delay) or name in timed]
    late += [2.0 * delays[name] + dt for name, projection in network.projections.items() if projection.plasticity is not None]
    early = {
        name: delays[name]
        for name, projection in network.projections.items()
        if projection.plasticity is None and _many(projection.delay) and name not in timed
    }
    window = 1 if threads == 1 else 64
    slots = round(max(late, default=0.0) / dt) + 2 * window + 1
    ring = 1 << round(max(early.values(), default=0.0) / dt).bit_length()
    ringed = bool(early or timed)
    unlike = {current.target.population.name for current in network.currents if _unlike(current)}
    out = {}
    for name, population in network.populations.items():
        rows, constants, channels = _rows(population, dt, engine, name in unlike)
        if engine == "clock":
            each = number * (rows + constants + channels * (1 + ring * ringed)) + 1 + 8 * slots + 40 * window
        else:
            outgoing = sum(projection.pre.population is population for projection in network.projections.values())
            each = 8 * (rows + constants + channels) + 98 + outgoing * 48
        out[name] = float(each) * population.size
    for current in network.currents:
        if _unlike(current):
            # Its value, its parameters and what it starts from, one per neuron; samples are kept as given.
            samples = getattr(current.signal, "values", None)
            out[current.target.population.name] += _PER_CURRENT * current.target.size + (0.0 if samples is None else 8.0 * samples.size)
    return out


def _unlike(current: Current) -> bool:
    return isinstance(current.target, View) or not current.signal.alike


def _delays(delay: Any) -> np.ndarray:
    """Return the different delays of a projection, ms; of one that is drawn, those of some draws."""
    if isinstance(delay, Distribution):
        delay = sample(delay, 10_000, np.random.default_rng(0))
    return np.unique(1.0 if delay is None else delay)


def one_of(population: Population) -> Any:
    """Return the model of one neuron: distributions drawn once, arrays by their first entry."""
    model: Any = population.model
    if model.is_source and any(isinstance(getattr(model, field.name), np.ndarray) for field in dataclasses.fields(model)):
        return model
    model = drawn(model, (1,), np.random.default_rng(0))
    fields = {field.name: getattr(model, field.name) for field in dataclasses.fields(model) if field.init}
    first = {name: float(value.ravel()[0]) for name, value in fields.items() if isinstance(value, np.ndarray)}
    return dataclasses.replace(model, **first) if first else model


def _rows(population: Population, dt: float, engine: str, unlike: bool) -> tuple[int, int, int]:
    """Return rows of state, rows of coefficients that every neuron has of its own, and input channels.

    unlike : bool   currents differ from neuron to neuron, and so do coefficients
    """
    model: Any = population.model
    own = unlike or any(_many(getattr(model, field.name)) for field in dataclasses.fields(model))
    if model.is_source:
        return 2, int(own), 0
    one = one_of(population)
    form = one.clock_form(1, dt) if engine == "clock" else one.event_form(1)
    if form is None:
        return len(model.states), 0, model.channels
    return len(form.state), len(form.coef) * own, model.channels
