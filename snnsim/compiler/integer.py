"""A network of integer units becomes flat arrays, with the proof that no accumulator overflows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from math import prod

import numpy as np

from snnsim.connect import Dense, OneToOne, Product, SumOver
from snnsim.errors import CompileError, WiringError
from snnsim.kernels.integer_net import DENSE, ONE_TO_ONE, PRODUCT, SUM_OVER, IntegerNet
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
    populations : tuple of str           in topological order; the first is the input
    projections : tuple of str           keys of ``network.projections``, in order of pre population
    n_seen : int                         operand values that product edges keep
    bounds : mapping of str to int       largest possible magnitude of an accumulator, by population
    digest : str                         of the description; a state belongs to one
    """

    network: Network
    net: IntegerNet
    functions: tuple[Callable, ...]
    populations: tuple[str, ...]
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
    "connectivity", "post", "weight_ptr", "target_ptr", "partner_ptr", "step_ptr", "n_step", "contiguous", "touch_ptr", "n_touch",
    "own_seen", "partner_seen", "partner",
)  # fmt: skip


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
    inputs = [name for name in order if isinstance(network.populations[name].model, IntegerInput)]
    if len(inputs) != 1:
        raise CompileError(f"Network has {len(inputs)} IntegerInput populations {inputs} but needs one. Join or add them.")
    return inputs + [name for name in order if name != inputs[0]]


def _pairs(network: Network) -> dict[str, str]:
    """Return, for each product projection, the mirrored one."""
    products = {key: p for key, p in network.projections.items() if isinstance(p.connector, Product)}
    mirror = {}
    for key, projection in products.items():
        connector: Product = projection.connector  # type: ignore[assignment]
        wanted = f"{connector.partner_labels},{connector.pre_labels}->{connector.post_labels}"
        found = [
            other
            for other, p in products.items()
            if other != key and p.pre is connector.partner and p.post is projection.post
            and p.connector.partner is projection.pre and p.connector.subscripts == wanted  # type: ignore[attr-defined]
        ]  # fmt: skip
        if len(found) != 1:
            partner = getattr(connector.partner, "name", connector.partner)
            raise WiringError(
                f"Projection({key!r}) is one side of a product; the mirrored one is missing or doubled. Add Projection({partner}, "
                f"{projection.post.name}, Product({projection.pre.name}, {wanted!r})) once."
            )
        mirror[key] = found[0]
    return mirror


def _one_to_one_weights(key: str, projection: Projection) -> np.ndarray:
    weight = 1 if projection.weight is None else projection.weight
    array = np.asarray(weight)
    if np.any(array != np.rint(array)) or np.abs(array).max() >= 2**31:
        raise WiringError(f"Projection({key!r}).weight must hold 32-bit whole numbers between integer units. Round it.")
    width = projection.post.shape[-1]
    if array.shape not in ((), (width,)):
        raise WiringError(f"Projection({key!r}).weight has shape {array.shape}; give one number, or one per channel ({width},).")
    return np.broadcast_to(array, (width,)).astype(np.int32)


def _strides(labels: str, sizes: Mapping[str, int]) -> dict[str, int]:
    strides, step = {}, 1
    for label in reversed(labels):
        strides[label], step = step, step * sizes[label]
    return strides


