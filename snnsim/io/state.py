"""Checkpoints: `Result.state` as one .npz of plain arrays with a JSON header. Loading never executes code."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from snnsim.engines.settle import IntegerState
from snnsim.engines.tables import RunState
from snnsim.errors import ParameterError
from snnsim.io.archive import Format, fingerprint, forms, reading, write

_FORMAT = Format("snnsim-state", "state", "save_state", version=2, oldest=2)  # version 1 kept input on its way in another form
_KINDS: Mapping[str, type] = {"spiking": RunState, "integer": IntegerState}


def save_state(state: RunState | IntegerState, path: str | Path) -> None:
    """Write the state of a run to `path` (.npz), so that `load_state` gives it back, bit for bit, in any process.

    The file is written beside `path` and moved there when complete: a crash leaves the old file or the new one, never half.

    state : RunState or IntegerState   `Result.state`

    Raises
    ------
    ParameterError   for anything but a state
    OSError          when the file cannot be written
    """
    kind = next((name for name, cls in _KINDS.items() if isinstance(state, cls)), None)
    if kind is None:
        raise ParameterError(f"save_state.state = {type(state).__name__} must be the state of a run. Give result.state.")
    numbers, arrays = _parts(state)
    header = {
        "format": _FORMAT.name,
        "version": _FORMAT.version,
        "kind": kind,
        "fields": numbers,
        "arrays": forms(arrays),
        "sha256": fingerprint(arrays),
    }
    write(path, header, arrays)


def load_state(path: str | Path) -> RunState | IntegerState:
    """Return the state stored at `path`; give it to ``simulate(start=...)`` with the network it came from.

    Raises
    ------
    FormatError   for a missing, damaged or foreign file, or a version that this snnsim does not read
    """
    with reading(path, _FORMAT) as (header, arrays):
        if header["sha256"] != fingerprint(arrays):
            raise ValueError("its arrays do not match the checksum in its header")
        return _rebuilt(_KINDS[header["kind"]], header["fields"], arrays)


def _parts(state: Any) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return the plain fields of a state, and its arrays: 'field', or 'field/name' for a mapping of them."""
    numbers: dict[str, Any] = {}
    arrays: dict[str, np.ndarray] = {}
    for field in dataclasses.fields(state):
        value = getattr(state, field.name)
        if isinstance(value, np.ndarray):
            arrays[field.name] = value
        elif isinstance(value, Mapping):
            arrays |= {f"{field.name}/{name}": np.asarray(array) for name, array in value.items()}
        else:
            numbers[field.name] = value
    return numbers, arrays


def _rebuilt(cls: type, numbers: dict[str, Any], arrays: dict[str, np.ndarray]) -> Any:
    """Return the state `_parts` took apart. Raises TypeError, ValueError or KeyError when something is missing or of another type."""
    values: dict[str, Any] = {}
    hints = typing.get_type_hints(cls)
    for field in dataclasses.fields(cls):
        expected = hints[field.name]
        if expected is np.ndarray:
            values[field.name] = arrays[field.name]
        elif typing.get_origin(expected) is not None:
            stem = f"{field.name}/"
            values[field.name] = {name.removeprefix(stem): array for name, array in arrays.items() if name.startswith(stem)}
            if not values[field.name]:
                raise ValueError(f"it holds no arrays of {field.name}")
        else:
            value = numbers[field.name]
            if type(value) is not expected or (expected is float and not np.isfinite(value)):
                raise TypeError(f"{field.name} = {value!r} where a finite {expected.__name__} belongs")
            values[field.name] = value
    return cls(**values)
