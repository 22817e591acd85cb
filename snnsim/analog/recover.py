"""What a chip can do about its imperfections: measure itself on known inputs, and move what can be moved."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import cast

import numpy as np

from snnsim.analog.crossbar import Crossbar
from snnsim.analog.device import AnalogDevice
from snnsim.graph.integer import IntegerGraph, Layer, Settled, accumulated, evaluate_unit
from snnsim.models.staircase import Staircase
from snnsim.models.table import Table

#: gains that a converter can be trimmed by
_TRIM = (0.125, 8.0)
#: steps of the homeostatic rule, and the difference of mean activities at which it rests
_STEPS, _NEAR = 40, 0.02
#: what a step of one threshold may be taken to bring: a silent unit must not be thrown far away
_SLOPES = (0.125, 4.0)


def _walk(graph: IntegerGraph, inputs: Mapping[str, np.ndarray], change: Callable[[Layer, np.ndarray], Layer]) -> IntegerGraph:
    """Return the graph after `change` has seen every layer with its accumulators, those before it changed already."""
    trials = len(next(iter(inputs.values())))
    values: dict[str, Settled] = {}
    layers = []
    for layer in graph.layers.values():
        if layer.unit.label == "input":
            given = np.asarray(inputs[layer.name]).astype(np.int64)
            values[layer.name] = Settled(np.zeros_like(given), given)
            layers.append(layer)
            continue
        acc = accumulated(layer, values, trials)
        changed = change(layer, acc)
        layers.append(changed)
        acc = acc + (changed.unit.bias - layer.unit.bias)
        values[layer.name] = Settled(acc, evaluate_unit(changed.unit, acc))
    return IntegerGraph(layers)


Ideal = Mapping[str, Settled]


def calibrate_channels(
    graph: IntegerGraph, crossbars: tuple[Crossbar, ...], device: AnalogDevice, inputs: Mapping[str, np.ndarray], ideal: Ideal
) -> IntegerGraph:
    r"""Trim gain and offset of every converter, so that its results have the mean and the spread of the ideal sums.

    .. math:: a = \sigma(m^*) / \sigma(m), \quad b = \overline{m^*} - a\,\overline{m}, \quad
              \theta \leftarrow \theta / a, \quad bias \leftarrow bias + b\,\theta

    with m the result in steps of the converter and m* the ideal sum in the same unit, over all trials and places. Layers before it
    are calibrated already, so that a converter corrects what is left of their errors too. A least-squares gain would be smaller the
    noisier m is, layer after layer, until coarse converters fall silent.

    ideal : what `inputs` lead to in the ideal program, by population; its converters hold the exact sums

    Source: after the adaptive batch normalisation of Joshi et al. (2020), Nature Communications 11, 2473.
    """
    bars = {bar.name: bar for bar in crossbars}

    def change(layer: Layer, acc: np.ndarray) -> Layer:
        bar = bars.get(layer.name)
        if bar is None:
            return layer
        width = layer.shape[-1]
        aim = ideal[bar.name].s.reshape(-1, width) / bar.step
        m = evaluate_unit(layer.unit, acc).reshape(-1, width)
        spread, wanted = m.std(axis=0), aim.std(axis=0)
        # A channel that never moves, or never should, has no gain to measure.
        a = np.where((spread > 0.0) & (wanted > 0.0), wanted / np.where(spread > 0.0, spread, 1.0), 1.0)
        a = np.clip(a, *_TRIM)
        return _trimmed(layer, bar, device, a, aim.mean(axis=0) - a * m.mean(axis=0))

    return _walk(graph, inputs, change)


def _settings(layer: Layer, width: int) -> np.ndarray:
    """Return thresholds and offsets of converters, int64[2, width]."""
    unit = cast(Staircase, layer.unit)
    return np.array([np.broadcast_to(each, width) for each in (unit.theta, unit.bias)])


def _trimmed(layer: Layer, bar: Crossbar, device: AnalogDevice, a: np.ndarray, b: np.ndarray) -> Layer:
    """Return converters whose results are a m + b instead of m."""
    theta, bias = _settings(layer, len(a))
    theta = np.maximum(np.rint(theta / a), 1).astype(np.int64)
    return replace(layer, unit=bar.converter(device, theta, bias + np.rint(b * theta).astype(np.int64)))


def compensate_drift(
    graph: IntegerGraph, crossbars: tuple[Crossbar, ...], device: AnalogDevice, inputs: Mapping[str, np.ndarray], ideal: Ideal
) -> IntegerGraph:
    r"""Scale the results of each crossbar by one number, :math:`\sum |m^*| / \sum |m|`: global drift compensation.

    Source: Joshi et al. (2020), Nature Communications 11, 2473; there against the results right after writing, here against ideal ones.
    """
    bars = {bar.name: bar for bar in crossbars}

    def change(layer: Layer, acc: np.ndarray) -> Layer:
        bar = bars.get(layer.name)
        if bar is None:
            return layer
        total = float(np.abs(evaluate_unit(layer.unit, acc)).sum())
        a = float(np.abs(ideal[bar.name].s).sum()) / bar.step / total if total else 1.0
        factors = np.full(layer.shape[-1], np.clip(a or 1.0, *_TRIM))
        return _trimmed(layer, bar, device, factors, np.zeros(layer.shape[-1]))

    return _walk(graph, inputs, change)


def _rested(emit: Callable[[np.ndarray], np.ndarray], theta: np.ndarray, ideal: np.ndarray) -> np.ndarray:
    """Return how far each channel moves until its mean is that of `ideal`, int64[width]."""
    axes = tuple(range(ideal.ndim - 1))
    aim = ideal.mean(axis=axes)
    moved, last, slope = np.zeros(len(aim), dtype=np.int64), np.zeros(len(aim)), np.ones(len(aim))
    missing = aim - emit(moved).mean(axis=axes)
    for _ in range(_STEPS):
        if np.abs(missing).max() <= _NEAR:
            break
        last = np.where(np.abs(missing) > _NEAR, np.rint(missing / slope * theta), 0.0)
        moved = moved + last.astype(np.int64)
        was, missing = missing, aim - emit(moved).mean(axis=axes)
        seen = (was - missing) * theta / np.where(last == 0.0, 1.0, last)
        slope = np.where(last == 0.0, slope, np.clip(seen, *_SLOPES))
    return moved


def _activity(unit: Staircase | Table) -> Staircase:
    """Return what counts as the activity of a unit: what it emits, or where in its table it is, which grows with its drive."""
    if isinstance(unit, Staircase):
        return unit
    return Staircase(theta=unit.theta, s_min=unit.low, s_max=max(1, unit.low + len(unit.values) - 1))


def adapt_thresholds(
    graph: IntegerGraph, crossbars: tuple[Crossbar, ...], device: AnalogDevice, inputs: Mapping[str, np.ndarray], ideal: Ideal
) -> IntegerGraph:
    r"""Let every spiking unit move its own threshold until its mean activity is the one it had in the ideal network.

    Of a unit with a table, whose output may fall where its drive rises (GELU), the activity is its place in the table.

    .. math:: bias_i \leftarrow bias_i + \theta_i (\bar s_i^* - \bar s_i) / k_i

    The rule is local: a channel knows its own mean over trials and places, one number to aim at, and what its last step brought,
    its slope k. It is repeated until the two are within 0.02 of each other, 40 times at most: a saturated unit may not get there.

    The form of the rule is ours.
    """
    converters = {bar.name for bar in crossbars}

    def change(layer: Layer, acc: np.ndarray) -> Layer:
        unit = layer.unit
        if not isinstance(unit, (Staircase, Table)) or layer.name in converters or layer.name not in ideal:
            return layer
        active = _activity(unit)
        aim = evaluate_unit(active, ideal[layer.name].acc)
        moved = _rested(lambda moved: evaluate_unit(active, acc + moved), unit.theta, aim)
        return replace(layer, unit=replace(unit, bias=unit.bias + moved))

    return _walk(graph, inputs, change)


#: what `recover` may be: name -> function of (program, crossbars, device, encoded inputs, ideal)
RECOVERIES = {"channels": calibrate_channels, "drift": compensate_drift, "homeostasis": adapt_thresholds}