def _product_index(key: str, projection: Projection) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return (first target, first partner) of every source unit and (target, partner) steps from there, all int32."""
    connector: Product = projection.connector  # type: ignore[assignment]
    sizes = connector.sizes(key, projection.pre.shape, connector.partner.shape, projection.post.shape)  # type: ignore[attr-defined]
    to_post, to_partner = _strides(connector.post_labels, sizes), _strides(connector.partner_labels, sizes)

    def offsets(labels: str, strides: Mapping[str, int]) -> np.ndarray:
        grid = np.indices([sizes[label] for label in labels]).reshape(len(labels), -1)
        total = np.zeros(prod(sizes[label] for label in labels), dtype=np.int64)
        for label, index in zip(labels, grid, strict=True):
            total += index * strides.get(label, 0)
        return total.astype(np.int32)

    free = "".join(label for label in connector.partner_labels if label not in connector.pre_labels)
    own = connector.pre_labels
    return offsets(own, to_post), offsets(own, to_partner), offsets(free, to_post), offsets(free, to_partner)


def _rows_reached(key: str, first_target: np.ndarray, target_steps: np.ndarray, width: int) -> np.ndarray:
    """Return the rows an event reaches, counted from the row of its first target; they are the same for every source unit."""
    reached = (first_target[:, None] + target_steps) // width - (first_target // width)[:, None]
    if not (reached == reached[0]).all():
        raise WiringError(
            f"Projection({key!r}): the rows of the post population end within an axis of the product. "
            "Give the post population a last axis that holds whole axes of the subscripts."
        )
    return np.unique(reached).astype(np.int32)


def _bound(projection: Projection, units: Mapping[str, IntegerUnit], sizes: Mapping[str, int]) -> np.ndarray:
    """Return the largest magnitude a projection can add to a target, per channel or as one number."""
    largest = max(abs(bound) for bound in units[projection.pre.name].bounds())
    match projection.connector:
        case Dense(weight=weight):
            return np.abs(weight.astype(np.int64)).sum(axis=0) * largest
        case SumOver():
            return np.array(projection.pre.shape[0] * largest)
        case Product() as product:
            partner = max(abs(bound) for bound in units[product.partner.name].bounds())  # type: ignore[attr-defined]
            summed = prod(size for label, size in sizes.items() if label not in product.post_labels)
            return np.array((largest * partner * summed + 1) // 2)  # each side of the pair brings half of the sum
        case _:
            return np.abs(_one_to_one_weights("", projection).astype(np.int64)) * largest


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
                sizes = {}
                if isinstance(projection.connector, Product):
                    partner = projection.connector.partner.shape  # type: ignore[attr-defined]
                    sizes = projection.connector.sizes(key, projection.pre.shape, partner, population.shape)
                total = total + _bound(projection, units, sizes)
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
        "row_pop": np.repeat(np.arange(len(order), dtype=np.int64), sizes // widths),
    }


class _Edges:
    """The per-projection arrays of IntegerNet, filled in one projection after another."""

    def __init__(self, n: int) -> None:
        self.columns = {field: np.zeros(n, dtype=np.int64) for field in _COLUMNS}
        self.columns["n_touch"][:] = 1
        self.weights8: list[np.ndarray] = []
        self.weights32: list[np.ndarray] = []
        self.index: list[np.ndarray] = [np.zeros(1, dtype=np.int32)]  # entry 0: the one row that other connectivities reach
        self.n_seen = 0

    @staticmethod
    def _append(parts: list[np.ndarray], array: np.ndarray) -> int:
        at = sum(len(part) for part in parts)
        parts.append(array.ravel())
        return at

    def add(self, i: int, key: str, projection: Projection) -> None:
        """Lay out projection number `i`; a product still lacks its mirror."""
        columns = self.columns
        match projection.connector:
            case Dense(weight=weight):
                columns["connectivity"][i], columns["n_step"][i] = DENSE, weight.shape[0]
                columns["weight_ptr"][i] = self._append(self.weights8, weight)
            case OneToOne():
                columns["connectivity"][i] = ONE_TO_ONE
                columns["weight_ptr"][i] = self._append(self.weights32, _one_to_one_weights(key, projection))
            case SumOver():
                columns["connectivity"][i] = SUM_OVER
            case Product():
                self._add_product(i, key, projection)
            case other:
                raise WiringError(
                    f"Projection({key!r}): {type(other).__name__} cannot join integer units. Use Dense, OneToOne, SumOver or Product."
                )

    def _add_product(self, i: int, key: str, projection: Projection) -> None:
        columns = self.columns
        first_target, first_partner, target_steps, partner_steps = _product_index(key, projection)
        rows = _rows_reached(key, first_target, target_steps, projection.post.shape[-1])
        columns["connectivity"][i], columns["n_step"][i] = PRODUCT, len(target_steps)
        columns["contiguous"][i] = all((steps == np.arange(len(steps))).all() for steps in (target_steps, partner_steps))
        columns["target_ptr"][i] = self._append(self.index, first_target)
        columns["partner_ptr"][i] = self._append(self.index, first_partner)
        columns["step_ptr"][i] = self._append(self.index, np.concatenate([target_steps, partner_steps]))
        columns["touch_ptr"][i], columns["n_touch"][i] = self._append(self.index, rows), len(rows)
        columns["own_seen"][i] = self.n_seen
        self.n_seen += projection.pre.size

    def mirror(self, i: int, other: int) -> None:
        """Tell product `i` which one is its mirror."""
        self.columns["partner"][i] = other
        self.columns["partner_seen"][i] = self.columns["own_seen"][other]


def compile_integer(network: Network) -> CompiledInteger:
    """Return the flat form of a network of integer units.

    Raises
    ------
    CompileError   for a cycle, no or several inputs, more than `N_UNIT_FUNCTIONS` kinds of unit, an accumulator that
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
        weights8=_joined(edges.weights8, np.int8),
        weights32=_joined(edges.weights32, np.int32),
        product_index=_joined(edges.index, np.int32),
    )
    for array in net:
        array.flags.writeable = False
    return CompiledInteger(
        network=network,
        net=net,
        functions=(*functions, *[keep] * (N_UNIT_FUNCTIONS - len(functions))),
        populations=tuple(order),
        projections=tuple(keys),
        n_seen=edges.n_seen,
        bounds=_prove_no_overflow(network, units),
        digest=description_digest(network),
    )
