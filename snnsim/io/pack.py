"""Objects of known classes as plain JSON beside arrays, and back. Equal arrays are kept once."""

from __future__ import annotations

import dataclasses
import hashlib
import types
import typing
from collections.abc import Mapping
from typing import Any, final

import numpy as np


def _fields(cls: type) -> tuple[str, ...]:
    """Return the names of what makes an object of `cls`, a dataclass or a named tuple."""
    return tuple(field.name for field in dataclasses.fields(cls)) if dataclasses.is_dataclass(cls) else cls._fields  # type: ignore[attr-defined]


@final
class Packer:
    """Takes objects apart; `arrays` collects what JSON cannot hold, by name."""

    def __init__(self) -> None:
        self.arrays: dict[str, np.ndarray] = {}
        self._names: dict[bytes, str] = {}

    def pack(self, value: Any) -> Any:
        """Return plain data: numbers, texts, lists, and for anything else a dictionary that says what it is."""
        if isinstance(value, (np.ndarray, np.generic)):
            return {"array": self._place(np.asarray(value))}
        if dataclasses.is_dataclass(value) or hasattr(value, "_fields"):
            cls = type(value)
            return {"is": cls.__name__, **{name: self.pack(getattr(value, name)) for name in _fields(cls)}}
        if isinstance(value, Mapping):
            return {"named": {name: self.pack(item) for name, item in value.items()}}
        if isinstance(value, (tuple, list)):
            return [self.pack(item) for item in value]
        return value

    def _place(self, array: np.ndarray) -> str:
        array = np.ascontiguousarray(array).reshape(array.shape)  # the former makes 0 axes into 1
        digest = hashlib.sha256(f"{array.dtype.str} {array.shape}".encode() + array.tobytes()).digest()
        name = self._names.setdefault(digest, f"a{len(self._names)}")
        self.arrays[name] = array
        return name


@final
class Unpacker:
    """Makes objects from what `Packer` returned: of the classes given, and of no others."""

    def __init__(self, classes: tuple[type, ...], arrays: Mapping[str, np.ndarray]) -> None:
        self._classes = {cls.__name__: cls for cls in classes}
        self._arrays = arrays
        for array in arrays.values():
            array.flags.writeable = False  # so that whoever reads one twice may share it

    def unpack(self, value: Any) -> Any:
        """Return the object. Raises KeyError, TypeError or ValueError for what is not one, or has a field of another type."""
        if isinstance(value, list):
            return tuple(self.unpack(item) for item in value)
        if not isinstance(value, dict):
            return value
        if set(value) == {"array"}:
            return self._arrays[value["array"]]
        if set(value) == {"named"}:
            return {name: self.unpack(item) for name, item in value["named"].items()}
        cls = self._classes[value["is"]]
        fields = {name: self.unpack(item) for name, item in value.items() if name != "is"}
        if set(fields) != set(_fields(cls)):
            raise TypeError(f"a {cls.__name__} with the fields {sorted(fields)}")
        hints = typing.get_type_hints(cls)
        for name, item in fields.items():
            if not _fits(item, hints[name]):
                raise TypeError(f"{cls.__name__}.{name} = {type(item).__name__} where {hints[name]} belongs")
        return cls(**fields)


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value is of the annotated type; numbers must be finite."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return isinstance(value, (bool, int, np.ndarray)) or (isinstance(value, float) and bool(np.isfinite(value)))
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, each) for each in arguments)
    if origin is typing.Literal:
        return value in arguments
    if origin is tuple:
        if not isinstance(value, tuple):
            return False
        if arguments[-1] is Ellipsis:
            return all(_fits(item, arguments[0]) for item in value)
        return len(value) == len(arguments) and all(map(_fits, value, arguments))
    if hint is tuple:  # an expression of a function: whoever evaluates it checks its parts
        return isinstance(value, tuple)
    if hint is float:
        return type(value) in (int, float) and bool(np.isfinite(value))
    if hint in (int, str, bool, type(None)):
        return type(value) is hint
    return isinstance(value, origin or hint)
