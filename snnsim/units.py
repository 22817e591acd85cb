"""Parameters with units and bounds: declared once, checked once, printed everywhere.

The coherent unit set is ms, mV, pA, pF, nS, GOhm (and Hz for rates, pJ for energy), so that formulas
carry no conversion factors: ``GOhm * pF = ms``, ``pA * GOhm = mV``.
"""

from __future__ import annotations

import dataclasses
import inspect
import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from snnsim.errors import ParameterError, unknown_name

_RULES = {
    "gt": (">", lambda value, bound: value > bound),
    "ge": (">=", lambda value, bound: value >= bound),
    "lt": ("<", lambda value, bound: value < bound),
    "le": ("<=", lambda value, bound: value <= bound),
}


def param(default: Any = dataclasses.MISSING, *, unit: str = "", doc: str = "", **bounds: float) -> Any:
    """Declare a dataclass field holding one number or one array of numbers.

    Parameters
    ----------
    default : float or None   value when none is given; None marks an optional parameter
    unit : str                unit shown in documentation and in error texts
    doc : str                 meaning, one line
    bounds : float            any of gt, ge, lt, le
    """
    unknown = set(bounds) - set(_RULES)
    if unknown:
        raise TypeError(f"param() takes the bounds {sorted(_RULES)}, not {sorted(unknown)}")
    metadata = {"unit": unit, "doc": doc, "bounds": bounds}
    return dataclasses.field(default=default, metadata=metadata)


def show(value: Any) -> str:
    """Return a short text for a value in an error message: arrays by their shape and first entries."""
    if isinstance(value, np.ndarray):
        if value.ndim == 0:
            return repr(value[()])
        return f"array{value.shape} [{', '.join(str(v) for v in value.ravel()[:3])}{', ...' if value.size > 3 else ''}]"
    return f"{value:g}" if isinstance(value, float) else repr(value)


def finite_number(owner: str, value: Any, unit: str = "") -> float | np.ndarray:
    """Return `value` as a float or a read-only float64 array.

    Raises
    ------
    ParameterError   when it is not numeric, or holds NaN or infinity
    """
    suffix = f" {unit}" if unit else ""
    try:
        array = np.asarray(value)
        if array.dtype.kind not in "iuf":
            raise TypeError
        array = np.array(array, dtype=np.float64)
    except (TypeError, ValueError):
        raise ParameterError(
            f"{owner} = {value!r} must be a number or an array of numbers{suffix and ' in' + suffix}. Give a float."
        ) from None
    bad = array[~np.isfinite(array)]
    if bad.size:
        raise ParameterError(
            f"{owner} = {show(float(bad.ravel()[0]))}{suffix} must be finite: NaN and infinity spread through a run. Remove or replace it."
        )
    if array.ndim == 0:
        return float(array)
    array.flags.writeable = False
    return array


def check_number(owner: str, value: Any, *, unit: str = "", **bounds: float) -> float | np.ndarray:
    """Return `value` as finite number(s), checked against `bounds` (gt, ge, lt, le)."""
    number = finite_number(owner, value, unit)
    for rule, bound in bounds.items():
        symbol, holds = _RULES[rule]
        ok = holds(number, bound)
        if not np.all(ok):
            worst = number if isinstance(number, float) else float(np.asarray(number)[~np.asarray(ok)].ravel()[0])
            suffix = f" {unit}" if unit else ""
            raise ParameterError(f"{owner} = {worst:g}{suffix} must be {symbol} {bound:g}{suffix}. Choose a value {symbol} {bound:g}.")
    return number


def check_scalar(owner: str, value: Any, *, unit: str = "", **bounds: float) -> float:
    """Return `value` as one finite number, checked against `bounds`. Raises ParameterError, for arrays too."""
    number = check_number(owner, value, unit=unit, **bounds)
    if not isinstance(number, float):
        raise ParameterError(f"{owner} = {show(number)} must be one number{unit and ' in ' + unit}, not an array. Give a float.")
    return number


def as_integers(owner: str, value: Any, *, low: int, high: int) -> np.ndarray:
    """Return `value` as an int64 array (any shape), every entry within low .. high.

    Raises ParameterError for ragged lists, other types (floats and booleans too) and entries out of range.
    """
    try:
        array = np.asarray(value)
    except ValueError:
        raise ParameterError(f"{owner} = {value!r} must be a regular array of whole numbers: its rows differ in length.") from None
    if array.size == 0 and array.dtype.kind == "f":
        array = array.astype(np.int64)
    if array.dtype.kind not in "iu":
        raise ParameterError(f"{owner} = {show(array)} must hold whole numbers. Round it first.")
    if array.size:
        # As Python integers: an unsigned or extreme entry must not wrap before it is looked at.
        least, most = int(array.min()), int(array.max())
        if least < low:
            raise ParameterError(f"{owner} = {least} must be >= {low}. Choose values >= {low}.")
        if most > high:
            raise ParameterError(f"{owner} = {most} must be <= {high}. Choose values <= {high}.")
    return np.array(array, dtype=np.int64)


def check_bool(owner: str, value: Any) -> bool:
    """Return `value` if it is True or False. Raises ParameterError otherwise."""
    if not isinstance(value, (bool, np.bool_)):
        raise ParameterError(f"{owner} = {value!r} must be True or False.")
    return bool(value)


def one_of(owner: str, value: Any, valid: Iterable[str]) -> str:
    """Return `value` if it is one of the names. Raises ParameterError listing them."""
    names = list(valid)
    if not isinstance(value, str) or value not in names:
        raise ParameterError(unknown_name(owner, value, names))
    return value


def check_given(cls: type, given: Iterable[str]) -> None:
    """Refuse a parameter that `cls` does not have; Python would name neither the valid ones nor the nearest."""
    parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]  # type: ignore[misc]
    names = [each.name for each in parameters]
    for name in given:
        if name not in names and not any(each.kind is each.VAR_KEYWORD for each in parameters):
            raise ParameterError(unknown_name(f"{cls.__name__}: parameter", name, names))


def check_fields(instance: Any) -> None:
    """Check every `param` field of a frozen dataclass in place and store it as float or float64 array.

    Raises
    ------
    ParameterError   naming `Class.field`, the value, its unit and the rule it breaks
    """
    for field in dataclasses.fields(instance):
        if "bounds" not in field.metadata:
            continue
        value = getattr(instance, field.name)
        if value is None and field.default is None:
            continue
        owner = f"{type(instance).__name__}.{field.name}"
        number = check_number(owner, value, unit=field.metadata["unit"], **field.metadata["bounds"])
        object.__setattr__(instance, field.name, number)


def check_integer(owner: str, value: Any, *, low: int | None = None, high: int | None = None, why: str = "") -> int:
    """Return `value` as an int within [low, high]; booleans and non-integral floats are refused."""
    integral = isinstance(value, (int, np.integer)) and not isinstance(value, (bool, np.bool_))
    if isinstance(value, (float, np.floating)) and math.isfinite(value) and value == int(value):
        integral = True
    reason = f": {why}" if why else ""
    if not integral:
        raise ParameterError(f"{owner} = {value!r} must be a whole number{reason}. Give an int.")
    number = int(value)
    if low is not None and number < low:
        raise ParameterError(f"{owner} = {number} must be >= {low}{reason}. Choose a value >= {low}.")
    if high is not None and number > high:
        raise ParameterError(f"{owner} = {number} must be <= {high}{reason}. Choose a value <= {high}.")
    return number
