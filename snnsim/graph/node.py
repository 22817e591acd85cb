"""What every operation of a float graph is: named, of a known shape, evaluated in numpy."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

Shape = tuple[int, ...]
#: stands for minus infinity: what a mask writes, and what a maximum ignores
LOWEST = -1e30


@dataclass(frozen=True, kw_only=True, eq=False)
class Node:
    """One operation. `inputs` names the nodes it reads; `origin` is its place in the user's source, or empty."""

    name: str
    inputs: tuple[str, ...]
    shape: Shape
    origin: str = ""
    arity: ClassVar[int | None] = 1  # None: one or more
    on_host: ClassVar[bool] = False  # whether it may be computed before encoding, where all it reads is

    def apply(self, *operands: np.ndarray) -> np.ndarray:
        """Return float64[batch, *shape] from operands of the same form."""
        raise NotImplementedError(f"{type(self).__name__}.apply")

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays by field name."""
        return {f.name: value for f in dataclasses.fields(self) if isinstance(value := getattr(self, f.name), np.ndarray)}
