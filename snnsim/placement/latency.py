"""How long a run takes on a placement: step by step, the slowest core decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, final

import numpy as np

from snnsim.errors import ParameterError
from snnsim.hardware.figures import Interval
from snnsim.hardware.profile import Profile, load_profile, profile_names
from snnsim.network import Network
from snnsim.placement.blocks import offsets, ranges
from snnsim.placement.transport import distances, step_of, steps_of
from snnsim.results import Result, SpikeTrains
from snnsim.units import check_integer

_KINDS = ("synops", "spikes", "updates_driven", "updates_idle", "hops", "barriers")
_CHUNK = 1 << 21  # entries worked on together: tens of megabytes


@final
@dataclass(frozen=True)
class Latency:
    r"""How long an inference takes.

    .. math:: t = \sum_{steps} \Big[ \max_{cores} (synops\, t_{synop} + spikes\, t_{spike} + driven\, t_{driven} + idle\, t_{idle})
              + \max_{packets} hops\, t_{hop} + t_{barrier} \Big]

    ms : Interval                 of one inference
    steps : float                 of one inference
    slowest : core -> float       share of the steps in which a core decides, under nominal times
    left_out : tuple of str       kinds of operations whose time the profile does not tell

    Work is charged to the step of its spike, whatever the delay; packets do not wait for each other. A core that gets s synaptic
    operations updates between 1 (low) and min(s, neurons) driven neurons (nominal, high), the others idle.
    """

    ms: Interval
    steps: float
    slowest: Mapping[int, float]
    left_out: tuple[str, ...]

    def __str__(self) -> str:
        rest = f"; left out: {', '.join(self.left_out)}" if self.left_out else ""
        return f"{self.ms.nominal:.4g} ms ({self.ms.low:.4g} .. {self.ms.high:.4g}) in {self.steps:g} steps{rest}"


def _times(profile: Profile) -> np.ndarray:
    """Return ns of each of `_KINDS`, float64[kinds, 3]. Raises ParameterError for hardware without times."""
    if "synops" not in profile.times:
        known = [name for name in profile_names() if "synops" in load_profile(name).times]
        raise ParameterError(
            f"Placement.latency: {profile.name!r} tells no time of a synaptic operation. Those that do: {', '.join(known)}."
        )
    return np.array([profile.times[kind].value if kind in profile.times else (0.0, 0.0, 0.0) for kind in _KINDS])


def latency_of(placement: Any, result: Result, trains: Mapping[str, SpikeTrains], step: Any, per: int | None) -> Latency:
    """Return the latency of a result on a placement. Arguments as in `Placement.latency`."""
    network, routes, times = placement.network, placement.routes, _times(placement.profile)
    counts = steps_of(network, result, step)
    n = len(counts) if per is None else check_integer("Placement.latency.per", per, low=1, why="it is the number of inferences")
    unit, when = _events(network, result, trains, counts, step)
    hops = distances(placement.mesh, routes)
    far = np.zeros(len(routes.own), np.int64)
    np.maximum.at(far, routes.unit, hops[0] + hops[1])
    used = np.array([load.core for load in placement.cores], np.int64)
    neurons = np.array([load.neurons for load in placement.cores], np.int64)
    total, slowest = np.zeros(3), np.zeros(len(used), np.int64)
    for first, last in _chunks(unit, when, sum(counts), routes, len(used)):
        inside = slice(*np.searchsorted(when, [first, last]))
        synops, spikes = _work(routes, used, unit[inside], when[inside] - first, last - first)
        links = np.zeros(last - first, np.int64)
        np.maximum.at(links, when[inside] - first, far[unit[inside]])
        for k in range(3):
            t = dict(zip(_KINDS, times[:, k], strict=True))
            driven = np.minimum(synops, neurons if k else 1)
            work = synops * t["synops"] + spikes * t["spikes"] + driven * t["updates_driven"] + (neurons - driven) * t["updates_idle"]
            total[k] += (work.max(axis=1, initial=0.0) + links * t["hops"] + t["barriers"]).sum()
            if k == 1 and len(used):
                slowest += np.bincount(work.argmax(axis=1), minlength=len(used))
    shares = {int(core): float(each / max(1, sum(counts))) for core, each in zip(used, slowest, strict=True) if each}
    left_out = tuple(kind for kind in _KINDS if kind not in placement.profile.times)
    return Latency(Interval(*(float(value) for value in total * 1e-6 / n)), sum(counts) / n, MappingProxyType(shares), left_out)


def _events(
    network: Network, result: Result, trains: Mapping[str, SpikeTrains], counts: list[int], step: Any
) -> tuple[np.ndarray, np.ndarray]:
    """Return (unit, step) of every event in order of steps, which run on from trial to trial."""
    first, begin = offsets(network), np.concatenate([[0], np.cumsum(counts)])
    units, whens = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for name, train in trains.items():
        units.append(train.indices + first[name])
        if network.domain == "integer":
            at = np.minimum(train.times.astype(np.int64), np.array(counts)[train.trials] - 1) + begin[train.trials]
        else:  # a spike at time t ends the step that holds it
            at = np.clip(np.ceil(train.times / step_of(result, step) - 1e-6).astype(np.int64) - 1, 0, counts[0] - 1)
        whens.append(at)
    unit, when = np.concatenate(units), np.concatenate(whens)
    order = np.argsort(when, kind="stable")
    return unit[order], when[order]


def _chunks(unit: np.ndarray, when: np.ndarray, steps: int, routes: Any, cores: int) -> Any:
    """Yield (first, end) of steps that are worked on together."""
    work = np.full(steps, max(1, cores), np.int64)
    np.add.at(work, when, np.diff(routes.ptr)[unit])
    total, at = np.cumsum(work), 0
    while at < steps:
        end = max(at + 1, int(np.searchsorted(total, (total[at - 1] if at else 0) + _CHUNK, side="right")))
        yield at, end
        at = end


def _work(routes: Any, used: np.ndarray, unit: np.ndarray, when: np.ndarray, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the synaptic operations and spikes of every core in every step, int64[steps, cores] each."""
    length = np.diff(routes.ptr)[unit]
    pair = ranges(routes.ptr[unit], length)
    on = routes.core[pair] >= 0
    slot = np.searchsorted(used, routes.core[pair][on])
    synops = np.zeros(steps * len(used), np.int64)
    np.add.at(synops, np.repeat(when, length)[on] * len(used) + slot, routes.synapses[pair][on])
    own = routes.own[unit]
    spikes = np.bincount(when[own >= 0] * len(used) + np.searchsorted(used, own[own >= 0]), minlength=steps * len(used))
    return synops.reshape(steps, len(used)), spikes.reshape(steps, len(used))
