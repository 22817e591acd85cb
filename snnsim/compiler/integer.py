"""A network of integer units becomes flat arrays, with the proof that no accumulator overflows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from math import prod

import numpy as np

from snnsim.compiler.integer_edges import POOLS, Edges, gain_of, mirrored, own_shape, partner_shape, point_weights
from snnsim.connect import Dense, Filters, Product, unwrap
from snnsim.errors import CompileError
from snnsim.kernels.integer_net import IntegerNet
from snnsim.kernels.integer_units import keep
from snnsim.models.integer import IntegerUnit
from snnsim.models.integer_input import IntegerInput
from snnsim.network import Network, Projection, description_digest

#: Places for unit functions in the compiled driver; fixed, so that one compilation serves every network.
N_UNIT_FUNCTIONS = 8


@dataclass(frozen=True)
class CompiledInteger:
    """A network of integer units, ready to settle. Read-only.

    net : IntegerNet                     flat arrays
    functions : tuple of kernels         the functions g, padded to `N_UNIT_FUNCTIONS`
    populations : tuple of str           in topological order, the inputs first
    inputs : tuple of str                the input populations
    projections : tuple of str           keys of ``network.projections``, in order of pre population
    n_seen : int                         operand values that product edges keep
    bounds : mapping of str to int       largest possible magnitude of an accumulator, by population
    digest : str                         of the description; a state belongs to one
    """

    network: Network
    net: IntegerNet
    functions: tuple[Callable, ...]
    populations: tuple[str, ...]
    inputs: tuple[str, ...]
    projections: tuple[str, ...]
    n_seen: int
    bounds: Mapping[str, int]
    digest: str

    def span(self, population: str) -> slice:
        """Return where the units of a population lie in the flat index space."""
        place = self.populations.index(population)
        return slice(int(self.net.unit_ptr[place]), int(self.net.unit_ptr[place + 1]))


def _units(network: Network) -> dict[str, IntegerUnit]:
    units = {}
    for name, population in network.populations.items():
        if not isinstance(population.model, IntegerUnit):
            raise CompileError(f"Population({name!r}) is no integer unit; this compiler takes a network of integer units.")
        units[name] = population.model
    return units


def _order(network: Network) -> list[str]:
    """Return the populations in topological order, the input first."""
    before: dict[str, list[str]] = {name: [] for name in network.populations}
    for projection in network.projections.values():
        before[projection.post.name].append(projection.pre.name)
    try:
        order = list(TopologicalSorter(before).static_order())
    except CycleError as error:
        raise CompileError(
            f"Network has the cycle {' -> '.join(error.args[1])}: integer units settle on an acyclic graph. Remove it."
        ) from None
    inputs = [name for name in network.populations if isinstance(network.populations[name].model, IntegerInput)]
    if not inputs:
        raise CompileError("Network has no IntegerInput population: nothing would set it in motion. Add one.")
    return inputs + [name for name in order if name not in inputs]


def _bound(key: str, projection: Projection, units: Mapping[str, IntegerUnit]) -> np.ndarray:
    """Return the largest magnitude a projection can add to a target: per channel, per unit or as one number."""
    largest = max(abs(bound) for bound in units[projection.pre.name].bounds())
    match unwrap(projection.connector)[0]:
        case Dense(weight=weight):
            return _absolute_sum(weight) * (largest * abs(gain_of(key, projection)))
        case Filters(weight=weight):
            return _absolute_sum(weight.reshape(-1, weight.shape[-1])) * (largest * abs(gain_of(key, projection)))
        case Product() as product:
            partner = max(abs(bound) for bound in units[product.partner.name].bounds())  # type: ignore[attr-defined]
            sizes = product.sizes(key, own_shape(projection), partner_shape(product), projection.post.shape)
            summed = prod(size for label, size in sizes.items() if label not in product.post_labels)
            return np.array((largest * partner * summed * abs(gain_of(key, projection)) + 1) // 2)  # each side brings half of the sum
        case _:
            weights = np.abs(point_weights(key, projection).astype(np.int64))
            spread = np.resize(weights, own_shape(projection)).reshape(-1, *projection.post.shape)
            return spread.sum(axis=0) * largest


def _absolute_sum(weight: np.ndarray) -> np.ndarray:
    """Return the sums of magnitudes down the columns, int64, a block of rows at a time: the whole in 64 bits might not fit."""
    total = np.zeros(weight.shape[1], dtype=np.int64)
    for first in range(0, len(weight), 256):
        total += np.abs(weight[first : first + 256].astype(np.int64)).sum(axis=0)
    return total


def _prove_no_overflow(network: Network, units: Mapping[str, IntegerUnit]) -> dict[str, int]:
    """Return the largest possible accumulator magnitude by population: ||W||_1 * s_max + |bias|.

    Only the final value is proven. On the way to silence a value may overshoot or even wrap, and g may answer anything:
    sums modulo 2^32 still end in the exact final one, and g is then evaluated on that.
    Raises CompileError naming the population and the bits that would do.
    """
    bounds = {}
    for name, population in network.populations.items():
        total = np.abs(units[name].bias).astype(np.int64)
        for key, projection in network.projections.items():
            if projection.post is population:
                total = total + _bound(key, projection, units)
        worst = int(np.max(total, initial=0))
        limit = units[name].largest_acc(population.shape[-1])
        if worst > limit:
            excess = worst.bit_length() - limit.bit_length() + (worst >> (worst.bit_length() - limit.bit_length()) > limit)
            raise CompileError(
                f"Population({name!r}): an accumulator can reach {worst}, past the {limit} that {type(units[name]).__name__} takes "
                f"exactly; {worst.bit_length() + 1} bits would do. Use fewer levels or smaller weights: of a converted model, "
                f"{excess} bits less in activation_bits and weight_bits together.",
                population=name,
            )
        bounds[name] = worst
    return bounds


def _pointers(lengths: np.ndarray | list[int]) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def _joined(parts: list[np.ndarray], dtype: type) -> np.ndarray:
    return np.concatenate([*parts, np.zeros(0, dtype)]).astype(dtype)


def _lay_out_units(
    network: Network, order: list[str], units: Mapping[str, IntegerUnit], functions: list[Callable]
) -> dict[str, np.ndarray]:
    """Return the per-population and per-row arrays of IntegerNet."""
    shapes = [network.populations[name].shape for name in order]
    sizes = np.array([prod(shape) for shape in shapes], dtype=np.int64)
    widths = np.array([shape[-1] for shape in shapes], dtype=np.int64)
    flat = [units[name].flat(shape[-1]) for name, shape in zip(order, shapes, strict=True)]
    biases = [np.broadcast_to(units[name].bias, shape).ravel() for name, shape in zip(order, shapes, strict=True)]
    return {
        "unit_ptr": _pointers(sizes),
        "row_ptr": _pointers(sizes // widths),
        "width": widths,
        "kind": np.array([functions.index(type(units[name]).g) for name in order], dtype=np.int64),
        "param_ptr": _pointers([len(part) for part in flat]),
        "params": _joined(flat, np.int64),
        "bias": _joined(biases, np.int32),
        "window": np.array([high - low for low, high in (units[name].bounds() for name in order)], dtype=np.int64),
        "row_pop": np.repeat(np.arange(len(order), dtype=np.int64), sizes // widths),
    }


def compile_integer(network: Network) -> CompiledInteger:
    """Return the flat form of a network of integer units.

    Raises
    ------
    CompileError   for a cycle, no input, more than `N_UNIT_FUNCTIONS` kinds of unit, an accumulator that
                   could overflow
    WiringError    for a connector without integer delivery, a product without its mirrored side, bad weights
    """
    units = _units(network)
    order = _order(network)
    mirrors = mirrored(network)
    functions = list(dict.fromkeys([keep, *(type(unit).g for unit in units.values())]))
    if len(functions) > N_UNIT_FUNCTIONS:
        raise CompileError(f"Network uses {len(functions)} kinds of integer unit; {N_UNIT_FUNCTIONS} fit. Split it.")
    place = {name: i for i, name in enumerate(order)}
    keys = sorted(network.projections, key=lambda key: place[network.projections[key].pre.name])
    edges = Edges(len(keys))
    for i, key in enumerate(keys):
        edges.columns["post"][i] = place[network.projections[key].post.name]
        edges.add(i, key, network.projections[key])
    for key, other in mirrors.items():
        edges.mirror(keys.index(key), keys.index(other))
    pre = np.array([place[network.projections[key].pre.name] for key in keys], dtype=np.int64)
    net = IntegerNet(
        **_lay_out_units(network, order, units, functions),
        **edges.columns,
        out_ptr=np.searchsorted(pre, np.arange(len(order) + 1)).astype(np.int64),
        **{pool: _joined(parts, POOLS[pool]) for pool, parts in edges.pools.items()},
    )
    for array in net:
        array.flags.writeable = False
    return CompiledInteger(
        network=network,
        net=net,
        functions=(*functions, *[keep] * (N_UNIT_FUNCTIONS - len(functions))),
        populations=tuple(order),
        inputs=tuple(name for name in order if isinstance(units[name], IntegerInput)),
        projections=tuple(keys),
        n_seen=edges.n_seen,
        bounds=_prove_no_overflow(network, units),
        digest=description_digest(network),
    )
