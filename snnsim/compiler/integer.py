"""A network of integer units becomes flat arrays, with the proof that no accumulator overflows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from math import prod

import numpy as np

from snnsim.connect import Dense, Filters, OneToOne, Product, SumOver, unwrap
from snnsim.errors import CompileError, WiringError
from snnsim.kernels.integer_net import DENSE, FILTERS, FILTERS_HEADER, PLACED, POINT, PRODUCT, SPREAD, IntegerNet
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


#: per-projection fields of IntegerNet that are filled in here
_COLUMNS = (
    "connectivity", "post", "gain", "layout", "layout_ptr", "wide", "weight_ptr", "n_weight", "filters_ptr", "target_ptr", "partner_ptr",
    "step_ptr", "n_step", "contiguous", "limit_ptr", "touch_ptr", "n_touch", "own_seen", "partner_seen", "partner",
)  # fmt: skip


#: what all projections share
_POOLS = {"weights8": np.int8, "weights16": np.int16, "weights32": np.int32, "index": np.int32}


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


def _pairs(network: Network) -> dict[str, str]:
    """Return, for each product projection, the mirrored one."""
    products = {key: p for key, p in network.projections.items() if isinstance(unwrap(p.connector)[0], Product)}
    mirror = {}
    for key, projection in products.items():
        connector: Product = unwrap(projection.connector)[0]  # type: ignore[assignment]
        wanted = f"{connector.partner_labels},{connector.pre_labels}->{connector.post_labels}"
        found = []
        for other, p in products.items():
            back: Product = unwrap(p.connector)[0]  # type: ignore[assignment]
            ends = p.pre is connector.partner and p.post is projection.post and back.partner is projection.pre
            shapes = _own_shape(p) == _partner_shape(connector) and _partner_shape(back) == _own_shape(projection)
            shapes &= connector.same_synapses(back)
            gains = _gain(key, projection) == _gain(other, p)
            if other != key and ends and shapes and gains and back.subscripts == wanted and other not in mirror.values():
                found.append(other)
        if not found:
            partner = getattr(connector.partner, "name", connector.partner)
            raise WiringError(
                f"Projection({key!r}) is one side of a product; the mirrored one is missing or doubled. Add Projection({partner}, "
                f"{projection.post.name}, Product({projection.pre.name}, {wanted!r})) once."
            )
        mirror[key] = found[0]
    return mirror


def _own_shape(projection: Projection) -> tuple[int, ...]:
    """Return the shape in which a projection reads its pre population."""
    _, index = unwrap(projection.connector)
    return projection.pre.shape if index is None else index.shape


def _partner_shape(product: Product) -> tuple[int, ...]:
    return product.shape or product.partner.shape  # type: ignore[attr-defined]


def _whole(key: str, projection: Projection) -> np.ndarray:
    """Return the weight of a projection as int64[...]."""
    array = np.asarray(1 if projection.weight is None else projection.weight)
    if np.any(array != np.rint(array)) or np.abs(array).max(initial=0) >= 2**31:
        raise WiringError(f"Projection({key!r}).weight must hold 32-bit whole numbers between integer units. Round it.")
    return array.astype(np.int64)


def _gain(key: str, projection: Projection) -> int:
    """Return the gain of a dense, convolving or product projection."""
    gain = _whole(key, projection)
    if gain.ndim or gain == 0:
        raise WiringError(f"Projection({key!r}).weight is the gain of its connector: it must be one whole number other than 0.")
    return int(gain)


def _point_weights(key: str, projection: Projection) -> np.ndarray:
    """Return the weights of a point projection, which repeat along its layout, int32[n]."""
    array, post = _whole(key, projection), projection.post
    if array.shape not in ((), (post.shape[-1],), post.shape, _own_shape(projection)):
        raise WiringError(
            f"Projection({key!r}).weight has shape {array.shape}; give one number, one per channel ({post.shape[-1]},), one per unit "
            f"{post.shape}, or one per place {_own_shape(projection)}."
        )
    return array.ravel().astype(np.int32)


def _strides(labels: str, sizes: Mapping[str, int]) -> dict[str, int]:
    strides, step = {}, 1
    for label in reversed(labels):
        strides[label], step = step, step * sizes[label]
    return strides


def _product_index(key: str, projection: Projection) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return (first target, first partner) of every source unit and (target, partner) steps from there, all int32."""
    connector: Product = unwrap(projection.connector)[0]  # type: ignore[assignment]
    sizes = connector.sizes(key, _own_shape(projection), _partner_shape(connector), projection.post.shape)
    to_post, to_partner = _strides(connector.post_labels, sizes), _strides(connector.partner_labels, sizes)

    def offsets(labels: str, strides: Mapping[str, int]) -> np.ndarray:
        grid = np.indices([sizes[label] for label in labels]).reshape(len(labels), prod(sizes[label] for label in labels))
        total = np.zeros(prod(sizes[label] for label in labels), dtype=np.int64)
        for label, index in zip(labels, grid, strict=True):
            total += index * strides.get(label, 0)
        return total.astype(np.int32)

    free = "".join(label for label in connector.partner_labels if label not in connector.pre_labels)
    own = connector.pre_labels
    return offsets(own, to_post), offsets(own, to_partner), offsets(free, to_post), offsets(free, to_partner)


