"""What a model is given, and what only the host computes from it: embeddings and expressions of several values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, final

import numpy as np

from snnsim.graph.functions import Expression, evaluate
from snnsim.graph.node import LOWEST, Node


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Input(Node):
    """What the model is given.

    kind : 'levels'   integers `low` .. `high`, each step worth `step`, emitted as they are
           'real'     numbers, quantised in steps that calibration chooses
           'index'    integers `low` .. `high` that name things (tokens, or a mask of 0 and 1); only the host reads them
           'mask'     numbers that are added to attention scores, minus infinity among them; only the host reads them
    packed : bool   whether the first axis may lie within the batch: [batch * shape[0], *shape[1:]], as torch's masks of all heads
    """

    arity = 0

    kind: Literal["levels", "real", "index", "mask"] = "levels"
    low: int | None = None
    high: int | None = None
    step: float | None = None
    packed: bool = False

    @property
    def whole(self) -> bool:
        """Whether it holds integers, which no calibration quantises."""
        return self.kind in ("levels", "index")

    def apply(self, *operands: np.ndarray) -> np.ndarray:
        if self.kind == "mask":
            return np.maximum(operands[0], LOWEST)
        return operands[0] * self.step if self.kind == "levels" else operands[0].astype(np.float64)


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Embedding(Node):
    """Rows of a table by index: y[..., :] = table[x[...]]; table float64[n, width]. The index is an input, or computed on the host."""

    on_host = True

    table: np.ndarray

    def apply(self, *operands: np.ndarray) -> np.ndarray:
        index = operands[0].astype(np.int64)
        outside = index[(index < 0) | (index >= len(self.table))]
        if outside.size:
            raise ValueError(f"row {outside.flat[0]} is outside 0 .. {len(self.table) - 1}")
        return self.table[index]


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Elementwise(Node):
    """An expression of several values of one shape, 'x0', 'x1', ...: on the host alone (comparisons, masks)."""

    arity = None
    on_host = True

    function: Expression

    def apply(self, *operands: np.ndarray) -> np.ndarray:
        return np.broadcast_to(np.asarray(evaluate(self.function, *operands), dtype=np.float64), operands[0].shape)
