"""Reading a profile from its TOML file: every unit named, every range checked, nothing counted twice."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from snnsim.counts import OPERATIONS, PRECISE, ROLES, check_precision
from snnsim.errors import FormatError, ParameterError, unknown_name
from snnsim.hardware.checks import check_profile
from snnsim.hardware.figures import GRADES, Figure, Interval, Price
from snnsim.hardware.profile import LIMITS, SCOPES, Profile
from snnsim.units import check_number

_MOST = 1e30  # of a figure in the unit it is written in: sums over any run stay finite
_LIMIT = 10**15  # of a limit: exact as a float, too
_FORM = "See snnsim/hardware/profiles/horowitz45.toml for the form."
_ENERGY = {"fj": 1e-3, "pj": 1.0, "nj": 1e3, "uj": 1e6}
_TIME = {"ns": 1.0, "us": 1e3, "ms": 1e6}
_POWER = {"uw": 1e-3, "mw": 1.0, "w": 1e3}
_KEYS = (
    "title",
    "node_nm",
    "voltage",
    "scope",
    "note",
    "included",
    "left_out",
    "prices",
    "placed",
    "limits",
    "times",
    "static",
    "inference",
)


def _interval(where: str, row: Mapping[str, Any], unit: str, factor: float, name: str) -> Interval:
    values = row[unit]
    if not isinstance(values, list) or len(values) != 3 or not all(type(value) in (int, float) for value in values):
        raise FormatError(f"{where}.{unit} = {values!r} must be [low, nominal, high] in {name}.")
    try:
        low, nominal, high = (float(check_number(f"{where}.{unit}", value, unit=name, ge=0.0, le=_MOST)) for value in values)
    except ParameterError as error:
        raise FormatError(str(error)) from None
    if not low <= nominal <= high:
        raise FormatError(f"{where}.{unit} = {values} must rise: low <= nominal <= high. Sort the figures.")
    return Interval(low * factor, nominal * factor, high * factor)


_SHOWN = {"fj": "fJ", "pj": "pJ", "nj": "nJ", "uj": "uJ", "uw": "uW", "mw": "mW", "w": "W"}


def _figure(where: str, row: Mapping[str, Any], units: Mapping[str, float], extra: tuple[str, ...] = ()) -> Figure:
    """Return a figure whose value stands under the name of its unit."""
    valid = [*units, *extra, "grade", "source"]
    unknown = set(row) - set(valid)
    if unknown:
        raise FormatError(f"{where}: unknown key {sorted(unknown)[0]!r}. Valid: {', '.join(valid)}.")
    given = [unit for unit in units if unit in row]
    if len(given) != 1:
        what = "has no unit" if not given else f"has {len(given)} units ({', '.join(given)})"
        raise FormatError(f"{where} {what}: give [low, nominal, high] under exactly one of {', '.join(units)}.")
    missing = {"grade", "source"} - set(row)
    if missing:
        raise FormatError(f"{where}: {sorted(missing)[0]!r} is missing. A figure needs a unit, a grade and a source.")
    if not isinstance(row["source"], str) or not row["source"].strip():
        raise FormatError(f"{where}.source = {row['source']!r} must say where the figure was read.")
    if row["grade"] not in GRADES:
        raise FormatError(unknown_name(f"{where}.grade", row["grade"], GRADES))
    unit = given[0]
    return Figure(_interval(where, row, unit, units[unit], _SHOWN.get(unit, unit)), row["grade"], row["source"])


def _price(where: str, row: Mapping[str, Any], kind: str = "") -> Price:
    """Return a price. kind : of operation; bits matter to plain MACs and conversions, or to all of `PRECISE` by their product"""
    for key, kinds in (("bits", ("macs", "dac_conversions", "adc_conversions")), ("per_bit_product", PRECISE)):
        if key in row and kind not in kinds:
            raise FormatError(f"{where}.{key} holds for {', '.join(kinds)} without a precision: nothing else is scaled by bits. Drop it.")
    if "bits" in row and "per_bit_product" in row:
        raise FormatError(f"{where} has bits and per_bit_product: a price that is scaled has no widest operands. Drop one.")
    figure = _figure(where, row, _ENERGY, ("per_bit_product", "bits"))
    bits = row.get("bits", 8)
    if type(bits) is not int or not 1 <= bits <= 64:
        raise FormatError(f"{where}.bits = {bits!r} must be a whole number in 1 .. 64, the widest operands at this price.")
    product = None
    if "per_bit_product" in row:
        product = _interval(where, row, "per_bit_product", 1.0, "pJ per bit product")
    return Price(figure.value, figure.grade, figure.source, product, bits)


def _check_kind(where: str, kind: str) -> None:
    plain, _, precision = kind.partition(":")
    if plain not in OPERATIONS:
        raise FormatError(unknown_name(where, plain, OPERATIONS))
    if kind.endswith(":"):
        raise FormatError(f"{where}.{kind!r} names no precision after the colon. Name one, or drop the colon.")
    if precision:
        if plain not in PRECISE:
            raise FormatError(f"{where}.{kind!r}: only {', '.join(PRECISE)} differ by precision. Drop ':{precision}'.")
        try:
            check_precision(f"{where}.{kind!r}", precision)
        except ParameterError as error:
            raise FormatError(str(error)) from None


def _lists(where: str, section: str, table: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Return a table of roles and lists of kinds."""
    found = table.get(section, {})
    if not isinstance(found, dict) or not all(isinstance(row, list) and all(isinstance(x, str) for x in row) for row in found.values()):
        raise FormatError(f"{where}.{section} = {found!r} has the wrong form. {_FORM}")
    for role, kinds in found.items():
        if role not in ROLES:
            raise FormatError(unknown_name(f"{where}.{section}", role, ROLES))
        for kind in kinds:
            _check_kind(f"{where}.{section}.{role}", kind)
            if ":" in kind:
                raise FormatError(f"{where}.{section}.{role} lists {kind!r}: a list holds for all precisions. Drop the precision.")
    return {role: tuple(kinds) for role, kinds in found.items()}


