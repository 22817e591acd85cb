"""Which layers go to the chip: by what they are, or by search."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from snnsim.connect import Product, unwrap
from snnsim.coprocessor.costs import LayerCost
from snnsim.errors import ParameterError, unknown_name
from snnsim.models.softmax_row import SoftmaxRow
from snnsim.network import Network

NAMED = ("none", "attention", "mlp", "all")


def attention_layers(network: Network) -> frozenset[str]:
    """Return the populations of attention: scores, mixtures, and the queries, keys and values they are made of."""
    found = {name for name, population in network.populations.items() if isinstance(population.model, SoftmaxRow)}
    for projection in network.projections.values():
        if isinstance(unwrap(projection.connector)[0], Product):
            found |= {projection.pre.population.name, projection.post.population.name}
    return frozenset(found)


def named_layers(network: Network, costs: Mapping[str, LayerCost], which: str) -> frozenset[str]:
    """Return the layers of 'none', 'attention', 'mlp' (all but attention) or 'all', as far as the chip can do them."""
    able = frozenset(name for name, cost in costs.items() if cost.chip is not None and cost.sources)
    if which == "none":
        return frozenset()
    if which == "all":
        return able
    attention = attention_layers(network)
    return able & attention if which == "attention" else able - attention


def chosen_layers(network: Network, costs: Mapping[str, LayerCost], layers: Any) -> frozenset[str]:
    """Return the layers a caller names. Raises ParameterError for unknown ones, inputs, and those that the chip cannot do."""
    if not isinstance(layers, Iterable) or isinstance(layers, str):
        raise ParameterError(f"offload.splits = {layers!r} must name layers in a list, or be one of {', '.join(NAMED)}, best.")
    wanted = list(layers)
    for name in wanted:
        if name not in list(costs):
            raise ParameterError(unknown_name("offload.splits: layer", name, costs))
        if not costs[name].sources:
            raise ParameterError(f"offload.splits: {name!r} is an input of the model, which the host encodes. Leave it out.")
        if costs[name].chip is None:
            raise ParameterError(
                f"offload.splits: the chip cannot do {name!r}: it has no price for {', '.join(costs[name].lacks)}. Leave it out."
            )
    return frozenset(wanted)


def search(
    network: Network, costs: Mapping[str, LayerCost], value: Callable[[frozenset[str]], float], starts: Iterable[frozenset[str]]
) -> frozenset[str]:
    """Return the split of least `value` that is found from the starts by moving one layer, or one run of layers, at a time.

    Every move that lowers the value most is taken until none does. With a start-up cost per call the problem is no minimum cut; the
    tests hold the search against all subsets of small networks.
    """
    able = [name for name, cost in costs.items() if cost.chip is not None and cost.sources]
    runs = [frozenset(able[i:j]) for i in range(len(able)) for j in range(i + 1, min(len(able), i + 16) + 1)]
    best = min(starts, key=value)
    least = value(best)
    while True:
        moves = [best ^ run for run in runs if len(run) == 1] + [best | run for run in runs] + [best - run for run in runs]
        candidate = min(moves, key=value, default=best)
        reached = value(candidate)
        if not reached < least:
            return best
        best, least = candidate, reached
