"""What a sweep shall run: its points in order, and the seed of each. Nothing here depends on who runs them, or when."""

from __future__ import annotations

import hashlib
import math
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from snnsim.distributions import Distribution, sample
from snnsim.errors import ParameterError
from snnsim.units import check_bool, check_integer

#: columns that a sweep makes itself
DRAW, SEED, PROBLEM = "draw", "seed", "problem"

Scalar = int | float | str | bool | None


@dataclass(frozen=True)
class Plan:
    """The points of a sweep.

    names : tuple of str              columns: parameters, then 'draw' and 'seed' where there are any
    rows : tuple of tuple of Scalar   one value per column, in the order of the table
    asked : mapping                   what the caller asked for, as plain data; two sweeps that ask the same have the same rows
    """

    names: tuple[str, ...]
    rows: tuple[tuple[Scalar, ...], ...]
    asked: Mapping[str, Any]

    def point(self, row: int) -> dict[str, Scalar]:
        """Return the values of one row by column."""
        return dict(zip(self.names, self.rows[row], strict=True))

    def named(self, row: int) -> str:
        """Return the values of one row as a text."""
        return ", ".join(f"{name} = {value!r}" for name, value in self.point(row).items())

    def arguments(self, row: int) -> dict[str, Scalar]:
        """Return what the function is called with at one row."""
        return {name: value for name, value in self.point(row).items() if name != DRAW}


def make_plan(points: Any, *, seeds: Any, seed: Any, draws: Any, paired: Any) -> Plan:
    """Return the plan of ``sweep(function, points, ...)``. Raises ParameterError for points or seeds that are none."""
    seed = check_integer("sweep.seed", seed, low=0, high=2**63 - 1)
    paired = check_bool("sweep.paired", paired)
    if isinstance(points, Mapping):
        names, rows, asked = _grid(points, draws, seed)
    else:
        if draws is not None:
            raise ParameterError(f"sweep.draws = {draws!r} applies to distributions in a grid, not to a list of points. Leave it out.")
        names, rows, asked = _listed(points)
    if seeds is not None:
        if SEED in names:
            raise ParameterError("sweep.seeds and a parameter named 'seed' both give a seed to the function. Leave one out.")
        asked |= {"seeds": seeds if isinstance(seeds, (int, np.integer)) else _values("sweep.seeds", seeds), "paired": paired}
        asked["seeds"] = asked["seeds"] if isinstance(asked["seeds"], list) else int(asked["seeds"])
        each = _seeds(seeds, seed, paired)
        rows = [(*row, own) for row in rows for own in each(row)]
        names = (*names, SEED)
    return Plan(names, tuple(rows), {**asked, "seed": seed})


def _grid(grid: Mapping[Any, Any], draws: Any, seed: int) -> tuple[tuple[str, ...], list[tuple[Scalar, ...]], dict[str, Any]]:
    if not grid:
        raise ParameterError("sweep.points = {} names no parameter. Give a mapping of names to values, such as {'g': [3, 4, 5]}.")
    names = tuple(_name(name) for name in grid)
    drawn = [name for name in names if isinstance(grid[name], Distribution)]
    listed = {name: _values(f"sweep.points[{name!r}]", grid[name]) for name in names if name not in drawn}
    asked = {"points": {name: listed.get(name, repr(grid[name])) for name in names}}
    if not drawn:
        if draws is not None:
            raise ParameterError(f"sweep.draws = {draws!r} needs a distribution among the values, such as Uniform(low=3.0, high=8.0).")
        return names, list(product(*listed.values())), asked
    if draws is None:
        raise ParameterError(f"sweep.draws is missing: {drawn[0]!r} is drawn from {grid[drawn[0]]!r}. Say how often: draws=100.")
    draws = check_integer("sweep.draws", draws, low=1)
    if DRAW in names:
        raise ParameterError(f"sweep.points: the column {DRAW!r} is made by the sweep. Rename the parameter.")
    picked = [{name: _drawn(grid[name], name, k, seed) for name in drawn} for k in range(draws)]
    rows = []
    for at in product(*listed.values()):
        fixed = dict(zip(listed, at, strict=True))
        rows += [(*((fixed | own)[name] for name in names), k) for k, own in enumerate(picked)]
    return (*names, DRAW), rows, {**asked, "draws": draws}


