"""Finished points on disk, one line each, so that a sweep that was killed goes on where it stopped.

A text file. Its first line says what is swept; every other line is one finished point: {"row": 17, "values": {...}, "problem": ""}.
A line is written at once and flushed to the disk before the sweep goes on. What a crash cut short has no end of line: it is dropped.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from snnsim.errors import FormatError, ParameterError, SimulationError
from snnsim.sweeps.outcome import Outcome, from_json, to_json

FORMAT, VERSION = "snnsim-sweep", 1


def check_store(path: Any) -> Path | None:
    """Return the path of a store, or None for none. Raises ParameterError for what can be none."""
    if path is None:
        return None
    if not isinstance(path, (str, Path)) or not str(path):
        raise ParameterError(f"sweep.store = {path!r} must be the path of a file. Give a text such as 'sweep.jsonl'.")
    path = Path(path)
    if path.suffix != ".jsonl":
        raise ParameterError(
            f"sweep.store = '{path}' must end in .jsonl: lines of text are what survives a crash. Save the table in other forms afterwards."
        )
    if not path.parent.is_dir():
        raise ParameterError(f"sweep.store = '{path}' must lie in a folder: '{path.parent}' is none. Create it first.")
    if path.is_dir():
        raise ParameterError(f"sweep.store = '{path}' is a folder. Give the path of a file.")
    return path


class Store:
    """An open store. A context manager; `done` holds what was finished before."""

    def __init__(self, path: Path, header: Mapping[str, Any], points: int) -> None:
        self.path, self.points = path, points
        header = json.loads(json.dumps({"format": FORMAT, "version": VERSION, **header}))
        try:
            self._file = open(path, "a+b")  # noqa: SIM115
        except OSError as error:
            raise ParameterError(f"sweep.store = '{path}' cannot be written to: {error.strerror}. Choose another path.") from None
        try:
            _lock(path, self._file)
            self.done = self._begin(header)
        except BaseException:
            self._file.close()
            raise

    def _begin(self, header: Mapping[str, Any]) -> dict[int, Outcome]:
        found, lines, end = read_lines(self.path)
        if found is not None:
            _check_same(self.path, found, header)
            past = [row for row in lines if row >= self.points]
            if past:
                raise FormatError(f"{self.path} is damaged: it holds row {past[0]} of a sweep of {self.points} points. Remove that line.")
        self._file.truncate(end)
        if found is None:
            self._append(header)
        return lines

    def write(self, row: int, outcome: Outcome) -> None:
        """Write one finished point; it is on the disk when this returns."""
        values = None if outcome.values is None else {name: to_json(value) for name, value in outcome.values.items()}
        self._append({"row": row, "values": values, "problem": outcome.problem})

    def _append(self, line: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(line, allow_nan=False).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()


def _lock(path: Path, file: Any) -> None:
    """Keep other sweeps out. The system lets go of it when the process dies."""
    try:
        import fcntl
    except ImportError:  # Windows
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise SimulationError(f"sweep.store = '{path}' is being written by another sweep. Wait for it, or choose another file.") from None


def read_lines(path: Path) -> tuple[dict[str, Any] | None, dict[int, Outcome], int]:
    """Return the header, None where there is none yet, the finished points by row, and where the last complete line ends.

    Raises FormatError for a file that is no store, is damaged, or of a newer version.
    """
    data = path.read_bytes()
    end = data.rfind(b"\n") + 1
    lines = data[:end].splitlines()
    if not lines:
        if not f'{{"format": "{FORMAT}"'.encode().startswith(data[:20]):
            raise FormatError(f"{path} holds no sweep of snnsim. Give another file, or a new name.")
        return None, {}, 0
    done = {}
    try:
        header = json.loads(lines[0])
        foreign = not isinstance(header, dict) or header.get("format") != FORMAT
    except ValueError:
        foreign = True
    if foreign:
        raise FormatError(f"{path} holds no sweep of snnsim. Give another file, or a new name.")
    version = header.get("version")
    if type(version) is not int:
        raise FormatError(f"{path} is damaged in line 1 (version = {version!r} is no whole number). Give another file, or a new name.")
    if version > VERSION:
        raise FormatError(f"{path} has version {version}; this snnsim reads up to {VERSION}. Upgrade snnsim.")
    for number, text in enumerate(lines[1:], start=2):
        try:
            line = json.loads(text)
            values = None if line["values"] is None else {name: from_json(each) for name, each in line["values"].items()}
            row = line["row"]
            if type(row) is not int or row < 0:
                raise ValueError(f"row = {row!r} is no number of a point")
            done[row] = Outcome(values, str(line["problem"]))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise FormatError(f"{path} is damaged in line {number} ({error}). Remove that line: its point is run again.") from None
    return header, done, end


def _check_same(path: Path, found: Mapping[str, Any], asked: Mapping[str, Any]) -> None:
    """Refuse a store of another sweep, saying what differs."""
    for name in dict.fromkeys([*asked, *found]):
        if found.get(name) == asked.get(name):
            continue
        mine, its = asked.get(name), found.get(name)
        if isinstance(mine, dict) and isinstance(its, dict):
            part = next(key for key in dict.fromkeys([*mine, *its]) if mine.get(key) != its.get(key) or (key in mine) != (key in its))
            name, mine, its = f"{name}[{part!r}]", mine.get(part), its.get(part)
        raise ParameterError(
            f"sweep.store = '{path}' holds another sweep: its {name} is {_short(its)}, here it is {_short(mine)}. "
            "Give the same again, or another store."
        )


def _short(value: Any) -> str:
    text = "not there" if value is None else json.dumps(value)
    return text if len(text) <= 80 else f"{text[:60]} ... {text[-15:]}"
