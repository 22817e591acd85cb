"""What reading a NIR graph gives: `NirNetwork`, a network with named ends, and how signals are fed into it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from snnsim.connect import Connector, wire
from snnsim.currents import Current, SampledCurrent
from snnsim.errors import ParameterError, WiringError, unknown_name
from snnsim.models.base import Model
from snnsim.models.box import BoxNeuron, SpikingBox
from snnsim.models.spike_array import SpikeArray
from snnsim.models.threshold import Threshold
from snnsim.network import Network, Population, Projection


@dataclass(frozen=True, eq=False)
class Link:
    """A projection as read: the names of its populations, and the linear nodes it was made of.

    per : float64[] or float64[*shape]   a weight of 1 as a current, for all targets or for each
    nodes, kind : the names of these nodes, in order; the type of the node when it is one, else ''
    """

    pre: str
    post: str
    connector: Connector
    weight: float | np.ndarray | None
    delay: float | np.ndarray
    per: np.ndarray
    nodes: tuple[str, ...] = ()
    kind: str = ""


@final
@dataclass(frozen=True, eq=False)
class NirNetwork:
    """A network read from NIR.

    network : Network                  its Input nodes are populations of silent sources; `fed` gives them signals
    inputs : name of an Input -> name of the population of sources that stands for it
    outputs : name of an Output -> name of the population whose spikes, or potential if it never fires, it gives out
    dt : float                         ms; run it with ``simulate(..., engine="clock", dt=model.dt)``
    spike : 'step' or 'delta'          what a spike is to the next neuron, see `read_nir`
    """

    network: Network
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    dt: float
    spike: str
    links: tuple[Link, ...]

    @property
    def record(self) -> dict[str, list[str]]:
        """What to record of the outputs, for ``simulate(record=...)``: spikes, or the potential of what never fires."""
        models = {name: self.network.populations[name].model for name in self.outputs.values()}
        silent = {name for name, model in models.items() if isinstance(model, BoxNeuron) and not isinstance(model, (SpikingBox, Threshold))}
        return {name: ["v"] if name in silent else ["spikes"] for name in models}

    def fed(self, signals: Any) -> Network:
        """Return the network with signals at its inputs.

        signals : mapping of the name of an Input to its signal, or the signal of the only one; what is not named stays silent

        A signal is an array [steps, *shape of the Input], whose row k acts in step k (0-based), or the model of a source such as
        ``PoissonSource(rate=20.0)``. Rows of whole numbers >= 0 are spikes, 2 being two of them; others are values that
        each hold for one step, as currents into the neurons behind the Input.

        Raises
        ------
        ParameterError   for an unknown Input, an array of another shape, or one that is not finite
        """
        if not isinstance(signals, Mapping):
            if len(self.inputs) != 1:
                raise ParameterError(
                    f"NirNetwork.fed: there are {len(self.inputs)} inputs: {', '.join(self.inputs)}. Name them: a mapping."
                )
            signals = dict.fromkeys(self.inputs, signals)
        populations = dict(self.network.populations)
        sampled: dict[str, np.ndarray] = {}
        for name, signal in signals.items():
            if name not in self.inputs:
                raise ParameterError(unknown_name("NirNetwork.fed: input", name, self.inputs))
            source = populations[self.inputs[name]]
            model, values = self._source(name, signal, source.shape)
            populations[source.name] = Population(source.name, source.shape, model)
            if values is not None:
                sampled[source.name] = values
        return network_of(populations, self.links, list(self.network.currents), self._currents(populations, sampled))

    def _source(self, name: str, signal: Any, shape: tuple[int, ...]) -> tuple[Model, np.ndarray | None]:
        """Return the model of the source, and the values when they are no spikes."""
        if isinstance(signal, Model):
            if not signal.is_source:
                raise ParameterError(f"NirNetwork.fed: {type(signal).__name__} is no source. Give an array or a source, as PoissonSource.")
            return signal, None
        values = np.asarray(signal)
        if values.dtype.kind not in "biuf" or values.shape[1:] != shape or not values.ndim:
            raise ParameterError(f"NirNetwork.fed: the signal of {name!r} has shape {values.shape} but must be numbers (steps, *{shape}).")
        values = values.reshape(len(values), -1).astype(np.float64)
        if not np.all(np.isfinite(values)):
            raise ParameterError(f"NirNetwork.fed: the signal of {name!r} must be finite. Remove NaN and infinity.")
        if np.any(values < 0.0) or np.any(values != np.rint(values)):
            return silent(), values
        step, index = np.nonzero(values)
        times = values[step, index].astype(np.int64)
        return SpikeArray(times=np.repeat((step + 1) * self.dt, times), indices=np.repeat(index, times)), None

    def _currents(self, populations: Mapping[str, Population], sampled: Mapping[str, np.ndarray]) -> list[Current]:
        """Return what arrays of values make flow into the neurons behind them, a current per projection and delay."""
        found = []
        for link in self.links:
            if link.pre not in sampled:
                continue
            values, post = sampled[link.pre], populations[link.post]
            if "i_ext" not in type(post.model).__dataclass_fields__:  # type: ignore[attr-defined]
                raise WiringError(
                    f"NirNetwork.fed: {link.post!r} ({type(post.model).__name__}) takes spikes alone. Read it with scheme='euler'."
                )
            synapses = wire(projection_of(link, populations), np.random.default_rng(0))  # connectors read from NIR draw nothing
            n = len(synapses.target)
            order = np.arange(n) if synapses.entry is None else synapses.entry
            given = synapses.weight if synapses.weight is not None else np.broadcast_to(np.asarray(link.weight), n)[order]
            weight = np.asarray(given) * (link.per if link.per.ndim == 0 else link.per.ravel()[synapses.target])
            delay, source = np.broadcast_to(np.asarray(link.delay), n)[order], synapses.source
            for after in np.unique(delay):
                mine = delay == after
                # Row by row: sums in one order, whatever the machine.
                flow = [np.bincount(synapses.target[mine], weight[mine] * row[source[mine]], minlength=post.size) for row in values]
                signal = SampledCurrent(values=np.reshape(flow, (len(values), *post.shape)), interval=self.dt, start=float(after))
                found.append(Current(post, signal))
        return found


def silent() -> SpikeArray:
    """Return a source that never fires."""
    return SpikeArray(times=np.empty(0), indices=np.empty(0, dtype=np.int64))


def projection_of(link: Link, populations: Mapping[str, Population]) -> Projection:
    """Return the projection of a link."""
    return Projection(populations[link.pre], populations[link.post], link.connector, weight=link.weight, delay=link.delay)


def network_of(populations: Mapping[str, Population], links: tuple[Link, ...], *currents: list[Current]) -> Network:
    """Return the network of populations, in their order, links and currents."""
    return Network(
        *populations.values(), *(projection_of(link, populations) for link in links), *(part for some in currents for part in some)
    )
