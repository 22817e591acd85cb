"""What a run returns. Everything here is immutable and knows nothing of engines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from snnsim.counts import OperationCounts
from snnsim.errors import ParameterError, unrecorded


@dataclass(frozen=True)
class SpikeTrains:
    """Spikes of one population, in order of time, then index.

    times : float64[n_spikes]     ms (steps of the schedule for a network of integer units)
    indices : int64[n_spikes]     neuron, in the flattened population
    values : int64[n_spikes]      payload; 1 for ordinary spikes
    trials : int64[n_spikes]      trial the spike belongs to; 0 for a single run
    n : int                       neurons recorded: all of the population, or those of `neurons`
    duration : float              ms recorded, or steps of the schedule
    neurons : int64[n] or None    where chosen neurons were recorded, their places in the population: `indices` count along it
    """

    times: np.ndarray
    indices: np.ndarray
    n: int
    duration: float
    values: np.ndarray = field(default=None)  # type: ignore[arg-type]
    trials: np.ndarray = field(default=None)  # type: ignore[arg-type]
    neurons: np.ndarray | None = None

    def __post_init__(self) -> None:
        size = len(self.times)
        if self.values is None:
            object.__setattr__(self, "values", np.ones(size, dtype=np.int64))
        if self.trials is None:
            object.__setattr__(self, "trials", np.zeros(size, dtype=np.int64))
        for array in (self.times, self.indices, self.values, self.trials):
            array.flags.writeable = False

    def __len__(self) -> int:
        return len(self.times)

    def of(self, index: int) -> np.ndarray:
        """Return the spike times of one neuron, float64[...] ms."""
        return self.times[self.indices == index]

    def counts(self) -> np.ndarray:
        """Return the number of spikes per neuron, int64[n]."""
        return np.bincount(self.indices, minlength=self.n)

    def rates(self) -> np.ndarray:
        """Return the firing rate per neuron over the run, float64[n] Hz."""
        if self.duration <= 0.0:
            raise ParameterError(f"SpikeTrains.duration = {self.duration:g} ms must be > 0 for a rate. Simulate for longer.")
        return self.counts() / (self.duration * 1e-3)

    def mean_rate(self) -> float:
        """Return the mean firing rate, Hz."""
        return float(self.rates().mean())


@dataclass(frozen=True)
class Recording:
    """One recorded state of one population.

    times : float64[n_samples]            ms
    values : float64[n_samples, n]        in the unit of the state
    neurons : int64[n] or None            where chosen neurons were recorded, their places in the population, column by column
    """

    times: np.ndarray
    values: np.ndarray
    neurons: np.ndarray | None = None

    def __post_init__(self) -> None:
        for array in (self.times, self.values):
            array.flags.writeable = False


class Recorded(dict):
    """What was recorded, by name; a look at anything else says what there is. where : what it is called"""

    def __init__(self, where: str, *items: Any) -> None:
        super().__init__(*items)
        self.where = where

    def __missing__(self, name: Any) -> Any:
        raise unrecorded(self.where, name, self)


@dataclass(frozen=True)
class Result:
    """Everything a run returned.

    spikes : mapping of population to SpikeTrains        the recorded ones
    recordings : mapping of population to state to Recording
    weights : mapping of projection to float64[n]        final weights of plastic projections, in order of source, target
    values : mapping of population to int64[trials, *shape]       settled integers (networks of integer units)
    accumulators : mapping of population to int64[trials, *shape] their inputs
    outputs : mapping of output to float64[trials, *shape]        decoded outputs of a converted model; of a rate-coded one
                                                         float64[trials, steps, *shape], after every step
    counts : OperationCounts
    state : object                                       give it to ``simulate(start=...)`` to continue
    wiring : mapping of projection to (row_ptr, target, n_post)   synapses of plastic projections; see `connections`
    engine, why : str                                    which engine ran, and the reason
    duration : float                                     ms simulated; steps of the schedule for integer units
    steps : int64[trials]                                steps of the schedule that each trial took (networks of integer units)
    silent : bool[trials]                                whether all units had said what they had to say: then the answer is exact
    cut : bool                                           True when the run was interrupted
    stream : str or None                                 the file that holds spikes and recordings, which are read from it when
                                                         looked at; see `load_recordings`
    """

    counts: OperationCounts
    engine: str
    why: str
    duration: float
    spikes: Mapping[str, SpikeTrains] = field(default_factory=dict)
    recordings: Mapping[str, Mapping[str, Recording]] = field(default_factory=dict)
    weights: Mapping[str, np.ndarray] = field(default_factory=dict)
    values: Mapping[str, np.ndarray] = field(default_factory=dict)
    accumulators: Mapping[str, np.ndarray] = field(default_factory=dict)
    outputs: Mapping[str, np.ndarray] = field(default_factory=dict)
    state: Any = None
    cut: bool = False
    stream: str | None = None
    wiring: Mapping[str, tuple[np.ndarray, np.ndarray, int]] = field(default_factory=dict, repr=False)
    steps: np.ndarray | None = None
    silent: np.ndarray | None = None

    def connections(self, projection: str) -> tuple[np.ndarray, np.ndarray]:
        """Return source and target of every synapse of a plastic projection, int64[n] each, in the order of `weights`.

        Raises UnrecordedError for any other name.
        """
        if projection not in self.wiring:
            raise unrecorded("wiring", projection, self.wiring)
        row_ptr, target, _ = self.wiring[projection]
        return np.repeat(np.arange(len(row_ptr) - 1), np.diff(row_ptr)), target.astype(np.int64)

    def weight_matrix(self, projection: str) -> np.ndarray:
        """Return the weights of a plastic projection as float64[n_pre, n_post]; 0 where there is no synapse, sums where several are."""
        source, target = self.connections(projection)
        row_ptr, _, n_post = self.wiring[projection]
        matrix = np.zeros((len(row_ptr) - 1, n_post))
        np.add.at(matrix, (source, target), self.weights[projection])
        return matrix

    def __repr__(self) -> str:
        spikes = self.counts.total("spikes")
        synops = self.counts.total("synops")
        return f"Result({self.engine} engine, {self.duration:g} ms, {spikes} spikes, {synops} synops{', cut' if self.cut else ''})"
