"""The float graph and the integer program side by side on calibration data, one population after the other.

It answers what a layer of the quantised network sees, before the next is quantised: the mean of its sums that the biases should
restore, and the inputs for which its weights are rounded.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import final

import numpy as np

from snnsim.conversion.accumulate import Source
from snnsim.conversion.bias import check_bias
from snnsim.conversion.calibrate import AT_ONCE
from snnsim.conversion.plan import Plan, Planned
from snnsim.conversion.rounding import adapted
from snnsim.conversion.terms import Mapped, sources_of
from snnsim.conversion.whole import Rounding, round_half_up
from snnsim.conversion.windows import windows
from snnsim.graph.integer import Layer, Settled, accumulated, evaluate_unit
from snnsim.graph.nodes import Input

_ENOUGH = 64  # rows per weight of a neuron, past which more say nothing new


@final
class Replay:
    """Values of both networks on `given` (array[samples, ...] by input), each kept until its last reader has been quantised."""

    def __init__(self, plan: Plan, given: Mapping[str, np.ndarray], samples: int) -> None:
        first = {name: array[:samples] for name, array in given.items()}
        self.samples = len(next(iter(first.values())))
        self._floats = _Floats(plan, first, self.samples)
        self._integers: dict[str, Settled] = {}
        self._given = first
        self._last: dict[str, str] = {}
        for planned in plan.populations:
            for term in (*planned.terms, *planned.blocked):
                self._last.update(dict.fromkeys(sources_of(term), planned.name))

    def settled(self, planned: Planned, layer: Layer, worth: np.ndarray | None) -> Layer:
        """Run one layer, and return it with its bias corrected where `worth`, of one accumulator unit (float64[width]), is given.

        The bias takes up the difference of the means of the float sums and of the sums that the quantised inputs and weights make.

        Raises ConversionError for a corrected bias past 31 bits.

        Source: the bias correction of Nagel et al. (2019), measured on data.
        """
        if planned.encoded:
            acc = np.zeros((self.samples, 1), dtype=np.int64)
            values = self._encoded(planned, layer)
        else:
            acc = accumulated(layer, self._integers, self.samples)
            if worth is not None:
                axes = tuple(range(acc.ndim - 1))
                shift = round_half_up(self._floats.value(planned.sums).mean(axis=axes) / worth - acc.mean(axis=axes))
                bias = layer.unit.bias + shift
                check_bias(planned, np.abs(bias).max(), corrected=True)
                layer = dataclasses.replace(layer, unit=dataclasses.replace(layer.unit, bias=bias))
                acc = acc + shift
            values = evaluate_unit(layer.unit, acc)
        self._integers[planned.name] = Settled(acc[:0], values)
        for name in [name for name, reader in self._last.items() if reader == planned.name]:
            self._integers.pop(name, None)
        return layer

    def _encoded(self, planned: Planned, layer: Layer) -> np.ndarray:
        if isinstance(planned.node, Input) and planned.node.whole:
            return self._given[planned.name]
        return np.clip(round_half_up(self._floats.value(planned.name) / layer.scale), *layer.unit.bounds())

    def rounding(self, sources: Mapping[str, Source]) -> Rounding:
        """Return the rounding of weights by what their inputs are in both networks."""

        def adaptive(term: Mapped, real: np.ndarray, largest: int) -> np.ndarray:
            scale = sources[term.source].scale
            groups = 1 if term.conv is None else term.conv.groups
            wide = real.shape[-1] // groups
            whole = np.empty(real.shape, dtype=np.int64)
            for group in range(groups):
                moment, cross = self._moments(term, scale, group)
                part = real[..., group * wide : (group + 1) * wide]
                whole[..., group * wide : (group + 1) * wide] = adapted(part.reshape(-1, wide), moment, cross, largest).reshape(part.shape)
            return whole

        return adaptive

    def _moments(self, term: Mapped, scale: np.ndarray, group: int) -> tuple[np.ndarray, np.ndarray]:
        """Return E[x x^T] and E[x y^T] of the inputs x of the quantised and y of the float network, means removed."""
        x_all, y_all = self._integers[term.source].s, self._floats.value(term.source)
        if y_all.ndim < x_all.ndim:
            y_all = y_all[..., None]  # a maximum: every unit of its row holds it
        y_all = np.broadcast_to(y_all / scale, x_all.shape)
        sums: list = [0.0, 0.0, 0.0, 0.0]
        count = 0
        for first in range(0, self.samples, AT_ONCE):
            x = windows(term, x_all[first : first + AT_ONCE].astype(np.float32), group)
            y = windows(term, y_all[first : first + AT_ONCE].astype(np.float32), group)
            count += len(x)
            for i, part in enumerate((x.sum(axis=0), y.sum(axis=0), x.T @ x, x.T @ y)):
                sums[i] = sums[i] + part.astype(np.float64)
            if count >= _ENOUGH * x.shape[1]:
                break
        mean_x, mean_y, xx, xy = (each / count for each in sums)
        return xx - np.outer(mean_x, mean_x), xy - np.outer(mean_x, mean_y)


class _Floats:
    """Values of the float graph that populations hold or add up, float32 to hold less."""

    def __init__(self, plan: Plan, given: Mapping[str, np.ndarray], samples: int) -> None:
        wanted = {name for planned in plan.populations for name in (planned.name, planned.sums)}
        parts: dict[str, list[np.ndarray]] = {name: [] for name in wanted}
        for first in range(0, samples, AT_ONCE):
            values = plan.graph.evaluate({name: array[first : first + AT_ONCE] for name, array in given.items()})
            for name, part in parts.items():
                part.append(values[name].astype(np.float32))
        self._values = {name: np.concatenate(part) for name, part in parts.items()}

    def value(self, name: str) -> np.ndarray:
        return self._values[name].astype(np.float64)
