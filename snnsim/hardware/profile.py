"""A hardware profile: what an operation costs, by whom it is done, and who says so."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, final

from snnsim.errors import FormatError, ParameterError, unknown_name
from snnsim.results import OPERATIONS, ROLES
from snnsim.units import check_number

_HERE = Path(__file__).parent
#: op: single arithmetic or memory operations; term: terms of a chip's own energy model; all-in: chip energy per synaptic operation
SCOPES = ("op", "term", "all-in")
#: V: read in the named source; 2: quoted by a secondary source; D: derived, as the note says; R: recalled, not verified
GRADES = ("V", "2", "D", "R")


class Interval(NamedTuple):
    """An energy with its uncertainty, pJ."""

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
class Price:
    """What one operation costs.

    pj : Interval   pJ per operation
    grade : str     how sure the figure is, a name of `GRADES`
    source : str    where it was read, or how it was derived
    """

    pj: Interval
    grade: str
    source: str


@final
@dataclass(frozen=True)
class Profile:
    """Prices of one piece of hardware.

    node_nm : int            process node
    prices : role -> kind -> Price; a role that is absent cannot be done by this hardware
    included : role -> kinds whose energy lies within other prices of the profile; pricing them again is refused
    """

    name: str
    title: str
    node_nm: int
    voltage: float | None
    scope: str
    note: str
    prices: Mapping[str, Mapping[str, Price]]
    included: Mapping[str, tuple[str, ...]]


def _price(where: str, row: Mapping[str, Any]) -> Price:
    unknown = set(row) - {"pj", "grade", "source"}
    if unknown:
        raise FormatError(f"{where}: unknown key {sorted(unknown)[0]!r}. Valid: pj, grade, source.")
    missing = {"pj", "grade", "source"} - set(row)
    if missing:
        raise FormatError(f"{where}: {sorted(missing)[0]!r} is missing. A price needs pj = [low, nominal, high], a grade and a source.")
    if not isinstance(row["pj"], list) or len(row["pj"]) != 3:
        raise FormatError(f"{where}.pj = {row['pj']!r} must be [low, nominal, high] in pJ.")
    try:
        pj = Interval(*(float(check_number(f"{where}.pj", value, unit="pJ", ge=0.0)) for value in row["pj"]))
    except ParameterError as error:
        raise FormatError(str(error)) from None
    if not pj.low <= pj.nominal <= pj.high:
        raise FormatError(f"{where}.pj = {row['pj']} must rise: low <= nominal <= high. Sort the figures.")
    if row["grade"] not in GRADES:
        raise FormatError(unknown_name(f"{where}.grade", row["grade"], GRADES))
    return Price(pj, row["grade"], row["source"])


def read_profile(path: str | Path) -> Profile:
    """Return the profile stored in a TOML file.

    Raises
    ------
    FormatError   for a damaged file, an unknown key, role, operation, scope or grade, a missing or negative price,
                  low > high, or an operation both priced and covered by another price of its role
    """
    path = Path(path)
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise FormatError(f"Profile {path} cannot be read: {error}. Give a TOML file.") from None
    where = f"Profile {path.stem}"
    for key in ("title", "node_nm", "scope", "note", "prices"):
        if key not in table:
            raise FormatError(f"{where}: {key!r} is missing. See snnsim/hardware/horowitz45.toml for the form.")
    if table["scope"] not in SCOPES:
        raise FormatError(unknown_name(f"{where}.scope", table["scope"], SCOPES))
    included = {role: tuple(kinds) for role, kinds in table.get("included", {}).items()}
    prices: dict[str, Mapping[str, Price]] = {}
    for section, rows_by_role in (("included", included), ("prices", table["prices"])):
        for role, rows in rows_by_role.items():
            if role not in ROLES:
                raise FormatError(unknown_name(f"{where}.{section}", role, ROLES))
            for kind in rows:
                if kind not in OPERATIONS:
                    raise FormatError(unknown_name(f"{where}.{section}.{role}", kind, OPERATIONS))
    for role, rows in table["prices"].items():
        prices[role] = MappingProxyType({kind: _price(f"{where}.prices.{role}.{kind}", row) for kind, row in rows.items()})
        twice = [kind for kind in included.get(role, ()) if kind in rows]
        if twice:
            raise FormatError(f"{where}.prices.{role}.{twice[0]} is priced and also listed as included: it would count twice. Drop one.")
    return Profile(
        path.stem, table["title"], table["node_nm"], table.get("voltage"), table["scope"], table["note"],
        MappingProxyType(prices), MappingProxyType(included),
    )  # fmt: skip


def profile_names() -> tuple[str, ...]:
    """Return the names of the profiles that ship with snnsim."""
    return tuple(sorted(path.stem for path in _HERE.glob("*.toml")))


@cache
def load_profile(name: str) -> Profile:
    """Return a shipped profile by name, or one of your own by the path of its .toml file.

    Raises ParameterError for an unknown name (listing the valid ones), FormatError for a bad file.
    """
    if name in profile_names():
        return read_profile(_HERE / f"{name}.toml")
    if str(name).endswith(".toml"):
        return read_profile(name)
    raise ParameterError(unknown_name("profile", name, profile_names()) + " A file of your own must end in .toml.")
