"""What `convert` may be told about quantisation: one frozen object, checked before any work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, final

from snnsim.conversion.plan import Plan, Planned
from snnsim.conversion.terms import sources_of
from snnsim.errors import ConversionError, ParameterError, unknown_name
from snnsim.units import check_bool, check_integer, check_number, one_of

RANGES = ("max", "percentile", "mse")
ROUNDINGS = ("nearest", "adaptive")
#: bits where a mapping says nothing, and of values that no weight reads
_USUAL = 8

Bits = int | Mapping[str, int]


@final
@dataclass(frozen=True, kw_only=True)
class Quantisation:
    """How values and weights become whole numbers; the parameters are those of `convert`.

    Raises ParameterError naming the option, its value and the rule.
    """

    activation_bits: Bits = 8
    weight_bits: Bits = 8
    ranges: Any = "max"
    percentile: float = 99.99
    alpha: float = 1.0
    bias_correction: bool = True
    rounding: str = "nearest"
    weight_ranges: str = "max"
    samples: int = 256

    def __post_init__(self) -> None:
        for name in ("activation_bits", "weight_bits"):
            bits = getattr(self, name)
            if isinstance(bits, Mapping):
                checked: Any = {str(key): check_integer(f"convert.{name}[{key!r}]", value, low=2, high=16) for key, value in bits.items()}
            else:
                checked = check_integer(f"convert.{name}", bits, low=2, high=16)
            object.__setattr__(self, name, checked)
        given = dict(self.ranges) if isinstance(self.ranges, Mapping) else {"*": self.ranges}
        for key, value in given.items():
            given[key] = _range_option(key, value)
        object.__setattr__(self, "ranges", given)
        check_number("convert.percentile", self.percentile, gt=50.0, le=100.0)
        check_number("convert.alpha", self.alpha, ge=0.0, le=1.0)
        check_bool("convert.bias_correction", self.bias_correction)
        one_of("convert.rounding", self.rounding, ROUNDINGS)
        check_integer("convert.samples", self.samples, low=1)

    def check_names(self, plan: Plan) -> None:
        """Refuse a pattern that no population matches. Raises ConversionError listing the names."""
        for option in ("activation_bits", "weight_bits", "ranges"):
            given = getattr(self, option)
            for pattern in given if isinstance(given, Mapping) else ():
                if not any(_matches(pattern, planned) for planned in plan.populations):
                    raise ConversionError(f"convert.{option}: " + unknown_name("name", pattern, [p.name for p in plan.populations]))

    def activations(self, planned: Planned, *, weighed: bool) -> int:
        """Return the bits of the values of a population. weighed : whether a weight or a product reads them"""
        if isinstance(self.activation_bits, Mapping):
            return _first(self.activation_bits, planned, _USUAL)
        return self.activation_bits if weighed else max(self.activation_bits, _USUAL)

    def weights(self, planned: Planned) -> int:
        """Return the bits of the weights into a population."""
        return _first(self.weight_bits, planned, _USUAL) if isinstance(self.weight_bits, Mapping) else self.weight_bits

    def range_of(self, planned: Planned) -> str | tuple[float, float]:
        """Return how the range of a population is found, or the range itself."""
        return _first(self.ranges, planned, "max")


def _range_option(key: str, value: Any) -> str | tuple[float, float]:
    if isinstance(value, str):
        return one_of("convert.ranges", value, RANGES)
    try:
        low, high = (float(check_number(f"convert.ranges[{key!r}]", each)) for each in value)
    except (TypeError, ValueError) as error:
        if isinstance(error, ParameterError):
            raise
        raise ParameterError(f"convert.ranges[{key!r}] = {value!r} must be one of {', '.join(RANGES)}, or a pair (low, high).") from None
    if not low <= 0.0 <= high or low == high:
        raise ParameterError(f"convert.ranges[{key!r}] = ({low:g}, {high:g}) must hold low <= 0 <= high, low < high: 0 is no spike. Widen it.")
    return low, high


def _matches(pattern: str, planned: Planned) -> bool:
    names = [planned.name]
    if planned.sums not in {source for term in planned.terms for source in sources_of(term)}:
        names.append(planned.sums)  # a sum that is no population of its own
    return pattern == type(planned.node).__name__ or any(fnmatchcase(name, pattern) for name in names)


def _first(given: Mapping[str, Any], planned: Planned, otherwise: Any) -> Any:
    return next((value for pattern, value in given.items() if _matches(pattern, planned)), otherwise)
