"""The result of a sweep: one row per point, one column per parameter and per value."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np

from snnsim.errors import ParameterError, unknown_name
from snnsim.sweeps.plan import PROBLEM, SEED

_SHOWN = 30  # rows that are printed


@final
@dataclass(frozen=True, eq=False)
class SweepTable:
    """A tidy table: every row is one point, in the order of the grid, whoever finished first.

    Iterating gives one dict per row; ``table["rate"]`` is a column. A value that is missing is None in a row and masked in a column,
    never NaN; `problems` says why.

    parameters : tuple of str          columns that say where a point lies, 'draw' and 'seed' included
    values : tuple of str              columns that the function returned
    cells : tuple of tuple             a number, text, array or None per column, row by row
    problems : tuple of str            per row: the error, or why a value is missing; '' where all went well
    cut : bool                         True when Ctrl-C ended the sweep: rows of points that had not finished are not there
    """

    parameters: tuple[str, ...]
    values: tuple[str, ...]
    cells: tuple[tuple[Any, ...], ...]
    problems: tuple[str, ...]
    cut: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of all columns: parameters, then values."""
        return self.parameters + self.values

    def __len__(self) -> int:
        return len(self.cells)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for row in self.cells:
            yield dict(zip(self.columns, row, strict=True))

    def __getitem__(self, name: str) -> np.ndarray:
        """Return a column, [n_rows]: numbers as int64, float64 or bool, masked where any is missing; anything else as objects.

        Raises ParameterError for another name.
        """
        cells = [row[self.place(name)] for row in self.cells]
        there = [cell for cell in cells if cell is not None]
        if not there or not all(isinstance(cell, (int, float)) for cell in there):
            column = np.empty(len(cells), dtype=object)
            column[:] = cells
            return column
        if len(there) == len(cells):
            return np.array(cells)
        filled = np.array([there[0] if cell is None else cell for cell in cells])
        return np.ma.masked_array(filled, [cell is None for cell in cells])

    def place(self, name: str) -> int:
        """Return where a column stands. Raises ParameterError listing the names."""
        if name not in self.columns:
            raise ParameterError(unknown_name("SweepTable: column", name, self.columns))
        return self.columns.index(name)

    def mean(self, over: str | Sequence[str] = SEED, *, level: float = 0.95) -> SweepTable:
        r"""Return means over one column, or several, with confidence intervals: a row for every value of the other parameters.

        .. math:: \bar x \pm t_{n-1, (1 + level) / 2} \, s / \sqrt{n}, \quad s^2 = \sum (x - \bar x)^2 / (n - 1)

        Of a column x the table has x, x_low, x_high and x_n. The interval is that of Student: it takes the n values for independent
        and their mean for normally distributed. One value has a mean, and no interval (None). Arrays go element by element. Missing
        values are left out, which x_n tells; so are columns of texts.

        over : str or list of str   parameters, 'seed' by default
        level : float               0 < level < 1

        Raises ParameterError for a column that is no parameter, values of which some are texts, or arrays of several shapes. Needs scipy.

        Source: Student (1908), Biometrika 6:1.
        """
        from snnsim.sweeps.summary import mean

        return mean(self, over, level)

    def pivot(self, value: str, rows: str, columns: str) -> tuple[np.ndarray, list[Any], list[Any]]:
        """Return a value over two parameters, for a picture: [n_rows, n_columns] with the values of `rows` and of `columns`.

        Both in the order in which they first appear; masked where a value is missing. Raises ParameterError where two rows of the table
        fall into one place: take the mean over the other parameters first.
        """
        if rows == columns:
            raise ParameterError(f"SweepTable.pivot.rows = {rows!r} must differ from columns: each has an axis of its own. Rename one.")
        at_row, at_column = (list(dict.fromkeys(row[self.place(name)] for row in self.cells)) for name in (rows, columns))
        column = self[value]
        if column.dtype == object:
            raise ParameterError(f"SweepTable.pivot.value = {value!r} must be a column of numbers. Choose another.")
        grid = np.ma.masked_all((len(at_row), len(at_column)), dtype=column.dtype)
        places = [(at_row.index(row[self.place(rows)]), at_column.index(row[self.place(columns)])) for row in self.cells]
        for k, place in enumerate(places):
            if place in places[:k]:
                raise ParameterError(
                    f"SweepTable.pivot: several rows have {rows} = {at_row[place[0]]!r} and {columns} = {at_column[place[1]]!r}. "
                    "Take table.mean(over=...) over the other parameters first."
                )
            grid[place] = column[k]
        return grid if grid.mask.any() else grid.data, at_row, at_column

    def to_pandas(self) -> Any:
        """Return a pandas.DataFrame, a missing number as pandas does it. Raises ParameterError when pandas is not installed."""
        try:
            import pandas
        except ImportError:
            raise ParameterError(
                "SweepTable.to_pandas needs the package pandas, which is not installed. Run: pip install pandas."
            ) from None
        frame = pandas.DataFrame({name: pandas.Series([row[i] for row in self.cells], dtype=object) for i, name in enumerate(self.columns)})
        if any(self.problems):
            frame[PROBLEM] = list(self.problems)
        return frame.convert_dtypes()

    def save(self, path: str | Path) -> None:
        """Write a .csv: numbers with all their digits, nothing where a value is missing, and a last column 'problem' where there is any.

        `load` gives the same table back. The file is complete or not there. Raises ParameterError for another ending, or a path that
        cannot be written to.
        """
        from snnsim.sweeps.csv_file import save

        save(self, path)

    @classmethod
    def load(cls, path: str | Path) -> SweepTable:
        """Return the table that `save` wrote. An empty array comes back with one axis. Raises FormatError for what is no such file."""
        from snnsim.sweeps.csv_file import load

        return load(path)

    def __rich__(self) -> Any:
        from rich import box
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        names = (*self.columns, PROBLEM) if any(self.problems) else self.columns
        table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
        for name in names:
            texts = name == PROBLEM or any(isinstance(row[self.place(name)], str) for row in self.cells)
            table.add_column(Text(name), justify="left" if texts else "right", no_wrap=name != PROBLEM)
        for row, problem in list(zip(self.cells, self.problems, strict=True))[:_SHOWN]:
            table.add_row(*(Text(_shown(cell)) for cell in (*row, problem)[: len(names)]))
        return Group(table, Text(f" {said}")) if (said := self._said()) else table

    def _said(self) -> str:
        said = [f"{len(self) - _SHOWN} more rows"] if len(self) > _SHOWN else []
        with_problem = sum(map(bool, self.problems))
        said += [f"{with_problem} of {len(self)} rows with a problem"] if with_problem else []
        said += [f"cut by Ctrl-C after {len(self)} points"] if self.cut else []
        return "; ".join(said)

    def __str__(self) -> str:
        from rich.console import Console

        stream = io.StringIO()
        Console(file=stream, width=140, color_system=None).print(self)
        return "\n".join(line.rstrip() for line in stream.getvalue().splitlines()).strip("\n")

    def __repr__(self) -> str:
        return f"SweepTable({len(self)} rows; {', '.join(self.parameters)} -> {', '.join(self.values)}{'; cut' if self.cut else ''})"


def _shown(cell: Any) -> str:
    if isinstance(cell, np.ndarray):
        return f"array{cell.shape}"
    if cell is None:
        return "-"
    return f"{cell:.6g}" if isinstance(cell, float) else str(cell)
