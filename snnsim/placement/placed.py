"""What `place` returns: where every neuron lies, how full the cores are, and what a run costs there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple, final

import numpy as np

from snnsim.counts import OperationCounts
from snnsim.hardware.profile import Profile
from snnsim.network import Network
from snnsim.placement.blocks import Blocks, offsets
from snnsim.placement.demand import Demand
from snnsim.placement.latency import Latency, latency_of
from snnsim.placement.loads import CoreLoad, loads_of
from snnsim.placement.mesh import Mesh
from snnsim.placement.rates import spikes_of, trains_of
from snnsim.placement.routes import Routes
from snnsim.placement.transport import steps_of, transport_counts
from snnsim.results import Result

#: limit of a profile -> column of `CoreLoad` that it bounds
LOADS: Mapping[str, str] = MappingProxyType(
    {
        "neurons_per_core": "neurons",
        "synapses_per_core": "synapses",
        "synapse_bits_per_core": "synapse_bits",
        "axons_in": "axons_in",
        "axons_out": "axons_out",
    }
)


class Worst(NamedTuple):
    """The core that is closest to a limit, or that does the most. share : of the limit, or of what all cores do together"""

    core: int
    load: int
    share: float


@final
@dataclass(frozen=True, eq=False)
class Placement:
    """A network on the cores of a piece of hardware.

    network, profile : Network, Profile
    core : name -> int64[*shape]        core of every neuron, by population; -1 where it lies on none
    outside : name -> str               populations that lie on no core, and why: sources, and what a host computes
    cores : tuple of CoreLoad           the cores in use, with what they hold
    cut : float                         packets, with the traffic that was given to `place`
    remote_synapses : int               synapses of the network whose source lies on another core, or outside
    partitioner, seed, shared_weights   as given to `place`
    mesh : Mesh                         where cores lie on tiles, and tiles on chips
    """

    network: Network
    profile: Profile
    core: Mapping[str, np.ndarray]
    outside: Mapping[str, str]
    cores: tuple[CoreLoad, ...]
    cut: float
    remote_synapses: int
    partitioner: str
    seed: int
    shared_weights: bool
    mesh: Mesh
    routes: Routes = field(repr=False)
    digest: str = field(repr=False)

    @classmethod
    def made(
        cls, network: Network, profile: Profile, mesh: Mesh, core: np.ndarray, routes: Routes, demand: Demand, blocks: Sequence[Blocks],
        rates: np.ndarray, outside: Mapping[str, str], how: Mapping[str, Any],
    ) -> Placement:  # fmt: skip
        """Return the placement of units on cores, with what follows from it. core : int64[n_units]"""
        first, by_name = offsets(network), {}
        for name, population in network.populations.items():
            mine = core[first[name] : first[name] + population.size].reshape(population.shape)
            mine.flags.writeable = False
            by_name[name] = mine
        go, onto = routes.travels(), routes.core >= 0
        return cls(
            network=network, profile=profile, core=MappingProxyType(by_name), outside=MappingProxyType(dict(outside)),
            cores=loads_of(network, mesh, core, routes, demand), cut=float((rates * routes.fan_out()).sum()),
            remote_synapses=int(routes.synapses[go & onto].sum()), mesh=mesh, routes=routes, **how,
        )  # fmt: skip

    @property
    def chip(self) -> dict[str, np.ndarray]:
        """Chip of every neuron, by population; -1 where it lies on none."""
        return {name: np.where(core < 0, -1, core // self.mesh.per_chip) for name, core in self.core.items()}

    @property
    def chips(self) -> int:
        """Chips in use."""
        return len({load.chip for load in self.cores})

    def utilisation(self) -> dict[str, tuple[float, float]]:
        """Return (mean, largest) share of each limit over the cores in use."""
        shares = {}
        for limit, column in LOADS.items():
            if limit in self.profile.limits and self.cores:
                loads = [getattr(load, column) / self.profile.limits[limit] for load in self.cores]
                shares[limit] = (sum(loads) / len(loads), max(loads))
        return shares

    def worst(self, result: Result | None = None) -> dict[str, Worst]:
        """Return the core closest to each limit; with a `result`, also the one with the most synaptic operations.

        A product of two populations counts an operation for every synapse here, also where the partner is 0.
        """
        worst = {}
        for limit, column in LOADS.items():
            if limit in self.profile.limits and self.cores:
                fullest = max(self.cores, key=lambda load: (getattr(load, column), -load.core))
                load = getattr(fullest, column)
                worst[limit] = Worst(fullest.core, load, load / self.profile.limits[limit])
        if result is not None and self.cores:
            synops = self.synops(result)
            core = max(synops, key=lambda core: (synops[core], -core))
            worst["synops"] = Worst(core, synops[core], synops[core] / max(1, sum(synops.values())))
        return worst

    def synops(self, result: Result) -> dict[int, int]:
        """Return the synaptic operations of a result on each core in use."""
        spikes = spikes_of(self.network, self.trains(result, "synops"))
        onto = self.routes.core >= 0
        at, unit = self.routes.core[onto], self.routes.unit[onto]
        total = np.zeros(self.mesh.n, np.int64)
        np.add.at(total, at, spikes[unit] * self.routes.synapses[onto])
        return {load.core: int(total[load.core]) for load in self.cores}

    def counts(self, result: Result, *, step: float | None = None) -> OperationCounts:
        r"""Return the counts of a result, and what its events take on their way: exact, from every recorded spike.

        .. math:: packets = \sum_{spikes} |\{cores reached\} \setminus \{own\}|

        packets : one for each event and core it reaches beside its own, or the host; hops : links between tiles of a chip on their way,
        first along x, then along y; core_bits, chip_bits : bits of packets over such links, and over links between chips, where the
        profile tells event_bits; barriers : cores in use times steps. The host lies beside the tile at (0, 0); the link to it does
        not count

        step : float   ms of one step of the hardware; default that of the result. Spiking networks only

        Raises ParameterError for a result of another network or seed, UnrecordedError naming what to record.
        """
        trains = self.trains(result, "counts")
        spikes = spikes_of(self.network, trains)
        barriers = len(self.cores) * int(sum(steps_of(self.network, result, step)))
        layers = transport_counts(self.network, self.profile, self.mesh, self.routes, spikes) | {"barriers": {"barriers": barriers}}
        return result.counts + OperationCounts(layers, dict.fromkeys(layers, "transport"), {}, self.profile.name)

    def latency(self, result: Result, *, step: float | None = None, per: int | None = None) -> Latency:
        """Return how long an inference takes: in every step the slowest core decides. See `Latency`.

        step : float   ms of one step of the hardware; default that of the result. Spiking networks only
        per : int      inferences in the result; default its trials for integer networks, else 1

        Raises ParameterError for hardware without times, and as `counts`.
        """
        return latency_of(self, result, self.trains(result, "latency"), step, per)

    def trains(self, result: Result, what: str) -> dict[str, Any]:
        """Return the spikes of the populations that send events. what : who asks, for the error

        Raises ParameterError for a result of another network or seed, UnrecordedError naming what to record.
        """
        sends = np.diff(self.routes.ptr) > 0
        first = offsets(self.network)
        needed = [name for name, p in self.network.populations.items() if sends[first[name] : first[name] + p.size].any()]
        return trains_of(self.network, result, self.digest, self.seed, needed, f"Placement.{what}")

    def table(self) -> list[dict[str, Any]]:
        """Return one row for each core in use, ready for a data frame."""
        return [load._asdict() for load in self.cores]

    def __str__(self) -> str:
        used = ", ".join(f"{limit} {mean:.0%} (most {most:.0%})" for limit, (mean, most) in self.utilisation().items())
        beside = f"; outside: {', '.join(self.outside)}" if self.outside else ""
        cores, chips = (f"{n:,} {what}{'s' if n != 1 else ''}" for n, what in ((len(self.cores), "core"), (self.chips, "chip")))
        return f"{self.profile.name}: {cores} on {chips}; {used}{beside}"
