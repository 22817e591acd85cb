"""Torch's functions of one number, as expressions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from snnsim.graph.functions import Expression
from snnsim.trace.calls import Call, constant


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
