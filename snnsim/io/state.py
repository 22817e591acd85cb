"""Checkpoints: `Result.state` as one .npz of plain arrays with a JSON header. Loading never executes code."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import tempfile
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from snnsim.engines.settle import IntegerState
from snnsim.engines.tables import RunState
from snnsim.errors import FormatError, ParameterError
from snnsim.graph.file import _DAMAGE

_FORMAT = "snnsim-state"
_VERSION = 2
_OLDEST = 2  # version 1 kept the input that arrives later in another form
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
        "format": _FORMAT,
        "version": _VERSION,
        "kind": kind,
        "fields": numbers,
        "arrays": {name: [array.dtype.str, list(array.shape)] for name, array in arrays.items()},
        "sha256": _fingerprint(arrays),
    }
    text = np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)
    _write(Path(path), {"header": text, **arrays})


def load_state(path: str | Path) -> RunState | IntegerState:
    """Return the state stored at `path`; give it to ``simulate(start=...)`` with the network it came from.

    Raises
    ------
    FormatError   for a missing, damaged or foreign file, or a version that this snnsim does not read
    """
    try:
        # Opened here: numpy leaves a file open when it turns out to be no archive.
        with Path(path).open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            header = _header(path, archive)
            arrays = {name: _array(archive[name], *form) for name, form in header["arrays"].items()}
        if header["sha256"] != _fingerprint(arrays):
            raise ValueError("its arrays do not match the checksum in its header")
        return _rebuilt(_KINDS[header["kind"]], header["fields"], arrays)
    except FileNotFoundError:
        raise FormatError(f"{path} does not exist. Check the path.") from None
    except FormatError:
        raise
    except _DAMAGE as error:
        raise FormatError(f"{path} is damaged or is no snnsim state ({type(error).__name__}: {error}). Save it again.") from error


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


def _header(path: str | Path, archive: Any) -> dict[str, Any]:
    if "header" not in archive.files:
        raise FormatError(f"{path} is an .npz file but not a snnsim state: it has no header. Give a file made by save_state.")
    header = json.loads(bytes(archive["header"]).decode())
    if header.get("format") != _FORMAT:
        raise FormatError(f"{path} has format {header.get('format')!r}, not {_FORMAT!r}. Give a file made by save_state.")
    if type(header["version"]) is not int or header["version"] < 1:
        raise FormatError(f"{path} is damaged: its header has the wrong form. Save it again.")
    if header["version"] > _VERSION:
        raise FormatError(f"{path} has version {header['version']}; this snnsim reads up to {_VERSION}. Upgrade snnsim.")
    if header["version"] < _OLDEST:
        raise FormatError(
            f"{path} has version {header['version']}; this snnsim reads from {_OLDEST} on. Continue it with the snnsim that saved it, "
            "or run again from the start."
        )
    if set(archive.files) != {"header", *header["arrays"]}:
        raise ValueError("its arrays are not those its header lists")
    return header


def _array(array: np.ndarray, dtype: str, shape: list[int]) -> np.ndarray:
    if array.dtype.str != dtype or list(array.shape) != shape or array.dtype.kind not in "biuf":
        raise ValueError(f"an array {array.dtype.str} {array.shape} where {dtype} {tuple(shape)} belongs")
    return array


def _fingerprint(arrays: Mapping[str, np.ndarray]) -> str:
    """Return the SHA-256 of names, types, shapes and values, in hexadecimal."""
    digest = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        digest.update(f"{len(name)} {name} {array.dtype.str} {array.shape};".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _write(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write an .npz beside `path`, then move it there in one step."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as stream:
            np.savez(stream, **arrays)  # type: ignore[arg-type]
            stream.flush()
            os.fsync(stream.fileno())
        # mkstemp keeps others out; a file made by open() follows the umask, and so shall this one.
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(name, 0o666 & ~mask)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
