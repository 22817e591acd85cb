"""Second pass: how large the values of each node get."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from snnsim.errors import ConversionError
from snnsim.graph.ir import Graph, named_inputs
from snnsim.graph.nodes import LOWEST, Input

AT_ONCE = 16  # samples held at a time


class Range(NamedTuple):
    """Smallest and largest value of a node over the calibration inputs, float64[channels] along its last axis, 0 included."""

    low: np.ndarray
    high: np.ndarray

    @property
    def largest(self) -> np.ndarray:
        """Largest magnitude, float64[channels]."""
        return np.maximum(-self.low, self.high)


def real_rows(value: np.ndarray) -> np.ndarray:
    """Return float64[rows, channels] of a node's values, 0 where they stand for minus infinity."""
    rows = value.reshape(-1, value.shape[-1]) if value.ndim > 1 else value[:, None]
    return np.where(rows <= LOWEST / 2, 0.0, rows)


def _range(value: np.ndarray) -> Range:
    real = real_rows(value)
    return Range(np.minimum(real.min(axis=0), 0.0), np.maximum(real.max(axis=0), 0.0))


def _masks(graph: Graph) -> frozenset[str]:
    """Return what the host makes of masks that are given as numbers."""
    found: set[str] = set()
    for node in graph.nodes.values():
        if isinstance(node, Input):
            found |= {node.name} if node.kind == "mask" else set()
        elif node.name in graph.host and not found.isdisjoint(node.inputs):
            found.add(node.name)
    return frozenset(found)


def ranges(graph: Graph, calibration: Any, names: Iterable[str]) -> Mapping[str, Range]:
    """Return the range of the nodes `names` over the calibration inputs, as `Graph.evaluate` takes them.

    Raises ConversionError naming a node that is zero, or not finite, on all of them: no scale would fit it.
    """
    given = named_inputs("calibration", calibration, graph)
    found: dict[str, Range] = {}
    samples = len(next(iter(given.values())))
    for first in range(0, samples, AT_ONCE):
        values = graph.evaluate({name: array[first : first + AT_ONCE] for name, array in given.items()})
        for name in names:
            if not np.isfinite(values[name]).all():
                raise ConversionError(f"Graph node {name!r} is not finite on the calibration data. Check the weights and the inputs.")
            low, high = _range(values[name])
            old = found.get(name, Range(low, high))
            found[name] = Range(np.minimum(old.low, low), np.maximum(old.high, high))
    masks = _masks(graph)
    for name, limits in found.items():
        if not limits.largest.any():
            if name in masks:  # it blocks or does nothing; should a finite number come after all, this much can be said
                found[name] = Range(np.full_like(limits.low, -1.0), np.full_like(limits.high, 1.0))
                continue
            raise ConversionError(f"Graph node {name!r} is 0 on all {samples} calibration inputs. Give inputs that excite it.")
    return found
