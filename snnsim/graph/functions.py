"""Scalar functions: by name, or as an expression of names, numbers and variables. Evaluated in float64.

An expression is a tuple ``(name, argument, ...)`` whose arguments are numbers, variables ('x', or 'x0', 'x1', ... where a node reads
several values) or expressions: ``("mul", "x", ("sigmoid", ("mul", 1.702, "x")))``. It is data, so that a file can hold it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from snnsim.errors import ConversionError, unknown_name
from snnsim.kernels.scalar import erf

Expression = str | float | tuple

_VARIABLE = re.compile(r"x\d*\Z")


def _gelu(x: np.ndarray) -> np.ndarray:
    """Gaussian error linear unit, x * Phi(x). Source: Hendrycks & Gimpel (2016), section 2."""
    return 0.5 * x * (1.0 + erf(x / np.sqrt(2.0)))


def _gelu_tanh(x: np.ndarray) -> np.ndarray:
    """GELU by its tanh approximation. Source: Hendrycks & Gimpel (2016), section 2."""
    return 0.5 * x * (1.0 + np.tanh(np.sqrt(2.0 / np.pi) * (x + 0.044715 * x**3)))


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 0.5 * (1.0 + np.tanh(0.5 * x))


def _truth(f: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
    return lambda *values: np.asarray(f(*values), dtype=np.float64)


#: name -> (number of arguments, function of float64 arrays); truth is 1.0, falsehood 0.0
FUNCTIONS: Mapping[str, tuple[int, Callable[..., np.ndarray]]] = {
    "identity": (1, lambda x: x),
    "relu": (1, lambda x: np.maximum(x, 0.0)),
    "gelu": (1, _gelu),
    "gelu_tanh": (1, _gelu_tanh),
    "silu": (1, lambda x: x * _sigmoid(x)),
    "sigmoid": (1, _sigmoid),
    "tanh": (1, np.tanh),
    "softplus": (1, lambda x: np.logaddexp(x, 0.0)),
    "erf": (1, erf),
    "exp": (1, np.exp),
    "log": (1, np.log),
    "sqrt": (1, np.sqrt),
    "rsqrt": (1, lambda x: 1.0 / np.sqrt(x)),
    "reciprocal": (1, lambda x: 1.0 / x),
    "abs": (1, np.abs),
    "neg": (1, np.negative),
    "sign": (1, np.sign),
    "floor": (1, np.floor),
    "ceil": (1, np.ceil),
    "trunc": (1, np.trunc),
    "round": (1, np.rint),
    "sin": (1, np.sin),
    "cos": (1, np.cos),
    "not": (1, _truth(lambda x: x == 0.0)),
    "add": (2, np.add),
    "sub": (2, np.subtract),
    "mul": (2, np.multiply),
    "div": (2, np.divide),
    "pow": (2, np.power),
    "minimum": (2, np.minimum),
    "maximum": (2, np.maximum),
    "remainder": (2, np.mod),
    "floor_divide": (2, np.floor_divide),
    "eq": (2, _truth(np.equal)),
    "ne": (2, _truth(np.not_equal)),
    "lt": (2, _truth(np.less)),
    "le": (2, _truth(np.less_equal)),
    "gt": (2, _truth(np.greater)),
    "ge": (2, _truth(np.greater_equal)),
    "and": (2, _truth(lambda x, y: (x != 0.0) & (y != 0.0))),
    "or": (2, _truth(lambda x, y: (x != 0.0) | (y != 0.0))),
    "where": (3, lambda c, x, y: np.asarray(np.where(c != 0.0, x, y))),
}


def check_expression(owner: str, expression: Any, variables: tuple[str, ...]) -> None:
    """Refuse what is no expression of `variables`. Raises ConversionError naming the part."""
    if isinstance(expression, str):
        if expression not in variables and not (expression in FUNCTIONS and FUNCTIONS[expression][0] == len(variables)):
            raise ConversionError(f"{owner}: " + unknown_name("function", expression, (*variables, *FUNCTIONS)))
        return
    if isinstance(expression, (int, float)) and not isinstance(expression, bool):
        if not np.isfinite(expression):
            raise ConversionError(f"{owner}: the number {expression} in its function must be finite.")
        return
    if not isinstance(expression, tuple) or not expression or not isinstance(expression[0], str):
        raise ConversionError(f"{owner}: {expression!r} is no expression. Give a name, a number, or (name, argument, ...).")
    name, arguments = expression[0], expression[1:]
    if name not in FUNCTIONS:
        raise ConversionError(f"{owner}: " + unknown_name("function", name, FUNCTIONS))
    if len(arguments) != FUNCTIONS[name][0]:
        raise ConversionError(f"{owner}: function {name!r} takes {FUNCTIONS[name][0]} arguments but has {len(arguments)}.")
    for argument in arguments:
        if isinstance(argument, str) and not _VARIABLE.match(argument):
            raise ConversionError(f"{owner}: {argument!r} in its function is no variable. Valid: {', '.join(variables)}.")
        check_expression(owner, argument, variables)


def evaluate(expression: Expression, *values: np.ndarray) -> np.ndarray:
    """Return the value of an expression; 'x' and 'x0' are the first of `values`, float64 arrays that broadcast."""
    if isinstance(expression, str):
        if expression in FUNCTIONS:
            return FUNCTIONS[expression][1](*values)
        return values[int(expression[1:] or 0)]
    if isinstance(expression, tuple):
        return FUNCTIONS[expression[0]][1](*(evaluate(argument, *values) for argument in expression[1:]))
    return np.asarray(expression, dtype=np.float64)
