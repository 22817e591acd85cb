"""What every layer of a converted model costs on a host, on a chip, and on the way between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

from snnsim.counts import OperationCounts
from snnsim.energy.estimate import estimate_energy
from snnsim.errors import ParameterError
from snnsim.hardware.figures import Interval
from snnsim.hardware.profile import Profile
from snnsim.network import Network

_ZERO = Interval(0.0, 0.0, 0.0)


@final
@dataclass(frozen=True)
class LayerCost:
    """One population with all that flows into it, per inference.

    host : Interval                  pJ on the host, as a layer of the ANN
    chip : Interval or None          pJ on the chip, as spikes; None where it cannot do it: `lacks` says what it has no price for
    macs, synops, updates, idle, spikes : float     counted, per inference
    units : int                      of the population
    sources : tuple of str           populations it reads
    """

    name: str
    host: Interval
    chip: Interval | None
    lacks: tuple[str, ...]
    macs: float
    synops: float
    updates: float
    idle: float
    spikes: float
    units: int
    sources: tuple[str, ...]


def _part(counts: OperationCounts, names: Sequence[str]) -> OperationCounts:
    kept = {name: dict(counts.layers[name]) for name in names if name in counts.layers}
    roles = {name: counts.roles[name] for name in kept if name in counts.roles}
    precisions = {name: counts.precisions[name] for name in kept if name in counts.precisions}
    return OperationCounts(kept, roles, precisions)


def layer_costs(
    network: Network, ann: OperationCounts, snn: OperationCounts, host: Profile, chip: Profile, *, per: int, allow_recalled: bool
) -> dict[str, LayerCost]:
    """Return the cost of every population by name, in the order of the network.

    Raises ParameterError when the host has no price for a layer of the ANN.
    """
    into: dict[str, list[str]] = {name: [] for name in network.populations}
    sources: dict[str, list[str]] = {name: [] for name in network.populations}
    for key, projection in network.projections.items():
        post = projection.post.population.name
        into[post].append(key)
        sources[post].append(projection.pre.population.name)
    found = {}
    for name in network.populations:
        dense, spiking = _part(ann, [name, f"{name}.group"]), _part(snn, [name, *into[name]])
        at_host = estimate_energy(dense, host, per=per, allow_recalled=allow_recalled)
        if at_host.total is None:
            missing = ", ".join(sorted({kind for kinds in at_host.unpriced.values() for kind in kinds}))
            raise ParameterError(f"offload.host = {host.name!r} has no price for {missing} of layer {name!r}. Choose one that prices ANNs.")
        at_chip = estimate_energy(spiking, chip, per=per, allow_recalled=allow_recalled)
        lacks = tuple(sorted({f"{kind} ({role})" for role, kinds in at_chip.unpriced.items() for kind in kinds}))
        found[name] = LayerCost(
            name, at_host.total, at_chip.total, lacks, dense.total("macs") / per, spiking.total("synops") / per,
            spiking.total("updates_driven") / per, spiking.total("updates_idle") / per, spiking.total("spikes") / per,
            network.populations[name].size, tuple(dict.fromkeys(sources[name])),
        )  # fmt: skip
    return found


def crossings(costs: Mapping[str, LayerCost], on_chip: frozenset[str]) -> tuple[float, float]:
    """Return the events that go to the chip and that come back, per inference; an event is sent once, whoever reads it there.

    An output of the model comes back as one number per unit.
    """
    there = {source for name in on_chip for source in costs[name].sources if source not in on_chip}
    back = {source for name, cost in costs.items() if name not in on_chip for source in cost.sources if source in on_chip}
    last = {name for name in on_chip if not any(name in cost.sources for cost in costs.values())}  # outputs of the model
    returned = sum(costs[name].spikes for name in back - last) + sum(costs[name].units for name in last)
    return sum(costs[name].spikes for name in there), returned


def calls(costs: Mapping[str, LayerCost], on_chip: frozenset[str]) -> int:
    """Return how often the chip is started: the longest alternation between host and chip along any path."""
    depth: dict[str, int] = {}
    for name, cost in costs.items():
        entered = 0
        for source in cost.sources:
            if source not in depth:
                raise ParameterError(f"offload: {name!r} reads {source!r}, which comes after it. A network with cycles cannot be split.")
            entered = max(entered, depth[source] + (name in on_chip and source not in on_chip))
        depth[name] = entered
    return max(depth.values(), default=0)
