"""Parameters drawn from a distribution, one number per neuron."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from snnsim.distributions import Distribution, sample
from snnsim.errors import ParameterError
from snnsim.models.base import Model

M = TypeVar("M", bound=Model)


def distributions(model: Model) -> dict[str, Distribution]:
    """Return the parameters of `model` that are still to be drawn, by name."""
    given = {field.name: getattr(model, field.name) for field in dataclasses.fields(model) if "bounds" in field.metadata}  # type: ignore[arg-type]
    return {name: value for name, value in given.items() if isinstance(value, Distribution)}


def drawn(model: M, shape: tuple[int, ...], random: np.random.Generator) -> M:
    """Return `model` with every distribution replaced by an array of `shape` drawn from it, in order of the fields.

    A model without distributions is returned as it is, and draws nothing.

    Raises ParameterError when what was drawn breaks a rule of the model: its bounds, or an order such as v_reset < v_th.
    """
    given = distributions(model)
    if not given:
        return model
    n = int(np.prod(shape, dtype=np.int64))
    try:
        return dataclasses.replace(model, **{name: sample(part, n, random).reshape(shape) for name, part in given.items()})  # type: ignore[type-var]
    except ParameterError as error:
        parts = ", ".join(f"{name} = {part!r}" for name, part in given.items())
        raise ParameterError(f"{error} It was drawn, with {parts}: give low= or high=, so that no draw breaks the rule.") from None


def on_numbers(check: Callable[[Any], None]) -> Callable[[Any], None]:
    """Let a `__post_init__` check numbers only: in place of distributions, one draw of each is checked.

    Only gross mistakes are found so, such as a mean of the wrong sign; the neurons are checked once they are drawn.
    """

    @functools.wraps(check)
    def __post_init__(self: Model) -> None:
        given = distributions(self)
        if not given:
            return check(self)
        trial = drawn(self, (), np.random.default_rng(0))
        for field in dataclasses.fields(self):  # type: ignore[arg-type]
            if field.name not in given:
                object.__setattr__(self, field.name, getattr(trial, field.name))
        return None

    return __post_init__
