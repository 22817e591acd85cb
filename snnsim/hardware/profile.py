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
    if not isinstance(row["source"], str) or not row["source"].strip():
        raise FormatError(f"{where}.source = {row['source']!r} must say where the figure was read.")
    if not isinstance(row["pj"], list) or len(row["pj"]) != 3 or not all(type(value) in (int, float) for value in row["pj"]):
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
    _check_form(where, table)
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
    if table["scope"] == "all-in":
        routed = [role for role, rows in prices.items() if "spikes" in rows]
        if routed:
            raise FormatError(f"{where}.prices.{routed[0]}.spikes: an all-in figure includes routing; it would count twice. Drop it.")
    return Profile(
        path.stem, table["title"], table["node_nm"], table.get("voltage"), table["scope"], table["note"],
        MappingProxyType(prices), MappingProxyType(included),
    )  # fmt: skip


_KEYS = ("title", "node_nm", "voltage", "scope", "note", "included", "prices")


def _check_form(where: str, table: Mapping[str, Any]) -> None:
    """Refuse unknown keys, and values of another type than the form asks for."""
    for key in table:
        if key not in _KEYS:
            raise FormatError(unknown_name(f"{where}: key", key, _KEYS))
    for key, kind in (("title", str), ("note", str), ("node_nm", int), ("prices", dict)):
        if not isinstance(table[key], kind) or isinstance(table[key], bool):
            raise FormatError(f"{where}.{key} = {table[key]!r} must be of type {kind.__name__}. See snnsim/hardware/horowitz45.toml.")
    for key in ("node_nm", "voltage"):
        value = table.get(key, 1)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 1e6:
            raise FormatError(f"{where}.{key} = {value!r} must be a number > 0. Correct it.")
    included, prices = table.get("included", {}), table["prices"]
    lists = isinstance(included, dict) and all(isinstance(row, list) and all(isinstance(x, str) for x in row) for row in included.values())
    tables = all(isinstance(row, dict) and all(isinstance(x, dict) for x in row.values()) for row in prices.values())
    for section, good in (("included", lists), ("prices", tables)):
        if not good:
            raise FormatError(f"{where}.{section} = {table[section]!r} has the wrong form. See snnsim/hardware/horowitz45.toml.")
    if not any(table["prices"].values()):
        raise FormatError(f"{where}.prices is empty: a profile without a price prices nothing. Add one.")


def profile_names() -> tuple[str, ...]:
    """Return the names of the profiles that ship with snnsim."""
    return tuple(sorted(path.stem for path in _HERE.glob("*.toml")))


@cache
def _shipped(name: str) -> Profile:
    return read_profile(_HERE / f"{name}.toml")


def load_profile(name: str) -> Profile:
    """Return a shipped profile by name, or one of your own by the path of its .toml file (read anew each time).

    Raises ParameterError for an unknown name (listing the valid ones), FormatError for a bad file.
    """
    if str(name).endswith(".toml"):
        return read_profile(name)
    if not isinstance(name, str) or name not in profile_names():
        raise ParameterError(unknown_name("profile", name, profile_names()) + " A file of your own must end in .toml.")
    return _shipped(name)
