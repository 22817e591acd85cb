"""Fifth pass: the planned populations become an integer graph.

One integer threshold per channel. With u the real value of an accumulator unit and s_out that of an emitted integer, a threshold is
theta = s_out / u. It is first rounded to an integer and u is then redefined as s_out / theta, which moves the grid of the weights by
less than one part in 2 theta and makes the folding exact: rounding weights and activations is the only approximation left.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple, final

import numpy as np

from snnsim.conversion.accumulate import Accumulator, Source
from snnsim.conversion.bias import whole_bias
from snnsim.conversion.calibrate import Range, ranges
from snnsim.conversion.clipping import clipped
from snnsim.conversion.levels import lopsided
from snnsim.conversion.options import Quantisation
from snnsim.conversion.plan import Plan, Planned
from snnsim.conversion.reach import reach, widened
from snnsim.conversion.replay import Replay
from snnsim.conversion.steps import Steps
from snnsim.conversion.tabulated import TABLE_ENTRIES, exponentials, tabulated
from snnsim.conversion.whole import nearest, round_half_up
from snnsim.errors import ConversionError
from snnsim.graph.integer import Edge, IntegerGraph, Layer, PointEdge
from snnsim.graph.ir import Graph, named_inputs
from snnsim.graph.nodes import LOWEST, Activation, Input, LayerNorm, Max, Softmax
from snnsim.models.integer import IntegerUnit
from snnsim.models.integer_input import IntegerInput
from snnsim.models.max_row import MaxRow
from snnsim.models.norm_row import MAX_GAIN, NormRow
from snnsim.models.readout import Readout
from snnsim.models.softmax_row import SoftmaxRow
from snnsim.models.staircase import Staircase
from snnsim.models.table import Table

_TABLE_BITS = 20  # of the values of a table whose channels have steps of their own
_BLOCKED = 2**28  # how far below all others a masked place lies: exp of it is 0 in any unit
_NORM_SCALE = 64  # the least whole number that stands for the unit of a channel in a norm


class Built(NamedTuple):
    """A unit, its edges, and what one emitted integer and one accumulator unit (float64[width]; None: not to be corrected) are worth."""

    unit: IntegerUnit
    edges: tuple[Edge, ...]
    scale: np.ndarray
    worth: np.ndarray | None = None


@final
class _Quantiser:
    """Scales assigned so far. One instance quantises one plan."""

    def __init__(self, plan: Plan, options: Quantisation, steps: Steps, limits: Mapping[str, Range], replay: Replay | None) -> None:
        self.options, self.steps, self.limits, self.replay = options, steps, limits, replay
        self.able, self.bits, self.levels = steps.able, steps.bits, steps.levels(limits)
        self.reach = reach(plan.graph)
        self.sources: dict[str, Source] = {}
        self.units: dict[str, IntegerUnit] = {}
        self.blocking = {term.source for planned in plan.populations for term in planned.blocked}

    def layer(self, planned: Planned) -> Layer:
        built = self._built(planned)
        self.sources[planned.name] = Source(planned.shape, built.scale, max(map(abs, built.unit.bounds())))
        layer = Layer(planned.name, planned.shape, built.unit, built.edges, built.scale, planned.node.origin)
        if self.replay is not None:
            layer = self.replay.settled(planned, layer, built.worth if self.options.bias_correction else None)
        self.units[planned.name] = layer.unit
        return layer

    def _built(self, planned: Planned) -> Built:
        if planned.encoded:
            return self._encoded(planned)
        match planned.function:
            case None if planned.readout:
                return self._readout(planned)
            case None | Activation(function="relu"):
                return self._staircase(planned)
            case Activation():
                return self._table(planned)
            case LayerNorm():
                return self._norm(planned, planned.function)
            case Softmax():
                return self._softmax(planned, planned.function)
            case Max():
                return self._max(planned)
        raise AssertionError(planned.function)

    def _accumulator(self, planned: Planned, *, channels: bool = True) -> Accumulator:
        names = self.steps.names[planned.name]
        rounding = self.replay.rounding(self.sources) if self.replay is not None and self.options.adaptive(names) else nearest
        bits = self.options.weights(names)
        return Accumulator(planned.name, planned.shape, planned.terms, self.sources, bits, channels=channels, rounding=rounding)

    def _encoded(self, planned: Planned) -> Built:
        node = planned.node
        if isinstance(node, Input) and node.whole:
            return Built(IntegerInput(s_min=node.low, s_max=node.high), (), np.array(node.step or 1.0))
        if planned.name in self.blocking:
            return Built(IntegerInput(s_min=0, s_max=1), (), np.array(1.0))
        levels = widened(self.levels[planned.name], self.reach, planned.name)
        return Built(IntegerInput(s_min=levels.s_min, s_max=levels.s_max), (), levels.scale)

    def _readout(self, planned: Planned) -> Built:
        sums = self._accumulator(planned)
        bias = whole_bias(planned, sums.unit)
        scale = sums.unit if sums.unit.min() < sums.unit.max() else np.array(sums.unit[0])
        return Built(Readout(bias=bias), sums.edges(sums.unit), scale, sums.unit)

    def _staircase(self, planned: Planned) -> Built:
        sums = self._accumulator(planned, channels=self.able[planned.name])
        levels = self.levels[planned.name]
        bound = planned.name in self.steps.fixed and not sums.exact
        sums.refine(levels.scale if bound else np.maximum(levels.scale, sums.unit))
        if sums.exact:
            # No weight to adjust: the threshold is whole and the step follows.
            theta = np.maximum(1, np.ceil(levels.scale / sums.unit - 1e-9)).astype(np.int64)
            unit, scale = sums.unit, theta * sums.unit
        else:
            # A step cannot be finer than an accumulator unit: few input levels give few output levels.
            scale = np.maximum(levels.scale, sums.unit if self.able[planned.name] else sums.unit.max())
            theta = round_half_up(scale / sums.unit)
            unit = scale / theta
        if scale.ndim and not self.able[planned.name]:
            scale = np.array(scale.max())
        s_min = 0 if planned.function else levels.s_min
        unit_model = Staircase(theta=_few(theta), bias=whole_bias(planned, unit), s_min=s_min, s_max=levels.s_max)
        return Built(unit_model, sums.edges(unit), scale, unit)

    def _table(self, planned: Planned) -> Built:
        assert isinstance(planned.function, Activation)
        sums = self._accumulator(planned, channels=False)
        bits = self.bits[planned.name]
        inner, outer = self.limits[planned.sums], self.limits[planned.name]
        # One table for all channels: the worth of one threshold is the same everywhere.
        span = max(float(inner.high.max() - inner.low.min()) / (TABLE_ENTRIES - 2), float(sums.unit.max()))
        sums.refine(np.array(span))
        theta = round_half_up(span / sums.unit)
        if sums.exact:
            theta = np.full_like(theta, max(1, math.ceil(span / sums.unit.max() - 1e-9)))
            span = float(theta[0] * sums.unit.max())
        unit = span / theta
        low = min(0, math.floor(inner.low.min() / span))
        arguments = span * np.arange(low, max(low + 1, math.ceil(inner.high.max() / span)) + 1)
        values = tabulated(planned.name, planned.function.function, arguments)
        levels = lopsided(outer, bits, per_channel=self.able[planned.name] and planned.name not in self.steps.fixed)
        shape = {"theta": _few(theta), "bias": whole_bias(planned, unit), "low": low, "s_min": levels.s_min, "s_max": levels.s_max}
        if levels.scale.ndim == 0:
            whole = np.clip(round_half_up(values / levels.scale), levels.s_min, levels.s_max)
            return Built(Table(values=whole, **shape), sums.edges(unit), levels.scale, unit)
        # Values in fine steps, which every channel turns into its own.
        fine = np.abs(values).max() / 2**_TABLE_BITS
        gain = fine / levels.scale
        shift = int(np.clip(_TABLE_BITS - math.ceil(math.log2(gain.max())), 0, 30))
        model = Table(values=round_half_up(values / fine), gain=round_half_up(gain * 2.0**shift), shift=shift, **shape)
        return Built(model, sums.edges(unit), levels.scale, unit)

    def _norm(self, planned: Planned, node: LayerNorm) -> Built:
        sums = self._accumulator(planned, channels=False)
        n = planned.shape[-1]
        # Whole multiples of one small unit, so that channels with units of their own can be compared.
        least = max(sums.unit.min() / _NORM_SCALE, sums.unit.max() / 2**12) if sums.unit.min() < sums.unit.max() else sums.unit.min()
        scale = np.ceil(sums.unit / least - 1e-9).astype(np.int64)
        epsilon = node.eps * n**3 / least**2
        if epsilon > 2.0**62:
            raise ConversionError(
                f"Graph node {planned.name!r}: eps = {node.eps:g} is {epsilon:g} in whole units, past 2^62: it would drown the data. "
                "Scale its input up or lower eps."
            )
        levels = self.levels[planned.name]
        real = np.broadcast_to(node.gamma, (n,)) / levels.scale * math.sqrt(n)
        fraction = int(np.clip(math.floor(math.log2(MAX_GAIN / max(np.abs(real).max(), 1e-30))), 0, 12))
        gain = round_half_up(real * 2**fraction)
        offset = round_half_up(np.broadcast_to(node.beta, (n,)) / levels.scale * 2**fraction)
        unit = NormRow(
            gain=gain, offset=offset, scale=_few(scale), epsilon=round(epsilon), fraction=fraction, centred=node.centred,
            bias=whole_bias(planned, scale * least), s_min=levels.s_min, s_max=levels.s_max,
        )  # fmt: skip
        return Built(unit, sums.edges(scale * least), levels.scale, scale * least)

    def _softmax(self, planned: Planned, node: Softmax) -> Built:
        sums = self._accumulator(planned, channels=False)
        unit = np.full_like(sums.unit, sums.unit.max())
        table, shift = exponentials(planned.name, float(unit[0]))
        bias = whole_bias(planned, unit)
        if node.mask is not None:
            bias = np.where(np.broadcast_to(node.mask, planned.shape), np.broadcast_to(bias, planned.shape), -_BLOCKED)
        edges = sums.edges(unit) + tuple(PointEdge(term.source, np.array(-_BLOCKED), term.index) for term in planned.blocked)
        levels = 2 ** self.bits[planned.name] - 1
        return Built(SoftmaxRow(table=table, shift=shift, levels=levels, bias=bias), edges, np.array(1.0 / levels))

    def _max(self, planned: Planned) -> Built:
        (term,) = planned.terms
        source = self.sources[term.source]  # type: ignore[union-attr]
        scale = source.scale if source.scale.ndim == 0 else np.broadcast_to(source.scale, (planned.shape[-2],))[:, None]
        lowest = np.where(np.broadcast_to(planned.bias, planned.shape) <= LOWEST / 2, -_BLOCKED, 0)
        edge = PointEdge(term.source, np.array(1), term.index)  # type: ignore[union-attr]
        s_min, s_max = self.units[term.source].bounds()  # type: ignore[union-attr]
        return Built(MaxRow(bias=lowest if lowest.any() else 0, s_min=s_min, s_max=s_max), (edge,), scale)


def _few(values: np.ndarray) -> np.ndarray:
    """Return one number where all are the same."""
    return values[0] if values.ndim and (values == values[0]).all() else values


def quantise(graph: Graph, calibration: Any, options: Quantisation | None = None) -> tuple[IntegerGraph, Plan]:
    """Return the integer graph of `graph`, and the plan that it follows.

    Parameters
    ----------
    calibration : arrays as `Graph.evaluate` takes them   inputs whose activations set the scales
    options : Quantisation or None                        default: all its defaults

    Raises
    ------
    ConversionError   naming the node that has no conversion, or that the calibration data do not excite
    ParameterError    for bad calibration data
    """
    options = options or Quantisation()
    plan = Plan(graph)
    given = named_inputs("calibration", calibration, graph)
    names = {planned.name for planned in plan.populations} - _given(plan)
    arguments = {planned.sums for planned in plan.populations if isinstance(planned.function, Activation)}
    steps = Steps(plan, options)
    limits = clipped(graph, given, ranges(graph, given, sorted(names | arguments)), steps.clips(names))
    replayed = options.bias_correction or any(options.adaptive(names) for names in steps.names.values())
    replay = Replay(plan, given, options.samples) if replayed else None
    quantiser = _Quantiser(plan, options, steps, limits, replay)
    return IntegerGraph([quantiser.layer(planned) for planned in plan.populations]), plan


def _given(plan: Plan) -> set[str]:
    """Return the populations whose levels nothing needs to measure."""
    masks = {term.source for planned in plan.populations for term in planned.blocked}
    kept = {p.name for p in plan.populations if p.readout or isinstance(p.function, (Softmax, Max))}
    return masks | kept | {p.name for p in plan.populations if isinstance(p.node, Input) and p.node.whole}
