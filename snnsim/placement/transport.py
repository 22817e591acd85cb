"""What events take on their way: packets, hops, bits."""

from __future__ import annotations

from math import ceil
from typing import Any

import numpy as np

from snnsim.errors import ParameterError
from snnsim.hardware.profile import Profile
from snnsim.network import Network
from snnsim.placement.blocks import offsets
from snnsim.placement.mesh import Mesh
from snnsim.placement.routes import Routes
from snnsim.results import Result
from snnsim.units import check_number


def distances(mesh: Mesh, routes: Routes) -> tuple[np.ndarray, np.ndarray]:
    """Return (links between tiles, links between chips) of the way of a packet along each pair, int64[m] each; 0 within a core."""
    x, y = mesh.tiles(np.arange(mesh.n))
    x, y = np.append(x, 0), np.append(y, 0)  # the host, -1, lies beside the tile at (0, 0)
    here, there = routes.own[routes.unit], routes.core
    return mesh.distance(x[here], y[here], x[there], y[there])


def transport_counts(network: Network, profile: Profile, mesh: Mesh, routes: Routes, spikes: np.ndarray) -> dict[str, dict[str, int]]:
    """Return the packets, hops and bits of the events of each population. spikes : int64[n_units]"""
    hops, across = (routes.per_unit(each) for each in distances(mesh, routes))
    packets = routes.fan_out()
    bits, first = profile.limits.get("event_bits", 0), offsets(network)
    layers = {}
    for name, population in network.populations.items():
        span = slice(first[name], first[name] + population.size)
        told = spikes[span]
        kinds = {"packets": int(told @ packets[span]), "chip_bits": bits * int(told @ across[span])}
        if mesh.known:
            kinds |= {"hops": int(told @ hops[span]), "core_bits": bits * int(told @ hops[span])}
        if any(kinds.values()):
            layers[f"events of {name}"] = kinds
    return layers


def steps_of(network: Network, result: Result, step: Any) -> list[int]:
    """Return the steps of each trial of a result; a spiking one is one trial. Raises ParameterError for a bad step."""
    if network.domain == "integer":
        if step is not None:
            raise ParameterError(
                f"Placement.step = {step!r} does not apply to a network of integer units, which has its own. Leave it out."
            )
        return [int(n) for n in result.steps]  # type: ignore[union-attr]
    return [ceil(result.duration / step_of(result, step) - 1e-6)]


def step_of(result: Result, step: Any) -> float:
    """Return the step of the hardware, ms."""
    return float(result.state.dt if step is None else check_number("Placement.step", step, unit="ms", gt=0.0))
