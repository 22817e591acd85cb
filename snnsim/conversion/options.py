"""What `convert` may be told about quantisation: one frozen object, checked before any work."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Final, Literal, final

from snnsim.errors import ConversionError, ParameterError, unknown_name
from snnsim.units import check_bool, check_integer, check_number, one_of

RANGES: Final = ("max", "percentile", "mse")
ROUNDINGS: Final = ("auto", "nearest", "adaptive")
#: bits where a mapping says nothing, and of values that no weight reads
USUAL_BITS: Final = 8
#: weights of at most so many bits are rounded adaptively by default; see docs/decisions/quantisation.md
_FEW_BITS: Final = 6

Bits = int | Mapping[str, int]
RangeOption = str | tuple[float, float]


@final
@dataclass(frozen=True, kw_only=True)
class Quantisation:
    """How values and weights become whole numbers.

    A mapping holds patterns (as in a shell: ``block?.*``) of names of populations, of operations such as ``Softmax``, or of
    ``NAME.input``, the population that the linear map or convolution NAME reads. The first pattern that matches counts.

    activation_bits : int or mapping of pattern to int, 2 .. 16
        an int is for values that a weight or a product reads; sums that only norms, functions and other sums read (a residual
        stream) keep 8 bits where it is less. Of a mapping, nothing but what it says, and 8 where it says nothing
    weight_bits : int or mapping of pattern to int, 2 .. 16     patterns of the population that the weights lead into
    ranges : 'max', 'percentile', 'mse', or mapping of pattern to one of them or to (low, high)
        where values are clipped; inputs always take 'max' or what a mapping gives, widened to cover the calibration data
    percentile : float, 50 .. 100     share of the magnitudes, in %, that 'percentile' covers
    alpha : float, 0 .. 1             how much of the spread between channels moves into the weights
    bias_correction : bool            whether biases take up the mean error of the quantised sums
    rounding : 'nearest', 'adaptive' or 'auto'   of weights; 'auto' is adaptive for those of at most 6 bits
    samples : int                     calibration samples that bias correction and adaptive rounding look at

    Raises ParameterError naming the option, its value and the rule.
    """

    activation_bits: Bits = USUAL_BITS
    weight_bits: Bits = USUAL_BITS
    ranges: str | Mapping[str, RangeOption] = "mse"
    percentile: float = 99.9
    alpha: float = 1.0
    bias_correction: bool = True
    rounding: Literal["auto", "nearest", "adaptive"] = "auto"
    samples: int = 256

    def __post_init__(self) -> None:
        for name in ("activation_bits", "weight_bits"):
            bits = getattr(self, name)
            if isinstance(bits, Mapping):
                checked: Any = {key: check_integer(f"convert.{name}[{key!r}]", value, low=2, high=16) for key, value in bits.items()}
            else:
                checked = check_integer(f"convert.{name}", bits, low=2, high=16)
            object.__setattr__(self, name, checked)
        if isinstance(self.ranges, Mapping):
            object.__setattr__(self, "ranges", {key: _range_option(key, value) for key, value in self.ranges.items()})
        else:
            one_of("convert.ranges", self.ranges, RANGES)
        check_number("convert.percentile", self.percentile, ge=50.0, le=100.0)
        check_number("convert.alpha", self.alpha, ge=0.0, le=1.0)
        check_bool("convert.bias_correction", self.bias_correction)
        one_of("convert.rounding", self.rounding, ROUNDINGS)
        check_integer("convert.samples", self.samples, low=1)

    def check_patterns(self, names: Mapping[str, tuple[str, ...]]) -> None:
        """Refuse a pattern that fits none of `names`, those of each population. Raises ConversionError listing the populations."""
        for option in ("activation_bits", "weight_bits", "ranges"):
            given = getattr(self, option)
            for pattern in given if isinstance(given, Mapping) else ():
                if not any(_fits(pattern, each) for each in names.values()):
                    raise ConversionError(f"convert.{option}: " + unknown_name("name", pattern, names))

    def activations(self, names: tuple[str, ...], *, weighed: bool) -> int:
        """Return the bits of the values of a population. weighed : whether a weight or a product reads them"""
        if isinstance(self.activation_bits, Mapping):
            return _first(self.activation_bits, names, USUAL_BITS)
        return self.activation_bits if weighed else max(self.activation_bits, USUAL_BITS)

    def weights(self, names: tuple[str, ...]) -> int:
        """Return the bits of the weights into a population."""
        return _first(self.weight_bits, names, USUAL_BITS) if isinstance(self.weight_bits, Mapping) else self.weight_bits

    def adaptive(self, names: tuple[str, ...]) -> bool:
        """Return whether the weights into a population are rounded adaptively."""
        return self.rounding == "adaptive" or (self.rounding == "auto" and self.weights(names) <= _FEW_BITS)

    def range_of(self, names: tuple[str, ...]) -> RangeOption:
        """Return how the range of a population is found, or the range itself: the widest of those that fit."""
        if not isinstance(self.ranges, Mapping):
            return self.ranges
        fitting = [value for pattern, value in self.ranges.items() if _fits(pattern, names)]
        pairs = [value for value in fitting if not isinstance(value, str)]
        if not fitting or isinstance(fitting[0], str):
            return fitting[0] if fitting else "mse"
        return min(low for low, _ in pairs), max(high for _, high in pairs)


def _range_option(key: str, value: Any) -> RangeOption:
    if isinstance(value, str):
        return one_of(f"convert.ranges[{key!r}]", value, RANGES)
    if not isinstance(value, Iterable) or len(pair := list(value)) != 2:
        raise ParameterError(f"convert.ranges[{key!r}] = {value!r} must be one of {', '.join(RANGES)}, or a pair (low, high).")
    low, high = (float(check_number(f"convert.ranges[{key!r}]", each)) for each in pair)
    if not low <= 0.0 <= high or low == high:
        raise ParameterError(
            f"convert.ranges[{key!r}] = ({low:g}, {high:g}) must hold low <= 0 <= high, low < high: 0 is no spike. Widen it."
        )
    return low, high


def _fits(pattern: str, names: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for name in names)


def _first(given: Mapping[str, int], names: tuple[str, ...], otherwise: int) -> int:
    return next((value for pattern, value in given.items() if _fits(pattern, names)), otherwise)
