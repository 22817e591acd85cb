"""How often units speak: from recorded spikes, or as the user assumes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from snnsim.errors import ParameterError, UnrecordedError, unknown_name
from snnsim.network import Network
from snnsim.placement.blocks import offsets
from snnsim.results import Result, SpikeTrains
from snnsim.units import check_number, check_scalar


def trains_of(network: Network, result: Any, digest: str, seed: int, needed: Iterable[str], owner: str) -> dict[str, SpikeTrains]:
    """Return the spikes of the populations that send events.

    Raises ParameterError for a result of another network or seed, UnrecordedError naming what to record.
    """
    if not isinstance(result, Result):
        raise ParameterError(f"{owner}.result = {result!r} must be a Result of this network. Give what simulate returned.")
    state = result.state
    ran = getattr(state, "digest", getattr(state, "network", None))
    if ran != digest:
        raise ParameterError(f"{owner}.result belongs to another network. Run the network that was placed.")
    if network.domain == "spiking" and state.seed != seed:
        raise ParameterError(
            f"{owner}.result was simulated with seed = {state.seed}, which draws other synapses than seed = {seed} of the placement. "
            f"Place with seed={state.seed}."
        )
    missing = [name for name in needed if name not in result.spikes or result.spikes[name].neurons is not None]
    if missing:
        record = ", ".join(f"{name!r}: ['spikes']" for name in missing)
        raise UnrecordedError(f"{owner}: the spikes of all neurons of {', '.join(missing)} are needed. Run with record={{{record}}}.")
    return {name: result.spikes[name] for name in needed}


_MOST = 1e15  # of a rate: sums over all units stay whole numbers


def spikes_of(network: Network, trains: Mapping[str, SpikeTrains]) -> np.ndarray:
    """Return the spikes of each unit over the whole result, int64[n_units]; 0 where they are not known."""
    first = offsets(network)
    spikes = np.zeros(sum(population.size for population in network.populations.values()), np.int64)
    for name, train in trains.items():
        spikes[first[name] : first[name] + train.n] = train.counts()
    return spikes


def given_rates(network: Network, traffic: Any) -> np.ndarray:
    """Return a rate for each unit, float64[n_units], from one number or from numbers and arrays by population; default 1 each."""
    rates = np.ones(sum(population.size for population in network.populations.values()))
    if traffic is None:
        return rates
    if not isinstance(traffic, Mapping):
        return rates * check_scalar("place.traffic", traffic, ge=0.0, le=_MOST)
    first = offsets(network)
    for name, rate in traffic.items():
        if name not in network.populations:
            raise ParameterError(unknown_name("place.traffic: population", name, network.populations))
        value, size = np.asarray(check_number(f"place.traffic[{name!r}]", rate, ge=0.0, le=_MOST)), network.populations[name].size
        if value.size not in (1, size):
            raise ParameterError(
                f"place.traffic[{name!r}] has shape {value.shape} but must be one number, or one for each of {size} neurons."
            )
        rates[first[name] : first[name] + size] = value.ravel()
    return rates


def whole(traffic: np.ndarray) -> np.ndarray:
    """Return traffic as whole numbers: as it is where it is whole, else in millionths of the largest."""
    if not traffic.size or np.array_equal(traffic, np.rint(traffic)):
        return traffic.astype(np.int64)
    return np.ceil(traffic * (1e6 / traffic.max())).astype(np.int64)
