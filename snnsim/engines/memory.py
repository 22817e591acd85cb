"""How much memory a run needs, told before it begins."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from snnsim.connect import View
from snnsim.connect.base import narrow
from snnsim.connect.views import expected
from snnsim.currents import Current
from snnsim.distributions import Distribution, sample
from snnsim.engines.available import available_bytes
from snnsim.engines.choices import candidates, check_choices
from snnsim.engines.samples import sample_bytes
from snnsim.engines.takes import Take, WeightTake, check_record, check_weights, split_record
from snnsim.errors import ParameterError, SimulationError
from snnsim.models.drawn import drawn
from snnsim.network import Network, Population, Projection
from snnsim.plasticity.base import SynapseForm, rules_of
from snnsim.units import check_integer, check_number

#: Synaptic operations that wait for their step in lists at most; more are added up early (kernels/mail.py).
MOST_LISTED = 1 << 24
_SPIKE = 44  # bytes of a recorded spike: 12 while the network runs, 32 in the result
_HISTORY, _MOST_BANKS = 33, 64  # postsynaptic spikes kept for a neuron, delays from which on they are (engines/lessons.py)
_PER_CURRENT = 88.0  # bytes: a value, a memory, a number, up to seven parameters, and a target
_LEAST_RUN, _LONGEST = 8, 1024  # synapses of a source and delay, and steps, for rows by delay (engines/fabric.py)
_LEAST_DENSE = 1 / 16  # part of the pairs from which on synapses may also be kept as bits (engines/fabric.py)


@dataclass(frozen=True)
class Forecast:
    """Bytes a run will need, by what needs them; ``print`` shows a table.

    engine : str
    synapses : mapping of projection to float     expected, from the connectors; what a connector cannot tell is not counted
    state : mapping of population to float        states, parameters, inputs and spikes under way
    samples : mapping of 'population.state' or 'projection.weight' to float   exact, weights as far as the connector is
    spikes : mapping of population to float       from the rates sources have, and 10 Hz for any neuron
    unknown : tuple of str                        projections whose connector cannot tell
    available : float or None                     bytes this process may still take; None where the system does not say
    """

    engine: str
    synapses: Mapping[str, float]
    state: Mapping[str, float]
    samples: Mapping[str, float]
    spikes: Mapping[str, float]
    unknown: tuple[str, ...]
    available: float | None

    @property
    def total(self) -> float:
        """All bytes."""
        return sum(sum(part.values()) for part in (self.synapses, self.state, self.samples, self.spikes))

    def __str__(self) -> str:
        lines = [f"{self.engine} engine: {size(self.total)} in all" + ("" if self.available is None else f", {size(self.available)} free")]
        for title in ("synapses", "state", "samples", "spikes"):
            part = getattr(self, title)
            if part:
                lines.append(f"  {title:<30} {size(sum(part.values())):>12}")
                lines += [f"    {name:<28} {size(value):>12}" for name, value in part.items()]
        if self.unknown:
            lines.append(f"  not counted: synapses of {', '.join(self.unknown)}")
        return "\n".join(lines)


def forecast(
    network: Network,
    duration: float,
    *,
    record: Mapping[str, Any] | None = None,
    engine: str = "auto",
    dt: float = 0.1,
    threads: int = 1,
    precision: str = "double",
    stream: Any = None,
) -> Forecast:
    """Return the memory that ``simulate`` with these arguments will need, without drawing a synapse.

    duration, dt : float    ms
    engine : str            'auto' tells of the engine that needs more, of those that the run may get
    stream : path or None   where one is given, recordings go there and take no memory; nothing is written
    The other arguments are those of `simulate`. Buffers of the build, which come and go, are not counted.

    Raises ParameterError for a network of integer units, and as `simulate` does.
    """
    if not isinstance(network, Network) or network.domain != "spiking":
        raise ParameterError(f"forecast.network = {network!r} must be a Network of spiking models. Integer networks keep no recordings.")
    duration, dt = (float(check_number(f"forecast.{name}", x, unit="ms", gt=0.0)) for name, x in (("duration", duration), ("dt", dt)))
    threads = check_integer("forecast.threads", threads, low=1, high=1024)
    check_choices("forecast", engine, threads, precision)
    record, recorded = split_record(network, record)
    weights = check_weights(network, recorded, dt)
    takes = check_record(network.populations.values(), record, dt)
    number = 8 if precision == "double" else 4
    if stream is not None:
        takes, weights = [], []
    samples = sample_bytes(network, takes, weights, 0.0, duration, dt)
    spikes = {}
    for take in takes:
        if take.what == "spikes":
            population = list(network.populations.values())[take.population]
            seconds = 1e-3 * max(0.0, min(take.stop, duration) - take.start)
            rate = _one(population).expected_rate(duration)
            spikes[population.name] = _SPIKE * rate * seconds * take.width(population.size)
    found = []
    for each in candidates(engine, precision):
        synapses, unknown = synapse_bytes(network, each, dt, threads)
        state = _state_bytes(network, each, dt, threads, number)
        found.append(Forecast(each, synapses, state, samples, spikes, unknown, available_bytes()))
    return max(found, key=lambda one: one.total)


def check_memory(
    network: Network,
    takes: list[Take],
    weights: list[WeightTake],
    began: float,
    duration: float,
    dt: float,
    engines: Sequence[str],
    *,
    learns: frozenset[int],
    streamed: bool,
) -> None:
    """Refuse a run whose synapses or samples cannot fit into memory. Raises SimulationError with what is needed, and a remedy."""
    free = available_bytes()
    if free is None:
        return
    samples = {} if streamed else sample_bytes(network, takes, weights, began, duration, dt)
    if sum(samples.values()) > free:
        most = max(samples, key=lambda name: samples[name])
        raise SimulationError(
            f"simulate.record asks for {size(sum(samples.values()))} of samples, which must fit into the {size(free)} of memory that are "
            f"free; {most} alone takes {size(samples[most])}. Record fewer neurons or less often, "
            f'Record({most.rsplit(".", 1)[1]!r}, neurons=..., every=...), or to disk, stream="run.h5".'
        )
    # Of the engines that may run, the one that needs less: nothing is refused that could have run.
    needs = [synapse_bytes(network, each, dt, learns=learns)[0] for each in engines]
    synapses = min(needs, key=lambda need: sum(need.values()))
    if sum(synapses.values()) + sum(samples.values()) > free:
        most = max(synapses, key=lambda name: synapses[name])
        raise SimulationError(
            f"Network needs {size(sum(synapses.values()))} for its synapses and {size(sum(samples.values()))} for samples, which must fit "
            f"into the {size(free)} of memory that are free; Projection({most}) alone takes {size(synapses[most])}. "
            "Make it sparser or smaller, or free some memory."
        )


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


def _state_bytes(network: Network, engine: str, dt: float, threads: int, number: int) -> dict[str, float]:
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


def _one(population: Population) -> Any:
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
    one = _one(population)
    form = one.clock_form(1, dt) if engine == "clock" else one.event_form(1)
    if form is None:
        return len(model.states), 0, model.channels
    return len(form.state), len(form.coef) * own, model.channels


def size(n: float) -> str:
    """Return a number of bytes as people read it."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if n < 1000.0 or unit == "TB":
            return f"{n:.0f} {unit}" if unit == "B" else f"{n:.3g} {unit}"
        n /= 1000.0
    raise AssertionError
