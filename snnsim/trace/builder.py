"""Graph nodes as they come: named, each made once, and values turned into the operands that nodes read."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from snnsim.graph.functions import Expression, evaluate
from snnsim.graph.nodes import Activation, Add, Affine, Gather, Input, Node
from snnsim.trace.origins import Origins
from snnsim.trace.values import BLOCKED, Numbers, Value, covers, is_identity, places, simplified

Shape = tuple[int, ...]
_MANY = 16  # values that a host node may take and still be followed one by one


def _key(fields: Mapping[str, Any]) -> tuple[Any, ...]:
    parts: list[Any] = []
    for name, value in sorted(fields.items()):
        if isinstance(value, np.ndarray):
            value = (value.shape, str(value.dtype), hashlib.blake2b(np.ascontiguousarray(value).tobytes()).digest())
        parts.append((name, value))
    return tuple(parts)


def squeezed(shape: Shape) -> Shape:
    return tuple(size for size in shape if size != 1)


def smallest(array: Numbers) -> np.ndarray:
    """Return the array with axes along which it stays the same cut to one, leading ones dropped: it broadcasts as before."""
    array = np.asarray(array, dtype=np.float64)
    for axis in range(array.ndim):
        first = np.take(array, [0], axis=axis)
        if array.shape[axis] > 1 and (array == first).all():
            array = first
    leading = next((axis for axis, size in enumerate(array.shape) if size > 1), array.ndim)
    return np.array(array.reshape(array.shape[leading:]))


class Builder:
    """Collects nodes. `label` and `origin` name what is being translated now; `origins` keeps whose node is whose."""

    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {}
        self.label = "model"
        self.origin = ""
        self.origins = Origins()
        self.host: set[str] = set()
        self._known: dict[tuple[Any, ...], str] = {}
        self._possible: dict[str, frozenset[float] | None] = {}

    # nodes ------------------------------------------------------------------------------------------------------------------------

    def unique(self, label: str) -> str:
        name, n = label, 1
        while name in self.nodes:
            n += 1
            name = f"{label}_{n}"
        return name

    def node(self, cls: type[Node], inputs: tuple[str, ...], shape: Shape, suffix: str = "", **fields: Any) -> str:
        """Make a node, or find the one that says the same, and return its name."""
        key = (cls, inputs, shape, _key(fields))
        if key in self._known:
            self.origins.note(self._known[key])
            return self._known[key]
        label = f"{self.label}.{suffix}" if suffix and not self.label.endswith(f".{suffix}") else self.label
        name = self.unique(label)
        self.nodes[name] = cls(name=name, inputs=inputs, shape=shape, origin=self.origin, **fields)
        self.origins.note(name)
        if cls is not Input:
            self._known[key] = name
        if (cls is Input and fields["kind"] in ("index", "mask")) or (inputs and cls.on_host and self.host.issuperset(inputs)):
            self.host.add(name)
        return name

    def value(self, name: str, shape: Shape | None = None) -> Value:
        """Return a node as a value of torch's shape."""
        node = self.nodes[name]
        size = int(np.prod(node.shape))
        return Value((name,), places(size, node.shape if shape is None else shape))

    def emit(self, cls: type[Node], inputs: tuple[str, ...], node_shape: Shape, shape: Shape, suffix: str = "", **fields: Any) -> Value:
        """Make a node and return it as a value of torch's shape, in the order of its elements."""
        return self.value(self.node(cls, inputs, node_shape, suffix, **fields), shape)

    def size(self, name: str) -> int:
        return int(np.prod(self.nodes[name].shape))

    def total(self, value: Value) -> int:
        return sum(map(self.size, value.sources))

    def on_host(self, value: Value) -> bool:
        return self.host.issuperset(value.sources)

    # layouts ----------------------------------------------------------------------------------------------------------------------

    def gather(self, value: Value, shape: Shape, fill: float = 0.0) -> str:
        """Return a node that holds the places of a bare value in `shape`: one that is there, or a gather."""
        index = value.index.reshape(shape)
        if len(value.sources) == 1 and self.nodes[value.sources[0]].shape == shape and is_identity(index, self.total(value)):
            return value.sources[0]
        sources, index = self._through_gathers(value.sources, index)
        if len(sources) == 1 and self.nodes[sources[0]].shape == shape and is_identity(index, self.size(sources[0])):
            return sources[0]
        return self.node(Gather, sources, shape, "layout", index=np.ascontiguousarray(index, dtype=np.int32), fill=fill)

    def _through_gathers(self, sources: tuple[str, ...], index: np.ndarray) -> tuple[tuple[str, ...], np.ndarray]:
        """Read what the gathers among the sources read, and leave out sources that are not read."""
        bounds = np.cumsum([0, *map(self.size, sources)])
        result = np.full(index.shape, -1, dtype=np.int64)
        used: dict[str, int] = {}
        start = 0
        for at, name in enumerate(sources):
            here = (index >= bounds[at]) & (index < bounds[at + 1])
            if not here.any():
                continue
            local, node = index[here] - bounds[at], self.nodes[name]
            below: tuple[str, ...] = (name,)
            if isinstance(node, Gather) and node.fill == 0.0:
                below, local = node.inputs, node.index.ravel()[local].astype(np.int64)
            parts = np.cumsum([0, *map(self.size, below)])
            out = np.full(local.shape, -1, dtype=np.int64)
            for i, source in enumerate(below):
                inside = (local >= parts[i]) & (local < parts[i + 1])
                if inside.any():
                    if source not in used:
                        used[source], start = start, start + self.size(source)
                    out[inside] = local[inside] - parts[i] + used[source]
            result[here] = out
        return (tuple(used), result) if used else (sources[:1], result)

    def rows(self, value: Value, width: int) -> tuple[str, Shape]:
        """Return a node with a bare value's last axis as its own, and the shape of the axes before it."""
        if len(value.sources) == 1:
            shape = self.nodes[value.sources[0]].shape
            if shape and shape[-1] == width and is_identity(value.index, self.total(value)):
                return value.sources[0], shape[:-1]
        lead = squeezed(value.shape[:-1])
        return self.gather(value, (*lead, width)), lead

    # what waits -------------------------------------------------------------------------------------------------------------------

    def plain(self, value: Value) -> Value:
        """Return the value with nothing waiting: its scale, offset and function have become nodes.

        They work in the order of the source where all of it is read, so that a change of layout after them needs no node.
        """
        if value.bare:
            return value
        now = self.label, self.origin, self.origins.now
        if value.made[0]:
            self.label, self.origin, self.origins.now = value.made
        source, index = self._made(value)
        self.label, self.origin, self.origins.now = now
        return value.but(sources=(source,), index=index, scale=np.float64(1.0), offset=np.float64(0.0), expression="x")

    def _made(self, value: Value) -> tuple[str, np.ndarray]:
        arrays = self._in_source_order(value)
        if arrays is not None:
            source, index = value.sources[0], value.index
            scale, offset = arrays
        else:
            shape = squeezed(value.shape)
            source = self.gather(value, shape)
            index = places(value.index.size, value.shape)
            scale, offset = (a if a.ndim == 0 else np.asarray(a).reshape(shape) for a in (value.scale, value.offset))
        shape = self.nodes[source].shape
        if not (scale.ndim == offset.ndim == 0 and scale == 1.0 and offset == 0.0):
            source = self.node(Affine, (source,), shape, "affine", scale=smallest(scale), offset=smallest(offset))
        if value.expression != "x":
            function = simplified(value.expression)
            source = self.node(Activation, (source,), shape, function if isinstance(function, str) else "function", function=function)
        return source, index

    def _in_source_order(self, value: Value) -> tuple[Numbers, Numbers] | None:
        """Return scale and offset in the order of the only source, or None where they do not depend on its elements alone."""
        if len(value.sources) != 1 or not covers(value.index, size := self.total(value)):
            return None
        flat, found = value.index.ravel(), []
        for array in (value.scale, value.offset):
            if array.ndim:
                ordered = np.empty(size)
                ordered[flat] = np.asarray(array).ravel()
                if flat.size != size and not np.array_equal(ordered[flat], np.asarray(array).ravel()):
                    return None
                array = ordered.reshape(self.nodes[value.sources[0]].shape)
            found.append(array)
        return found[0], found[1]

    # values that host nodes can take ------------------------------------------------------------------------------------------------

    def possible(self, value: Value) -> frozenset[float] | None:
        """Return every number a host value can be, or None where they are many."""
        found: set[float] = {0.0} if (value.index < 0).any() else set()
        for source in value.sources:
            numbers = self._possible_of(source)
            if numbers is None:
                return None
            found |= numbers
        scale, offset = np.broadcast_arrays(value.scale, value.offset)
        pairs = np.unique(np.stack([scale.ravel(), offset.ravel()]), axis=1)
        if pairs.shape[1] * len(found) > _MANY * _MANY:
            return None
        x = np.add(np.multiply.outer(sorted(found), pairs[0]), pairs[1]).ravel()
        return _few(evaluate(value.expression, x) * np.ones_like(x))

    def may_block(self, value: Value) -> bool:
        """Whether a host value may be <= -1e4, so that it blocks scores, as a mask does, or a mask plus a learned bias."""
        possible = self.possible(value)
        return self._blocking(value.sources) if possible is None else min(possible) <= BLOCKED

    def _blocking(self, names: tuple[str, ...]) -> bool:
        """Whether one of these nodes, or of those it is computed from, may be <= -1e4."""
        for name in names:
            node, numbers = self.nodes[name], self._possible_of(name)
            if isinstance(node, Input):
                if node.kind == "mask":
                    return True
            elif self._blocking(node.inputs) if numbers is None else min(numbers) <= BLOCKED:
                return True
        return False

    def _possible_of(self, name: str) -> frozenset[float] | None:
        if name not in self._possible:
            self._possible[name] = self._numbers(self.nodes[name])
        return self._possible[name]

    def _numbers(self, node: Node) -> frozenset[float] | None:
        if isinstance(node, Input):
            low, high = node.low or 0, node.high or 0
            return frozenset(map(float, range(low, high + 1))) if node.kind == "index" and high - low < _MANY else None
        below = [self._possible_of(name) for name in node.inputs]
        known = [np.array(sorted(numbers)) for numbers in below if numbers is not None]
        if len(known) != len(below) or node.name not in self.host:
            return None
        function: Expression | None = getattr(node, "function", None)
        if isinstance(node, Gather):
            return _few(np.concatenate([*known, [node.fill] if (node.index < 0).any() else []]))
        if isinstance(node, Affine):
            return self.possible(Value(node.inputs, np.zeros(node.shape, dtype=np.int64), node.scale, node.offset))
        if (function is None and not isinstance(node, Add)) or np.prod([len(numbers) for numbers in known]) > _MANY**3:
            return None
        grid = np.meshgrid(*known, indexing="ij")
        if function is None:
            return _few(np.sum(grid, axis=0))
        return _few(np.broadcast_to(evaluate(function, *grid), grid[0].shape))


def _few(numbers: np.ndarray) -> frozenset[float] | None:
    found = np.unique(numbers)
    return frozenset(found.tolist()) if len(found) <= _MANY else None
