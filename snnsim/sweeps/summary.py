"""Means of a table with their confidence intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from snnsim.errors import ParameterError, unknown_name
from snnsim.units import check_scalar

if TYPE_CHECKING:
    from snnsim.sweeps.table import SweepTable


def mean(table: SweepTable, over: str | Sequence[str], level: float) -> SweepTable:
    """See `SweepTable.mean`."""
    from snnsim.sweeps.table import SweepTable

    level = check_scalar("SweepTable.mean.level", level, gt=0.0, lt=1.0)
    if not isinstance(over, (str, Sequence)):
        raise ParameterError(f"SweepTable.mean.over = {over!r} must be the name of a parameter, or a list of names.")
    gone = [over] if isinstance(over, str) else list(over)
    for name in gone:
        if name not in table.parameters:
            raise ParameterError(unknown_name("SweepTable.mean.over", name, table.parameters))
    kept = [name for name in table.parameters if name not in gone]
    groups: dict[tuple, list[tuple]] = {}
    for row in table.cells:
        groups.setdefault(tuple(row[table.place(name)] for name in kept), []).append(row)
    values = [name for name in table.values if not all(isinstance(row[table.place(name)], (str, type(None))) for row in table.cells)]
    cells = [
        (*key, *(cell for name in values for cell in _interval(name, [row[table.place(name)] for row in rows], level)))
        for key, rows in groups.items()
    ]
    columns = [each for name in values for each in (name, f"{name}_low", f"{name}_high", f"{name}_n")]
    clash = [name for name in columns if name in kept or columns.count(name) > 1]
    if clash:
        raise ParameterError(f"SweepTable.mean makes a column {clash[0]!r}, which is there already. Rename it in the function.")
    return SweepTable(tuple(kept), tuple(columns), tuple(cells), ("",) * len(cells), table.cut)


def _interval(name: str, cells: list[Any], level: float) -> tuple[Any, Any, Any, int]:
    """Return mean, low and high end, and how many values there were."""
    there = [cell for cell in cells if cell is not None]
    if any(isinstance(cell, str) for cell in there):
        raise ParameterError(f"SweepTable.mean: {name!r} holds texts and numbers, which have no mean. Return numbers alone.")
    if not there:
        return None, None, None, 0
    if len({np.shape(cell) for cell in there}) > 1:
        raise ParameterError(f"SweepTable.mean: {name!r} holds arrays of several shapes, which have no mean. Return arrays of one shape.")
    array = np.array(there, dtype=np.float64)
    centre = array.mean(axis=0)
    if len(there) == 1:
        return _plain(centre), None, None, 1
    half = _student(len(there) - 1, level) * array.std(axis=0, ddof=1) / np.sqrt(len(there))
    return _plain(centre), _plain(centre - half), _plain(centre + half), len(there)


def _plain(value: Any) -> Any:
    return float(value) if not np.ndim(value) else value


def _student(freedom: int, level: float) -> float:
    """Return the quantile of Student's t that leaves (1 - level) / 2 above it."""
    try:
        from scipy.special import stdtrit
    except ImportError:
        raise ParameterError("SweepTable.mean needs the package scipy, which is not installed. Run: pip install 'snnsim[sweep]'.") from None
    return float(stdtrit(freedom, (1.0 + level) / 2.0))
