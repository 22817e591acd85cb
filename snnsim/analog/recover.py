"""What a chip can do about its imperfections: measure itself on known inputs, and move what can be moved."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

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


Sums = Mapping[str, np.ndarray]


def calibrate_channels(
    graph: IntegerGraph, crossbars: tuple[Crossbar, ...], device: AnalogDevice, inputs: Mapping[str, np.ndarray], wanted: Sums
) -> IntegerGraph:
    r"""Trim gain and offset of every converter so that its results come closest to the ideal sums.

    .. math:: \min_{a,b} \sum (a\,m + b - m^*)^2, \quad \theta \leftarrow \theta / a, \quad bias \leftarrow bias + b\,\theta

    with m the result in steps of the converter and m* the ideal sum in the same unit, over all trials and places. Layers before it
    are calibrated already, so that a converter corrects what is left of their errors too.

    wanted : int64[trials, *shape]   ideal sums, by the name of the converters
    """
    bars = {bar.name: bar for bar in crossbars}

    def change(layer: Layer, acc: np.ndarray) -> Layer:
        bar = bars.get(layer.name)
        if bar is None:
            return layer
        width = layer.shape[-1]
        m = evaluate_unit(layer.unit, acc).reshape(-1, width).astype(np.float64)
        target = wanted[bar.name].reshape(-1, width) / bar.step
        spread = ((m - m.mean(axis=0)) ** 2).sum(axis=0)
        shared = ((m - m.mean(axis=0)) * (target - target.mean(axis=0))).sum(axis=0)
        # A channel that never moves has no gain to measure.
        a = np.clip(np.where(spread > 0.0, shared / np.maximum(spread, 1e-300), 1.0), *_TRIM)
        b = target.mean(axis=0) - a * m.mean(axis=0)
        return _trimmed(layer, bar, device, a, b)

    return _walk(graph, inputs, change)


def _trimmed(layer: Layer, bar: Crossbar, device: AnalogDevice, a: np.ndarray, b: np.ndarray) -> Layer:
    unit = layer.unit
    assert isinstance(unit, Staircase)
    theta = np.maximum(np.rint(np.broadcast_to(unit.theta, a.shape) / a), 1).astype(np.int64)
    bias = np.broadcast_to(unit.bias, a.shape) + np.rint(b * theta).astype(np.int64)
    return replace(layer, unit=bar.converter(device, theta, bias))


def compensate_drift(
    graph: IntegerGraph, crossbars: tuple[Crossbar, ...], device: AnalogDevice, inputs: Mapping[str, np.ndarray], wanted: Sums
) -> IntegerGraph:
    r"""Scale the results of each crossbar by one number, :math:`\sum |m^*| / \sum |m|`: global drift compensation.

    Source: Joshi et al. (2020), Nature Communications 11, section on inference; there against the results right after writing.
    """
    bars = {bar.name: bar for bar in crossbars}

    def change(layer: Layer, acc: np.ndarray) -> Layer:
        bar = bars.get(layer.name)
        if bar is None:
            return layer
        total = float(np.abs(evaluate_unit(layer.unit, acc)).sum())
        a = float(np.abs(wanted[bar.name]).sum()) / bar.step / total if total else 1.0
        factors = np.full(layer.shape[-1], np.clip(a or 1.0, *_TRIM))
        return _trimmed(layer, bar, device, factors, np.zeros(layer.shape[-1]))

    return _walk(graph, inputs, change)


def adapt_thresholds(
    graph: IntegerGraph, crossbars: tuple[Crossbar, ...], device: AnalogDevice, inputs: Mapping[str, np.ndarray], wanted: Sums
) -> IntegerGraph:
    r"""Let every spiking unit move its own threshold until its mean activity is the one it had in the ideal network.

    .. math:: bias_i \leftarrow bias_i + \theta_i (\bar s_i^* - \bar s_i)

    The rule is local: a channel knows its own mean over trials and places, and one number to aim at. It is repeated until the two
    are within 0.02 of each other, 40 times at most.

    wanted : int64[trials, *shape]   what the units of the ideal network emit, by population
    """
    converters = {bar.name for bar in crossbars}

    def change(layer: Layer, acc: np.ndarray) -> Layer:
        unit = layer.unit
        if not isinstance(unit, (Staircase, Table)) or layer.name in converters or layer.name not in wanted:
            return layer
        axes = tuple(range(acc.ndim - 1))
        aim = wanted[layer.name].mean(axis=axes)
        moved = np.zeros(layer.shape[-1], dtype=np.int64)
        for _ in range(_STEPS):
            missing = aim - evaluate_unit(unit, acc + moved).mean(axis=axes)
            if np.abs(missing).max() <= _NEAR:
                break
            moved += np.rint(missing * unit.theta).astype(np.int64)
        return replace(layer, unit=replace(unit, bias=unit.bias + moved))

    return _walk(graph, inputs, change)


#: what `recover` may be: name -> function of (program, crossbars, device, encoded inputs, ideal values by population)
RECOVERIES = {"channels": calibrate_channels, "drift": compensate_drift, "homeostasis": adapt_thresholds}
