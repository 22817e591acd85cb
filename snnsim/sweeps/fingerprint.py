"""A name for a function and for what it is given, equal in any process where they are equal."""

from __future__ import annotations

import ast
import hashlib
import inspect
import textwrap
from collections.abc import Callable, Mapping
from functools import partial
from types import CodeType, FunctionType, MethodType
from typing import Any

import numpy as np

from snnsim.errors import ParameterError


def fingerprint(owner: str, value: Any) -> str:
    """Return 16 hexadecimal digits that differ where `value` differs.

    Numbers and arrays by value; functions of the user by their code, without comments and layout; classes by name; any other
    object by the parts it is pickled as. Raises ParameterError for what has no such parts, such as an open file.
    """
    try:
        return _Walk().digest(value).hex()[:16]
    except (TypeError, RecursionError) as error:
        raise ParameterError(
            f"{owner} = {type(value).__name__} cannot be told from another, nor sent to another process: {error}. "
            "Make it within the function, from numbers and texts."
        ) from None


def name_of(function: Callable) -> str:
    """Return the name of a function, or of what a partial one calls."""
    inner: Any = function
    while isinstance(inner, partial):
        inner = inner.func
    return getattr(inner, "__qualname__", type(inner).__qualname__)


class _Walk:
    """One walk over a value. Objects met again are named by their digest, those that hold themselves by a mark."""

    def __init__(self) -> None:
        self.known: dict[int, tuple[Any, bytes]] = {}
        self.above: set[int] = set()

    def digest(self, value: Any) -> bytes:
        if isinstance(value, np.generic):
            value = value.item()
        if value is None or isinstance(value, (bool, int, float, complex, str, bytes)):
            return _hash(type(value).__name__.encode(), repr(value).encode())
        if id(value) in self.known:
            return self.known[id(value)][1]
        if id(value) in self.above:
            return b"above"
        self.above.add(id(value))
        found = _hash(type(value).__qualname__.encode(), *self.parts(value))
        self.above.remove(id(value))
        self.known[id(value)] = (value, found)  # held, so that no other object takes its id
        return found

    def parts(self, value: Any) -> list[bytes]:
        if isinstance(value, np.ndarray) and not value.dtype.hasobject:
            return [value.dtype.str.encode(), repr(value.shape).encode(), np.ascontiguousarray(value).tobytes()]
        if isinstance(value, Mapping):
            return [self.digest(each) for pair in value.items() for each in pair]
        if isinstance(value, (list, tuple)):
            return [self.digest(each) for each in value]
        if isinstance(value, (set, frozenset)):
            return sorted(self.digest(each) for each in value)
        if isinstance(value, FunctionType):
            cells = [cell.cell_contents for cell in value.__closure__ or ()]
            return [_code(value), *(self.digest(each) for each in (value.__defaults__, value.__kwdefaults__, cells))]
        if isinstance(value, MethodType):
            return [self.digest(value.__func__), self.digest(value.__self__)]
        if hasattr(value, "__qualname__"):
            return [f"{value.__module__}.{value.__qualname__}".encode()]
        reduced = value.__reduce_ex__(4)
        if isinstance(reduced, str):
            return [reduced.encode()]
        items = [list(each) for each in reduced[3:5] if each is not None]
        return [self.digest([*reduced[:3], *items])]


def _hash(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(len(part).to_bytes(8, "little") + part for part in parts)).digest()


def _code(function: FunctionType) -> bytes:
    if not function.__name__.startswith("<"):
        try:
            return ast.unparse(ast.parse(textwrap.dedent(inspect.getsource(function)))).encode()
        except (OSError, TypeError, SyntaxError):
            pass
    # A lambda shares its line with others; what was typed at a prompt has no source.
    return _bytecode(function.__code__)


def _bytecode(code: CodeType) -> bytes:
    constants = [_bytecode(each) if isinstance(each, CodeType) else _Walk().digest(each) for each in code.co_consts]
    return _hash(code.co_code, repr(code.co_names).encode(), *constants)
