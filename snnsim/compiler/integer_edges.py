"""Projections between integer units, laid out in the flat arrays that kernels deliver along."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

import numpy as np

from snnsim.connect import Dense, Filters, OneToOne, Product, SumOver, unwrap
from snnsim.errors import WiringError
from snnsim.kernels.integer_net import DENSE, FILTERS, FILTERS_HEADER, PLACED, POINT, PRODUCT, SPREAD
from snnsim.network import Network, Projection

#: per-projection fields of IntegerNet that are filled in here
_COLUMNS = (
    "connectivity", "post", "gain", "layout", "layout_ptr", "wide", "weight_ptr", "n_weight", "filters_ptr", "target_ptr", "partner_ptr",
    "step_ptr", "n_step", "contiguous", "limit_ptr", "touch_ptr", "n_touch", "own_seen", "partner_seen", "partner",
)  # fmt: skip


#: what all projections share
POOLS = {"weights8": np.int8, "weights16": np.int16, "weights32": np.int32, "index": np.int32}


def mirrored(network: Network) -> dict[str, str]:
    """Return, for each product projection, the mirrored one."""
    products = {key: p for key, p in network.projections.items() if isinstance(unwrap(p.connector)[0], Product)}
    mirror: dict[str, str] = {}
    for key, projection in products.items():
        connector: Product = unwrap(projection.connector)[0]  # type: ignore[assignment]
        wanted = f"{connector.partner_labels},{connector.pre_labels}->{connector.post_labels}"
        found = []
        for other, p in products.items():
            back: Product = unwrap(p.connector)[0]  # type: ignore[assignment]
            ends = p.pre is connector.partner and p.post is projection.post and back.partner is projection.pre
            shapes = own_shape(p) == partner_shape(connector) and partner_shape(back) == own_shape(projection)
            shapes &= connector.same_synapses(back)
            gains = gain_of(key, projection) == gain_of(other, p)
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


def own_shape(projection: Projection) -> tuple[int, ...]:
    """Return the shape in which a projection reads its pre population."""
    _, index = unwrap(projection.connector)
    return projection.pre.shape if index is None else index.shape


def partner_shape(product: Product) -> tuple[int, ...]:
    return product.shape or product.partner.shape  # type: ignore[attr-defined]


def _whole(key: str, projection: Projection) -> np.ndarray:
    """Return the weight of a projection as int64[...]."""
    array = np.asarray(1 if projection.weight is None else projection.weight)
    if np.any(array != np.rint(array)) or np.abs(array).max(initial=0) >= 2**31:
        raise WiringError(f"Projection({key!r}).weight must hold 32-bit whole numbers between integer units. Round it.")
    return array.astype(np.int64)


def gain_of(key: str, projection: Projection) -> int:
    """Return the gain of a dense, convolving or product projection."""
    gain = _whole(key, projection)
    if gain.ndim or gain == 0:
        raise WiringError(f"Projection({key!r}).weight is the gain of its connector: it must be one whole number other than 0.")
    return int(gain)


def point_weights(key: str, projection: Projection) -> np.ndarray:
    """Return the weights of a point projection, which repeat along its layout, int32[n]."""
    array, post = _whole(key, projection), projection.post
    if array.shape not in ((), (post.shape[-1],), post.shape, own_shape(projection)):
        raise WiringError(
            f"Projection({key!r}).weight has shape {array.shape}; give one number, one per channel ({post.shape[-1]},), one per unit "
            f"{post.shape}, or one per place {own_shape(projection)}."
        )
    return array.ravel().astype(np.int32)


def _strides(labels: str, sizes: Mapping[str, int]) -> dict[str, int]:
    strides, step = {}, 1
    for label in reversed(labels):
        strides[label], step = step, step * sizes[label]
    return strides


def product_index(key: str, projection: Projection) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return (first target, first partner) of every source unit and (target, partner) steps from there, all int32."""
    connector: Product = unwrap(projection.connector)[0]  # type: ignore[assignment]
    sizes = connector.sizes(key, own_shape(projection), partner_shape(connector), projection.post.shape)
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


def product_limits(key: str, projection: Projection) -> np.ndarray | None:
    """Return the first and the end of the steps along which each place of a product has synapses, int32[n, 2]; None for all."""
    connector: Product = unwrap(projection.connector)[0]  # type: ignore[assignment]
    limits = connector.limits(connector.sizes(key, own_shape(projection), partner_shape(connector), projection.post.shape))
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


class Edges:
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
                self._add_weights(i, weight, gain_of(key, projection))
            case Filters() as filters:
                columns["connectivity"][i] = FILTERS
                self._add_weights(i, filters.weight, gain_of(key, projection))
                columns["filters_ptr"][i] = self._append("index", _filters_table(filters, own_shape(projection), projection.post.shape))
            case OneToOne() | SumOver():
                weights = point_weights(key, projection)
                columns["connectivity"][i], columns["n_weight"][i] = POINT, len(weights)
                columns["weight_ptr"][i] = self._append("weights32", weights)
            case Product():
                columns["gain"][i] = gain_of(key, projection)
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
        first_target, first_partner, target_steps, partner_steps = product_index(key, projection)
        rows = _rows_reached(key, first_target, target_steps, projection.post.shape[-1])
        columns["connectivity"][i], columns["n_step"][i] = PRODUCT, len(target_steps)
        columns["contiguous"][i] = all((steps == np.arange(len(steps))).all() for steps in (target_steps, partner_steps))
        columns["target_ptr"][i] = self._append("index", first_target)
        columns["partner_ptr"][i] = self._append("index", first_partner)
        columns["step_ptr"][i] = self._append("index", np.concatenate([target_steps, partner_steps]))
        limits = product_limits(key, projection)
        if limits is not None:
            columns["limit_ptr"][i] = self._append("index", limits)
        columns["touch_ptr"][i], columns["n_touch"][i] = self._append("index", rows), len(rows)
        columns["own_seen"][i] = self.n_seen
        self.n_seen += prod(own_shape(projection))

    def mirror(self, i: int, other: int) -> None:
        """Tell product `i` which one is its mirror."""
        self.columns["partner"][i] = other
        self.columns["partner_seen"][i] = self.columns["own_seen"][other]
