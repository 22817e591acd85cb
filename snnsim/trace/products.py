"""Products of two values: Einstein sums whose operands are read as they lie, repeated axes left out."""

from __future__ import annotations

import string

import numpy as np

from snnsim.graph.nodes import Multiply
from snnsim.trace.builder import Builder, Shape
from snnsim.trace.values import ONE, Value, factored, places, view_order


def _unscaled(builder: Builder, value: Value) -> tuple[Value, float]:
    """Return the value bare, and the one factor it waits to be multiplied by."""
    if value.expression == "x" and value.uniform and value.offset == 0.0:
        return value.but(scale=ONE), float(value.scale)
    return builder.plain(value), 1.0


def _operand(builder: Builder, value: Value, letters: str) -> tuple[str, str, Shape]:
    """Return a node, its letters in the order in which it lies, and their sizes."""
    index, kept = factored(value.index)
    letters = "".join(letter for letter, keep in zip(letters, kept, strict=True) if keep)
    order = view_order(index, builder.size(value.sources[0])) if len(value.sources) == 1 else None
    if order is not None:
        return value.sources[0], "".join(letters[axis] for axis in order), tuple(index.shape[axis] for axis in order)
    return builder.gather(value.but(index=index), index.shape), letters, index.shape


def einsum(builder: Builder, left: Value, right: Value, subscripts: str, shape: Shape, suffix: str, scale: float = 1.0) -> Value:
    """Return the Einstein sum of two values, every letter of the output an axis of `shape`."""
    sides, out = subscripts.split("->")
    first, second = sides.split(",")
    sizes = dict(zip(first, left.shape, strict=True))
    for letter, size in zip(second, right.shape, strict=True):
        sizes[letter] = max(size, sizes.get(letter, 1))
    (left, a), (right, b) = _unscaled(builder, left), _unscaled(builder, right)
    left_name, left_letters, left_view = _operand(builder, left, first)
    right_name, right_letters, right_view = _operand(builder, right, second)
    present = set(left_letters) | set(right_letters)
    for letter in sizes:
        if letter not in present and letter not in out:
            scale *= sizes[letter]  # summed over, but nothing changes along it
    kept = [letter for letter in out if letter in present]
    order = next((side for side in (right_letters, left_letters) if sorted(side) == sorted(kept)), "".join(kept))
    node_shape = tuple(sizes[letter] for letter in order)
    if (order, node_shape) == (left_letters, left_view):
        node_shape = _shape_of(builder, left_name, node_shape)
    elif (order, node_shape) == (right_letters, right_view):
        node_shape = _shape_of(builder, right_name, node_shape)
    name = builder.node(
        Multiply, (left_name, right_name), node_shape, suffix,
        subscripts=f"{left_letters},{right_letters}->{order}", views=(left_view, right_view), scale=scale * a * b,
    )  # fmt: skip
    index = places(int(np.prod(node_shape)), tuple(sizes[letter] for letter in order))
    index = index.transpose([order.index(letter) for letter in kept])
    index = index.reshape([sizes[letter] if letter in present else 1 for letter in out])
    return Value((name,), np.broadcast_to(index, [sizes[letter] for letter in out]).reshape(shape))


def _shape_of(builder: Builder, name: str, default: Shape) -> Shape:
    shape = builder.nodes[name].shape
    return shape if np.prod(shape) == np.prod(default) else default


def multiply(builder: Builder, left: Value, right: Value, shape: Shape) -> Value:
    """Return the product, element by element."""
    letters = string.ascii_lowercase[: len(shape)]
    left, right = (value.broadcast(shape) for value in (left, right))
    return einsum(builder, left, right, f"{letters},{letters}->{letters}", shape, "product")


def matmul_subscripts(left: int, right: int) -> str:
    """Return torch.matmul for operands of so many axes as subscripts."""
    batch = string.ascii_lowercase[: max(left, right, 2) - 2]
    first = "k" if left == 1 else batch[len(batch) - (left - 2) :] + "ik"
    second = "k" if right == 1 else batch[len(batch) - (right - 2) :] + "kj"
    first, second = first.replace("i", "Y").replace("k", "X"), second.replace("j", "W").replace("k", "X")
    return f"{first},{second}->{batch}{'Y' * (left > 1)}{'W' * (right > 1)}"
