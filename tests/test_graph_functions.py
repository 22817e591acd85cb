"""Scalar functions against torch and Python, and expressions of them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from snnsim.graph.functions import FUNCTIONS, evaluate

X = np.array([-3.7, -2.0, -0.5, 0.0, 0.25, 1.0, 2.5, 6.0])
POSITIVE = {"log", "sqrt", "rsqrt", "reciprocal"}
IN_TORCH = {"gelu_tanh": "gelu", "not": "logical_not", "and": "logical_and", "or": "logical_or", "round": "round"}
SECOND = np.array([1.5, -2.0, 2.0, 0.0, 0.25, -1.0, 3.0, -0.5])


@pytest.mark.parametrize("name", sorted(set(FUNCTIONS) - {"identity", "where"}))
def test_every_function_computes_what_torch_computes(name):
    torch = pytest.importorskip("torch", reason="torch comes with the test extra")
    arity, function = FUNCTIONS[name]
    x = np.abs(X) + 0.1 if name in POSITIVE or name == "pow" else X
    second = np.where(SECOND == 0.0, 1.0, SECOND) if name in ("div", "remainder", "floor_divide") else SECOND
    values = [torch.tensor(x), torch.tensor(second)][:arity]
    if name in ("gelu", "gelu_tanh"):
        wanted = torch.nn.functional.gelu(values[0], approximate="tanh" if name == "gelu_tanh" else "none")
    else:
        other = IN_TORCH.get(name, name)
        wanted = getattr(torch, other, None) or getattr(torch.nn.functional, other)
        wanted = wanted(*values)
    np.testing.assert_allclose(function(*(value.numpy() for value in values)), wanted.numpy().astype(float), rtol=1e-12, atol=1e-12)


def test_identity_and_where_are_what_they_say():
    assert (evaluate("identity", X) == X).all()
    assert (evaluate("where", np.array([1.0, 0.0]), np.array([3.0, 4.0]), np.array([5.0, 6.0])) == [3.0, 6.0]).all()


def test_an_expression_is_evaluated_from_the_inside_out():
    quick_gelu = ("mul", "x", ("sigmoid", ("mul", 1.702, "x")))
    wanted = [x / (1.0 + math.exp(-1.702 * x)) for x in X]
    np.testing.assert_allclose(evaluate(quick_gelu, X), wanted, rtol=1e-12)
    assert evaluate(("sub", "x1", "x0"), np.array([1.0]), np.array([5.0])) == 4.0
    assert evaluate(2.5, X) == 2.5
