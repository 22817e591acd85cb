"""Neuron nodes of NIR and models of snnsim: one table for each direction. Times are in s there and in ms here; nothing else differs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from snnsim.adapters.nir_library import array
from snnsim.errors import ConversionError, ParameterError
from snnsim.models.box import BoxNeuron, SpikingBox
from snnsim.models.cuba_li import CubaLI
from snnsim.models.cuba_lif import CubaLIF
from snnsim.models.if_box import IFBox
from snnsim.models.integrator import Integrator
from snnsim.models.li import LI
from snnsim.models.lif_box import LIFBox
from snnsim.models.threshold import Threshold

Shape = tuple[int, ...]


class Row(NamedTuple):
    """A type of node, the model that is it, and NIR's name -> our name for their parameters. Names in TIMES are in s and ms."""

    node: str
    model: type[BoxNeuron]
    fields: Mapping[str, str]


TIMES = ("tau_m", "tau_syn")
_LIMITS = {"v_threshold": "v_th", "v_reset": "v_reset"}
_CUBA = {"tau_syn": "tau_syn", "tau_mem": "tau_m", "r": "r", "w_in": "w_in", "v_leak": "v_rest"}

TABLE = (
    Row("LIF", LIFBox, {"tau": "tau_m", "r": "r", "v_leak": "v_rest", **_LIMITS}),
    Row("IF", IFBox, {"r": "r", **_LIMITS}),
    Row("CubaLIF", CubaLIF, {**_CUBA, **_LIMITS}),
    Row("LI", LI, {"tau": "tau_m", "r": "r", "v_leak": "v_rest"}),
    Row("I", Integrator, {"r": "r"}),
    Row("CubaLI", CubaLI, _CUBA),
    Row("Threshold", Threshold, {"threshold": "v_th"}),
)
NEURONS: Mapping[str, Row] = {row.node: row for row in TABLE}
BY_MODEL: Mapping[type, Row] = {row.model: row for row in TABLE}

#: A potential that meets a threshold directly fires without a reset.
FIRING: Mapping[type, type[SpikingBox]] = {LI: LIFBox, Integrator: IFBox, CubaLI: CubaLIF}
SILENT_OF: Mapping[type, type[BoxNeuron]] = {fires: silent for silent, fires in FIRING.items()}


def shape_of(name: str, node: Any) -> Shape | None:
    """Return the shape of a neuron node; None where its parameters are single numbers, which fit any."""
    shapes = {field: array(getattr(node, field)).shape for field in NEURONS[type(node).__name__].fields}
    arrays = {shape for shape in shapes.values() if shape}
    if len(arrays) > 1:
        text = ", ".join(f"{field} {shape}" for field, shape in shapes.items())
        raise ConversionError(f"NIR node {name!r}: parameters of a {type(node).__name__} must have one shape: {text}. Correct the node.")
    return arrays.pop() if arrays else None


def parameters(name: str, node: Any) -> dict[str, float | np.ndarray]:
    """Return the parameters of a node under our names: one number where all neurons share it."""
    given = {}
    for theirs, ours in NEURONS[type(node).__name__].fields.items():
        value = array(getattr(node, theirs))
        if value.dtype.kind not in "iuf" or value.size == 0:
            raise ConversionError(f"NIR node {name!r}: {theirs} = {value!r} must hold numbers. Correct the node.")
        value = value.astype(np.float64) * (1e3 if ours in TIMES else 1.0)
        given[ours] = float(value.flat[0]) if np.all(value == value.flat[0]) else value
    return given


def model_of(name: str, node: Any, *, scheme: str, reset: str) -> BoxNeuron:
    """Return the model of a neuron node.

    Raises ConversionError, with the name of the node, for parameters out of their domain.
    """
    row = NEURONS[type(node).__name__]
    more = {"reset": reset} if issubclass(row.model, SpikingBox) else {}
    try:
        return row.model(scheme=scheme, **parameters(name, node), **more)  # type: ignore[arg-type]
    except ParameterError as error:
        raise ConversionError(f"NIR node {name!r} of type {row.node}: {error}") from None


def full(value: Any, shape: Shape) -> np.ndarray:
    """Return one number per neuron."""
    return np.array(np.broadcast_to(np.asarray(value, dtype=np.float64), shape))


def seconds(value: Any) -> np.ndarray:
    """Return times given in ms in s, so that times 1e3 gives the very same ms where a double allows it."""
    given = np.asarray(value, dtype=np.float64)
    best = given / 1e3
    for other in (np.nextafter(best, -np.inf), np.nextafter(best, np.inf)):
        best = np.where((best * 1e3 != given) & (other * 1e3 == given), other, best)
    return best


class Written(NamedTuple):
    """How a model is written: fields of its nodes, and what a weight of 1 of the projections onto it is as a current.

    node, fields : type and fields of the node
    per_weight : float or float64[*shape]    weight in NIR = weight * per_weight
    threshold : float64[*shape] or None      of a Threshold node that follows
    """

    node: str
    fields: Mapping[str, np.ndarray]
    per_weight: float | np.ndarray = 1.0
    threshold: np.ndarray | None = None


def box_written(name: str, model: Any, shape: Shape) -> Written:
    """Return how a box neuron is written. Raises ConversionError for reset='subtract'."""
    kind: type = type(model)
    threshold = None
    if getattr(model, "reset", "value") == "subtract":
        raise ConversionError(
            f"Population({name!r}).model.reset = 'subtract' cannot be written: NIR's neurons are set to v_reset. Use reset='value' there, "
            "or give reset='subtract' again to read_nir after writing a network with reset='value'."
        )
    if getattr(model, "reset", "value") == "none":
        threshold, kind = full(model.v_th, shape), SILENT_OF[kind]
    row = BY_MODEL[kind]
    values = {theirs: getattr(model, ours) for theirs, ours in row.fields.items()}
    scaled = {theirs: seconds(value) if row.fields[theirs] in TIMES else value for theirs, value in values.items()}
    return Written(row.node, {theirs: full(value, shape) for theirs, value in scaled.items()}, 1.0, threshold)
