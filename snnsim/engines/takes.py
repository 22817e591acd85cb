"""What `record` asks for, checked against the network and the grid."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from snnsim.errors import ParameterError, unknown_name
from snnsim.network import Network, Population
from snnsim.plasticity.base import Rules, rules_of
from snnsim.record import Record
from snnsim.units import as_integers

NO_END = 1 << 62  # grid points
ROUNDING = 1.0 + 1e-12  # of times that are multiples of dt


class Take(NamedTuple):
    """One entry of `record`, checked.

    neurons : int64[k] or None    places in the population; None: all, in order
    every : int                   grid points between samples
    start, stop : float           ms, recorded is (start, stop]; infinity: to the end
    """

    population: int
    what: str
    neurons: np.ndarray | None
    every: int
    start: float
    stop: float

    def points(self, dt: float) -> tuple[int, int]:
        """Return the grid point that the first sample follows, and the last that may be sampled."""
        return grid_points(self.start, dt), NO_END if self.stop == np.inf else grid_points(self.stop, dt)

    def n_samples(self, first: int, last: int, dt: float) -> int:
        """Return how many of the grid points first + 1 .. last are sampled."""
        after, until = self.points(dt)
        return max(0, min(last, until) // self.every - max(first, after) // self.every)

    def width(self, compiled_size: int) -> int:
        """Return how many neurons are recorded."""
        return compiled_size if self.neurons is None else len(self.neurons)


class WeightTake(NamedTuple):
    """Weights of a projection to be recorded, checked.

    synapses : int64[k] or None   in order of source, then target; None: all
    every, start, stop : float    ms; samples are taken at multiples of `every` in (start, stop]
    """

    projection: int
    synapses: np.ndarray | None
    every: float
    start: float
    stop: float

    def first(self, began: float) -> float:
        """Return when the first sample of a run from `began` ms is due; infinity: never."""
        return self.after(max(began, self.start))

    def after(self, now: float) -> float:
        """Return the first sample after `now`, ms."""
        time = (grid_points(now, self.every) + 1.0) * self.every
        return time if time <= self.stop * ROUNDING else np.inf

    def n_samples(self, began: float, end: float) -> int:
        """Return how many samples a run from `began` to `end` ms takes."""
        return max(0, grid_points(min(end, self.stop), self.every) - grid_points(max(began, self.start), self.every))

    def width(self, compiled: Any) -> int:
        """Return how many synapses are recorded."""
        return len(compiled.projections[self.projection].target) if self.synapses is None else len(self.synapses)


def split_record(network: Network, record: Any) -> tuple[Any, dict[str, Any]]:
    """Return what `record` asks for of populations, and of projections."""
    if not isinstance(record, Mapping):
        return record, {}
    weights = {name: given for name, given in record.items() if name in network.projections}
    rest = {name: given for name, given in record.items() if name not in weights}
    return (None if weights and not rest else rest), weights


def check_weights(network: Network, record: Mapping[str, Any], dt: float) -> list[WeightTake]:
    """Return which weights to record. Raises ParameterError for anything but `Record("weight", every=...)` of a plastic projection."""
    takes = []
    for name, given in record.items():
        entries = [given] if isinstance(given, (str, Record)) or not isinstance(given, (list, tuple)) else list(given)
        owner, place = f"simulate.record[{name!r}]", list(network.projections).index(name)
        if network.projections[name].plasticity is None:
            raise ParameterError(f"{owner}: this projection has no plasticity and its weights stay. Read them from the description.")
        if len(entries) != 1 or not isinstance(entries[0], Record) or entries[0].what != "weight" or entries[0].every is None:
            raise ParameterError(f'{owner} = {given!r} must be one Record("weight", every=...): of a projection, weights are recorded.')
        one = entries[0]
        _steps(one.every or 0.0, dt)
        stop = np.inf if one.stop is None else one.stop
        chosen = None if one.neurons is None else np.atleast_1d(as_integers(f"{owner}.neurons", one.neurons, low=0, high=2**62)).ravel()
        takes.append(WeightTake(place, chosen, float(one.every or 0.0), one.start, stop))
    return takes


def check_synapses(compiled: Any, takes: list[WeightTake]) -> None:
    """Raise ParameterError for a recorded synapse that a projection has not."""
    for take in takes:
        part = compiled.projections[take.projection]
        if take.synapses is not None and take.synapses.max(initial=-1) >= len(part.target):
            raise ParameterError(
                f"Record('weight').neurons = {take.synapses.max()} must be a synapse of Projection({part.name}), "
                f"0 .. {len(part.target) - 1}. Correct it."
            )


def grid_points(t: float, dt: float) -> int:
    """Return the number of grid points in (0, t]; a time within rounding of one has reached it."""
    return int(np.floor(t / dt * ROUNDING + 1e-9))


def check_record(populations: Iterable[Population], record: Mapping[str, Any] | None, dt: float) -> list[Take]:
    """Return what to record, by population in their order. None: the spikes of all populations but sources.

    Raises ParameterError for unknown populations or states, listing the valid ones, for two ways of recording one state, and
    for neurons and intervals that do not fit.
    """
    named = {population.name: population for population in populations}
    if record is None:
        record = {name: ["spikes"] for name, population in named.items() if not population.model.is_source}
    if not isinstance(record, Mapping):
        raise ParameterError(f'simulate.record = {record!r} must map population names to lists, for example {{"exc": ["spikes", "v"]}}.')
    places = list(named)
    takes: list[Take] = []
    for name, given in record.items():
        if name not in named:
            raise ParameterError(unknown_name("simulate.record: population", name, named))
        if not isinstance(given, (str, Record, list, tuple)):
            raise ParameterError(f"simulate.record[{name!r}] = {given!r} must be a list such as ['spikes', 'v'].")
        takes += _takes(places.index(name), named[name], [given] if isinstance(given, (str, Record)) else list(given), dt)
    return sorted(takes, key=lambda take: take.population)


def _takes(place: int, population: Population, entries: list[Any], dt: float) -> list[Take]:
    valid = ("spikes", *population.model.states)
    asked: dict[str, Record] = {}
    for entry in _once(entries):
        record = Record(entry) if isinstance(entry, str) and entry else entry
        what = record.what if isinstance(record, Record) else record
        if what not in valid:
            raise ParameterError(unknown_name(f"simulate.record[{population.name!r}]", what, valid))
        if what in asked:
            raise ParameterError(
                f"simulate.record[{population.name!r}] asks for {what!r} in two ways: a state is recorded once. "
                "Make them one Record with all the neurons, or run twice."
            )
        asked[what] = record
    return [
        Take(
            place,
            what,
            record.places(population),
            1 if record.every is None else _steps(record.every, dt),
            record.start,
            np.inf if record.stop is None else record.stop,
        )
        for what, record in asked.items()
    ]


def _steps(every: float, dt: float) -> int:
    steps = round(every / dt)
    if steps < 1 or abs(every / dt - steps) > 1e-9 * steps:
        raise ParameterError(f"Record.every = {every:g} ms must be a multiple >= 1 of dt = {dt:g} ms, the grid of samples. Round it.")
    return steps


def check_samples(takes: list[Take], began: float, duration: float, dt: float, *, fresh: bool) -> None:
    """Refuse a run of `duration` ms from `began` in which some recorded state is never sampled; a run in pieces may have such a piece.

    Raises ParameterError.
    """
    last = grid_points(began + duration, dt)
    for take in takes:
        if take.what == "spikes" or not fresh or take.n_samples(0, last, dt):
            continue
        after = take.points(dt)[0]
        point = (after // take.every + 1) * take.every
        raise ParameterError(
            f"simulate.duration = {duration:g} ms must reach the next sample, at {point * dt:g} ms: {take.what!r} is sampled every "
            f"{take.every * dt:g} ms after {take.start:g} ms. Run longer, choose a smaller dt or interval, or record spikes alone."
        )


def check_hears(network: Network) -> None:
    """Refuse a source, or a rule, that listens to a population the network has not."""
    for name, population in network.populations.items():
        for heard in getattr(population.model, "hears", ()):
            if heard not in network.populations:
                raise ParameterError(unknown_name(f"Population({name!r}).model.hears: population", heard, network.populations))
    for name, projection in network.projections.items():
        rule = (rules_of(name, projection.plasticity) or Rules()).spikes
        wanted = [("hears", heard) for heard in getattr(rule, "hears", ())]
        giver = getattr(rule, "dopamine", None)
        for field, heard in [*wanted, *([] if giver is None else [("dopamine", giver)])]:
            if heard not in network.populations:
                owner = f"Projection({name}).plasticity: {type(rule).__name__}.{field}: population"
                raise ParameterError(unknown_name(owner, heard, network.populations))


def _once(entries: list[Any]) -> list[Any]:
    """Return the entries without names given again; entries of wrong types, which may have no hash, stay."""
    return [
        entry
        for k, entry in enumerate(entries)
        if not isinstance(entry, str) or entry not in [name for name in entries[:k] if isinstance(name, str)]
    ]
