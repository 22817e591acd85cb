"""The model that `convert_rate` returns: an ordinary network of spiking neurons, run on the clock, sample after sample."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, final

import numpy as np

from snnsim.connect import AllToAll, FromArrays, Sparse
from snnsim.conversion.balance import Balance
from snnsim.conversion.rate_plan import RatePlan
from snnsim.conversion.weighted import Entries, Weighted
from snnsim.counts import OperationCounts
from snnsim.currents import Current, SampledCurrent
from snnsim.errors import ParameterError
from snnsim.graph.ir import named_inputs
from snnsim.models.rate_neuron import RateNeuron
from snnsim.network import Network, Population, Projection
from snnsim.results import Result
from snnsim.simulation import simulate
from snnsim.units import check_integer

ENCODINGS = ("current", "spikes")
#: From this share of pairs on, all pairs are kept: a full matrix is delivered faster than lists of targets.
_FULL = 0.5


class Driven(NamedTuple):
    """A population into which inputs of the model flow, and by which weights of each."""

    population: Population
    parts: Mapping[str, Entries]


@final
class RateModel:
    """A rectifier network in rates. Potentials and thresholds have the unit of the activations.

    Attributes
    ----------
    network : Network                    silent but for biases; `fed` gives it inputs. One step is 1 ms, delays are 0
    thresholds : mapping of layer to float
    balances : mapping of layer to Balance   thresholds, initial potentials and corrections of the bias
    readouts : mapping of output to population    whose potential adds up that output
    steps : int                          T that a call runs
    beta : float                         share of v left after a step
    reset : str                          'subtract' or 'zero'
    """

    def __init__(self, plan: RatePlan, balances: Mapping[str, Balance], *, beta: float, reset: str, steps: int) -> None:
        self.plan, self.steps, self.beta, self.reset = plan, steps, beta, reset
        self.balances = MappingProxyType(dict(balances))
        self.thresholds = MappingProxyType({name: balance.threshold for name, balance in balances.items()})
        self._populations: dict[str, Population] = {}
        self._parts: list[Projection] = []
        self._driven: list[Driven] = []
        for name, layer in plan.layers.items():
            balance = balances[name]
            own: dict[str, Any] = {"v_init": balance.v_init, "i_ext": _constant(layer.sums, balance.bias, layer.shape)}
            if isinstance(balance.v_init, np.ndarray):
                own["v_init"] = balance.v_init.reshape(layer.shape)
            self._add(Population(name, layer.shape, RateNeuron(beta=beta, v_th=balance.threshold, reset=reset, **own)), layer.sums)
        self.readouts: dict[str, str] = {}
        shapes = {node.name: node.shape or (1,) for node in plan.graph.outputs}
        for name, sums in plan.outputs.items():
            self.readouts[name] = f"{name}.readout" if name in self._populations else name
            own = {"i_ext": _constant(sums, 0.0, shapes[name])}
            self._add(Population(self.readouts[name], shapes[name], RateNeuron(reset="none", **own)), sums)
        self.network = Network(*self._populations.values(), *self._parts)

    def _add(self, population: Population, sums: Weighted) -> None:
        self._populations[population.name] = population
        given = {name: part for name, part in sums.parts.items() if name in self.plan.inputs}
        if given:
            self._driven.append(Driven(population, given))
        for name, part in sums.parts.items():
            if name not in given:
                pre = self._populations[name]
                connector, weight = _wiring(part, pre.size, population.size, self.thresholds[name])
                self._parts.append(Projection(pre, population, connector, weight=weight, delay=0.0))

    def fed(self, inputs: Any, *, steps: int | None = None) -> Network:
        """Return the network with these inputs, one sample for every `steps` ms.

        inputs : as a call of the model takes them

        ``simulate(model.fed(x, steps=T), T * len(x), dt=1.0, engine="clock", trials=T)`` runs it.
        """
        steps = self.steps if steps is None else check_integer("RateModel.steps", steps, low=1, high=2**20)
        given = self._given(inputs)
        trials = len(next(iter(given.values())))
        currents = []
        for population, parts in self._driven:
            values = np.zeros((trials, population.size))
            for name, (place, unit, weight) in parts.items():
                for row, sample in zip(values, given[name], strict=True):
                    row += np.bincount(place, weight * sample[unit], population.size)
            currents.append(Current(population, SampledCurrent(values=values.reshape(trials, *population.shape), interval=float(steps))))
        return Network(*self._populations.values(), *self._parts, *currents)

    def _given(self, inputs: Any) -> dict[str, np.ndarray]:
        """Return the checked inputs, float64[trials, n], by the names under which they stand in the sums."""
        given = named_inputs("RateModel.inputs", inputs, self.plan.graph)
        for name, values in given.items():
            if self.plan.encoded and values.min() < 0.0:
                raise ParameterError(f"RateModel.inputs: {name!r} holds {values.min():g} but must be >= 0: no rate is negative. Clip it.")
        return {inner: values.reshape(len(values), -1) for inner, values in zip(self.plan.inputs, given.values(), strict=True)}

    def __call__(
        self, inputs: Any, *, steps: int | None = None, seed: int = 0, threads: int | None = None, record: Mapping[str, Any] | None = None
    ) -> Result:
        """Run samples one after another, `steps` steps each, from the initial potentials on.

        inputs : array[trials, ...], or a mapping or sequence of them where the model takes several
        steps : int   default the steps of the conversion
        record : as for `simulate`, beside the potentials of the readouts

        Returns
        -------
        Result   `outputs` hold float64[trials, steps, *shape] by name: what the model says after every step. `counts` hold, beside spikes
                 and synaptic operations, the multiplications of the host by which the inputs become currents ('ann')

        Raises ParameterError for inputs of another shape.
        """
        steps = self.steps if steps is None else check_integer("RateModel.steps", steps, low=1, high=2**20)
        network = self.fed(inputs, steps=steps)
        trials = len(next(iter(self._given(inputs).values())))
        wanted = {name: list(states) for name, states in (record or {}).items()}
        for name in self.readouts.values():
            wanted[name] = [*wanted.get(name, []), *([] if "v" in wanted.get(name, []) else ["v"])]
        result = simulate(
            network, float(steps * trials), dt=1.0, engine="clock", trials=float(steps), record=wanted, seed=seed, threads=threads
        )
        done = np.arange(1, steps + 1)
        outputs = {}
        for name, readout in self.readouts.items():
            v = result.recordings[readout]["v"].values.reshape(trials, steps, -1) / done[:, None]
            outputs[name] = v.reshape(trials, steps, *self.plan.graph.nodes[name].shape)
        return dataclasses.replace(result, outputs=outputs, counts=result.counts + self._host(trials))

    def scores(self, result: Result) -> np.ndarray:
        """Return the first output of a run, float64[trials, steps, *shape]."""
        return next(iter(result.outputs.values()))

    def activations(self, inputs: Any) -> dict[str, np.ndarray]:
        """Return what the float model computes in every layer, float64[trials, *shape]: what thresholds times rates approach."""
        found: dict[str, np.ndarray] = {}

        def fire(name: str, sums: np.ndarray) -> np.ndarray:
            found[name] = self.plan.layers[name].rectifier(sums)
            return found[name]

        self.plan.evaluate(named_inputs("RateModel.inputs", inputs, self.plan.graph), fire)
        return {name: values.reshape(len(values), *self.plan.layers[name].shape) for name, values in found.items()}

    def rates(self, inputs: Any, *, steps: int | None = None, threads: int | None = None) -> dict[str, np.ndarray]:
        """Return thresholds times spikes per step of every layer, float64[trials, *shape], over `steps` steps."""
        steps = self.steps if steps is None else check_integer("RateModel.steps", steps, low=1, high=2**20)
        result = self(inputs, steps=steps, threads=threads, record={name: ["spikes"] for name in self.plan.layers})
        rates = {}
        for name, layer in self.plan.layers.items():
            trains, size = result.spikes[name], self._populations[name].size
            trial = np.rint(trains.times).astype(np.int64) - 1
            fired = np.bincount(trial // steps * size + trains.indices, minlength=round(result.duration) // steps * size)
            rates[name] = fired.reshape(-1, *layer.shape) * (self.thresholds[name] / steps)
        return rates

    def _host(self, trials: int) -> OperationCounts:
        """Return the multiplications by which inputs become currents: once for each sample, as they are constant."""
        if self.plan.encoded:
            return OperationCounts({})
        counts = {
            f"{name} -> {population.name} (host)": {"macs": trials * len(part.place)}
            for population, parts in self._driven
            for name, part in parts.items()
        }
        return OperationCounts(counts, dict.fromkeys(counts, "ann"))

    def __repr__(self) -> str:
        return f"RateModel({self.network!r}, steps={self.steps})"


def _constant(sums: Weighted, bias: float | np.ndarray, shape: tuple[int, ...]) -> float | np.ndarray:
    constant = sums.offset.reshape(shape) + (bias if isinstance(bias, float) else bias.reshape(shape))
    return constant if np.any(constant != 0.0) else 0.0


def _wiring(entries: Entries, n_pre: int, n_post: int, scale: float) -> tuple[Sparse, np.ndarray]:
    """Return a connector, and its weights times `scale`."""
    if len(entries.place) < _FULL * n_pre * n_post:
        return FromArrays(entries.unit, entries.place), entries.weight * scale
    full = np.zeros((n_pre, n_post))
    full[entries.unit, entries.place] = entries.weight
    return AllToAll(autapses=True), (full * scale).ravel()
