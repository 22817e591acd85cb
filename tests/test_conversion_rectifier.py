"""Which functions a rate can stand for."""

from __future__ import annotations

import numpy as np
import pytest

from snnsim.conversion.rectifier import Rectified, Rectifier, rectified
from snnsim.graph.functions import evaluate

STAIRS = ("minimum", ("maximum", ("mul", ("floor", ("add", ("mul", 8.0, "x"), 0.5)), 0.125), 0.0), 1.0)
RELU6 = ("minimum", ("maximum", "x", 0.0), 6.0)


def after(inner, function):
    """Return the expression with `inner` for x."""
    if isinstance(function, tuple):
        return (function[0], *(after(inner, part) for part in function[1:]))
    return inner if function == "x" else function


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        ("relu", Rectifier()),
        (("maximum", "x", 0.0), Rectifier()),
        (("where", ("gt", "x", 0.0), "x", 0.0), Rectifier()),
        (RELU6, Rectifier(6.0)),
        (STAIRS, Rectifier(1.0, 8)),
    ],
)
def test_rectifiers_are_known_however_they_are_written(function, expected):
    found = rectified(function)
    assert found.rectifier == expected
    assert (found.slope, found.shift, found.sign, found.rest) == (pytest.approx(1.0), 0.0, 1.0, 0.0)


@pytest.mark.parametrize("function", [("relu", "x"), RELU6, STAIRS])
@pytest.mark.parametrize("inner", ["x", ("add", ("mul", 0.7, "x"), 3.1), ("sub", 2.0, ("mul", 5.0, "x"))])
@pytest.mark.parametrize("outer", ["x", ("add", ("mul", 0.3, "x"), 4.5), ("sub", 1.0, ("mul", 2.0, "x")), ("neg", "x")])
def test_scales_and_shifts_around_a_rectifier_are_found(function, inner, outer):
    whole = after(after(inner, function), outer)
    found, x = rectified(whole), np.random.default_rng(0).normal(size=500) * 6.0
    np.testing.assert_allclose(found(x), evaluate(whole, x), atol=1e-8)
    assert found.rectifier.levels == (8 if function == STAIRS else None)
    assert (found.rectifier.top is None) == (function == ("relu", "x"))


def test_rest_is_the_end_nearer_to_zero():
    found = rectified(("sub", RELU6, 6.0))
    assert found == Rectified(Rectifier(6.0), pytest.approx(-1.0), pytest.approx(6.0), -1.0, 0.0)


@pytest.mark.parametrize(
    "function",
    [
        "identity", "gelu", "silu", "tanh", "sigmoid", "softplus", "abs", "exp", "log", "sign", ("mul", 0.0, "x"), ("round", "x"),
        ("where", ("gt", "x", 0.0), "x", ("mul", 0.01, "x")), ("round", ("relu", "x")), ("mul", ("relu", "x"), ("relu", "x")),
        ("add", ("relu", "x"), ("relu", ("sub", "x", 1.0))), ("minimum", ("maximum", ("floor", "x"), 0.0), 1.0),
        ("minimum", ("round", ("mul", ("relu", "x"), ("relu", "x"))), 9.0), ("minimum", ("relu", "x"), 5000.0),
    ],
)  # fmt: skip
def test_other_functions_are_no_rectifiers(function):
    assert rectified(function) is None


def test_an_expression_of_steps_is_its_table():
    x = np.array([-1.0, 0.06, 0.07, 0.19, 0.3, 5.0])
    np.testing.assert_array_equal(Rectifier(1.0, 8)(x), [0.0, 0.0, 0.125, 0.25, 0.25, 1.0])
