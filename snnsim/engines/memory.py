"""How much memory a run needs, told before it begins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from snnsim.engines.available import available_bytes
from snnsim.engines.choices import candidates, check_choices
from snnsim.engines.footprint import one_of, state_bytes, synapse_bytes
from snnsim.engines.samples import sample_bytes
from snnsim.engines.takes import Take, WeightTake, check_record, check_weights, split_record
from snnsim.errors import ParameterError, SimulationError
from snnsim.network import Network
from snnsim.units import check_integer, check_number

_SPIKE = 44  # bytes of a recorded spike: 12 while the network runs, 32 in the result


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
            rate = one_of(population).expected_rate(duration)
            spikes[population.name] = _SPIKE * rate * seconds * take.width(population.size)
    found = []
    for each in candidates(engine, precision):
        synapses, unknown = synapse_bytes(network, each, dt, threads)
        state = state_bytes(network, each, dt, threads, number)
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


def size(n: float) -> str:
    """Return a number of bytes as people read it."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if n < 1000.0 or unit == "TB":
            return f"{n:.0f} {unit}" if unit == "B" else f"{n:.3g} {unit}"
        n /= 1000.0
    raise AssertionError
