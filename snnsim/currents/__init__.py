"""Currents from outside: a signal, and the neurons into which it flows."""

from snnsim.currents.base import Signal, SignalForm
from snnsim.currents.current import Current
from snnsim.currents.noise import NoiseCurrent
from snnsim.currents.sampled import SampledCurrent
from snnsim.currents.sine import SineCurrent
from snnsim.currents.step import StepCurrent

__all__ = ["Current", "NoiseCurrent", "SampledCurrent", "Signal", "SignalForm", "SineCurrent", "StepCurrent"]
