"""What one point gave: plain values, or why there are none."""

from __future__ import annotations

import base64
import math
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from snnsim.sweeps.plan import DRAW, PROBLEM, SEED

#: column of a function that returns one value without a name
VALUE = "value"


class Outcome(NamedTuple):
    """values : mapping of column to a number, text or array, None where it is missing; or None where the point failed

    problem : str   why a value is missing, or the error; empty where all went well
    trace : str     where the error was raised
    """

    values: dict[str, Any] | None
    problem: str = ""
    trace: str = ""

    @property
    def failed(self) -> bool:
        """Whether there are no values at all."""
        return self.values is None


@dataclass(frozen=True)
class Job:
    """What every worker needs once: the function, and what all points share."""

    function: Callable
    shared: Mapping[str, Any]

    def __call__(self, arguments: Mapping[str, Any]) -> Outcome:
        """Run one point. An error of the function is an outcome, too: it must not stop others."""
        try:
            return cleaned(self.function(**arguments, **self.shared), tuple(arguments))
        except (Exception, SystemExit) as error:
            return Outcome(None, f"{type(error).__name__}: {error}", traceback.format_exc())


def cleaned(returned: Any, parameters: tuple[str, ...]) -> Outcome:
    """Return what a function returned as columns. Raises TypeError or ValueError for what is no cell of a table."""
    named = returned if isinstance(returned, Mapping) else {VALUE: returned}
    if not named:
        raise ValueError("the function returned an empty mapping, not one value. Return at least one")
    values, reasons = {}, []
    for name, value in named.items():
        if not isinstance(name, str) or not name or name in (*parameters, DRAW, SEED, PROBLEM):
            raise ValueError(f"the function returned a value named {name!r}, which is no text or the name of another column. Rename it")
        values[name], reason = _cell(name, value)
        if reason:
            reasons.append(f"{name}: {reason}")
    return Outcome(values, "; ".join(reasons))


def _cell(name: str, value: Any) -> tuple[Any, str]:
    """Return a plain value and '', or None and the reason why it is missing."""
    if value is None:
        return None, "the function returned None"
    if isinstance(value, str):
        return str(value), ""
    if isinstance(value, int) and not isinstance(value, bool):
        return int(value), ""
    array = np.asarray(value)
    if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        raise TypeError(
            f"the function returned {name!r} of type {type(value).__name__} ({array.dtype}), which is no cell of a table. "
            "Return a number, a text, or an array of numbers"
        )
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        bad = np.count_nonzero(~np.isfinite(array))
        return None, f"the function returned {float(array)!r}" if not array.ndim else f"{bad} of {array.size} numbers are not finite"
    if not array.ndim:
        return array.item(), ""
    if array.dtype.kind == "u" and array.size and array.max() > np.iinfo(np.int64).max:
        raise ValueError(f"the function returned {name!r} with {array.max()}, past 2^63 - 1. Return floats")
    return array.astype({"b": np.bool_, "f": np.float64}.get(array.dtype.kind, np.int64)), ""


def to_json(value: Any) -> Any:
    """Return a cell as what JSON holds without loss: a float is written with all its digits, an array as its bytes."""
    if isinstance(value, np.ndarray):
        little = value.astype(value.dtype.newbyteorder("<"), copy=False)
        return {"dtype": little.dtype.str, "shape": list(value.shape), "bytes": base64.b64encode(little.tobytes()).decode()}
    return value


def from_json(value: Any) -> Any:
    """Return the cell that `to_json` wrote. Raises KeyError, TypeError, ValueError for anything else."""
    if isinstance(value, dict):
        flat = np.frombuffer(base64.b64decode(value["bytes"], validate=True), dtype=np.dtype(value["dtype"]))
        return flat.reshape(value["shape"]).astype(flat.dtype.newbyteorder("="))
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value} is no cell")
    if value is not None and not isinstance(value, (int, float, str)):
        raise TypeError(f"{value!r} is no cell")
    return value


def names_differ(first: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """Return '' where two points returned the same names, else what to say of the other."""
    if set(first) == set(other):
        return ""
    return f"returned {', '.join(other)}, where another point returned {', '.join(first)}: every point must return the same names"