def _limits(key: str, projection: Projection) -> np.ndarray | None:
    """Return the first and the end of the steps along which each place of a product has synapses, int32[n, 2]; None for all."""
    connector: Product = unwrap(projection.connector)[0]  # type: ignore[assignment]
    limits = connector.limits(connector.sizes(key, _own_shape(projection), _partner_shape(connector), projection.post.shape))
    if limits is None and connector.only is not None:
        raise WiringError(
            f"Projection({key!r}): Product.only leaves a unit synapses with gaps between them, which a product has no form for. "
            "Leave it out, and let zeros in the partner do the same."
        )
    return limits


def _rows_reached(key: str, first_target: np.ndarray, target_steps: np.ndarray, width: int) -> np.ndarray:
    """Return the rows an event reaches, counted from the row of its first target; they are the same for every source unit."""
    reached = (first_target[:, None] + target_steps) // width - (first_target // width)[:, None]
    if not (reached == reached[0]).all():
        raise WiringError(
            f"Projection({key!r}): the rows of the post population end within an axis of the product. "
            "Give the post population a last axis that holds whole axes of the subscripts."
        )
    return np.unique(reached).astype(np.int32)


def _bound(key: str, projection: Projection, units: Mapping[str, IntegerUnit]) -> np.ndarray:
    """Return the largest magnitude a projection can add to a target: per channel, per unit or as one number."""
    largest = max(abs(bound) for bound in units[projection.pre.name].bounds())
    match unwrap(projection.connector)[0]:
        case Dense(weight=weight):
            return _absolute_sum(weight) * (largest * abs(_gain(key, projection)))
        case Filters(weight=weight):
            return _absolute_sum(weight.reshape(-1, weight.shape[-1])) * (largest * abs(_gain(key, projection)))
        case Product() as product:
            partner = max(abs(bound) for bound in units[product.partner.name].bounds())  # type: ignore[attr-defined]
            sizes = product.sizes(key, _own_shape(projection), _partner_shape(product), projection.post.shape)
            summed = prod(size for label, size in sizes.items() if label not in product.post_labels)
            return np.array((largest * partner * summed * abs(_gain(key, projection)) + 1) // 2)  # each side brings half of the sum
        case _:
            weights = np.abs(_point_weights(key, projection).astype(np.int64))
            spread = np.resize(weights, _own_shape(projection)).reshape(-1, *projection.post.shape)
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
            raise CompileError(
                f"Population({name!r}): an accumulator can reach {worst}, past the {limit} that {type(units[name]).__name__} takes "
                f"exactly; {worst.bit_length() + 1} bits would do. Use fewer levels or smaller weights."
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


def _filters_table(filters: Filters, pre: tuple[int, ...], post: tuple[int, ...]) -> np.ndarray:
    """Return the description of a convolution, int32[...], as `kernels.integer_net` reads it: missing axes have one place."""
    *kernel, channels_group, out = filters.weight.shape
    missing = 3 - len(kernel)
    tables = [np.array([0, 1, 0, 0], dtype=np.int32)] * missing
    tables += [np.concatenate(filters.taps(axis, pre[axis], post[axis])) for axis in range(len(kernel))]
    ones = [1] * missing
    begin = FILTERS_HEADER + np.cumsum([0, *map(len, tables[:-1])])
    header = [*ones, *pre[:-1], *ones, *post[:-1], *ones, *kernel, pre[-1], channels_group, out, out // filters.groups, *begin]
    return np.concatenate([header, *tables]).astype(np.int32)


class _Edges:
    """The per-projection arrays of IntegerNet, filled in one projection after another."""

    def __init__(self, n: int) -> None:
        self.columns = {field: np.zeros(n, dtype=np.int64) for field in _COLUMNS}
        self.columns["gain"][:] = 1
        self.columns["limit_ptr"][:] = -1
        self.pools: dict[str, list[np.ndarray]] = {"weights8": [], "weights16": [], "weights32": [], "index": []}
        self.sizes = dict.fromkeys(self.pools, 0)
        self.places: dict[tuple[str, int], int] = {}  # arrays that several projections share are laid out once
        self.kept: list[np.ndarray] = []  # alive as long as their ids are in use
        self.n_seen = 0

    def _append(self, pool: str, array: np.ndarray, shared: bool = False) -> int:
        if shared and (pool, id(array)) in self.places:
            return self.places[pool, id(array)]
        at = self.sizes[pool]
        self.pools[pool].append(array.ravel())
        self.sizes[pool] += array.size
        if shared:
            self.places[pool, id(array)] = at
            self.kept.append(array)
        return at

    def add(self, i: int, key: str, projection: Projection) -> None:
        """Lay out projection number `i`; a product still lacks its mirror."""
        columns = self.columns
        connector, index = unwrap(projection.connector)
        if index is not None:
            self._add_layout(i, index, projection.pre.size)
        match connector:
            case Dense(weight=weight):
                columns["connectivity"][i], columns["n_step"][i] = DENSE, weight.shape[0]
                self._add_weights(i, weight, _gain(key, projection))
            case Filters() as filters:
                columns["connectivity"][i] = FILTERS
                self._add_weights(i, filters.weight, _gain(key, projection))
                columns["filters_ptr"][i] = self._append("index", _filters_table(filters, _own_shape(projection), projection.post.shape))
            case OneToOne() | SumOver():
                weights = _point_weights(key, projection)
                columns["connectivity"][i], columns["n_weight"][i] = POINT, len(weights)
                columns["weight_ptr"][i] = self._append("weights32", weights)
            case Product():
                columns["gain"][i] = _gain(key, projection)
                self._add_product(i, key, projection)
            case other:
                raise WiringError(
                    f"Projection({key!r}): {type(other).__name__} cannot join integer units. "
                    "Use Dense, Filters, OneToOne, SumOver or Product, or one of them Gathered."
                )

    def _add_weights(self, i: int, weight: np.ndarray, gain: int) -> None:
        self.columns["wide"][i] = weight.dtype == np.int16
        self.columns["weight_ptr"][i] = self._append("weights16" if weight.dtype == np.int16 else "weights8", weight, shared=True)
        self.columns["gain"][i] = gain

    def _add_layout(self, i: int, index: np.ndarray, n_pre: int) -> None:
        """Lay out where each unit stands in the layout `index`."""
        flat = index.ravel()
        if flat.size == n_pre and (flat == np.arange(n_pre)).all():
            return
        there = np.flatnonzero(flat >= 0)
        order = there[np.argsort(flat[there], kind="stable")]
        first = np.searchsorted(flat[order], np.arange(n_pre + 1))
        if np.diff(first).max(initial=0) > 1:
            table = np.concatenate([first + n_pre + 1, order])
            self.columns["layout"][i] = SPREAD
        else:
            table = np.full(n_pre, -1)
            table[flat[order]] = order
            self.columns["layout"][i] = PLACED
        self.columns["layout_ptr"][i] = self._append("index", table.astype(np.int32))

    def _add_product(self, i: int, key: str, projection: Projection) -> None:
        columns = self.columns
        first_target, first_partner, target_steps, partner_steps = _product_index(key, projection)
        rows = _rows_reached(key, first_target, target_steps, projection.post.shape[-1])
        columns["connectivity"][i], columns["n_step"][i] = PRODUCT, len(target_steps)
        columns["contiguous"][i] = all((steps == np.arange(len(steps))).all() for steps in (target_steps, partner_steps))
        columns["target_ptr"][i] = self._append("index", first_target)
        columns["partner_ptr"][i] = self._append("index", first_partner)
        columns["step_ptr"][i] = self._append("index", np.concatenate([target_steps, partner_steps]))
        limits = _limits(key, projection)
        if limits is not None:
            columns["limit_ptr"][i] = self._append("index", limits)
        columns["touch_ptr"][i], columns["n_touch"][i] = self._append("index", rows), len(rows)
        columns["own_seen"][i] = self.n_seen
        self.n_seen += prod(_own_shape(projection))

    def mirror(self, i: int, other: int) -> None:
        """Tell product `i` which one is its mirror."""
        self.columns["partner"][i] = other
        self.columns["partner_seen"][i] = self.columns["own_seen"][other]


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
    mirrors = _pairs(network)
    functions = list(dict.fromkeys([keep, *(type(unit).g for unit in units.values())]))
    if len(functions) > N_UNIT_FUNCTIONS:
        raise CompileError(f"Network uses {len(functions)} kinds of integer unit; {N_UNIT_FUNCTIONS} fit. Split it.")
    place = {name: i for i, name in enumerate(order)}
    keys = sorted(network.projections, key=lambda key: place[network.projections[key].pre.name])
    edges = _Edges(len(keys))
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
        **{pool: _joined(parts, _POOLS[pool]) for pool, parts in edges.pools.items()},
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
