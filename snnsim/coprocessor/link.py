"""Links between a host and a chip, each with its energy, bandwidth and the time a call takes."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, final

from snnsim.errors import ParameterError, unknown_name
from snnsim.hardware.figures import GRADES, Interval
from snnsim.units import check_integer, check_scalar


def _interval(owner: str, value: Any, unit: str, *, gt: float | None = None) -> Interval:
    values = list(value) if isinstance(value, (list, tuple)) else [value] * 3
    if len(values) != 3:
        raise ParameterError(f"{owner} = {value!r} must be one number or [low, nominal, high] in {unit}.")
    bound = {"ge": 0.0, "le": 1e30} if gt is None else {"gt": gt, "ge": 1e-9, "le": 1e30}
    low, nominal, high = (check_scalar(owner, each, unit=unit, **bound) for each in values)
    if not low <= nominal <= high:
        raise ParameterError(f"{owner} = {value!r} must rise: low <= nominal <= high. Sort the figures.")
    return Interval(low, nominal, high)


@final
@dataclass(frozen=True, kw_only=True)
class Link:
    """What it takes to move events between a host and a chip.

    pj_per_bit : Interval or number    pJ
    gbit_per_s : Interval or number    Gbit/s; its low end is the slow one
    launch_us, sync_us : Interval or number    us to start a call on the chip, and to wait for its end
    event_bits : int                   bits of one event
    grade, source : str                how sure the figures are, and who says so
    """

    name: str = "own"
    title: str = ""
    pj_per_bit: Any
    gbit_per_s: Any
    launch_us: Any = 0.0
    sync_us: Any = 0.0
    event_bits: Any = 32
    grade: str = "D"
    source: str = "given by the caller"

    def __post_init__(self) -> None:
        for field, unit, gt in (
            ("pj_per_bit", "pJ", None),
            ("gbit_per_s", "Gbit/s", 0.0),
            ("launch_us", "us", None),
            ("sync_us", "us", None),
        ):
            object.__setattr__(self, field, _interval(f"Link.{field}", getattr(self, field), unit, gt=gt))
        object.__setattr__(self, "event_bits", check_integer("Link.event_bits", self.event_bits, low=1, high=10**6))
        if self.grade not in GRADES:
            raise ParameterError(unknown_name("Link.grade", self.grade, GRADES))


@cache
def _shipped() -> Mapping[str, Link]:
    table = tomllib.loads((Path(__file__).parent / "links.toml").read_text(encoding="utf-8"))
    return {name: Link(name=name, **row) for name, row in table.items()}


def link_names() -> tuple[str, ...]:
    """Return the names of the links that ship with snnsim."""
    return tuple(_shipped())


def load_link(link: Any, *, allow_recalled: bool = False) -> Link:
    """Return a link by name, or the given one. Raises ParameterError for an unknown name, or recalled figures without `allow_recalled`."""
    found = link if isinstance(link, Link) else _shipped().get(link) if isinstance(link, str) else None
    if found is None:
        raise ParameterError(unknown_name("link", link, _shipped()) + " Or give a Link of your own.")
    if found.grade == "R" and not allow_recalled:
        raise ParameterError(
            f"link = {found.name!r}: its figures are recalled, not verified in a source. Say allow_recalled=True, or choose "
            f"one of {', '.join(name for name, each in _shipped().items() if each.grade != 'R')}."
        )
    return found
