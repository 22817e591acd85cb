"""How many bytes the samples of a run take, of states and of weights."""

from __future__ import annotations

from collections.abc import Iterable

from snnsim.connect.views import expected
from snnsim.engines.takes import Take, WeightTake, grid_points
from snnsim.network import Network


def sample_bytes(
    network: Network, takes: Iterable[Take], weights: Iterable[WeightTake], began: float, duration: float, dt: float
) -> dict[str, float]:
    """Return the bytes of the samples of a run from `began`, by 'population.state' or 'projection.weight'.

    Weights of a projection whose connector cannot tell how many it makes are not counted, but where synapses were chosen.
    """
    populations, first, last = list(network.populations.values()), grid_points(began, dt), grid_points(began + duration, dt)
    states = {
        f"{populations[take.population].name}.{take.what}": 8.0
        * take.width(populations[take.population].size)
        * take.n_samples(first, last, dt)
        for take in takes
        if take.what != "spikes"
    }
    projections = list(network.projections.items())
    for taken in weights:
        name, projection = projections[taken.projection]
        width = expected(projection) if taken.synapses is None else len(taken.synapses)
        if width is not None:
            states[f"{name}.weight"] = 8.0 * width * taken.n_samples(began, began + duration)
    return states
