"""Thresholds of rate-coded layers, and their initial potentials, from what a model does on calibration data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, final

import numpy as np

from snnsim.conversion.rate_plan import RateLayer, RatePlan
from snnsim.errors import ConversionError

METHODS = ("max", "percentile", "qcfs")
INITIAL = ("zero", "half", "calibrated")
BIAS = ("model", "calibrated")
_TRIED = 100  # clips between 0 and the largest activation


class Balance(NamedTuple):
    """threshold, in the unit of the activations; v_init and bias, a constant input of every step: numbers, or one for each neuron."""

    threshold: float
    v_init: float | np.ndarray
    bias: float | np.ndarray


@final
@dataclass(frozen=True)
class Balancing:
    """How layers are balanced; see `convert_rate`."""

    method: str
    percentile: float
    steps: int
    initial: str
    bias: str

    def of(self, plan: RatePlan, inputs: Mapping[str, Any]) -> dict[str, Balance]:
        """Return the balance of every layer, in order. Raises ConversionError for a layer that the data do not excite."""
        activations: dict[str, np.ndarray] = {}

        def fire(name: str, sums: np.ndarray) -> np.ndarray:
            activations[name] = plan.layers[name].rectifier(sums)
            _check(name, activations[name])
            return activations[name]

        plan.evaluate(inputs, fire)
        found = {name: Balance(*self._start(plan.layers[name], values)) for name, values in activations.items()}
        if "calibrated" not in (self.initial, self.bias):
            return found

        def spike(name: str, sums: np.ndarray) -> np.ndarray:
            found[name] = self._corrected(found[name], sums, activations[name])
            return rate(found[name], sums, self.steps)

        plan.evaluate(inputs, spike)
        return found

    def _start(self, layer: RateLayer, activations: np.ndarray) -> tuple[float, float, float]:
        threshold = self._threshold(layer, activations)
        return threshold, threshold / 2.0 if self.initial == "half" else 0.0, 0.0

    def _threshold(self, layer: RateLayer, activations: np.ndarray) -> float:
        top, most = layer.rectifier.top, float(activations.max())
        if self.method == "max":
            return most
        if self.method == "percentile":
            return float(np.percentile(activations[activations > 0.0], self.percentile))
        return top if top is not None else _least_error(activations, most, self.steps)

    def _corrected(self, balance: Balance, sums: np.ndarray, wanted: np.ndarray) -> Balance:
        """Return the balance with the mean error of the rates put into bias and initial potential, after Li et al. (2021)."""
        if self.bias == "calibrated":
            error = wanted - rate(balance, sums, self.steps)
            channel = error.reshape(-1, error.shape[-1]).mean(axis=0)
            balance = balance._replace(bias=np.broadcast_to(channel, error.shape[1:]))
        if self.initial == "calibrated":
            error = wanted - rate(balance, sums, self.steps)
            balance = balance._replace(v_init=self.steps * error.mean(axis=0))
        return balance


def rate(balance: Balance, sums: np.ndarray, steps: int) -> np.ndarray:
    """Return what neurons that reset by subtraction give out on average, when their input spreads evenly over the steps.

    .. math:: \\frac{\\theta}{T} \\, clip(\\lfloor (T (x + b) + v_{init}) / \\theta \\rfloor, 0, T)

    Source: Deng & Gu (2021), ICLR; Li et al. (2021), ICML, where it is called ClipFloor.
    """
    spikes = np.floor((steps * (sums + balance.bias) + balance.v_init) / balance.threshold)
    return balance.threshold / steps * np.clip(spikes, 0.0, steps)


def _least_error(activations: np.ndarray, most: float, levels: int) -> float:
    """Return the clip whose staircase of `levels` comes nearest to the activations in the mean square."""
    sample = activations[activations > 0.0]
    sample = np.sort(sample)[:: max(1, len(sample) // 20_000)]
    tried = most * np.arange(1, _TRIED + 1) / _TRIED
    errors = [np.mean((sample - clip / levels * np.clip(np.floor(sample * levels / clip + 0.5), 0, levels)) ** 2) for clip in tried]
    return float(tried[int(np.argmin(errors))])


def _check(name: str, activations: np.ndarray) -> None:
    if not np.isfinite(activations).all():
        raise ConversionError(f"convert_rate: layer {name!r} is not finite on the calibration data. Check the weights and the inputs.")
    if not activations.any():
        raise ConversionError(
            f"convert_rate: layer {name!r} is 0 on all {len(activations)} calibration inputs: no threshold would fit it. Give inputs that "
            "excite it."
        )
