"""One call of a torch operation inside an exported program, with its arguments by name."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NoReturn

import numpy as np

from snnsim.errors import ConversionError
from snnsim.trace.values import Value


@dataclass(frozen=True, eq=False)
class Call:
    """op : 'linear'; overload : 'default'; label : module path in the user's model; shape : of the (first) result, torch's.

    arguments : by the names of the operation's schema, defaults filled in
    kind : 'bool', 'int', 'float' or 'complex'; target : what torch calls
    """

    op: str
    overload: str
    arguments: dict[str, Any]
    label: str
    origin: str
    shape: tuple[int, ...]
    kind: str
    target: Any
    kinds: dict[str, str] = field(default_factory=dict)  # 'bool', 'int', ... by argument

    def __getitem__(self, name: str) -> Any:
        return self.arguments[name]

    def get(self, name: str, default: Any = None) -> Any:
        return self.arguments.get(name, default)

    def refuse(self, why: str, remedy: str) -> NoReturn:
        """Raise ConversionError naming the operation and its place in the user's source."""
        where = f" ({self.origin})" if self.origin else ""
        name = f"aten.{self.op}" if self.label.endswith(self.op) else f"{self.label}: aten.{self.op}"
        raise ConversionError(f"{name}{where} {why}. {remedy}")

    def array(self, name: str) -> np.ndarray | None:
        """Return a constant argument as float64[...], or None where it is absent."""
        value = self.arguments.get(name)
        if value is None:
            return None
        if isinstance(value, Value):
            self.refuse(f"has an argument {name!r} that depends on the input", "Make it a parameter, a buffer or a constant.")
        return constant(value)

    def value(self, name: str) -> Value:
        """Return an argument that depends on the input."""
        value = self.arguments[name]
        if not isinstance(value, Value):
            self.refuse(f"has a constant for {name!r} where a value is needed", "Write this part of the model differently.")
        return value

    def axis(self, name: str = "dim", ndim: int | None = None) -> int:
        n = self.value("self").ndim if ndim is None else ndim
        return int(self.arguments[name]) % max(n, 1)


def constant(value: Any) -> np.ndarray:
    """Return a torch tensor or a number as float64[...]; infinities stay."""
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy() if value.dtype.is_floating_point is False else value.detach().double().cpu().numpy()
    return np.asarray(value, dtype=np.float64)


def is_constant(value: Any) -> bool:
    return not isinstance(value, Value)
