"""`convert_rate`: the classical rate-coded conversions, as baselines."""

from __future__ import annotations

from typing import Any

import numpy as np

from snnsim.conversion.balance import BIAS, INITIAL, METHODS, Balancing
from snnsim.conversion.convert import traced
from snnsim.conversion.rate_model import ENCODINGS, RateModel
from snnsim.conversion.rate_plan import RatePlan
from snnsim.errors import ConversionError, ParameterError
from snnsim.graph.ir import Graph, named_inputs
from snnsim.units import check_integer, check_number, one_of


def convert_rate(
    model: Any,
    calibration: Any,
    *,
    steps: int = 32,
    method: str = "percentile",
    percentile: float = 99.9,
    reset: str = "subtract",
    neuron: str = "if",
    tau_m: float | None = None,
    initial: str | None = None,
    bias: str = "model",
    encoding: str = "current",
) -> RateModel:
    r"""Turn a trained rectifier network into one whose firing rates stand for its activations: approximately, better with more steps.

    A neuron with threshold theta adds W theta' s' of the layer before and its bias to v in every step; theta times its rate approaches
    the activation, up to theta. For conversions that are exact, and for what is no rectifier network, there is `convert`.

    Linear, convolution, batch norm, average pooling, residual sums and layout are folded into the weights. Max pooling becomes layers
    of rectifiers, max(a, b) = a + relu(b - a), by rounds of pairs. Layers pass spikes on within the step. Outputs are potentials that
    add up, divided by the steps.

    Parameters
    ----------
    model : torch.nn.Module, str, Path or Graph   as in `convert`; activations: ReLU, clips such as ReLU6, staircases as of QCFS
    calibration : array[n, ...]                   samples whose activations set the thresholds; all are held in memory at once
    steps : int               T, for which 'qcfs' and 'calibrated' are worked out; what a call of the model runs unless told otherwise
    method : 'max'            threshold = largest activation of a layer (Diehl et al. 2015)
             'percentile'     = that percentile of those above 0 (Rueckauer et al. 2017)
             'qcfs'           = top of the activation where it has one, else the clip that loses least to rounding in T levels, in the
                              mean square (Bu et al. 2022, who train it)
    percentile : float        0 < p <= 100
    reset : 'subtract', or 'zero', which loses what a spike overshoots the threshold by
    neuron : 'if', or 'lif': v is multiplied by exp(-1 / tau_m) before each step
    tau_m : float             steps, > 0; default 20, of 'lif' alone
    initial : 'zero', 'half' (a threshold; default with 'qcfs'), or 'calibrated': T times the mean error of each neuron (Li et al. 2021)
    bias : 'model', or 'calibrated': the mean error of each channel is added (Li et al. 2021)
    encoding : 'current'      inputs flow into the first layers as constant currents; the host multiplies them once (Rueckauer et al. 2017)
               'spikes'       inputs, >= 0, drive neurons of their own whose rates they become

    Raises
    ------
    ConversionError   naming an operation that no rate stands for, such as softmax or attention, or a layer that the data do not excite
    ParameterError    for values out of their domain, and for 'calibrated' with a leak or a reset to zero, where no closed form of the
                      error holds

    Source: Diehl et al. (2015), IJCNN; Rueckauer et al. (2017), Front. Neurosci. 11:682; Deng & Gu (2021), ICLR; Li et al. (2021),
    ICML; Bu et al. (2022), ICLR.
    """
    steps = check_integer("convert_rate.steps", steps, low=1, high=2**20)
    chosen = {"method": (method, METHODS), "reset": (reset, ("subtract", "zero")), "neuron": (neuron, ("if", "lif"))}
    chosen |= {"bias": (bias, BIAS), "encoding": (encoding, ENCODINGS)}
    for name, (value, valid) in chosen.items():
        one_of(f"convert_rate.{name}", value, valid)
    share = check_number("convert_rate.percentile", percentile, gt=0.0, le=100.0)
    beta = _left(neuron, tau_m)
    if initial is None:
        initial = "half" if method == "qcfs" else "zero"
    one_of("convert_rate.initial", initial, INITIAL)
    if "calibrated" in (initial, bias) and (neuron, reset) != ("if", "subtract"):
        name = "initial" if initial == "calibrated" else "bias"
        raise ParameterError(
            f"convert_rate.{name} = 'calibrated' must go with neuron='if' and reset='subtract', not {neuron!r} and {reset!r}: their "
            "error has a closed form. Choose these, or another value."
        )
    graph = model if isinstance(model, Graph) else traced(model, calibration, "convert_rate")
    given = named_inputs("convert_rate.calibration", calibration, graph)
    plan = RatePlan(graph, encoded=encoding == "spikes")
    if plan.encoded:
        _check_rates(given)
    balances = Balancing(method, float(share), steps, initial, bias).of(plan, given)
    return RateModel(plan, balances, beta=beta, reset=reset, steps=steps)


def _left(neuron: str, tau_m: float | None) -> float:
    """Return the share of v left after a step."""
    if neuron == "if":
        if tau_m is not None:
            raise ParameterError(f"convert_rate.tau_m = {tau_m!r} does not apply to neuron='if', which has no leak. Leave it out.")
        return 1.0
    tau = check_number("convert_rate.tau_m", 20.0 if tau_m is None else tau_m, unit="steps", gt=0.0)
    if isinstance(tau, np.ndarray):
        raise ParameterError(f"convert_rate.tau_m = {tau_m!r} must be one number, in steps. Give a float.")
    return float(np.exp(-1.0 / tau))


def _check_rates(given: dict[str, np.ndarray]) -> None:
    for name, values in given.items():
        if values.min() < 0.0:
            raise ConversionError(
                f"convert_rate.calibration: input {name!r} holds {values.min():g} but must be >= 0 with encoding='spikes': no rate is "
                "negative. Use encoding='current', or shift the inputs."
            )
