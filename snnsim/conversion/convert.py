"""`convert`: the passes in order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from snnsim.conversion.coding import Coding, Output, Piece, Port, host_part
from snnsim.conversion.missing import without_missing
from snnsim.conversion.options import USUAL_BITS, Bits, Quantisation, RangeOption
from snnsim.conversion.places import places
from snnsim.conversion.plan import Plan
from snnsim.conversion.quantise import quantise
from snnsim.conversion.spiking_model import SpikingModel
from snnsim.errors import ParameterError
from snnsim.graph.integer import IntegerGraph
from snnsim.graph.ir import Graph, as_array, named_inputs
from snnsim.graph.nodes import Input
from snnsim.models.readout import Readout

_CERTIFIED = 16  # calibration samples that the certificate of a model is made on


def _outputs(plan: Plan, integer_graph: IntegerGraph) -> dict[str, Output]:
    outputs = {}
    for name, value in plan.outputs.items():
        pieces = []
        for source, index in value.parts():
            layer = integer_graph.layers[source]
            if index is None:
                index = np.arange(int(np.prod(value.shape)), dtype=np.int32).reshape(value.shape)
            scale = np.broadcast_to(layer.scale, layer.shape).ravel()[index] if np.ndim(layer.scale) else np.asarray(layer.scale)
            pieces.append(Piece(source, index, np.asarray(value.coefficient * scale), isinstance(layer.unit, Readout)))
        outputs[name] = Output(value.shape, tuple(pieces), np.asarray(value.offset))
    return outputs


def _ports(plan: Plan, integer_graph: IntegerGraph) -> dict[str, Port]:
    ports = {}
    for layer in integer_graph.inputs:
        node = plan.graph.nodes[layer.name]
        whole = isinstance(node, Input) and node.whole
        ports[layer.name] = Port(layer.shape, None if whole else np.asarray(layer.scale), *layer.unit.bounds())
    return ports


def convert(
    model: Any,
    calibration: Any,
    *,
    activation_bits: Bits = USUAL_BITS,
    weight_bits: Bits = USUAL_BITS,
    ranges: str | Mapping[str, RangeOption] = "mse",
    percentile: float = 99.9,
    alpha: float = 1.0,
    bias_correction: bool = True,
    rounding: Literal["auto", "nearest", "adaptive"] = "auto",
    samples: int = 256,
) -> SpikingModel:
    """Turn a trained model into a spiking network that equals its quantised form integer for integer.

    Parameters
    ----------
    model : torch.nn.Module, str, Path or Graph
        a module in eval mode, a program saved by ``torch.export.save`` (.pt2), or a graph from `snnsim.data.load_model`
    calibration : array[n, ...], or a mapping or sequence of them, one for each input of the model
        samples whose activations set the scales; where a mask blocks places, samples that fill them: what stands there counts too
    activation_bits, weight_bits : int or mapping of pattern to int   2 .. 16; accumulators have 32
    ranges : 'max', 'percentile', 'mse', or mapping of pattern to one of them or to (low, high)     where activations are clipped
    percentile : float              50 .. 100 %
    alpha : float                   0 .. 1; below 1, channels with small weights get coarser steps than their values ask for
    bias_correction : bool          biases take up the mean error of the quantised sums
    rounding : 'auto', 'nearest' or 'adaptive'   of weights; adaptive rounding makes the error of each layer's sums least
    samples : int                   calibration samples that bias correction and adaptive rounding look at

    Each option is described with `snnsim.conversion.options.Quantisation`.

    Raises
    ------
    ConversionError   naming the operation that has no conversion and its place in the source, or what the data do not excite
    CompileError      when an accumulator could overflow, naming the layer and the bits that would do
    ParameterError    for bad calibration data or bits

    Source: the settling property, docs/decisions/settling.md; integer-only inference after Jacob et al. (2018).
    """
    options = Quantisation(
        activation_bits=activation_bits, weight_bits=weight_bits, ranges=ranges, percentile=percentile, alpha=alpha,
        bias_correction=bias_correction, rounding=rounding, samples=samples,
    )  # fmt: skip
    graph = model if isinstance(model, Graph) else traced(model, calibration, "convert")
    given = named_inputs("convert.calibration", calibration, graph)
    integer_graph, plan = quantise(graph, given, options)
    integer_graph = without_missing(integer_graph)
    ports = _ports(plan, integer_graph)
    coding = Coding(host_part(graph, list(ports)), ports, _outputs(plan, integer_graph))
    kept = {name: array[:_CERTIFIED] for name, array in given.items()}
    return SpikingModel(coding, integer_graph, samples=kept, places=places(plan, coding))


def _refuse_what_is_not_finite(where: str, calibration: Any) -> None:
    """Refuse NaN before the model is traced, which takes seconds; minus infinity may stand in a mask, as the graph will tell."""
    named = calibration.items() if isinstance(calibration, Mapping) else [("0", calibration)]
    if isinstance(calibration, (tuple, list)):
        named = [(str(i), part) for i, part in enumerate(calibration)]
    for name, part in named:
        if not hasattr(part, "dtype") or (array := as_array(part)).dtype.kind != "f":
            continue
        if np.isnan(array).any() or np.isposinf(array).any():
            bad = array.size - np.count_nonzero(np.isfinite(array))
            raise ParameterError(f"{where}.calibration[{name!r}] holds NaN or infinity in {bad} of {array.size} places. Clean the data.")


def traced(model: Any, calibration: Any, where: str) -> Graph:
    """Return the float graph of a torch model. `where` names who asks, in an error.

    Raises what `trace_torch` raises, ParameterError where torch is missing or the data are not finite.
    """
    _refuse_what_is_not_finite(where, calibration)
    try:
        from snnsim.trace.torch_export import trace_torch
    except ModuleNotFoundError as error:  # torch is needed for torch models alone
        raise ParameterError(f"{where}: reading {type(model).__name__} needs {error.name}. Install it: pip install torch.") from None
    return trace_torch(model, calibration)
