"""Elementwise operations: constants are folded into scales and offsets, functions of one value into one expression."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from snnsim.graph.functions import Expression, evaluate
from snnsim.graph.nodes import LOWEST, Add, Elementwise, Max
from snnsim.trace.builder import Builder, squeezed
from snnsim.trace.calls import Call, constant
from snnsim.trace.layout import finite, one_number, tidy, where_constant
from snnsim.trace.products import multiply
from snnsim.trace.root_mean_square import root_mean_square
from snnsim.trace.values import BLOCKED, LARGEST_EXPRESSION, Numbers, Value, length, same_places

Build = Callable[..., Expression]


def apply(builder: Builder, value: Value, build: Callable[[Expression], Expression]) -> Value:
    """Return a scalar function of a value."""
    if value.masked:
        value = unmasked(builder, value)
    if length(value.expression) > LARGEST_EXPRESSION:
        value = builder.plain(value)
    if value.uniform and not value.bare and value.expression == "x":
        value = value.but(scale=np.float64(1.0), offset=np.float64(0.0), expression=value.inlined())
    return value.but(expression=build(value.expression))


def unmasked(builder: Builder, value: Value) -> Value:
    from snnsim.errors import ConversionError

    raise ConversionError(
        f"{builder.label}: blocked attention scores ({builder.origin}) are read by something other than a softmax. "
        "Apply the softmax to the masked scores directly, or mask with a finite number above -10,000."
    )


def add_constant(builder: Builder, value: Value, number: Numbers, shape: tuple[int, ...]) -> Value:
    """Return value + number; numbers that block attention scores are kept as a mask."""
    value, number = value.broadcast(shape), one_number(number)
    if not builder.on_host(value) and (number <= BLOCKED).any():
        blocked = np.broadcast_to(number <= BLOCKED, shape)
        value = value.but(blocked=blocked if value.blocked is None else blocked | value.blocked)
        number = np.where(number <= BLOCKED, 0.0, number)
    number = finite(number)
    if number.size == 1:
        number = np.float64(number.reshape(())[()])
        if value.expression != "x":
            return value if number == 0.0 else value.but(expression=("add", value.expression, float(number)))
    elif value.expression != "x":
        value = builder.plain(value)
    offset = value.offset + number
    return value.but(offset=np.broadcast_to(offset, shape) if np.ndim(offset) else offset)


def scale_constant(builder: Builder, value: Value, number: Numbers, shape: tuple[int, ...]) -> Any:
    """Return value * number; a constant where all is multiplied by 0."""
    number = one_number(finite(number))
    if value.masked and not (number > 0.0).all():
        value = unmasked(builder, value)
    value = value.broadcast(shape)
    if not (number != 0.0).any():
        import torch

        return torch.zeros(shape, dtype=torch.float64)
    if number.size == 1:
        number = np.float64(number.reshape(())[()])
        if value.expression != "x":
            return value if number == 1.0 else value.but(expression=("mul", value.expression, float(number)))
    elif value.expression != "x":
        value = builder.plain(value)
    scale, offset = value.scale * number, value.offset * number
    if np.ndim(scale):
        scale = np.broadcast_to(scale, shape)
        if (scale == 0.0).any():
            value = value.but(index=np.where(scale == 0.0, -1, value.index))
            scale = np.where(scale == 0.0, 1.0, scale)
    return value.but(scale=scale, offset=np.broadcast_to(offset, shape) if np.ndim(offset) else offset)


def combine(builder: Builder, values: list[Value], build: Build, shape: tuple[int, ...]) -> Value | None:
    """Return a function of several values that read the same places as one expression, or None where they do not."""
    values = [value.broadcast(shape) for value in values]
    if any(value.masked for value in values) or not same_places(values):
        return None
    if all(value.uniform for value in values):
        expressions = [value.inlined() for value in values]
        scale, offset = np.float64(1.0), np.float64(0.0)
    elif all(np.array_equal(v.scale, values[0].scale) and np.array_equal(v.offset, values[0].offset) for v in values[1:]):
        expressions = [value.expression for value in values]
        scale, offset = values[0].scale, values[0].offset  # type: ignore[assignment]
    else:
        return None
    if sum(map(length, expressions)) > LARGEST_EXPRESSION:
        return None
    return values[0].but(scale=scale, offset=offset, expression=build(*expressions))


def host(builder: Builder, values: list[Value], build: Build, shape: tuple[int, ...]) -> Value:
    """Return a function of several host values as a node of the host."""
    inner = squeezed(shape)
    names = tuple(builder.gather(builder.plain(value).broadcast(shape), inner) for value in values)
    function = build(*(f"x{i}" for i in range(len(names))))
    return builder.emit(Elementwise, names, inner, shape, "host", function=function)


def add(builder: Builder, left: Any, right: Any, shape: tuple[int, ...]) -> Any:
    """Return the sum of two values, or of a value and a constant."""
    if not isinstance(left, Value):
        left, right = right, left
    if not isinstance(right, Value):
        return add_constant(builder, left, constant(right), shape)
    if builder.on_host(left) and not builder.on_host(right):
        left, right = right, left
    if builder.on_host(right) and not builder.on_host(left):
        right = right.broadcast(shape)
        if right.expression == "x" and right.offset.ndim and ((np.asarray(right.offset) > BLOCKED) | (right.index < 0)).all():
            left = add_constant(builder, left, np.asarray(right.offset), shape)  # a learned bias, or a fixed mask, beside the other
            right = right.but(offset=np.float64(0.0))
        possible = builder.possible(right)
        if possible is not None and min(possible) <= BLOCKED:
            return add_mask(builder, left, right, shape)
    a, b = left.broadcast(shape), right.broadcast(shape)
    if a.expression == b.expression == "x" and same_places([a, b]) and not a.masked and not b.masked:
        return (
            tidy(a.but(scale=a.scale + b.scale, offset=a.offset + b.offset))
            if (np.asarray(a.scale + b.scale) != 0).all()
            else _sum(builder, a, b, shape)
        )
    return combine(builder, [a, b], lambda x, y: ("add", x, y), shape) or _sum(builder, a, b, shape)


def add_mask(builder: Builder, scores: Value, mask: Value, shape: tuple[int, ...]) -> Value:
    """Return scores + mask, a host value: its places <= -1e4 block, the rest is added."""
    if any(number > BLOCKED and number != 0.0 for number in builder.possible(mask) or ()):
        rest = apply(builder, mask, lambda x: ("where", ("le", x, BLOCKED), 0.0, x))
        scores = _sum(builder, scores.broadcast(shape), rest.broadcast(shape), shape)
    blocks = _blocks(builder, mask).broadcast(shape)
    scores = scores.broadcast(shape)
    return scores.but(blockers=(*scores.blockers, blocks))


def _blocks(builder: Builder, mask: Value) -> Value:
    """Return a host value that is not 0 where the mask is <= -1e4: what the mask is made of, where that says the same."""
    bare = mask.but(scale=np.float64(1.0), offset=np.float64(0.0), expression="x")
    possible = builder.possible(bare)
    if mask.uniform and possible is not None:
        numbers = np.array(sorted(possible))
        if ((evaluate(mask.inlined(), numbers) * np.ones(len(numbers)) <= BLOCKED) == (numbers != 0.0)).all():
            return bare
    return apply(builder, mask, lambda x: ("le", x, BLOCKED))


def _sum(builder: Builder, a: Value, b: Value, shape: tuple[int, ...]) -> Value:
    blocked = [v.blocked for v in (a, b) if v.blocked is not None]
    blockers = (*a.blockers, *b.blockers)
    a, b = (builder.plain(v.but(blocked=None, blockers=())) for v in (a, b))
    base = next((v for v in (a, b) if _bijective(builder, v)), None)
    if base is not None:
        source = builder.nodes[base.sources[0]]
        order = np.empty(base.index.size, dtype=np.int64)
        order[base.index.ravel()] = np.arange(base.index.size)
        names = [builder.gather(v.but(index=v.index.ravel()[order]), source.shape) for v in (a, b)]
        total = builder.value(builder.node(Add, tuple(names), source.shape, "add"))
        total = total.but(index=base.index)
    else:
        inner = squeezed(shape)
        total = builder.emit(Add, tuple(builder.gather(v, inner) for v in (a, b)), inner, shape, "add")
    return total.but(blocked=np.logical_or.reduce(blocked) if blocked else None, blockers=blockers)


def _bijective(builder: Builder, value: Value) -> bool:
    if len(value.sources) != 1 or value.index.size != builder.total(value) or (value.index < 0).any():
        return False
    return bool((np.bincount(value.index.ravel(), minlength=value.index.size) == 1).all())


def mul(builder: Builder, left: Any, right: Any, shape: tuple[int, ...]) -> Any:
    """Return the product, element by element."""
    if not isinstance(left, Value):
        left, right = right, left
    if not isinstance(right, Value):
        return scale_constant(builder, left, constant(right), shape)
    found = combine(builder, [left, right], lambda x, y: ("mul", x, y), shape)
    if found is not None:
        return found
    for value, factor in ((left, right), (right, left)):
        normal = root_mean_square(builder, value, factor, shape)
        if normal is not None:
            return normal
    if builder.on_host(left) and builder.on_host(right):
        return host(builder, [left, right], lambda x, y: ("mul", x, y), shape)
    return multiply(builder, left, right, shape)


def negative(builder: Builder, value: Any) -> Any:
    return scale_constant(builder, value, np.float64(-1.0), value.shape) if isinstance(value, Value) else -value


def reciprocal(builder: Builder, value: Value) -> Value:
    return apply(builder, value, lambda x: ("reciprocal", x))


def divide(builder: Builder, left: Any, right: Any, shape: tuple[int, ...]) -> Any:
    if not isinstance(right, Value):
        return scale_constant(builder, left, 1.0 / constant(right), shape)
    if isinstance(left, Value):
        found = combine(builder, [left, right], lambda x, y: ("div", x, y), shape)
        if found is not None:
            return found
    return mul(builder, left, reciprocal(builder, right), shape)


def compare(builder: Builder, name: str, left: Any, right: Any, shape: tuple[int, ...]) -> Value:
    """Return 1 where a comparison holds, else 0."""
    if isinstance(left, Value) and not isinstance(right, Value) and (number := constant(right)).size == 1:
        threshold = float(finite(number).reshape(()))
        return apply(builder, left.broadcast(shape), lambda x: (name, x, threshold))
    if isinstance(left, Value) and isinstance(right, Value):
        found = combine(builder, [left, right], lambda x, y: (name, x, y), shape)
        if found is not None:
            return found
        if builder.on_host(left) and builder.on_host(right):
            return host(builder, [left, right], lambda x, y: (name, x, y), shape)
    difference = add(builder, left, negative(builder, right), shape)
    return apply(builder, difference, lambda x: (name, x, 0.0))


def truth(builder: Builder, name: str, left: Any, right: Any, shape: tuple[int, ...]) -> Any:
    """Return 'and', 'or' of truth values, constants among them."""
    if not isinstance(left, Value):
        left, right = right, left
    if isinstance(right, Value):
        found = combine(builder, [left, right], lambda x, y: (name, x, y), shape)
        return found if found is not None else host(builder, [left, right], lambda x, y: (name, x, y), shape)
    held = np.broadcast_to(constant(right) != 0.0, shape)
    left = left.broadcast(shape)
    one, other = (left, np.zeros(shape)) if name == "and" else (np.ones(shape), left)
    if held.all() or not held.any():
        chosen = one if held.all() else other
        if isinstance(chosen, Value):
            return chosen
        import torch

        return torch.from_numpy(chosen)
    return where_constant(builder, held, one, other)


def where(builder: Builder, condition: Any, one: Any, other: Any, shape: tuple[int, ...]) -> Any:
    """Return `one` where the condition holds, else `other`."""
    if not isinstance(condition, Value):
        return _where_fixed(builder, constant(condition) != 0.0, one, other, shape)
    one, other = (v if isinstance(v, Value) else one_number(v) for v in (one, other))
    values = [v for v in (one, other) if isinstance(v, Value)]
    if all(isinstance(v, Value) or v.size == 1 for v in (one, other)):
        parts = [v if isinstance(v, Value) else float(finite(constant(v)).reshape(())) for v in (one, other)]

        def build(c: Expression, *x: Expression) -> Expression:
            rest = list(x)
            return ("where", c, *(rest.pop(0) if isinstance(v, Value) else v for v in parts))

        found = combine(builder, [condition, *values], build, shape)
        if found is not None:
            return found
        if all(builder.on_host(v) for v in (condition, *values)):
            return host(builder, [condition, *values], build, shape)
    if builder.on_host(condition):
        for scores, fill, blocks in ((one, other, ("eq", "x", 0.0)), (other, one, ("ne", "x", 0.0))):
            if isinstance(scores, Value) and not isinstance(fill, Value) and (constant(fill) <= BLOCKED).all():
                kept = scores.broadcast(shape)
                blocker = apply(builder, condition, lambda x, f=blocks: (f[0], x, f[2])).broadcast(shape)  # type: ignore[misc]
                return kept.but(blockers=(*kept.blockers, blocker))
    inverse = apply(builder, condition, lambda x: ("eq", x, 0.0))
    return add(builder, mul(builder, one, condition, shape), mul(builder, other, inverse, shape), shape)


def _where_fixed(builder: Builder, condition: np.ndarray, one: Any, other: Any, shape: tuple[int, ...]) -> Any:
    condition = np.broadcast_to(condition, shape)
    for scores, fill, blocks in ((one, other, ~condition), (other, one, condition)):
        if isinstance(scores, Value) and not isinstance(fill, Value) and not builder.on_host(scores):
            number = np.broadcast_to(constant(fill), shape)
            if blocks.any() and (number[blocks] <= BLOCKED).all():
                kept = scores.broadcast(shape)
                return kept.but(blocked=blocks if kept.blocked is None else blocks | kept.blocked)
    spread = [v.broadcast(shape) if isinstance(v, Value) else np.broadcast_to(finite(constant(v)), shape) for v in (one, other)]
    return where_constant(builder, condition, *spread)


def largest(builder: Builder, left: Any, right: Any, shape: tuple[int, ...], sign: float) -> Any:
    """Return the larger of two (sign 1) or the smaller (sign -1)."""
    name = "maximum" if sign > 0 else "minimum"
    values = [v for v in (left, right) if isinstance(v, Value)]
    others = [constant(v) for v in (left, right) if not isinstance(v, Value)]
    if others and others[0].size == 1:
        bound = float(finite(others[0]).reshape(()))
        return apply(builder, values[0].broadcast(shape), lambda x: (name, x, bound))
    if not others:
        found = combine(builder, values, lambda x, y: (name, x, y), shape)
        if found is not None:
            return found
        if all(map(builder.on_host, values)):
            return host(builder, values, lambda x, y: (name, x, y), shape)
    stacked = [builder.plain(v).broadcast(shape) if isinstance(v, Value) else np.broadcast_to(constant(v), shape) for v in (left, right)]
    if sign < 0:
        stacked = [scale_constant(builder, v, np.float64(-1.0), shape) if isinstance(v, Value) else -v for v in stacked]
    from snnsim.trace.layout import join

    sources, *arrays = join(builder, stacked)
    inner = (*squeezed(shape), 2)
    index, scale, offset = (np.stack(pair, axis=-1).reshape(inner) for pair in arrays)
    both = builder.plain(tidy(Value(sources, index, scale, offset)))
    result = builder.emit(Max, (builder.gather(both, inner, LOWEST),), inner[:-1], shape, name)
    return result if sign > 0 else scale_constant(builder, result, np.float64(-1.0), shape)


# one function per family of torch operations ----------------------------------------------------------------------------------------


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


def _f(value: Any) -> float:
    return float(constant(value).reshape(()))


def _elu(x: Expression, alpha: float, scale: float = 1.0, rate: float = 1.0) -> Expression:
    below: Expression = ("mul", alpha, ("sub", ("exp", ("minimum", ("mul", rate, x) if rate != 1.0 else x, 0.0)), 1.0))
    whole: Expression = ("where", ("gt", x, 0.0), x, below)
    return whole if scale == 1.0 else ("mul", scale, whole)


def _softplus(x: Expression, call: Call) -> Expression:
    beta, threshold = _f(call.get("beta", 1.0)), _f(call.get("threshold", 20.0))
    inner: Expression = x if beta == 1.0 else ("mul", beta, x)
    soft: Expression = ("softplus", inner) if beta == 1.0 else ("div", ("softplus", inner), beta)
    return ("where", ("gt", inner, threshold), x, soft)


def _clip(x: Expression, low: float, high: float) -> Expression:
    return ("minimum", ("maximum", x, low), high)


def _hardsigmoid(x: Expression) -> Expression:
    return ("div", _clip(("add", x, 3.0), 0.0, 6.0), 6.0)


_SAME_NAME = "relu silu sigmoid tanh erf exp log sqrt rsqrt reciprocal abs sign floor ceil trunc round sin cos"
_NAMED = {name: name for name in _SAME_NAME.split()}
_NAMED |= {"special_expit": "sigmoid", "special_erf": "erf", "logical_not": "not", "fix": "trunc", "sgn": "sign"}
_COMPARED = ["eq", "ne", "lt", "le", "gt", "ge"]
UNARY: dict[str, Callable[[Expression, Call], Expression]] = {
    **{op: (lambda x, call, name=name: (name, x)) for op, name in _NAMED.items()},  # type: ignore[misc]
    "square": lambda x, call: ("mul", x, x) if x == "x" else ("pow", x, 2.0),
    "gelu": lambda x, call: ("gelu_tanh" if call.get("approximate") == "tanh" else "gelu", x),
    "relu6": lambda x, call: _clip(x, 0.0, 6.0),
    "hardtanh": lambda x, call: _clip(x, _f(call["min_val"]), _f(call["max_val"])),
    "hardsigmoid": lambda x, call: _hardsigmoid(x),
    "hardswish": lambda x, call: ("mul", x, _hardsigmoid(x)),
    "leaky_relu": lambda x, call: ("where", ("gt", x, 0.0), x, ("mul", _f(call["negative_slope"]), x)),
    "rrelu": lambda x, call: ("where", ("gt", x, 0.0), x, ("mul", (_f(call["lower"]) + _f(call["upper"])) / 2.0, x)),
    "elu": lambda x, call: _elu(x, _f(call["alpha"]), _f(call["scale"]), _f(call["input_scale"])),
    "celu": lambda x, call: _elu(x, _f(call["alpha"]), 1.0, 1.0 / _f(call["alpha"])),
    "selu": lambda x, call: _elu(x, 1.6732632423543772848170429916717, 1.0507009873554804934193349852946),
    "softplus": _softplus,
    "mish": lambda x, call: ("mul", x, ("tanh", ("softplus", x))),
    "log_sigmoid": lambda x, call: ("neg", ("softplus", ("neg", x))),
    "log_sigmoid_forward": lambda x, call: ("neg", ("softplus", ("neg", x))),
    "softshrink": lambda x, call: ("sub", x, _clip(x, -_f(call["lambd"]), _f(call["lambd"]))),
    "hardshrink": lambda x, call: ("where", ("gt", ("abs", x), _f(call["lambd"])), x, 0.0),
    "threshold": lambda x, call: ("where", ("gt", x, _f(call["threshold"])), x, _f(call["value"])),
    "tan": lambda x, call: ("div", ("sin", x), ("cos", x)),
    "sinh": lambda x, call: ("div", ("sub", ("exp", x), ("exp", ("neg", x))), 2.0),
    "cosh": lambda x, call: ("div", ("add", ("exp", x), ("exp", ("neg", x))), 2.0),
    "exp2": lambda x, call: ("pow", 2.0, x),
    "expm1": lambda x, call: ("sub", ("exp", x), 1.0),
    "log1p": lambda x, call: ("log", ("add", x, 1.0)),
    "log2": lambda x, call: ("div", ("log", x), math.log(2.0)),
    "log10": lambda x, call: ("div", ("log", x), math.log(10.0)),
    "erfc": lambda x, call: ("sub", 1.0, ("erf", x)),
    "frac": lambda x, call: ("sub", x, ("trunc", x)),
}

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


def scale(builder: Builder, value: Any, factor: Any) -> Any:
    """Return value * factor, a number."""
    if float(factor) == 1.0:
        return value
    return scale_constant(builder, value, np.float64(factor), value.shape) if isinstance(value, Value) else value * factor


def _with(call: Call, **arguments: Any) -> Call:
    import dataclasses

    return dataclasses.replace(call, arguments={**call.arguments, **arguments})
