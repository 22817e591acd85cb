"""Torch's elementwise operations by name, in terms of sums, products, choices and functions."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from snnsim.graph.functions import Expression
from snnsim.trace.arithmetic import divide, mul, negative, scale, scale_constant
from snnsim.trace.builder import Builder
from snnsim.trace.calls import Call, constant
from snnsim.trace.comparisons import compare, largest, truth, where
from snnsim.trace.expressions import apply
from snnsim.trace.scalar_functions import UNARY
from snnsim.trace.sums import add
from snnsim.trace.values import Value


def _pair(call: Call) -> tuple[Any, Any]:
    return call["self"], call["other"]


def _alpha(builder: Builder, call: Call, sign: float) -> Any:
    left, right = _pair(call)
    factor = sign * float(call.get("alpha", 1))
    if factor != 1.0:
        right = scale_constant(builder, right, np.float64(factor), right.shape) if isinstance(right, Value) else factor * constant(right)
    return add(builder, left, right, call.shape)


def _rsub(builder: Builder, call: Call) -> Any:
    left = call["self"]
    return add(builder, scale_constant(builder, left, np.float64(-float(call.get("alpha", 1))), left.shape), call["other"], call.shape)


def _div(builder: Builder, call: Call) -> Any:
    mode = call.get("rounding_mode")
    left, right = _pair(call)
    if mode is None:
        return divide(builder, left, right, call.shape)
    if isinstance(left, Value) and builder.on_host(left) and not isinstance(right, Value) and constant(right).size == 1:
        number = float(constant(right).reshape(()))
        function = "floor_divide" if mode == "floor" else "div"
        value = apply(builder, left, lambda x: (function, x, number))
        return value if mode == "floor" else apply(builder, value, lambda x: ("trunc", x))
    quotient = divide(builder, left, right, call.shape)
    return apply(builder, quotient, lambda x: ("floor" if mode == "floor" else "trunc", x))


def _remainder(builder: Builder, call: Call) -> Any:
    left, right = _pair(call)
    if isinstance(left, Value) and not isinstance(right, Value) and constant(right).size == 1:
        number = float(constant(right).reshape(()))
        return apply(builder, left, lambda x: ("remainder", x, number))
    return call.refuse("has an operand that is no single number", "Divide by a fixed number.")


def _pow(builder: Builder, call: Call) -> Any:
    base, exponent = call["self"], call["exponent"]
    if isinstance(base, Value) and not isinstance(exponent, Value) and constant(exponent).size == 1:
        power = float(constant(exponent).reshape(()))
        named = {2.0: lambda x: ("mul", x, x) if x == "x" else ("pow", x, 2.0), 0.5: lambda x: ("sqrt", x), -0.5: lambda x: ("rsqrt", x)}
        return apply(builder, base, named.get(power, lambda x: ("pow", x, power)))
    if isinstance(exponent, Value) and not isinstance(base, Value) and constant(base).size == 1:
        root = float(constant(base).reshape(()))
        return apply(builder, exponent, lambda x: ("pow", root, x))
    return call.refuse("has a power that is no single number", "Use a fixed exponent.")


def _masked_fill(builder: Builder, call: Call) -> Any:
    fill = call["value"]
    return where(builder, call["mask"], fill, call["self"], call.shape)


def _where(builder: Builder, call: Call) -> Any:
    return where(builder, call["condition"], call["self"], call["other"], call.shape)


def _not(builder: Builder, call: Call) -> Any:
    if call.op == "bitwise_not" and call.kind != "bool":
        call.refuse("turns the bits of whole numbers", "Use logical_not on truth values.")
    return apply(builder, call.value("self"), lambda x: ("not", x))


def _compare(name: str) -> Callable[[Builder, Call], Any]:
    return lambda builder, call: compare(builder, name, *_pair(call), call.shape)


def _truth(name: str) -> Callable[[Builder, Call], Any]:
    def handler(builder: Builder, call: Call) -> Any:
        if call.kind != "bool":
            call.refuse("works on the bits of whole numbers", "Use truth values.")
        return truth(builder, name, *_pair(call), call.shape)

    return handler


def _xor(builder: Builder, call: Call) -> Any:
    return compare(builder, "ne", *_pair(call), call.shape)


def _clamp(builder: Builder, call: Call) -> Any:
    value: Any = call["self"]
    low, high = call.get("min"), call.get("max")
    if low is not None:
        value = largest(builder, value, low, call.shape, 1.0)
    return value if high is None else largest(builder, value, high, call.shape, -1.0)


def _unary(build: Callable[[Expression, Call], Expression]) -> Callable[[Builder, Call], Any]:
    return lambda builder, call: apply(builder, call.value("self"), lambda x: build(x, call))


def _prelu(builder: Builder, call: Call) -> Any:
    """max(x, 0) + a min(x, 0) = relu(x) - a relu(-x), one slope per channel."""
    value, slope = call.value("self"), call.array("weight")
    assert slope is not None
    if slope.size == 1:
        a = float(slope.reshape(()))
        return apply(builder, value, lambda x: ("where", ("gt", x, 0.0), x, ("mul", a, x)))
    per_channel = slope.reshape([-1 if axis == 1 else 1 for axis in range(value.ndim)])
    above = apply(builder, value, lambda x: ("relu", x))
    below = scale_constant(builder, apply(builder, value, lambda x: ("minimum", x, 0.0)), per_channel, call.shape)
    return add(builder, above, below, call.shape)


def _glu(builder: Builder, call: Call) -> Any:
    value, axis = builder.plain(call.value("self")), call.axis()
    first, second = (value.but(index=part) for part in np.split(value.index, 2, axis=axis))
    return mul(builder, first, apply(builder, second, lambda x: ("sigmoid", x)), call.shape)


_COMPARED = ["eq", "ne", "lt", "le", "gt", "ge"]
HANDLERS: dict[str, Callable[[Builder, Call], Any]] = {
    **{op: _unary(build) for op, build in UNARY.items()},
    **{op: _compare(name) for op, name in zip(_COMPARED, _COMPARED, strict=True)},
    **dict.fromkeys(["logical_and", "bitwise_and", "__and__"], _truth("and")),
    **dict.fromkeys(["logical_or", "bitwise_or", "__or__"], _truth("or")),
    **dict.fromkeys(["logical_xor", "bitwise_xor", "__xor__"], _xor),
    **dict.fromkeys(["div", "divide", "true_divide"], _div),
    "add": lambda builder, call: _alpha(builder, call, 1.0),
    "sub": lambda builder, call: _alpha(builder, call, -1.0),
    "subtract": lambda builder, call: _alpha(builder, call, -1.0),
    "rsub": _rsub,
    "mul": lambda builder, call: mul(builder, *_pair(call), call.shape),
    "multiply": lambda builder, call: mul(builder, *_pair(call), call.shape),
    "neg": lambda builder, call: negative(builder, call["self"]),
    "floor_divide": lambda builder, call: _div(builder, _with(call, rounding_mode="floor")),
    "remainder": _remainder,
    "pow": _pow,
    "masked_fill": _masked_fill,
    "where": _where,
    "bitwise_not": _not,
    "clamp": _clamp,
    "clamp_min": _clamp,
    "clamp_max": _clamp,
    "clip": _clamp,
    "maximum": lambda builder, call: largest(builder, *_pair(call), call.shape, 1.0),
    "minimum": lambda builder, call: largest(builder, *_pair(call), call.shape, -1.0),
    "prelu": _prelu,
    "_prelu_kernel": _prelu,
    "glu": _glu,
    "addcmul": lambda builder, call: add(
        builder,
        call["self"],
        scale(builder, mul(builder, call["tensor1"], call["tensor2"], call.shape), call.get("value", 1)),
        call.shape,
    ),
    "addcdiv": lambda builder, call: add(
        builder,
        call["self"],
        scale(builder, divide(builder, call["tensor1"], call["tensor2"], call.shape), call.get("value", 1)),
        call.shape,
    ),
    "lerp": lambda builder, call: add(
        builder,
        call["self"],
        mul(builder, add(builder, call["end"], negative(builder, call["self"]), call.shape), call["weight"], call.shape),
        call.shape,
    ),
}


def _with(call: Call, **arguments: Any) -> Call:
    return dataclasses.replace(call, arguments={**call.arguments, **arguments})