def _listed(points: Any) -> tuple[tuple[str, ...], list[tuple[Scalar, ...]], dict[str, Any]]:
    if not isinstance(points, Sequence) or isinstance(points, str) or not all(isinstance(each, Mapping) for each in points):
        raise ParameterError(
            f"sweep.points = {points!r} must be a mapping of names to lists of values (a grid), or a list of mappings (points). "
            "Give {'g': [3, 4, 5]} or [{'g': 3}, {'g': 4}]."
        )
    if not points or not points[0]:
        raise ParameterError(f"sweep.points = {points!r} holds no point. Give at least one, such as [{{'g': 3}}].")
    names = tuple(_name(name) for name in points[0])
    for i, each in enumerate(points):
        if set(each) != set(names):
            raise ParameterError(
                f"sweep.points[{i}] names {', '.join(map(str, each))} but sweep.points[0] names {', '.join(names)}. "
                "Give every point the same parameters."
            )
    rows = [tuple(_scalar(f"sweep.points[{i}][{name!r}]", each[name]) for name in names) for i, each in enumerate(points)]
    if len(set(rows)) < len(rows):
        twice = next(row for i, row in enumerate(rows) if row in rows[:i])
        raise ParameterError(f"sweep.points holds {dict(zip(names, twice, strict=True))} twice. Leave one out, or ask for seeds.")
    return names, rows, {"points": [dict(zip(names, row, strict=True)) for row in rows]}


def _name(name: Any) -> str:
    if not isinstance(name, str) or not name:
        raise ParameterError(f"sweep.points: {name!r} must be the name of a parameter of the function. Give a text.")
    if name == PROBLEM:
        raise ParameterError(f"sweep.points: the column {PROBLEM!r} is made by the sweep. Rename the parameter.")
    return name


def _values(owner: str, values: Any) -> list[Scalar]:
    """Return a list of different plain values."""
    if isinstance(values, np.ndarray) and values.ndim == 1:
        values = values.tolist()
    if not isinstance(values, Sequence) or isinstance(values, (str, bytes)):
        raise ParameterError(f"{owner} = {values!r} must be a list of values: [{values!r}] for one alone.")
    if not len(values):
        raise ParameterError(f"{owner} = {values!r} is empty, and so would the sweep be. Give at least one value.")
    plain = [_scalar(f"{owner}[{i}]", value) for i, value in enumerate(values)]
    if len(set(plain)) < len(plain):
        twice = next(value for i, value in enumerate(plain) if value in plain[:i])
        raise ParameterError(f"{owner} holds {twice!r} twice. Leave one out, or ask for seeds.")
    return plain


def _scalar(owner: str, value: Any) -> Scalar:
    if isinstance(value, np.generic):
        value = value.item()
    if value is not None and not isinstance(value, (int, float, str)):
        raise ParameterError(
            f"{owner} = {value!r} must be a number, a text, True, False or None: it is a cell of the table. "
            "Pass objects by sweep(shared={'name': object})."
        )
    if isinstance(value, float) and not math.isfinite(value):
        raise ParameterError(f"{owner} = {value!r} must be finite. Remove or replace it.")
    return value


def _drawn(distribution: Distribution, name: str, k: int, seed: int) -> float:
    # By name and number: another parameter, or more draws, leaves these as they are.
    key = np.random.SeedSequence(seed, spawn_key=(1, zlib.crc32(name.encode()), k))
    return float(sample(distribution, 1, np.random.default_rng(key))[0])


def _seeds(seeds: Any, seed: int, paired: bool) -> Any:
    """Return the function from a point to its seeds."""
    if not isinstance(seeds, (int, np.integer)) or isinstance(seeds, bool):
        given = [check_integer("sweep.seeds", each, low=0, high=2**63 - 1) for each in _values("sweep.seeds", seeds)]
        return lambda row: given
    n = check_integer("sweep.seeds", seeds, low=1)
    if paired:
        same = derived_seeds(seed, n, (0,))
        return lambda row: same
    return lambda row: derived_seeds(seed, n, (2, int.from_bytes(hashlib.sha256(repr(row).encode()).digest()[:8], "little")))


def derived_seeds(seed: int, n: int, key: Iterable[int]) -> list[int]:
    """Return n different seeds, 0 .. 2^32 - 1: the k-th word belongs to the counter k, so that more seeds begin with the same ones.

    32 bits, since generators of other libraries take no more; a word that came before is left out.
    """
    found: dict[int, None] = {}
    k = 0
    while len(found) < n:
        found[int(np.random.SeedSequence(seed, spawn_key=(*key, k)).generate_state(1)[0])] = None
        k += 1
    return list(found)