def _prices(where: str, section: str, table: Mapping[str, Any]) -> dict[str, Mapping[str, Price]]:
    found = table.get(section, {})
    rows = found.values() if isinstance(found, dict) else [found]
    if not all(isinstance(row, dict) and all(isinstance(x, dict) for x in row.values()) for row in rows):
        raise FormatError(f"{where}.{section} = {found!r} has the wrong form. {_FORM}")
    prices: dict[str, Mapping[str, Price]] = {}
    for role, rows in found.items():
        if role not in ROLES:
            raise FormatError(unknown_name(f"{where}.{section}", role, ROLES))
        for kind in rows:
            _check_kind(f"{where}.{section}.{role}", kind)
        prices[role] = MappingProxyType({kind: _price(f"{where}.{section}.{role}.{kind}", row, kind) for kind, row in rows.items()})
    return prices


def _limits(where: str, table: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    found = table.get("limits", {})
    if not isinstance(found, dict):
        raise FormatError(f"{where}.limits = {found!r} has the wrong form. {_FORM}")
    if not found:
        return {}, ""
    found = dict(found)
    source, grade = found.pop("source", ""), found.pop("grade", None)
    if not isinstance(source, str) or not source.strip() or grade not in GRADES:
        raise FormatError(f"{where}.limits needs a grade ({', '.join(GRADES)}) and a source. Say where the limits were read.")
    for name, value in found.items():
        least = 0 if name == "synapse_overhead_bits" else 1
        if name not in LIMITS:
            raise FormatError(unknown_name(f"{where}.limits", name, LIMITS))
        if name == "mesh":
            if not isinstance(value, list) or len(value) != 2 or not all(type(n) is int and 1 <= n <= 10**6 for n in value):
                raise FormatError(f"{where}.limits.mesh = {value!r} must be [columns, rows], whole numbers >= 1 and <= 10^6. Correct it.")
        elif type(value) is not int or not least <= value <= _LIMIT:
            raise FormatError(
                f"{where}.limits.{name} = {value!r} must be a whole number >= {least}, <= {_LIMIT}. Leave out what has no limit."
            )
    for name in ("mesh", "chips", "cores_per_tile"):
        if name in found and "cores" not in found:
            raise FormatError(f"{where}.limits.{name} = {found[name]} needs cores, those of a chip. Give their number, or drop it.")
    if "mesh" in found:
        places = found["mesh"][0] * found["mesh"][1] * found.get("cores_per_tile", 1)
        if places < found["cores"]:
            raise FormatError(
                f"{where}.limits.mesh = {found['mesh']} holds {places} cores, fewer than cores = {found['cores']}. Correct one."
            )
    return found, f"{source} [{grade}]"


def _figures(where: str, section: str, table: Mapping[str, Any], units: Mapping[str, float], names: Any) -> dict[str, Figure]:
    found = table.get(section, {})
    if not isinstance(found, dict) or not all(isinstance(row, dict) for row in found.values()):
        raise FormatError(f"{where}.{section} = {found!r} has the wrong form. {_FORM}")
    for name in found:
        if name not in names:
            raise FormatError(unknown_name(f"{where}.{section}", name, names))
    return {name: _figure(f"{where}.{section}.{name}", row, units) for name, row in found.items()}


def _check_form(where: str, table: dict[str, Any]) -> None:
    """Refuse unknown keys, and values of another type than the form asks for."""
    for key in table:
        if key not in _KEYS:
            raise FormatError(unknown_name(f"{where}: key", key, _KEYS))
    table.setdefault("prices", {})
    for key in ("title", "scope", "note"):
        if key not in table:
            raise FormatError(f"{where}: {key!r} is missing. {_FORM}")
    if table["scope"] not in list(SCOPES):  # a list, for whatever a file holds can be looked up in it
        raise FormatError(unknown_name(f"{where}.scope", table["scope"], SCOPES))
    if "node_nm" not in table and table["scope"] not in ("floor", "reference"):
        raise FormatError(f"{where}: 'node_nm' is missing. Only a floor or a reference may lack a process node. {_FORM}")
    for key, kind in (("title", str), ("note", str), ("node_nm", int), ("prices", dict)):
        if key in table and (not isinstance(table[key], kind) or isinstance(table[key], bool)):
            raise FormatError(f"{where}.{key} = {table[key]!r} must be of type {kind.__name__}. {_FORM}")
    for key in ("node_nm", "voltage"):
        value = table.get(key, 1)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 1e6:
            raise FormatError(f"{where}.{key} = {value!r} must be a number > 0. Correct it.")
    if table["scope"] == "inference":
        if not isinstance(table.get("inference"), dict) or table["prices"] or "limits" not in table:
            raise FormatError(f"{where}: scope 'inference' needs an [inference] price and [limits], and no other prices. {_FORM}")
    elif "inference" in table or not any(table["prices"].values()):
        raise FormatError(f"{where}.prices is empty, or [inference] stands beside it: a profile needs one of them. {_FORM}")


def read_profile(path: str | Path) -> Profile:
    """Return the profile stored in a TOML file.

    Raises
    ------
    FormatError   for a damaged file, an unknown key, role, operation, scope, limit or grade, a figure without a unit, negative or with
                  low > high, or an operation both priced and covered by another price of its role
    """
    path = Path(path)
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:  # no text, no TOML, no path
        raise FormatError(f"Profile {path} cannot be read: {error}. Give a TOML file.") from None
    where = f"Profile {path.stem}"
    _check_form(where, table)
    limits, source = _limits(where, table)
    profile = Profile(
        name=path.stem,
        title=table["title"],
        node_nm=table.get("node_nm"),
        voltage=table.get("voltage"),
        scope=table["scope"],
        note=" ".join(table["note"].split()),
        prices=MappingProxyType(_prices(where, "prices", table)),
        included=MappingProxyType(_lists(where, "included", table)),
        left_out=MappingProxyType(_lists(where, "left_out", table)),
        placed=MappingProxyType(_prices(where, "placed", table)),
        limits=MappingProxyType(limits),
        limits_source=source,
        inference=_price(f"{where}.inference", table["inference"]) if "inference" in table else None,
        times=MappingProxyType(_figures(where, "times", table, _TIME, OPERATIONS)),
        static=MappingProxyType(_figures(where, "static", table, _POWER, ("chip", "core"))),
    )
    check_profile(where, profile)
    return profile
