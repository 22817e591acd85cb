"""A `SweepTable` as a .csv that other programs read, and back without loss.

The first line is a comment that says how many columns are parameters (pandas: ``read_csv(path, skiprows=1)``), the second one names
the columns. Cells: numbers with all their digits, True and False, arrays as lists in brackets, the word None for a parameter that is None,
nothing where a value is missing. A text that could be taken for one of these stands in JSON's quotation marks.
"""

from __future__ import annotations

import csv
import json
import math
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from snnsim.errors import FormatError, ParameterError
from snnsim.sweeps.plan import PROBLEM

if TYPE_CHECKING:
    from snnsim.sweeps.table import SweepTable

_FIRST = re.compile(r"# snnsim sweep, version 1, (\d+) parameters(, cut)?\s*")


def save(table: SweepTable, path: str | Path) -> None:
    """See `SweepTable.save`."""
    if not isinstance(path, (str, Path)):
        raise ParameterError(f"SweepTable.save.path = {path!r} must be the path of a file. Give a text such as 'sweep.csv'.")
    path = Path(path)
    if path.suffix != ".csv":
        raise ParameterError(f"SweepTable.save.path = '{path}' must end in .csv. For other forms see to_pandas().")
    n = len(table.parameters)
    problems = any(table.problems)
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(beside, "w", newline="", encoding="utf-8") as stream:
            stream.write(f"# snnsim sweep, version 1, {n} parameters{', cut' if table.cut else ''}\n")
            rows = csv.writer(stream, lineterminator="\n")
            rows.writerow([*table.columns, *([PROBLEM] if problems else [])])
            for cells, problem in zip(table.cells, table.problems, strict=True):
                texts = [_written(cell, "None" if i < n else "") for i, cell in enumerate(cells)]
                rows.writerow([*texts, *([_written(problem, "") if problem else ""] if problems else [])])
        os.replace(beside, path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise ParameterError(f"SweepTable.save.path = '{path}' cannot be written to: {error.strerror}. Choose another.") from None


def load(path: str | Path) -> SweepTable:
    """See `SweepTable.load`."""
    from snnsim.sweeps.table import SweepTable

    if not isinstance(path, (str, Path)):
        raise ParameterError(f"SweepTable.load.path = {path!r} must be the path of a file. Give a text such as 'sweep.csv'.")
    path = Path(path)
    try:
        with open(path, newline="", encoding="utf-8") as stream:
            first = _FIRST.fullmatch(stream.readline())
            if first is None:
                raise ValueError("its first line is not that of a sweep")
            names, *rows = csv.reader(stream)
        n = int(first[1])
        problems = names[-1:] == [PROBLEM]
        short = next((i for i, row in enumerate(rows, start=3) if len(row) != len(names)), None)
        if short or n > len(names):
            raise ValueError(f"line {short or 2} has another number of cells than the line of names")
        cells = [[_read(text) for text in row] for row in rows]
    except OSError as error:
        raise FormatError(f"{path} cannot be read: {error.strerror}. Check the path.") from None
    except (ValueError, csv.Error) as error:
        raise FormatError(f"{path} is damaged, or was not written by SweepTable.save ({error}).") from None
    end = len(names) - problems
    said = tuple(str(row[-1] or "") for row in cells) if problems else ("",) * len(cells)
    return SweepTable(tuple(names[:n]), tuple(names[n:end]), tuple(tuple(row[:end]) for row in cells), said, bool(first[2]))


def _written(cell: Any, missing: str) -> str:
    if cell is None:
        return missing
    if isinstance(cell, np.ndarray):
        return json.dumps(cell.tolist())
    if isinstance(cell, str):
        return cell if _read(cell) == cell else json.dumps(cell)
    return repr(cell)


def _read(text: str) -> Any:
    if text in ("", "None"):
        return None
    if text in ("True", "False"):
        return text == "True"
    if text[0] in '["':
        try:
            value = json.loads(text)
        except ValueError:
            return text
        return np.array(value, dtype=None if value else np.float64) if isinstance(value, list) else value
    for number in (int, float):
        try:
            value = number(text)
        except ValueError:
            continue
        return value if math.isfinite(value) else text
    return text
