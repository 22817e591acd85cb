"""Published figures with their uncertainty, unit, grade and source."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple, final

#: V: read in the named source; 2: quoted by a secondary source; D: derived, as the note says; R: recalled, not verified
GRADES = ("V", "2", "D", "R")


class Interval(NamedTuple):
    """A figure with its uncertainty: pJ for an energy, ns for a time, mW for a power."""

    low: float
    nominal: float
    high: float

    def __add__(self, other: Interval) -> Interval:  # type: ignore[override]
        return Interval(self.low + other.low, self.nominal + other.nominal, self.high + other.high)

    def times(self, count: float) -> Interval:
        """Return the interval for `count` operations."""
        return Interval(self.low * count, self.nominal * count, self.high * count)


@final
@dataclass(frozen=True)
class Figure:
    """One published figure: an interval in the unit its place in a profile says, its grade and source."""

    value: Interval
    grade: str
    source: str


@final
@dataclass(frozen=True)
class Price:
    """What one operation costs.

    pj : Interval              pJ per operation; of a MAC or multiplication, at 8 x 8 bits unless the profile says otherwise
    grade : str                how sure the figure is, a name of `GRADES`
    source : str               where it was read, or how it was derived
    per_bit_product : Interval or None
        pJ by which a multiplication of w x a bits changes with the product w a, for multipliers are built of w a cells
    bits : int                 widest operands at this price
    """

    pj: Interval
    grade: str
    source: str
    per_bit_product: Interval | None = None
    bits: int = 8

    def at(self, bits: tuple[int, int]) -> Price | None:
        """Return the price at operands of these bits; None where nothing is known of them.

        Operands narrower than `bits` cost the same where the profile gives no other figure: the hardware has no narrower unit.
        """
        if self.per_bit_product is None:
            return self if max(bits) <= self.bits else None
        pj = self.pj + self.per_bit_product.times(bits[0] * bits[1] - 64)  # no less than 0, as a profile is checked for
        return Price(pj, "D", f"{self.source}; scaled to {bits[0]} x {bits[1]} bits", self.per_bit_product)


_WIDTHS = re.compile(r"int(\d+)(?:x(\d+))?$")


def int_widths(precision: str) -> tuple[int, int] | None:
    """Return (bits of weights, bits of activations) of a precision such as 'int8' or 'int4x8'; None for floating point."""
    found = _WIDTHS.match(precision)
    return (int(found[1]), int(found[2] or found[1])) if found else None
