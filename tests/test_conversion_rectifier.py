"""Which functions a rate can stand for."""

from __future__ import annotations

import pytest

from snnsim.conversion.rectifier import Rectifier, rectifier

STAIRS = ("mul", ("minimum", ("maximum", ("mul", ("floor", ("add", ("mul", 4.0, "x"), 0.5)), 0.125), 0.0), 1.0), 2.0)


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        ("relu", Rectifier()),
        (("maximum", "x", 0.0), Rectifier()),
        (("where", ("gt", "x", 0.0), "x", 0.0), Rectifier()),
        (("minimum", ("maximum", "x", 0.0), 6.0), Rectifier(6.0)),
        (STAIRS, Rectifier(2.0, 8)),
    ],
)
def test_rectifiers_are_known_however_they_are_written(function, expected):
    assert rectifier(function) == expected


@pytest.mark.parametrize(
    "function",
    [
        "identity", "gelu", "silu", "tanh", "sigmoid", "softplus", "abs", "exp", ("mul", 2.0, ("relu", "x")), ("neg", ("relu", "x")),
        ("where", ("gt", "x", 0.0), "x", ("mul", 0.01, "x")), ("maximum", "x", 0.1), ("minimum", ("maximum", "x", -1.0), 1.0),
        ("mul", ("minimum", ("maximum", ("floor", ("mul", 4.0, "x")), 0.0), 8.0), 0.25), ("round", ("relu", "x")),
    ],
)  # fmt: skip
def test_other_functions_are_no_rectifiers(function):
    assert rectifier(function) is None
